"""Laws of the gateway over a clean channel: tools equal direct access."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.gateway import run_through_tools
from agents.gateway.account import CostAccount, Tally
from agents.gateway.plausible import floors
from agents.gateway.requests import Template, valid_wish
from agents.gateway.session import clock_numbers
from tests.gateway_runs import ORGYM, QUICKSTART, SHORT, ChosenPolicy, compiled, through_tools
from tests.profiles import laws
from tests.strategies import sample_paths, scenario_models
from twin.engine.decision import Decision
from twin.engine.event import EventEngine
from twin.env.agents import agent_specs
from twin.env.episode import run_policy
from twin.env.observe import Layout, global_vector
from twin.env.policy import CodecPolicy, RulePolicy
from twin.env.rules import default_rule
from twin.exogenous.path import draw_path
from twin.exogenous.streams import stream
from twin.network.world import compile_world
from twin.scenario import from_mapping
from twin.scenario.model import Agents
from twin.scenario.tools import ToolCosts
from twin.tools.catalogue import REQUESTS
from twin.tools.channel import Layer


@pytest.fixture(scope="module")
def world():
    return compiled(QUICKSTART, SHORT)


@pytest.mark.parametrize("path", [QUICKSTART, ORGYM])
@pytest.mark.parametrize("kind", ["base_stock", "zero", "chosen"])
def test_over_a_clean_channel_tools_equal_direct_access_bit_for_bit(path, kind):
    world = compiled(path)
    rule = default_rule(world)

    def policy():
        if kind == "base_stock":
            return RulePolicy(world, rule)
        return CodecPolicy("zero", world) if kind == "zero" else ChosenPolicy(world)

    direct, tools = policy(), policy()
    ledger = run_policy(world, draw_path(world, 1), direct, rule)
    outcome = run_through_tools(world, draw_path(world, 1), tools, rule, 5)
    assert outcome.ledger.digest == ledger.digest
    assert (outcome.labels, outcome.fallbacks, outcome.late) == ({}, 0, 0)
    assert outcome.violations == ()
    if kind == "chosen":
        assert sorted(tools.seen) == sorted(direct.seen)


@given(scenario_models(8), st.data(), st.booleans())
@laws(25)
def test_in_any_network_tools_equal_direct_access_bit_for_bit(model, data, slow):
    """Also with shipments that arrive within the window, and under the world's own faults."""
    used = {lane.fleet for lane in model.lanes.values()} - {None}
    period, times = model.period, model.tools.latency
    latency = times.model_copy(update={"median": 0.01 * period, "p95": 0.02 * period})
    limits = {"deadline": 0.5 * period, "timeout": 0.2 * period, "latency": latency}
    tools = model.tools.model_copy(update=limits | ({"bandwidth": 500.0} if slow else {}))
    changes = {"tools": tools, "agents": Agents(dispatch=tuple(sorted(used)))}
    world = compile_world(model.model_copy(update=changes))
    rule, path = default_rule(world), data.draw(sample_paths(world))
    direct, behind = ChosenPolicy(world), ChosenPolicy(world)
    ledger = run_policy(world, path, direct, rule)
    outcome = run_through_tools(world, path, behind, rule, path.seed)
    assert outcome.labels == {}
    assert sorted(behind.seen) == sorted(direct.seen)
    assert outcome.ledger.digest == ledger.digest


def test_the_same_arguments_give_the_same_outcome(world):
    class Flaky(Layer):
        def start(self, seed, world):
            self.rng = stream(seed, "flaky")

        def answer(self, transit, body):
            return None if self.rng.random() < 0.2 else body

    first, second = (through_tools(world, layers=[Flaky()], seed=3, trace=True) for _ in range(2))
    assert first.ledger.digest == second.ledger.digest
    assert first.labels == second.labels != {}
    assert first.trace == second.trace
    assert through_tools(world, layers=[Flaky()], seed=4).labels != first.labels


