"""The verdict in words: the band on top, the gates, and what the evidence does not show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.load import Run
from reports.numbers import ABSENT, SPACE, number, percent, plural
from stress.evidence import FLEET
from stress.results import NOMINAL, SEVERITIES, CaseResult, Criterion, Figure, Manifest, Verdict

TONES = {"PASS": "pass", "FAIL": "fail", "INCONCLUSIVE": "open"}
"""Status to colour class and icon name."""
UNJUDGED = "NOT JUDGED"
CONFIDENCE = 0.95


@dataclass(frozen=True)
class GateView:
    """One line of the gate table, as text."""

    gate: str
    title: str
    status: str
    tone: str
    value: str
    interval: str
    threshold: str
    margin: str
    sentence: str


@dataclass(frozen=True)
class VerdictView:
    """The verdict band."""

    status: str
    tone: str
    sentence: str
    figures: tuple[Figure, ...]
    champion: str
    promoted: str


def verdict_view(run: Run) -> VerdictView:
    """The band; a run without a verdict says so."""
    promoted = run.manifest.promoted
    if run.verdict is None:
        sentence = "This run has no verdict yet: no gate has been applied to the checkpoint."
        return VerdictView(UNJUDGED, "none", sentence, (), "", promoted)
    verdict = run.verdict
    return VerdictView(
        verdict.status,
        TONES[verdict.status],
        verdict_sentence(verdict, run.manifest),
        tuple(Figure(label=unbroken(f.label), value=unbroken(f.value)) for f in verdict.figures),
        verdict.champion,
        promoted,
    )


def verdict_sentence(verdict: Verdict, manifest: Manifest) -> str:
    """One plain sentence: how many gates, which ones decided, and by how much."""
    total = len(verdict.criteria)
    if verdict.status == "PASS":
        saving = saving_clause(manifest)
        return f"The checkpoint passed {_all_gates(total)}{f': {saving}' if saving else ''}."
    failed = [c for c in verdict.criteria if c.status == "FAIL"]
    undecided = [c for c in verdict.criteria if c.status == "INCONCLUSIVE"]
    if failed:
        return (
            f"{_of(len(failed), total)} failed: {_names(failed)}; the checkpoint is not promoted."
        )
    return (
        f"{_of(len(undecided), total)} could not be decided: {_names(undecided)}; "
        "the evidence is too thin to promote the checkpoint."
    )


def saving_clause(manifest: Manifest) -> str:
    """What the fleet saves against the baseline, in words; empty where it is not known."""
    fleet = next((c for c in manifest.contenders if c.name == FLEET), None)
    baseline = next((c for c in manifest.contenders if c.name == "baseline"), None)
    if fleet is None or baseline is None or baseline.cost <= 0:
        return ""
    low, high = sorted((abs(1 - fleet.ratio_low), abs(1 - fleet.ratio_high)))
    word = "less" if fleet.ratio < 1 else "more"
    interval = f" (95\u00a0% interval {100 * low:.1f} to {percent(high)})"
    if (fleet.ratio_low - 1) * (fleet.ratio_high - 1) < 0:
        interval = " (the 95\u00a0% interval includes no difference)"
    return (
        f"the fleet costs {percent(abs(1 - fleet.ratio))} {word} per period than "
        f"the tuned static baseline{interval}"
    )


def _all_gates(total: int) -> str:
    return "its only gate" if total == 1 else f"all {total} gates"


def _of(some: int, total: int) -> str:
    return f"{some} of {plural(total, 'gate')}"


def _names(criteria: Sequence[Criterion]) -> str:
    return ", ".join(f"{c.gate} {c.title}" for c in criteria)


def gate_views(verdict: Verdict | None) -> tuple[GateView, ...]:
    """The gate table, in the gate file's order."""
    return tuple(_gate(c) for c in verdict.criteria) if verdict else ()


def _gate(criterion: Criterion) -> GateView:
    low, high = criterion.low, criterion.high
    return GateView(
        criterion.gate,
        criterion.title,
        criterion.status,
        TONES[criterion.status],
        number(criterion.value),
        "" if low is None or high is None else f"{number(low)} to {number(high)}",
        threshold_text(criterion),
        number(criterion.margin, signed=True),
        unbroken(criterion.sentence),
    )


