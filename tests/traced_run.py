"""One episode with failures, approvals and kills, and its decision traces on disk."""

from agents.gateway import run_through_tools
from agents.gateway.incident import Incident
from agents.trace import write_traces
from twin.env.policy import RulePolicy
from twin.env.rules import default_rule
from twin.exogenous.path import draw_path
from twin.exogenous.streams import stream
from twin.network.world import compile_world
from twin.scenario import load
from twin.tools.channel import Layer

RISKY = (
    "tools.high_risk=[{order_above: 100}]",
    "tools.approver={latency: 5 min, tolerance: 1.5}",
    "tools.max_age=2",
)


def compiled(*overrides):
    return compile_world(load("scenarios/quickstart.yaml", ("horizon=20 d", *overrides)).model)


class Flaky(Layer):
    def start(self, seed, world):
        self.rng = stream(seed, "test/flaky")

    def answer(self, transit, body):
        return None if self.rng.random() < 0.15 else body


class KillNorth(Incident):
    def epoch(self, t, gateway):
        if t == 5:
            gateway.kill("north")
        if t == 9:
            gateway.kill("south", "stop")


def traced():
    """What became of the episode."""
    world = compiled(*RISKY)
    rule = default_rule(world)
    policy, path = RulePolicy(world, rule), draw_path(world, 0)
    return run_through_tools(world, path, policy, rule, 3, [Flaky()], True, [KillNorth()])


def written(outcome, run):
    """Its traces as they stand in a run folder."""
    path = run / "traces" / "fleet.parquet"
    path.parent.mkdir()
    write_traces(path, outcome.trace)
    return path
