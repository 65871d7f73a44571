"""Laws of writes: at most one effect per key, whatever is copied, reordered, retried or lost."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.gateway.episode import ToolEpisode
from agents.gateway.requests import Template
from tests.profiles import laws
from twin.engine.event import EventEngine
from twin.env.agents import agent_specs
from twin.env.episode import static_decision
from twin.env.policy import CodecPolicy
from twin.env.rules import default_rule
from twin.exogenous.path import draw_path
from twin.exogenous.streams import stream
from twin.network.world import compile_world
from twin.scenario import load
from twin.tools.channel import Layer
from twin.tools.server import ToolServer

AGENT = "replenish:dc"


def compiled(*overrides):
    return compile_world(load("scenarios/quickstart.yaml", ("horizon=12 d", *overrides)).model)


@pytest.fixture(scope="module")
def world():
    return compiled()


class Chaos(Layer):
    """Copies, delays up to three days and losses, in any mixture."""

    def __init__(self, copies, late, lost):
        self.shares = copies, late, lost

    def start(self, seed, world):
        self.rng = stream(seed, "test/chaos")

    def _hit(self, which):
        return self.rng.random() < self.shares[which]

    def copies(self, transit):
        return self.rng.uniform(0, 3, 3) if self._hit(0) else ()

    def delay(self, transit, delay_d):
        return delay_d + (self.rng.uniform(0, 3) if self._hit(1) else self.rng.uniform(0, 1e-3))

    def answer(self, transit, body):
        return None if self._hit(2) else body


class Different(CodecPolicy):
    """Another order in every period, so that no two effects look alike."""

    def choose(self, agent, inputs):
        return np.full(self.codecs[agent].action_size, np.sin(37.0 * float(inputs.sum())))


share = st.sampled_from([0.0, 0.2, 0.7])


@given(st.integers(0, 2**32), share, share, share)
@laws(25)
def test_a_key_has_at_most_one_effect_whatever_the_channel_does(world, seed, copies, late, lost):
    rule, path = default_rule(world), draw_path(world, 0)
    layers = [Chaos(copies, late, lost)]
    run = ToolEpisode(world, path, Different("different", world), rule, seed, layers)
    effects = []
    while run.step():
        effects += run.gateway.server.inbox.taken
    assert len({placed.key for placed in effects}) == len(effects)
    assert len({(p.agent, p.wish.tobytes(), p.period) for p in effects}) == len(effects)
    assert run.outcome().violations == ()
    assert run.outcome().fallbacks == run.outcome().decisions - len(effects)


def served(world):
    """An engine and its server, one window open per call of the returned function."""
    engine, specs = EventEngine(world, draw_path(world, 0)), agent_specs(world)
    server = ToolServer(world, engine, specs)
    template = Template.of(AGENT, "order.place", "dc", 3)

    def window(*messages):
        """Serve writes (period, quantity) in this order; the wishes that take effect, by agent."""
        assert engine.advance()
        server.open()
        said = [json.loads(server.handle(engine.t, template.write(t, [q]))) for t, q in messages]
        taken = server.take(engine.t)
        engine.decide(static_decision(world, engine, default_rule(world)))
        return [wish.tolist() for wish in taken.values()], said

    return window


@pytest.mark.parametrize("order", list(itertools.permutations([(1, 5.0), (1, 5.0), (0, 7.0)])))
def test_in_any_order_of_arrival_each_write_counts_once_and_the_newest_wins(world, order):
    window = served(world)
    window()
    effects, said = window(*order)
    assert effects == [[5.0]]
    accepted = [s for s in said if not s["is_error"]]
    assert {s["effective"] for s in accepted} == {1}
    assert all(s["code"] == "superseded" for s in said if s["is_error"])
    assert window((1, 5.0), (0, 7.0))[0] == []


def test_the_same_key_with_other_numbers_is_refused_and_changes_nothing(world):
    window = served(world)
    effects, said = window((0, 5.0), (0, 6.0), (0, 5.0))
    assert effects == [[5.0]]
    assert [s["is_error"] for s in said] == [False, True, False]
    assert said[1]["code"] == "duplicate_key"


def test_a_write_that_comes_again_in_the_next_window_is_answered_and_has_no_second_effect(world):
    window = served(world)
    assert window((0, 5.0))[0] == [[5.0]]
    effects, said = window((0, 5.0))
    assert effects == []
    assert (said[0]["is_error"], said[0]["effective"]) == (False, 0)
    effects, said = window((0, 5.0))
    assert (effects, said[0]["code"]) == ([], "expired")