def test_stock_below_zero_is_plausible_only_where_links_are_independent():
    shop = {"kind": "store", "stock": 5, "demand": {"model": "constant", "mean": 20}}
    data = {
        "name": "two shops on one stock",
        "horizon": "20 d",
        "independent_links": True,
        "nodes": {"s": {"kind": "supplier"}, "w": {"kind": "warehouse"}, "a": shop, "b": shop},
        "lanes": {"s -> w": {"lead_time": "3 d"}, "w -> a": {}, "w -> b": {}},
    }
    loose = compile_world(from_mapping(data).model)
    rule, path = default_rule(loose), draw_path(loose, 0)
    direct = run_policy(loose, path, ChosenPolicy(loose), rule)
    outcome = run_through_tools(loose, path, ChosenPolicy(loose), rule, 0)
    assert direct.quantities.on_hand.min() < 0
    assert outcome.labels == {}
    assert outcome.ledger.digest == direct.digest
    assert floors(compiled()).max() == floors(compiled()).min() == 0


def test_layers_that_do_nothing_change_nothing(world):
    clean, layered = through_tools(world), through_tools(world, layers=[Layer(), Layer()])
    assert layered.ledger.digest == clean.ledger.digest
    assert layered.account == clean.account


def test_the_clock_of_an_observation_is_that_of_direct_access(world):
    engine = EventEngine(world, draw_path(world, 0))
    places = Layout.of(world).places("clock")
    while engine.advance() and engine.t < 10:
        expected = global_vector(world, engine)[places]
        assert clock_numbers(engine.t, world.period_d) == expected.tolist()
        engine.decide(Decision.of_orders(world, np.zeros((len(world.lanes), 1))))


def test_prepared_requests_are_what_the_models_say():
    for agent in ("replenish:dc", 'odd "name" \\ ü'):
        read = REQUESTS.validate_json(Template.of(agent, "demand.read", "ü", 2).read(7))
        assert (read.call, read.agent, read.entity) == (f"{agent}/7/2", agent, "ü")
        template = Template.of(agent, "dispatch.book", "x", 3)
        book = REQUESTS.validate_json(template.write(7, [1.0, 2.0, 0.25, 1.0]))
        assert (book.vehicles, book.min_load) == ((1.0, 2.0), (0.25, 1.0))
        assert (book.call, book.key, book.period) == (template.call(7), template.key(7), 7)


def test_only_wishes_of_the_right_size_and_range_may_be_sent(world):
    specs = {spec.name: spec for spec in agent_specs(world)}
    dc, trucks = specs["replenish:dc"], specs["dispatch:trucks"]
    assert valid_wish(dc, np.array([3.5], dtype=np.float32)) == [3.5]
    assert valid_wish(trucks, np.array([6, 6, 6, 0, 1, 0.5])) == [6, 6, 6, 0, 1, 0.5]
    for bad in ([], [1.0, 2.0], [-1.0], [math.nan], [math.inf], "three", [None], [[1], [2, 3]]):
        assert valid_wish(dc, bad) is None
    assert valid_wish(trucks, [6, 6, 6, 0, 1.5, 0]) is None


def test_control_is_priced_as_the_scenario_says():
    costs = ToolCosts(call=0.5, retry=1.0, kilobyte=2.0, kilotoken=4.0)
    account = CostAccount.of(Tally(calls=8, attempts=10, retries=2, bytes=2001), costs)
    assert account.tokens == 501
    assert account.money == pytest.approx(5.0 + 2.0 + 4.002 + 2.004)


def test_a_clean_episode_makes_one_attempt_per_call(world):
    account = through_tools(world).account
    per_epoch = sum(len(spec.reads) + 1 for spec in agent_specs(world))
    assert account.calls == account.attempts == world.periods * per_epoch
    assert account.retries == 0
    assert account.money > 0


def test_an_outcome_is_frozen(world):
    with pytest.raises(dataclasses.FrozenInstanceError):
        through_tools(world).late = 1
