"""Short runs of the quickstart network through the tools, and layers that drop answers."""

import numpy as np

from agents.gateway import run_through_tools
from twin.engine.event import EventEngine
from twin.env.episode import static_decision
from twin.env.policy import CodecPolicy, RulePolicy
from twin.env.rules import default_rule
from twin.exogenous.path import draw_path
from twin.network.world import compile_world
from twin.scenario import load
from twin.tools.channel import Layer

QUICKSTART = "scenarios/quickstart.yaml"
ORGYM = "scenarios/reference/orgym_inv_backlog.yaml"
SHORT = "horizon=20 d"
PATIENT = (
    "tools.breaker.minimum_calls=1000",
    "tools.breaker.window=1000",
    "tools.retries.budget=1",
)
SECOND, MINUTE = 1 / 86_400, 1 / 1_440


def compiled(path=QUICKSTART, *overrides):
    return compile_world(load(path, overrides).model)


class ChosenPolicy(CodecPolicy):
    """Actions that look random but depend on the inputs only; remembers what it saw and wished."""

    def __init__(self, world):
        super().__init__("chosen", world)
        self.seen = []

    def choose(self, agent, inputs):
        size = self.codecs[agent].action_size
        return 2.0 * np.sin(37.0 * float(inputs.sum()) + np.arange(size))

    def act(self, observations):
        wishes = super().act(observations)
        self.seen += [(n, o.tobytes(), wishes[n].tobytes()) for n, o in observations.items()]
        return wishes


class Drop(Layer):
    """Drops the answers of some tools."""

    def __init__(self, *tools):
        self.tools = tools

    def answer(self, transit, body):
        return None if not self.tools or transit.tool in self.tools else body


def through_tools(world, policy=None, layers=(), seed=0, trace=False):
    rule = default_rule(world)
    policy = policy or RulePolicy(world, rule)
    return run_through_tools(world, draw_path(world, 0), policy, rule, seed, layers, trace)


def static_ledger(world):
    """What the network does when nobody decides."""
    engine, rule = EventEngine(world, draw_path(world, 0)), default_rule(world)
    while engine.advance():
        engine.decide(static_decision(world, engine, rule))
    return engine.ledger
