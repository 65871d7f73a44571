"""Our engines under the same protocol as the peers: every run draws its sample path, keeps the
ledger, and checks conservation, unless the workload says batch.
"""

from serving import serve

from tests.benchmarks.engine.worlds import (
    bare_simpy,
    plain_chain,
    serial_world,
    shipped_world,
    tree_world,
)
from twin.engine.batch import stack_paths
from twin.engine.batch_run import run_rule_batch
from twin.env.parallel import TwinParallelEnv
from twin.env.rules import default_rule
from twin.exogenous.path import draw_path
from twin.simulation import run_rule


def event(world, episodes=1):
    """The event engine under the base-stock rule."""
    rule = default_rule(world)

    def run():
        for seed in range(episodes):
            run_rule(world, draw_path(world, seed), rule)
        return world.periods * episodes

    return run


def stepped(world, episodes):
    """``TwinParallelEnv.step`` with the action 0 of every agent, observations and rewards made."""
    env = TwinParallelEnv(world)
    actions = {name: 0 * env.action_space(name).sample() for name in env.possible_agents}

    def run():
        for seed in range(episodes):
            env.reset(seed=seed)
            while env.agents:
                env.step(actions)
        return world.periods * episodes

    return run


def batch(world, replications, library="numpy", precision="float64"):
    """The batch engine under the base-stock rule on paths that are given, cost and fill rate."""
    xp = _namespace(library)
    paths = [draw_path(world, seed) for seed in range(replications)]
    path = stack_paths(world, paths, xp, getattr(xp, precision))
    rule = default_rule(world)

    def run():
        run_rule_batch(world, path, rule, xp)
        return world.periods * replications

    return run


def _namespace(library):
    if library == "numpy":
        import numpy

        return numpy
    import torch

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    return torch


def bare(periods):
    def run():
        bare_simpy(4, periods)
        return periods

    return run


if __name__ == "__main__":
    chain = plain_chain(4, 100)
    serve(
        {
            "serial-4": lambda: event(serial_world(4, 1000)),
            "serial-4 bare": lambda: bare(1000),
            "serial-20": lambda: event(serial_world(20, 1000)),
            "network-9": lambda: stepped(shipped_world("reference/orgym_network_backlog"), 10),
            "network-9 rule": lambda: event(shipped_world("reference/orgym_network_backlog"), 10),
            "tree-50": lambda: event(tree_world(7, 42, 500)),
            "batch-4": lambda: batch(chain, 1000),
            "batch-4 torch": lambda: batch(chain, 1000, "torch"),
            "batch-4 torch float32": lambda: batch(chain, 1000, "torch", "float32"),
        }
    )
