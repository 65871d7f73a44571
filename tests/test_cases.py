"""Laws of one case: its id is its content, its result a function of it, a crash a result."""

from __future__ import annotations

from dataclasses import replace

from stress import contestants
from stress.case import PolicyRef, Strike
from stress.catalogue import Window
from stress.results import CaseResult
from stress.run_case import run_case
from stress.store import canonical
from tests.small_campaign import BASELINE, LEANER, bundle, case


def test_a_case_is_the_same_in_every_process_and_order() -> None:
    struck = case(strike=Strike("channel.latency", 3, Window(5.0, 15.0)))
    first = run_case(struck)
    run_case(case(2))
    assert canonical(run_case(struck)) == canonical(first)


def test_the_id_of_a_case_is_its_content() -> None:
    one = case()
    assert one.id == case().id
    moved = replace(BASELINE, source=BASELINE.source)
    assert case(policy=moved).id == one.id
    latency = Strike("channel.latency", 3, Window(0.0, 1.0))
    others = [
        case(2),
        case(policy=LEANER),
        case(strike=latency),
        case(strike=replace(latency, family="channel.loss")),
        case(strike=replace(latency, severity=1)),
        case(strike=replace(latency, window=Window(0.0, 2.0))),
        case(strike=replace(latency, parameters=(("probability", 0.1),))),
        replace(case(), strikes=(latency, latency)),
    ]
    assert len({one.id, *(other.id for other in others)}) == 1 + len(others)
    assert case(strike=latency).label == "baseline channel.latency/3#1"
    assert case(strike=latency).undisturbed == one


def test_a_crash_inside_a_case_is_a_result() -> None:
    broken = case(policy=PolicyRef("fleet", "bundle", "/no/such/folder", "0" * 64))
    result = run_case(broken)
    assert result.error
    assert result.case == broken.id
    assert run_case(case(policy=PolicyRef("fleet", "rul", "", ""))).error.endswith(
        "did you mean 'rule'?"
    )


def test_a_policy_that_raises_does_not_end_the_campaign(monkeypatch) -> None:
    class Angry:
        name = "angry"

        def reset(self, seed: int) -> None: ...

        def act(self, observations: object) -> dict[str, object]:
            raise ZeroDivisionError("no stock, no orders")

    monkeypatch.setitem(contestants.POLICY_KINDS, "angry", lambda document, ref: Angry())
    result = run_case(case(policy=PolicyRef("angry", "angry", "", "")))
    assert isinstance(result, CaseResult)
    assert result.error or result.violations or result.fallbacks == result.decisions


def test_a_fleet_without_corrections_plays_the_static_policy(tmp_path) -> None:
    fleet = PolicyRef.of_bundle("fleet", bundle(tmp_path / "bundle"))
    played = run_case(case(policy=fleet))
    assert not played.error
    assert played.ledger_digest == run_case(case()).ledger_digest
    assert played.policy_hash == fleet.hash


def test_a_sabotaged_fleet_is_another_case_and_plays_worse(tmp_path) -> None:
    folder = bundle(tmp_path / "bundle")
    sound = case(policy=PolicyRef.of_bundle("fleet", folder))
    muted = case(policy=PolicyRef.of_bundle("fleet", folder, "muted:replenish:shop"))
    assert muted.id != sound.id
    assert run_case(muted).cost > run_case(sound).cost
    unknown = case(policy=PolicyRef.of_bundle("fleet", folder, "muted:nobody"))
    assert "unknown sabotage" in run_case(unknown).error


def test_a_checkpoint_that_changed_since_the_case_was_made_is_refused(tmp_path) -> None:
    fleet = PolicyRef.of_bundle("fleet", bundle(tmp_path / "bundle"))
    assert "has changed" in run_case(case(policy=replace(fleet, hash="0" * 64))).error
