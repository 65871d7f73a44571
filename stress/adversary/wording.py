"""Plans and failures in words."""

from __future__ import annotations

from stress.adversary.plan import Hit
from stress.adversary.record import AttackRecord, Failure
from stress.adversary.referee import Attack, Outcome
from stress.results import SEVERITIES
from stress.wording import counted, percent


def told_plan(outcome: Outcome) -> str:
    """The plan and what the challenger made of it."""
    return f"{_struck(outcome)}: {_against_static(outcome)}"


def told_failure(outcome: Outcome, attack: Attack) -> str:
    """What went wrong under which faults, in one sentence."""
    result = outcome.challenger
    if result.error:
        what = f"{attack.challenger.name} crashes ({result.error})"
    elif result.violations:
        what = f"{attack.challenger.name} breaks invariant {result.violations[0]}"
    else:
        what = f"{attack.challenger.name} costs {_against_static(outcome)}"
    also = f"; {attack.rival.name} fails too" if outcome.shared and attack.rival else ""
    suffered = f"which pays {percent(max(outcome.suffered, 0.0))} more than undisturbed"
    return f"Under {_struck(outcome)}, {what}, {suffered}{also}."


def _struck(outcome: Outcome) -> str:
    hits = " and ".join(_told_hit(hit) for hit in outcome.plan.hits)
    return f"{hits} on seed {outcome.plan.seed}"


def _told_hit(hit: Hit) -> str:
    parameters = ", ".join(f"{name} {value}" for name, value in hit.parameters)
    more = f" ({parameters})" if parameters else ""
    rung = SEVERITIES[hit.severity]
    return f"{rung} {hit.family}{more} in periods {hit.first} to {hit.last}"


def _against_static(outcome: Outcome) -> str:
    direction = "more" if outcome.loss >= 0 else "less"
    return f"{percent(abs(outcome.loss))} {direction} than the static policy"


def told_attack(record: AttackRecord) -> list[str]:
    """An attack for the terminal, a line each."""
    if record.status == "unfit":
        return ["unfit: somebody fails although nothing strikes; there is nothing to attack"]
    lines = [
        f"{counted(record.tried, 'plan')} in {counted(record.episodes, 'episode')}: "
        f"{counted(record.failures, 'failure')}, {record.shared:,} shared with the "
        f"{record.against}, {record.unfair:,} unfair"
    ]
    failure = record.minimal or record.found
    if failure is None:
        return [*lines, f"closest: {record.closest or 'nothing was tried'}"]
    return [*lines, failure.sentence, *_files(record, failure)]


def _files(record: AttackRecord, failure: Failure) -> list[str]:
    first = f"first found at plan {record.found_at}" if record.found_at else "shared with all"
    lines = [f"{first}; symptoms: {', '.join(failure.symptoms)}; effort {failure.effort:,}"]
    if record.file:
        lines += [f"written to {record.file}", f"replay: {record.replay}"]
    return lines
