"""Laws of the adversary: it finds a planted weakness, and nothing that is not one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stress.adversary import referee as refereeing
from stress.adversary.attack import Attacker, Options
from stress.adversary.plan import Hit, Plan
from stress.adversary.record import ATTACK, AttackRecord, read_attack
from stress.adversary.referee import Referee
from stress.adversary.regressions import case_in, known_plans
from stress.adversary.wording import told_attack
from stress.case import PolicyRef
from stress.recorded import recorded_cases
from stress.run_case import run_case
from tests.planted import MADE, RIVAL, STATIC, TERMS, planted
from twin.cli import run
from twin.errors import NothingSelectedError, UsageError

FAMILIES = (
    "obs.noise",
    "obs.stale",
    "tool.malformed",
    "tool.error",
    "channel.latency",
    "network.partition",
    "world.demand_surge",
    "world.outage",
)
OLD_ANSWERS = Plan((Hit("obs.stale", 2, 4, 12, (("honest", True),)),), TERMS.first_seed)


@pytest.fixture(scope="module", autouse=True)
def _planted() -> Iterator[None]:
    with planted():
        yield


def attacker(folder: Path, **options: Any) -> Attacker:
    chosen = Options(**{"budget": 40, "faults": FAMILIES, "seeds": 2, **options})
    return Attacker(MADE, folder, chosen, command="twin replay RUN {case} --suite {file}")


@pytest.fixture(scope="module")
def attacked(_planted: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AttackRecord]:
    folder = tmp_path_factory.mktemp("attack")
    return folder, attacker(folder).run()


def test_a_policy_that_trusts_stale_stock_is_found_and_shrunk(attacked) -> None:
    folder, record = attacked
    check_found(record)
    assert read_attack(folder) == record
    assert record.episodes <= 2 * (record.tried + 200) + 8
    assert record.replay in " ".join(told_attack(record))


def check_found(record: AttackRecord) -> None:
    """Found within the budget, shrunk to one fault and at most two parameters."""
    assert record.status == "finished"
    assert 0 < record.found_at <= record.tried == record.budget
    assert record.found is not None
    assert record.minimal is not None
    assert not record.minimal.shared
    assert record.minimal.effort <= record.found.effort
    assert set(record.minimal.symptoms) & set(record.found.symptoms)
    (fault,) = record.minimal.faults
    assert len(fault.parameters) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_is_found_within_500_cases_of_the_whole_catalogue(seed: int, tmp_path: Path) -> None:
    record = attacker(tmp_path, budget=500, faults=(), seeds=4, seed=seed).run()
    check_found(record)
    assert 2 * (record.found_at + 4) <= 500, "both policies' episodes counted, undisturbed ones too"


def test_the_stress_file_replays_the_failure_to_the_last_digit(attacked) -> None:
    folder, record = attacked
    assert record.minimal is not None
    text = Path(record.file).read_text()
    assert text.startswith("# yaml-language-server: $schema=")
    case = case_in(Path(record.file), MADE)
    assert case is not None
    assert case.id == record.minimal.case
    again = run_case(case)
    assert again.ledger_digest == record.minimal.ledger_digest
    assert recorded_cases(folder)[case.id] == again


def test_an_attack_that_was_interrupted_goes_on_without_playing_anything_twice(
    attacked, tmp_path, monkeypatch
) -> None:
    folder, record = attacked
    (tmp_path / "attack").mkdir()
    journal = (folder / "attack" / "cases.jsonl").read_bytes()
    (tmp_path / "attack" / "cases.jsonl").write_bytes(journal)

    def nothing(cases: Any, executor: Any) -> Any:
        assert not cases
        return iter(())

    def interrupt(share: float, note: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(refereeing, "execute", nothing)
    with pytest.raises(KeyboardInterrupt):
        attacker(tmp_path).run(interrupt)
    so_far = read_attack(tmp_path)
    assert so_far is not None
    assert (so_far.status, so_far.tried) == ("running", 20)
    again = attacker(tmp_path).run()
    kept = {"file", "replay"}
    assert again.model_dump(exclude=kept) == record.model_dump(exclude=kept)


def test_what_was_found_before_is_tried_first(attacked, tmp_path) -> None:
    _, record = attacked
    assert record.minimal is not None
    folder = Path(record.file).parent
    (plan,) = known_plans(folder, MADE)
    assert plan.name == record.minimal.name
    later = replace(attacker(tmp_path, budget=1, steps=1), regressions=folder).run()
    assert later.found_at == 1
    assert later.found is not None
    assert later.found.case == record.minimal.case


def test_a_plan_that_the_static_policy_does_not_survive_is_never_a_failure() -> None:
    strict = replace(MADE, survival=-10.0)
    crashing = replace(strict, challenger=PolicyRef("fleet", "nervous", STATIC.source, "nervous"))
    for attack in (strict, crashing):
        (outcome,) = Referee(attack).judge([OLD_ANSWERS])
        assert not outcome.feasible
        assert not outcome.failed
        assert outcome.score < -1


def test_a_failure_that_the_champion_has_too_is_shared_and_counts_less() -> None:
    (alone,) = Referee(MADE).judge([OLD_ANSWERS])
    (shared,) = Referee(replace(MADE, rival=RIVAL)).judge([OLD_ANSWERS])
    assert alone.new
    assert shared.failed
    assert not shared.new
    assert 1 < shared.score < 2 < alone.score


def test_a_crash_is_a_failure_and_the_static_policy_has_none() -> None:
    nervous = PolicyRef("fleet", "nervous", STATIC.source, "nervous")
    calm = Plan((Hit("obs.stale", 2, 4, 5, (("mode", "one"),)),), TERMS.first_seed)
    crashed, sound = Referee(replace(MADE, challenger=nervous)).judge([OLD_ANSWERS, calm])
    assert crashed.symptoms == {"crash: ZeroDivisionError", "law 12"}
    assert not sound.failed
    (same,) = Referee(replace(MADE, challenger=replace(STATIC, name="fleet"))).judge([OLD_ANSWERS])
    assert (same.loss, same.failed) == (0.0, False)


def test_where_somebody_fails_undisturbed_there_is_nothing_to_attack(tmp_path) -> None:
    lost = replace(attacker(tmp_path, budget=1), attack=replace(MADE, bound=-1.0))
    record = lost.run()
    assert record.status == "unfit"
    assert record.found is None
    assert record.seeds == ()
    assert "nothing to attack" in told_attack(record)[0]


def test_the_command_says_what_is_wrong_with_a_folder_that_is_no_run(tmp_path, capsys) -> None:
    assert run(["attack", str(tmp_path)]) == 2
    assert "not a run folder" in capsys.readouterr().err


def test_unknown_faults_and_damaged_records_are_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"obs\.stale"):
        attacker(tmp_path, faults=("obs.stal",)).run()
    with pytest.raises(NothingSelectedError):
        attacker(tmp_path, faults=("actor.approver",)).run()
    (tmp_path / ATTACK).write_text("{}")
    with pytest.raises(UsageError, match="damaged"):
        read_attack(tmp_path)
    assert read_attack(tmp_path / "elsewhere") is None
