"""Laws of the gate, on campaigns made up case by case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from stress.gate import GateModel, Provenance, gate_digest, judge, load_gate
from stress.gate_model import StabilityRule
from stress.gate_stability import relapse
from stress.results import NOMINAL, CaseResult, Criterion, TrainingRow, Verdict
from stress.statistics import Interval
from stress.wording import verdict_lines
from twin.errors import ScenarioError, UsageError
from twin.exogenous.streams import stream

DEFAULT = Path(__file__).parents[1] / "scenarios" / "gates" / "default.yaml"
GATE, HASH = load_gate(DEFAULT)
FAMILIES = (
    "tool.malformed",
    "channel.latency",
    "network.throttle",
    "world.demand_surge",
    "world.outage",
)
DIGESTS = {"gate": HASH, "scenario": "abc", "artifact": "bundle-1"}
HELPS = {"dc": Interval(3.0, 2.0, 4.0, 40), "trucks": Interval(0.5, -0.5, 1.5, 40)}


def case(policy: str, seed: int, cost: float, fault: str = NOMINAL, level: int = 0) -> CaseResult:
    fired = 4 * level
    return CaseResult(
        case=f"{policy}/{fault}/{level}/{seed}",
        scenario="quickstart",
        policy=policy,
        policy_hash="bundle-1" if policy == "fleet" else policy,
        fault=fault,
        severity=level,
        seed=seed,
        cost=cost,
        calls=1000,
        attempts=1000 + 20 * level,
        control_cost=1.0 + 0.05 * level,
        labels={"not_json": fired} if fired else {},
        fired=fired,
        seen=fired,
    )


def base_cost(seed: int) -> float:
    return float(stream(seed, "test/demand").normal(80.0, 6.0))


def own_luck(policy: str, seed: int) -> float:
    return float(stream(seed, f"test/{policy}").normal(0.0, 0.5))


def episodes(policy: str, factor: float, calm: int = 40, struck: int = 20) -> Iterator[CaseResult]:
    """A policy that costs ``factor`` times the baseline; each severity costs everybody 1 more."""
    for seed in range(calm):
        yield case(policy, seed, factor * base_cost(seed) + own_luck(policy, seed))
    for family in FAMILIES:
        for level in (1, 3, 5):
            for seed in range(struck):
                cost = factor * base_cost(seed) + own_luck(policy, seed) + level
                yield case(policy, seed, cost, family, level)


def campaign(fleet: float = 0.75, calm: int = 40, struck: int = 20) -> list[CaseResult]:
    return [*episodes("fleet", fleet, calm, struck), *episodes("baseline", 1.0, calm, struck)]


def training(
    costs: Sequence[float] = tuple(80 - n / 2 for n in range(40)), kl: float = 0.01
) -> tuple[TrainingRow, ...]:
    return tuple(
        TrainingRow(
            update=n + 1,
            agent_steps=100 * (n + 1),
            seconds=1.0,
            steps_per_second=100.0,
            cost=cost,
            baseline_cost=80.0,
            policy_loss=0.0,
            value_loss=0.0,
            entropy=0.0,
            kl=kl,
            clip_share=0.0,
            explained_variance=0.5,
        )
        for n, cost in enumerate(costs)
    )


def verdict_of(cases: Sequence[CaseResult], gate: GateModel = GATE, **more: Any) -> Verdict:
    more = {"credit": HELPS, "training": training(), **more}
    return judge(gate, gate_digest(gate), cases, Provenance(DIGESTS, DIGESTS), **more)


def criterion(verdict: Verdict, gate: str) -> Criterion:
    return next(c for c in verdict.criteria if c.gate == gate)


def changed(
    cases: Sequence[CaseResult], fault: str, level: int, **update: object
) -> list[CaseResult]:
    """The same campaign with one fleet episode under the fault changed."""
    index = next(
        i for i, c in enumerate(cases) if (c.policy, c.fault, c.severity) == ("fleet", fault, level)
    )
    return [c.model_copy(update=update) if i == index else c for i, c in enumerate(cases)]


def all_changed(cases: Sequence[CaseResult], fault: str, **update: object) -> list[CaseResult]:
    return [
        c.model_copy(update=update) if (c.policy, c.fault) == ("fleet", fault) else c for c in cases
    ]


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


def test_a_saving_is_told_as_a_manager_reads_it() -> None:
    pairs = [case("fleet", s, 61.2) for s in range(40)] + [
        case("baseline", s, 82.7) for s in range(40)
    ]
    found = criterion(verdict_of(pairs, baseline_name="the tuned base-stock", currency="EUR"), "G3")
    assert found.sentence == (
        "The fleet costs 61.2 EUR per period against 82.7 for the tuned base-stock: 26 % less "
        "(95 % interval 26 to 26 %, 40 paired seeds); any proven saving is enough."
    )


def test_profits_are_told_as_earnings() -> None:
    pairs = [case("fleet", s, -110.0) for s in range(40)]
    pairs += [case("baseline", s, -100.0) for s in range(40)]
    found = criterion(verdict_of(pairs), "G3")
    assert found.status == "PASS"
    assert found.sentence.startswith(
        "The fleet earns 110.0 per period against 100.0 for the tuned static policy: 10 % more"
    )


def test_a_fleet_equal_to_the_baseline_does_not_beat_it() -> None:
    fleet = [case("fleet", s, base_cost(s)) for s in range(40)]
    found = criterion(
        verdict_of([*fleet, *(case("baseline", s, base_cost(s)) for s in range(40))]), "G3"
    )
    assert found.status == "FAIL"
    assert found.value == 1.0


def test_a_sabotaged_fleet_fails_and_the_verdict_names_the_baseline_gate() -> None:
    verdict = verdict_of(campaign(fleet=1.2))
    assert verdict.status == "FAIL"
    assert "G3" in [c.gate for c in verdict.failed]
    assert verdict.figures[0].label.startswith("Cost against the tuned static policy")
    assert verdict.figures[0].value.endswith("% more")


def test_a_saving_below_the_asked_one_fails() -> None:
    asked = GATE.criteria.baseline.model_copy(update={"minimum_saving": 0.4})  # type: ignore[union-attr]
    gate = GATE.model_copy(
        update={"criteria": GATE.criteria.model_copy(update={"baseline": asked})}
    )
    assert criterion(verdict_of(campaign(), gate), "G3").status == "FAIL"


def test_one_much_worse_scenario_fails_a_good_average() -> None:
    good = campaign(fleet=0.5)
    bad = [c.model_copy(update={"scenario": "island"}) for c in campaign(fleet=1.2)]
    found = criterion(verdict_of([*good, *bad]), "G3")
    assert found.value is not None
    assert found.value < 1
    assert found.status == "FAIL"
    assert "in island it costs" in found.sentence


def test_too_few_seeds_are_inconclusive() -> None:
    verdict = verdict_of(campaign(calm=39))
    assert verdict.status == "INCONCLUSIVE"
    assert criterion(verdict, "G3").status == "INCONCLUSIVE"
    assert "39 paired seeds" in criterion(verdict, "G3").sentence


def test_a_saving_smaller_than_the_noise_is_inconclusive_and_says_how_many_pairs_it_takes() -> None:
    noise = [4.0 if s % 2 else -4.2 for s in range(40)]
    cases = [case("fleet", s, 80.0 + noise[s]) for s in range(40)]
    cases += [case("baseline", s, 80.0) for s in range(40)]
    found = criterion(verdict_of(cases), "G3")
    assert found.status == "INCONCLUSIVE"
    assert "about 18,116 pairs would" in found.sentence


def test_nothing_run_is_inconclusive_throughout() -> None:
    verdict = verdict_of([], credit=None, training=())
    assert verdict.status == "INCONCLUSIVE"
    assert {c.gate for c in verdict.criteria if c.status == "PASS"} == {"G0", "G2"}


def test_one_violation_fails_safety() -> None:
    verdict = verdict_of(changed(campaign(), "world.outage", 5, violations=("1 units lost",)))
    found = criterion(verdict, "G1")
    assert (verdict.status, found.status) == ("FAIL", "FAIL")
    assert found.sentence.startswith("1 of 340 fleet episodes")
    assert "1 units lost" in found.sentence
    assert criterion(verdict, "G5/world.outage").status == "FAIL"
    assert "1 of 340" in [figure.value for figure in verdict.figures]


def test_one_crash_fails_safety() -> None:
    verdict = verdict_of(changed(campaign(), NOMINAL, 0, error="ValueError: no"))
    assert criterion(verdict, "G1").status == "FAIL"


def test_a_broken_reference_makes_the_evidence_inconclusive() -> None:
    cases = campaign()
    cases[-1] = cases[-1].model_copy(update={"violations": ("2 stock below zero",)})
    assert criterion(verdict_of(cases), "G1").status == "INCONCLUSIVE"


def test_a_clean_campaign_states_its_bound_and_a_short_one_is_not_enough() -> None:
    found = criterion(verdict_of(campaign()), "G1")
    assert found.high == pytest.approx(1 - 0.05 ** (1 / 340))
    assert "below 0.88 %" in found.sentence
    short = [case(policy, s, 1.0) for policy in ("fleet", "baseline") for s in range(40)]
    assert criterion(verdict_of(short), "G1").status == "INCONCLUSIVE"


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


def test_without_a_champion_there_is_nothing_to_be_worse_than() -> None:
    found = criterion(verdict_of(campaign()), "G2")
    assert found.status == "PASS"
    assert found.sentence.startswith("No champion yet")


def test_a_fleet_worse_than_the_champion_fails_though_it_beats_the_baseline() -> None:
    cases = [*campaign(fleet=0.75), *episodes("champion", 0.7)]
    verdict = verdict_of(cases, champion="3")
    assert criterion(verdict, "G2").status == "FAIL"
    assert criterion(verdict, "G3").status == "PASS"
    assert "the champion (version 3)" in criterion(verdict, "G2").sentence
    assert verdict.champion == "3"


def test_a_champion_that_was_not_run_leaves_the_verdict_open() -> None:
    verdict = verdict_of(campaign(), champion="3")
    assert criterion(verdict, "G2").status == "INCONCLUSIVE"


def test_a_better_mean_with_a_heavier_tail_fails_the_tail_only() -> None:
    cases = [case("fleet", s, 300.0 if s % 10 == 0 else 40.0) for s in range(40)]
    cases += [case("baseline", s, 100.0) for s in range(40)]
    verdict = verdict_of(cases)
    assert criterion(verdict, "G3").status == "PASS"
    assert criterion(verdict, "G4").status == "FAIL"


def dearer_when_late(cases: Sequence[CaseResult], by: float) -> list[CaseResult]:
    """The fleet costs more under moderate latency."""
    return [
        c.model_copy(update={"cost": c.cost + by})
        if (c.policy, c.fault, c.severity) == ("fleet", "channel.latency", 3)
        else c
        for c in cases
    ]


def test_a_fleet_that_costs_more_than_the_baseline_under_one_fault_fails_that_family() -> None:
    assert verdict_of(dearer_when_late(campaign(), 12)).status == "PASS"
    verdict = verdict_of(dearer_when_late(campaign(), 30))
    assert [c.gate for c in verdict.failed] == ["G5/channel.latency"]
    found = criterion(verdict, "G5/channel.latency")
    assert found.value == pytest.approx(0.12, abs=0.03)
    assert verdict.figures[0].label.startswith("Cost against the baseline under channel.latency")


def test_a_lead_over_the_champion_that_shrinks_under_one_fault_fails_that_family() -> None:
    cases = [*dearer_when_late(campaign(), 8), *episodes("champion", 0.8)]
    verdict = verdict_of(cases, champion="3")
    found = criterion(verdict, "G5/channel.latency")
    assert found.status == "FAIL"
    assert found.value == pytest.approx(8 / 64, abs=0.02)
    assert "worst at severity 3 (moderate)" in found.sentence
    assert [c.gate for c in verdict.failed] == ["G5/channel.latency"]
    assert verdict.figures[0].label == "Worst loss under channel.latency"


def test_what_a_fault_costs_everybody_is_no_loss_of_the_fleet() -> None:
    cases = [*campaign(), *episodes("champion", 0.8)]
    found = criterion(verdict_of(cases, champion="3"), "G5/world.outage")
    assert found.value == pytest.approx(0.0, abs=1e-12)


def test_extreme_faults_are_judged_by_safety_not_by_cost() -> None:
    dear = [
        c.model_copy(update={"cost": 500.0}) if (c.policy, c.severity) == ("fleet", 5) else c
        for c in campaign()
    ]
    assert verdict_of(dear).status == "PASS"


def test_a_fault_that_nobody_met_or_noticed_proves_nothing() -> None:
    for update in ({"fired": 0, "seen": 0}, {"seen": 0}):
        verdict = verdict_of(all_changed(campaign(), "channel.latency", **update))
        found = criterion(verdict, "G5/channel.latency")
        assert found.status == "INCONCLUSIVE"
        assert "proves nothing" in found.sentence


def test_a_family_the_gate_names_has_to_be_run() -> None:
    cases = [c for c in campaign() if c.fault != "world.outage"]
    assert criterion(verdict_of(cases), "G5/world.outage").status == "INCONCLUSIVE"


def test_too_few_stressed_seeds_are_inconclusive() -> None:
    verdict = verdict_of(campaign(struck=9))
    assert criterion(verdict, "G5/world.outage").status == "INCONCLUSIVE"


def test_a_retry_storm_fails_the_cost_of_control() -> None:
    cases = all_changed(campaign(), "tool.malformed", attempts=1500)
    found = criterion(verdict_of(cases), "G6/amplification")
    assert found.status == "FAIL"
    assert "under tool.malformed" in found.sentence


def test_spending_beyond_the_forecast_fails() -> None:
    verdict = verdict_of(all_changed(campaign(), "channel.latency", control_cost=1.4))
    assert criterion(verdict, "G6/spend").status == "FAIL"
    free = [c.model_copy(update={"control_cost": 0.0}) for c in campaign()]
    assert criterion(verdict_of(free), "G6/spend").status == "PASS"
    surprise = all_changed(free, "channel.latency", control_cost=0.1)
    assert criterion(verdict_of(surprise), "G6/spend").status == "FAIL"


def test_a_spoilt_answer_without_a_label_fails() -> None:
    cases = changed(campaign(), "tool.malformed", 1, labels={"not_json": 3})
    found = criterion(verdict_of(cases), "G7")
    assert found.status == "FAIL"
    assert "1 had no failure label" in found.sentence


def test_an_agent_that_does_harm_fails_and_is_named() -> None:
    credit = {**HELPS, "north": Interval(-2.0, -3.0, -1.0, 40)}
    found = criterion(verdict_of(campaign(), credit=credit), "G9")
    assert found.status == "FAIL"
    assert "agent north" in found.sentence


def test_an_agent_without_measurable_contribution_passes_and_is_named() -> None:
    found = criterion(verdict_of(campaign()), "G9")
    assert found.status == "PASS"
    assert "no measurable contribution: trucks" in found.sentence
    assert criterion(verdict_of(campaign(), credit=None), "G9").status == "INCONCLUSIVE"


def test_a_training_that_jumped_or_lost_what_it_had_learnt_fails() -> None:
    jumped = criterion(verdict_of(campaign(), training=training(kl=0.3)), "G10")
    assert (jumped.status, jumped.value) == ("FAIL", 0.3)
    costs = [*(80 - n for n in range(30)), *(50 + 3 * n for n in range(10))]
    relapsed = criterion(verdict_of(campaign(), training=training(costs)), "G10")
    assert relapsed.status == "FAIL"
    assert "more than at its best" in relapsed.sentence
    assert relapse(training()) == 0.0
    assert relapse(training([80.0] * 19)) is None


def test_a_fleet_that_went_too_far_from_its_parent_fails_where_the_gate_limits_drift() -> None:
    near, far = (
        tuple(row.model_copy(update={"drift": drift}) for row in training()) for drift in (0.1, 0.9)
    )
    rule = StabilityRule(max_kl=0.1, max_relapse=0.1, max_drift=0.5)
    limits = GATE.criteria.model_copy(update={"stability": rule})
    gate = GATE.model_copy(update={"criteria": limits})
    assert criterion(verdict_of(campaign(), gate, training=near), "G10").status == "PASS"
    assert criterion(verdict_of(campaign(), gate, training=far), "G10").status == "FAIL"
    assert criterion(verdict_of(campaign(), training=far), "G10").status == "PASS"


def test_a_run_without_recorded_training_leaves_stability_open() -> None:
    assert criterion(verdict_of(campaign(), training=()), "G10").status == "INCONCLUSIVE"


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
