"""Laws of G8: what an attack must have been, and what it must not have found."""

from __future__ import annotations

import pytest

from stress.adversary.record import AttackRecord, Failure
from stress.evidence import gather
from stress.gate import Provenance
from stress.gate_adversary import judge_adversary
from stress.gate_model import AdversaryRule
from stress.judging import Bench
from stress.results import Criterion
from tests.judged_campaign import GATE, HASH

RULE = AdversaryRule(minimum_plans=100, bound=0.25, survival=1.0)
FAILURE = Failure(
    case="c",
    name="obs.stale/1#7",
    seed=7,
    faults=(),
    symptoms=("cost",),
    sentence="It costs too much.",
    shared=False,
    effort=1,
    cost=2.0,
    static_cost=1.0,
    ledger_digest="d",
)
NONE = AttackRecord(
    status="finished",
    scenario="tiny",
    policy_hash="bundle-1",
    against="static",
    method="cross-entropy",
    seed=0,
    budget=100,
    bound=0.25,
    survival=1.0,
    seeds=(7,),
    tried=100,
)


def g8(record: AttackRecord | None, champion: str = "") -> Criterion:
    found = Provenance({}, {"artifact": "bundle-1"})
    bench = Bench(GATE, HASH, gather([]), found, attack=record, champion=champion)
    return judge_adversary(RULE, bench).criterion


def test_g8_passes_when_an_attack_of_the_asked_size_found_nothing_new() -> None:
    assert g8(NONE).status == "PASS"
    both = NONE.model_copy(
        update={"shared": 2, "found": FAILURE.model_copy(update={"shared": True})}
    )
    assert g8(both).status == "PASS"
    assert "2 broke both" in g8(both).sentence
    against = {"against": "champion", "champion": "3"}
    assert g8(NONE.model_copy(update=against), "3").status == "PASS"


def test_g8_fails_on_a_new_failure_with_its_sentence() -> None:
    found = g8(NONE.model_copy(update={"found": FAILURE, "failures": 1}))
    assert (found.status, found.sentence) == ("FAIL", "It costs too much.")


@pytest.mark.parametrize(
    ("changes", "champion", "why"),
    [
        ({"policy_hash": "bundle-2"}, "", "another checkpoint"),
        ({"status": "unfit"}, "", "nothing to attack"),
        ({"bound": 9.0}, "", "--bound 0.25 --survival 1"),
        ({"faults": ("obs.bias",)}, "", "limited to some faults"),
        ({}, "3", "not made against the champion (version 3)"),
        ({"tried": 99}, "", "asks for 100"),
        ({"status": "running"}, "", "has not ended"),
    ],
)
def test_g8_is_undecided_about_any_other_attack(changes, champion: str, why: str) -> None:
    found = g8(NONE.model_copy(update=changes), champion)
    assert found.status == "INCONCLUSIVE"
    assert why in found.sentence


def test_g8_is_undecided_without_an_attack_and_not_asked_by_default() -> None:
    assert g8(None).status == "INCONCLUSIVE"
    assert GATE.criteria.adversary is None
