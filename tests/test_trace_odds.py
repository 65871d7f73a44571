"""Laws of the distribution in a trace: the policy's own, of this decision, or said to be none."""

from __future__ import annotations

import numpy as np
import pytest

from agents.checkpoint.acting import Actor, ActorPolicy
from agents.checkpoint.groups import group_agents
from agents.gateway import run_through_tools
from agents.trace import broken_links, read_traces, write_traces
from agents.trace.words import told
from stress.catalogue import Window, build_fault
from stress.invariants import Witness, weights_digest
from twin.env.act import codecs
from twin.env.policy import RulePolicy
from twin.env.rules import default_rule
from twin.exogenous.path import draw_path
from twin.exogenous.streams import stream
from twin.network.world import compile_world
from twin.scenario import load

CHOICES = 5


@pytest.fixture(scope="module")
def world():
    return compile_world(load("scenarios/quickstart.yaml", ("horizon=8 d",)).model)


def fleet(world, spread=True, choose=False):
    """A fleet of linear actors; with ``choose`` its outputs are values of choices."""
    found = codecs(world)
    rng = stream(5, "test/actors")
    actors, spreads = {}, {}
    for group in group_agents(found, "role"):
        outputs = group.action_size * (CHOICES if choose else 1)
        weight = rng.normal(0, 0.1, (outputs, group.input_size)).astype(np.float32)
        layers = ((weight, np.zeros(outputs, dtype=np.float32)),)
        for number, agent in enumerate(group.agents):
            grid = np.linspace(-1, 1, CHOICES, dtype=np.float32)
            grid = np.broadcast_to(grid, (1, group.action_size, CHOICES)).copy()
            grid[..., 1] = np.nan
            actors[agent] = Actor(group, layers, grid if choose else None)
            spreads[agent] = np.full(group.action_size, -0.5 - number, dtype=np.float32)
    return ActorPolicy("fleet", world, world.order_up_to, actors, spreads if spread else None)


def traced(world, policy, trace=True):
    path, rule = draw_path(world, 0), default_rule(world)
    return run_through_tools(world, path, policy, rule, 0, trace=trace)


def test_the_mean_is_what_was_done_and_the_spread_is_the_checkpoints(world) -> None:
    policy, seen = fleet(world), {}
    choose = policy.choose

    def watched(agent, inputs):
        seen.setdefault(agent, []).append(choose(agent, inputs))
        return seen[agent][-1]

    policy.choose = watched
    for decision in traced(world, policy).trace:
        agent, action = decision.agent, seen[decision.agent][decision.epoch]
        assert [odds.mean for odds in decision.odds] == action.tolist()
        number = policy._actors[agent][0].agents.index(agent)
        stds = [odds.std for odds in decision.odds]
        assert stds == pytest.approx([np.exp(-0.5 - number)] * len(stds), rel=1e-5)


def test_a_checkpoint_without_spread_says_so(world) -> None:
    trace = traced(world, fleet(world, spread=False)).trace
    assert all(odds.std is None for decision in trace for odds in decision.odds)
    assert "no spread in the checkpoint" in told(trace[0])


def test_who_chooses_has_probabilities_over_choices(world) -> None:
    trace = traced(world, fleet(world, choose=True)).trace
    for decision in trace:
        assert decision.odds
        for odds in decision.odds:
            assert len(odds.choices) == CHOICES - 1  # one is forbidden
            assert sum(odds.probabilities) == 1.0
            best = int(np.argmax(odds.worth))
            assert odds.probabilities[best] == 1.0
            assert odds.choices[best] == odds.mean
    assert "of 4 choices, with probability 1 (worth" in told(trace[0])


def test_a_rule_has_no_distribution(world) -> None:
    trace = traced(world, RulePolicy(world, default_rule(world))).trace
    assert all(decision.odds == () for decision in trace)
    assert "no distribution" in told(trace[0])


def test_telling_changes_nothing(world) -> None:
    policy = fleet(world)
    policy.reset(0)
    before = weights_digest(policy)
    plain, told_all = traced(world, policy, trace=False), traced(world, policy)
    assert plain.ledger.digest == told_all.ledger.digest
    policy.reset(0)
    assert weights_digest(policy) == before


def test_a_fault_around_a_policy_hides_nothing_and_invents_nothing(world) -> None:
    fault = build_fault("act.stuck", {})
    stuck = fault.wrap(fleet(world), world, 5, Window(0.0, 8.0))
    trace = traced(world, Witness(stuck, world)).trace
    own = traced(world, fleet(world)).trace
    assert stuck.fired > 0
    assert trace[0].odds == own[0].odds
    policy = fleet(world)
    traced(world, policy)
    assert all(policy.odds(agent) == () for agent in policy.codecs)  # each is told once


@pytest.mark.parametrize("choose", [False, True])
def test_odds_are_linked_and_read_back_exactly(world, tmp_path, choose) -> None:
    trace = traced(world, fleet(world, choose=choose)).trace
    write_traces(tmp_path / "t.parquet", trace)
    again = read_traces(tmp_path / "t.parquet")
    assert again == trace
    assert list(broken_links(again)) == []
