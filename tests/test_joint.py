"""All agents at once see, order and earn what each of them does on its own."""

from pathlib import Path

import numpy as np
import pytest

import twin
from twin.engine.event import EventEngine
from twin.engine.ledger import agent_rewards, period_profit
from twin.env.act import codecs, merge_wishes
from twin.env.episode import observation, static_decision
from twin.env.joint import JointDecision, JointObservations
from twin.env.observe import global_vector
from twin.env.rewards import PeriodRewards
from twin.env.rules import default_rule
from twin.errors import UsageError
from twin.exogenous.path import draw_path
from twin.exogenous.streams import stream
from twin.network.world import compile_world

SCENARIOS = Path(__file__).parent.parent / "scenarios"
SHIPPED = [
    path
    for folder in (".", "reference", "library")
    for path in sorted((SCENARIOS / folder).glob("*.yaml"))
]
FORMS = ("base_stock_correction", "order_quantity")


def world_of(path, *overrides):
    return compile_world(twin.load(path, ["horizon=12 d", *overrides]).model)


def random_actions(own, rng, missing):
    """An action for every agent but a missing one, some of them out of bounds."""
    names = [name for name in own if name != missing]
    return {name: rng.normal(0, 1.5, own[name].action_size).astype(np.float32) for name in names}


def decided_alone(world, own, base, vector, actions):
    """The decision, agent by agent."""
    wishes = {
        name: own[name].decode(observation(own[name].spec, vector), action.astype(np.float64))
        for name, action in actions.items()
    }
    return merge_wishes(world, base, tuple(codec.spec for codec in own.values()), wishes)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_together_is_what_each_agent_does_alone(path, form):
    world = world_of(path, f"agents.action.form={form}")
    own = {codec.spec.name: codec for codec in codecs(world)}
    see, decide, reward = JointObservations(own), JointDecision(world, own), PeriodRewards(world)
    rule, rng = default_rule(world), stream(1, "actions")
    engine = EventEngine(world, draw_path(world, 3))
    vector = None
    while engine.advance():
        vector = global_vector(world, engine, before=vector)
        np.testing.assert_array_equal(vector, global_vector(world, engine))
        for name, seen in see(vector).items():
            np.testing.assert_array_equal(
                seen, own[name].scaled(observation(own[name].spec, vector))
            )
        base = static_decision(world, engine, rule)
        missing = next(iter(own)) if engine.t % 3 == 2 else None
        actions = random_actions(own, rng, missing)
        decision = decide(lambda base=base: base, vector, actions)
        alone = decided_alone(world, own, base, vector, actions)
        for field, value in vars(alone).items():
            np.testing.assert_array_equal(getattr(decision, field), value)
        engine.decide(decision)
        profit = period_profit(world, engine.quantities, engine.t)
        expected = agent_rewards(world, profit) * world.model.discount**engine.t
        np.testing.assert_allclose(reward(engine.quantities, engine.t), expected, atol=1e-9)


def test_an_action_of_nobody_is_refused():
    env = twin.parallel_env(twin.load(SCENARIOS / "quickstart.yaml", ["horizon=5 d"]))
    env.reset(seed=1)
    with pytest.raises(UsageError, match="unknown agent"):
        env.step({"replenish:atlantis": np.zeros(1)})
