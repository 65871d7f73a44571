"""Laws of the audit's verdicts: planted faults are named, and nobody else is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agents.credit.audit import audit, judged
from agents.credit.estimate import Estimate
from agents.credit.record import read_audit, write_audit
from agents.credit.replay import Game
from agents.credit.shapley import shapley
from tests.casts import (
    SEEDS,
    chain,
    copycat,
    free_rider,
    frozen,
    game_of,
    one_agent_more,
    saboteur,
    town,
    verdicts,
)
from twin.env.policy import RulePolicy
from twin.env.rules import OrderingRule
from twin.errors import UsageError
from twin.network.world import compile_world
from twin.scenario import from_mapping


def test_a_healthy_fleet_is_not_blamed_and_its_shares_sum_to_one() -> None:
    found = audit(game_of(town()), SEEDS)
    assert set(verdicts(found).values()) == {"works"}
    assert not found.blamed
    assert sum(row.share or 0.0 for row in found.agents) == pytest.approx(1.0)
    assert all("saves" in row.sentence for row in found.agents)


@pytest.mark.parametrize(
    ("change", "verdict", "reason"),
    [
        (copycat(town(), "east"), "lazy", "copies the default"),
        (frozen(0.0), "harmful", "frozen"),
        (saboteur, "harmful", "biased"),
    ],
    ids=["copycat", "frozen", "saboteur"],
)
def test_a_planted_fault_is_named_and_nobody_else_is(
    change: Any, verdict: str, reason: str
) -> None:
    found = audit(game_of(town(), east=change), SEEDS)
    assert verdicts(found) == {"north": "works", "east": verdict, "south": "works"}
    (blamed,) = found.blamed
    assert (blamed.agent, blamed.reason) == ("replenish:east", reason)


def test_a_free_rider_is_named_and_nobody_else_is() -> None:
    world = one_agent_more(town())
    found = audit(game_of(world, dc=free_rider(world, "dc")), SEEDS)
    assert verdicts(found) == {"dc": "lazy", "north": "works", "east": "works", "south": "works"}
    (rider,) = found.blamed
    assert rider.deviation > 0.01
    assert "free rider" in rider.sentence


def test_agents_that_help_only_together_are_not_blamed() -> None:
    found = verdicts(audit(chain(), SEEDS))
    assert found == {"s4": "dependent", "s3": "works", "s2": "dependent", "s1": "works"}


def test_the_neighbours_of_a_broken_agent_are_not_blamed_though_leave_one_out_does() -> None:
    found = audit(chain(s2=saboteur), SEEDS)
    assert [row.agent for row in found.blamed] == ["replenish:s2"]
    flagged = [row.agent for row in found.agents if row.leave_one_out.high < 0]
    assert flagged == ["replenish:s4", "replenish:s2"]
    neighbour = found.agents[0]
    assert (neighbour.verdict, neighbour.burden) == ("burdened", ("replenish:s2",))
    assert "beside replenish:s2" in neighbour.sentence


def test_two_buffers_of_which_one_would_do_are_redundant_and_not_lazy() -> None:
    store = {"kind": "store", "stock": 40, "holding": 0.02, "unmet": "backlog", "penalty": 9}
    nodes = {
        "plant": {"kind": "supplier"},
        "dc": {"kind": "warehouse", "stock": 40, "holding": 0.02},
        "shop": {**store, "demand": {"model": "poisson", "mean": 10}},
    }
    lanes = {"plant -> dc": {"lead_time": "3 d"}, "dc -> shop": {"lead_time": "1 d"}}
    document = {"kind": "scenario", "name": "two buffers", "horizon": "60 d", "nodes": nodes}
    world = compile_world(from_mapping({**document, "lanes": lanes}).model)
    low, high = (
        OrderingRule("base_stock", np.array([[[0.0], [level], [level]]])) for level in (15.0, 60.0)
    )
    found = audit(Game(world, RulePolicy(world, high), low), SEEDS)
    assert set(verdicts(found).values()) == {"redundant"}
    assert all("somebody else stands in" in row.sentence for row in found.agents)


def test_redundant_is_told_from_lazy_by_what_it_adds_when_others_are_away() -> None:
    none, some = Estimate(value=0.0, low=-0.05, high=0.05), Estimate(value=3.0, low=2.0, high=4.0)
    assert judged(some, none, 0.1) == "redundant"
    assert judged(none, none, 0.1) == "lazy"
    assert judged(none, some, 0.1) == "dependent"
    assert judged(Estimate(value=1.0, low=-1.0, high=3.0), none, 0.1) == "undecided"
    harm = Estimate(value=-3.0, low=-4.0, high=-2.0)
    assert judged(harm, harm, 0.1) == "harmful"
    assert judged(some, harm, 0.1) == "works"


def test_an_audit_is_the_same_again_and_survives_its_file(tmp_path: Any) -> None:
    found = audit(game_of(town()), range(4))
    again = audit(game_of(town()), range(4))
    assert found.model_copy(update={"seconds": 0.0}) == again.model_copy(update={"seconds": 0.0})
    assert read_audit(tmp_path) is None
    write_audit(tmp_path, found)
    assert read_audit(tmp_path) == found


def test_a_screen_gives_no_verdicts_and_one_seed_no_interval() -> None:
    screened = audit(game_of(town()), range(4), screen=True)
    assert set(verdicts(screened).values()) == {"not judged"}
    assert all(row.shapley is None for row in screened.agents)
    with pytest.raises(UsageError, match="too few seeds"):
        shapley(game_of(town()), [1])
