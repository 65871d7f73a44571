"""OR-Gym 0.5.0: its own environments, stepped with fixed orders; demand is drawn by scipy."""

import numpy as np
from or_gym.envs.supply_chain.inventory_management import InvManagementBacklogEnv
from or_gym.envs.supply_chain.network_management import NetInvMgmtBacklogEnv
from serving import serve


def serial(stages, periods):
    made = stages - 1
    env = InvManagementBacklogEnv(
        periods=periods,
        I0=[150] * made,
        p=2,
        r=[1.0] * stages,
        k=[0.1] * stages,
        h=[0.05] * made,
        c=[100] * made,
        L=[2 + i % 4 for i in range(made)],
    )
    return lambda: _episode(env, np.full(made, 20), periods)


def network(periods):
    env = NetInvMgmtBacklogEnv(num_periods=periods)
    return lambda: _episode(env, np.full(env.action_space.shape, 10.0), periods)


def _episode(env, action, periods):
    env.reset()
    for _ in range(periods):
        env.step(action)
    return periods


if __name__ == "__main__":
    serve(
        {
            "serial-4": lambda: serial(4, 1000),
            "serial-20": lambda: serial(20, 1000),
            "network-9": lambda: network(30),
        }
    )
