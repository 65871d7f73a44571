"""Tells one decision in words: what the agent saw, wished and was allowed, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agents.trace.record import DecisionTrace, Odds, ReadTrace
from twin.tools.quota import SECONDS_PER_D

MAX_NUMBERS = 12
"""Numbers told in one line."""
_VERDICTS = {
    "agent": "The agent decided, on answers of this period.",
    "last_good": "The agent decided, on answers some of which were older.",
    "fallback": "The agent did not decide.",
    "killed": "The agent was out of control (kill switch).",
}
_EFFECTS = {
    "applied": "Its wish took effect.",
    "late": "A wish that had come late for the period before took effect.",
    "static": "The static policy decided instead.",
    "stopped": "Nothing was ordered or booked.",
}
_APPROVALS = {
    "granted": "A person approved it.",
    "denied": "A person denied it.",
    "timeout": "No person answered in time, which means no.",
    "killed": "It waited for an approval when the agent was killed.",
    "spend_stop": "Asking a person would have exceeded the spend limit.",
}


def told(trace: DecisionTrace, currency: str = "") -> str:
    """One decision, a line per step."""
    return "\n".join(_lines(trace, currency))


def _lines(trace: DecisionTrace, currency: str) -> Iterator[str]:
    yield f"{trace.agent}, period {trace.epoch} (decision {trace.sequence})"
    for read in trace.reads:
        yield f"  read    {_read(read)}"
    if trace.observation_hash:
        wait = _seconds(trace.seen - trace.effective)
        yield f"  saw     observation {trace.observation_hash}, complete {wait} after the epoch"
    elif trace.verdict != "killed":
        yield "  saw     too little to decide"
    if trace.wish:
        yield f"  drew    {_odds(trace.odds)}"
        yield f"  wished  {_numbers(trace.wish, trace.names)}   (policy {trace.policy_hash[:16]})"
    if trace.approval:
        yield f"  asked   {_APPROVALS.get(trace.approval, trace.approval)}"
    if trace.write_attempts:
        failures = _failures(trace.write_failures)
        yield f"  sent    {_count(trace.write_attempts, 'attempt')}{failures}"
    yield f"  verdict {_VERDICTS[trace.verdict]} {_EFFECTS[trace.effect]}"
    if trace.done:
        yield f"  done    {_numbers(trace.done, trace.names)}"
    money = ", ".join(f"{part.name} {part.money:.6g}" for part in trace.parts)
    unit = f" {currency}" if currency else ""
    yield f"  brought reward {trace.reward:.6g}{unit}" + (f" (node: {money})" if money else "")
    if trace.link:
        yield f"  link    {trace.link}"


def _read(read: ReadTrace) -> str:
    told = f"{read.tool} {read.entity}: "
    if read.age is None:
        told += "no answer"
    else:
        told += "fresh" if read.age == 0 else f"{_count(read.age, 'period')} old"
    told += f", {_count(read.attempts, 'attempt')} in {_seconds(read.answered - read.asked)}"
    told += _failures(read.failures)
    return told + (f": {_numbers(read.numbers)}" if read.numbers else "")


def _odds(odds: Sequence[Odds]) -> str:
    """The distribution of each action: a mean and its standard deviation, or a choice."""
    if not odds:
        return "no distribution: a rule, or a policy that tells none"
    shown = "; ".join(_odd(one) for one in odds[:MAX_NUMBERS])
    more = len(odds) - MAX_NUMBERS
    return shown + (f"; and {more} more" if more > 0 else "")


def _odd(odds: Odds) -> str:
    if not odds.choices:
        spread = "no spread in the checkpoint" if odds.std is None else f"sd {odds.std:.3g}"
        return f"mean {odds.mean:.3g}, {spread}"
    ranked = sorted(zip(odds.worth, odds.choices, strict=True), reverse=True)
    chance = max(odds.probabilities)
    told = (
        f"{odds.mean:.3g} of {_count(len(odds.choices), 'choice')}, with probability {chance:.3g}"
    )
    if len(ranked) < 2:
        return told
    (worth, _), (next_worth, choice) = ranked[:2]
    return f"{told} (worth {worth:.4g}; next {choice:.3g}, worth {next_worth:.4g})"


def _failures(labels: Sequence[str]) -> str:
    return f" ({', '.join(labels)})" if labels else ""


def _numbers(values: Sequence[float], names: Sequence[str] = ()) -> str:
    shown = [f"{value:.6g}" for value in values[:MAX_NUMBERS]]
    if names:
        shown = [f"{name} {value}" for name, value in zip(names, shown, strict=False)]
    more = len(values) - len(shown)
    return ", ".join(shown) + (f", and {more} more" if more else "")


def _count(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _seconds(days: float) -> str:
    seconds = days * SECONDS_PER_D
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