def unbroken(text: str) -> str:
    """The text with its percent signs tied to their numbers."""
    return text.replace(" %", f"{SPACE}%")


def direction(criterion: Criterion) -> str:
    """``at most`` or ``at least`` as a sign, read off the margin; empty where it cannot be told."""
    threshold, margin = criterion.threshold, criterion.margin
    if threshold is None or margin is None or margin == 0:
        return ""
    measured = [v for v in (criterion.value, criterion.low, criterion.high) if v is not None]
    near = 1e-6 * max(abs(threshold), abs(margin), 1.0)
    if any(abs(threshold - v - margin) <= near for v in measured):
        return "\u2264\u00a0"
    return "\u2265\u00a0" if any(abs(v - threshold - margin) <= near for v in measured) else ""


def threshold_text(criterion: Criterion) -> str:
    """The threshold as it was set, with its direction; a dash where the gate has none."""
    limit = criterion.threshold
    return ABSENT if limit is None else f"{direction(criterion)}{limit:,.10g}"


def upper_bound(trials: int) -> float:
    """The largest rate that still gives no event in so many trials with 5 % probability.

    Exact one-sided 95 % bound, 1 - 0.05^(1/n); about 3/n.

    >>> round(upper_bound(300), 4)
    0.0099
    """
    return float(1 - (1 - CONFIDENCE) ** (1 / trials))


def caveats(run: Run) -> tuple[str, ...]:
    """What the evidence does not show, sentence by sentence."""
    manifest = run.manifest
    fleet = tuple(c for c in run.cases if c.policy == FLEET)
    stressed = tuple(c for c in fleet if c.fault != NOMINAL and c.severity > 0)
    found = [
        f"One scenario ({manifest.scenario}) and one training seed ({manifest.seed}) were used: "
        "nothing is claimed about other networks, or about how often training succeeds.",
        "Every number comes from the simulator. It says nothing about a real network until the "
        "scenario's demand, lead times and costs have been checked against data.",
        *_seeds(run),
        *_bound(fleet, stressed),
        *_unproven(stressed),
        _untried(stressed),
        "Intervals are at 95 % each and are not widened for the number of comparisons.",
    ]
    return tuple(found)


def _seeds(run: Run) -> list[str]:
    seeds = sorted({c.seeds for c in run.manifest.contenders})
    if not seeds:
        return ["The nominal comparison is missing, so no saving is claimed."]
    span = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    return [
        f"The nominal comparison uses {span} evaluation seeds of {run.manifest.periods} periods; "
        "rarer events than these can hold are not covered."
    ]


def _bound(fleet: Sequence[CaseResult], stressed: Sequence[CaseResult]) -> list[str]:
    if not stressed:
        return ["No stress episode was run: nothing is claimed about behaviour under faults."]
    broken = sum(1 for c in fleet if c.violations)
    if broken:
        return [f"{plural(broken, 'episode')} of {len(fleet):,} broke an invariant."]
    bound = percent(upper_bound(len(fleet)), 2)
    return [
        f"No invariant was broken in {plural(len(fleet), 'episode')} of the fleet "
        f"({len(stressed):,} under stress); at 95 % confidence an episode drawn the same way "
        f"breaks one with a probability below {bound}, not zero."
    ]


def _unproven(stressed: Sequence[CaseResult]) -> list[str]:
    faults = sorted({c.fault for c in stressed})
    idle = [f for f in faults if not any(c.fired for c in stressed if c.fault == f)]
    unseen = [
        f for f in faults if f not in idle and not any(c.seen for c in stressed if c.fault == f)
    ]
    lines = []
    if idle:
        lines.append(f"Never struck, so not tested: {', '.join(idle)}.")
    if unseen:
        lines.append(f"Struck, but never noticed by an agent: {', '.join(unseen)}.")
    return lines


def _untried(stressed: Sequence[CaseResult]) -> str:
    tried = {c.severity for c in stressed}
    left = [SEVERITIES[n] for n in range(1, len(SEVERITIES)) if n not in tried]
    gap = f" Severities not tried: {', '.join(left)}." if left and tried else ""
    return f"Faults were tried one at a time and at the listed severities only.{gap}"
