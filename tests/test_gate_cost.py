"""Laws of the gate on undisturbed cost: the baseline, the champion and the tail (G2 to G4)."""

from __future__ import annotations

from tests.judged_campaign import GATE, base_cost, campaign, case, criterion, episodes, verdict_of


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
