"""Laws of the verdict as a whole: its status, its figures, its sentences and its provenance."""

from __future__ import annotations

from pathlib import Path

import pytest

from stress.gate import Provenance, judge, load_gate
from stress.results import NOMINAL
from stress.wording import verdict_lines
from tests.judged_campaign import (
    DEFAULT,
    DIGESTS,
    GATE,
    HASH,
    HELPS,
    campaign,
    changed,
    criterion,
    training,
    verdict_of,
)
from twin.errors import ScenarioError, UsageError


def test_a_fleet_that_is_cheaper_and_robust_passes_every_criterion() -> None:
    verdict = verdict_of(campaign())
    assert verdict.status == "PASS", [c.sentence for c in verdict.failed]
    assert [c.gate for c in verdict.criteria] == [
        "G0", "G1", "G2", "G3", "G4",
        "G5/channel.latency", "G5/network.throttle", "G5/tool.malformed",
        "G5/world.demand_surge", "G5/world.outage",
        "G6/amplification", "G6/spend", "G7", "G9", "G10",
    ]  # fmt: skip
    saving, stress, safety = verdict.figures
    assert saving.label.startswith("Cost against the tuned static policy (95 % interval")
    assert saving.value == "25 % less"
    assert stress.label.startswith("Cost against the baseline under ")
    assert safety.value == "0 of 340"


def test_a_verdict_in_plain_text_starts_with_its_status_and_has_every_criterion() -> None:
    verdict = verdict_of(campaign(fleet=1.2))
    lines = verdict_lines(verdict)
    assert lines[0].startswith("FAIL by default")
    assert all(any(c.sentence in line for line in lines) for c in verdict.criteria)


def test_nothing_run_is_inconclusive_throughout() -> None:
    verdict = verdict_of([], credit=None, training=())
    assert verdict.status == "INCONCLUSIVE"
    assert {c.gate for c in verdict.criteria if c.status == "PASS"} == {"G0", "G2"}


def test_changing_the_gate_file_after_hashing_fails_provenance(tmp_path: Path) -> None:
    loosened = tmp_path / "gate.yaml"
    loosened.write_text(DEFAULT.read_text().replace("max_rate: 1 %", "max_rate: 50 %"))
    gate, new_hash = load_gate(loosened)
    assert new_hash != HASH
    cases, provenance = campaign(), Provenance(DIGESTS, DIGESTS)
    for given in (HASH, new_hash):
        verdict = judge(gate, given, cases, provenance, credit=HELPS, training=training())
        assert criterion(verdict, "G0").status == "FAIL"
        assert "gate is not the one recorded" in criterion(verdict, "G0").sentence


def test_a_comment_does_not_change_the_hash_of_a_gate(tmp_path: Path) -> None:
    copy = tmp_path / "gate.yaml"
    copy.write_text(DEFAULT.read_text() + "# a remark\n")
    assert load_gate(copy)[1] == HASH


@pytest.mark.parametrize("name", ["scenario", "artifact"])
def test_a_changed_or_unrecorded_digest_fails_provenance(name: str) -> None:
    for recorded in ({**DIGESTS, name: "other"}, {k: v for k, v in DIGESTS.items() if k != name}):
        verdict = judge(
            GATE, HASH, campaign(), Provenance(recorded, DIGESTS), credit=HELPS, training=training()
        )
        assert criterion(verdict, "G0").status == "FAIL"
        assert name in criterion(verdict, "G0").sentence


def test_episodes_of_another_checkpoint_fail_provenance() -> None:
    cases = changed(campaign(), NOMINAL, 0, policy_hash="bundle-0")
    assert "another checkpoint" in criterion(verdict_of(cases), "G0").sentence


def test_what_the_gate_leaves_out_is_not_judged() -> None:
    only = GATE.criteria.model_copy(
        update=dict.fromkeys(("provenance", "resilience", "control", "work_share", "stability"))
    )
    verdict = verdict_of(campaign(), GATE.model_copy(update={"criteria": only}))
    assert [c.gate for c in verdict.criteria] == ["G1", "G2", "G3", "G4", "G7"]


def test_a_verdict_is_a_pure_function_of_the_cases_in_any_order() -> None:
    cases = campaign()
    assert verdict_of(cases) == verdict_of([*reversed(cases), cases[0]])


def test_two_results_for_one_case_are_refused() -> None:
    cases = campaign()
    with pytest.raises(UsageError, match="two results for one case"):
        verdict_of([*cases, cases[0].model_copy(update={"cost": 1.0})])


def test_a_gate_file_without_criteria_or_with_a_typing_error_is_refused(tmp_path: Path) -> None:
    text = DEFAULT.read_text()
    empty = tmp_path / "empty.yaml"
    empty.write_text(text[: text.index("criteria:")] + "criteria: {}\n")
    with pytest.raises(ScenarioError, match="at least one criterion"):
        load_gate(empty)
    typo = tmp_path / "typo.yaml"
    typo.write_text(text.replace("minimum_saving", "minimum_savings"))
    with pytest.raises(ScenarioError, match="did you mean 'minimum_saving'"):
        load_gate(typo)
