"""OR-Gym 0.5.0's own environments: the demand that they draw, and what given orders earn in them.

One request in (JSON): environment, seeds, periods, and orders (episode, period, lane) or null. One
answer out: demand (episode, period), and with orders the return of each episode. Runs in OR-Gym's
environment, so it imports nothing of ours.
"""

import json
import os
import sys

import numpy as np
from or_gym.envs.supply_chain.inventory_management import (
    InvManagementBacklogEnv,
    InvManagementLostSalesEnv,
)
from or_gym.envs.supply_chain.network_management import (
    NetInvMgmtBacklogEnv,
    NetInvMgmtLostSalesEnv,
)

SERIAL = {"backlog": InvManagementBacklogEnv, "lost": InvManagementLostSalesEnv}
NETWORK = {"backlog": NetInvMgmtBacklogEnv, "lost": NetInvMgmtLostSalesEnv}


def serial_demand(env):
    """The distribution that the environment draws from, and its parameters."""
    return env.demand_dist, env.dist_param


def network_demand(env):
    """The same of the only market."""
    link = env.graph.edges[(1, 0)]
    return link["demand_dist"], link["dist_param"]


def drawn(env, demand, seeds, periods):
    """What the environment will draw after each seed."""
    distribution, parameters = demand(env)
    found = []
    for seed in seeds:
        env.seed(seed)
        found.append([int(distribution.rvs(**parameters)) for _ in range(periods)])
    return found


def played(env, seeds, orders):
    """Demand and return of each episode."""
    demand, returns = [], []
    for seed, of_episode in zip(seeds, orders, strict=True):
        env.reset()
        env.seed(seed)
        returns.append(float(sum(env.step(np.array(row))[1] for row in of_episode)))
        demand.append([int(units) for units in np.asarray(env.D).ravel()])
    return demand, returns


def answer(request):
    """One request's answer."""
    serial = request["kind"] == "serial"
    env = (SERIAL if serial else NETWORK)[request["unmet"]]()
    if request["orders"] is None:
        demand = drawn(
            env, serial_demand if serial else network_demand, request["seeds"], request["periods"]
        )
        return {
            "demand": demand,
            "lanes": [] if serial else [list(link) for link in env.reorder_links],
        }
    demand, returns = played(env, request["seeds"], request["orders"])
    return {"demand": demand, "returns": returns}


if __name__ == "__main__":
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints goes to stderr
    replies.write(json.dumps(answer(json.load(sys.stdin))))
    replies.flush()
