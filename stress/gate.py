"""The gate: judges a checkpoint by the criteria of a gate file fixed before training.

Each criterion is PASS, FAIL (the estimate is on the wrong side) or INCONCLUSIVE (too few pairs, or
the estimate is on the right side but its bound is not). One FAIL fails the checkpoint, one
INCONCLUSIVE leaves it undecided, and only PASS promotes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from agents.credit.record import Audit
from stress.adversary.record import AttackRecord
from stress.evidence import gather
from stress.gate_adversary import judge_adversary
from stress.gate_credit import judge_work_share
from stress.gate_criteria import (
    judge_baseline,
    judge_champion,
    judge_provenance,
    judge_safety,
    judge_tail,
)
from stress.gate_model import GateModel, gate_digest, load_gate
from stress.gate_resilience import judge_control, judge_malformed, judge_resilience
from stress.gate_stability import judge_stability
from stress.judging import Bench, Finding, Provenance, worst
from stress.results import CaseResult, Figure, TrainingRow, Verdict
from stress.statistics import Interval

__all__ = ["GateModel", "Provenance", "gate_digest", "judge", "load_gate"]

JUDGES: dict[str, Callable[[Any, Bench], Finding | list[Finding]]] = {
    "provenance": judge_provenance,
    "safety": judge_safety,
    "champion": judge_champion,
    "baseline": judge_baseline,
    "tail": judge_tail,
    "resilience": judge_resilience,
    "control": judge_control,
    "malformed": judge_malformed,
    "adversary": judge_adversary,
    "work_share": judge_work_share,
    "stability": judge_stability,
}
"""By the name of the rule in ``Criteria``, G0 to G10."""
FIGURES = 3
FIRST_FIGURES = ("G3", "G5", "G1", "G2", "G4", "G6", "G7", "G8", "G9", "G10", "G0")
"""Which figures decide when nothing stands out."""


def judge(
    gate: GateModel,
    gate_hash: str,
    cases: Iterable[CaseResult],
    provenance: Provenance,
    *,
    gate_file: str = "",
    credit: Mapping[str, Interval] | None = None,
    audit: Audit | None = None,
    training: Sequence[TrainingRow] = (),
    attack: AttackRecord | None = None,
    champion: str = "",
    baseline_name: str = "the tuned static policy",
    currency: str = "",
) -> Verdict:
    """Judge the fleet's cases.

    ``gate_hash`` is the digest taken before training; ``credit`` holds per agent the cost per
    period with the agent replaced by the static policy less the fleet's (positive: it helps);
    ``audit`` adds the agents' Shapley values, which then decide G9; ``training`` are the updates
    that led to the fleet; ``attack`` is what the adversary found; ``champion`` is the version
    of the reigning model, whose cases have the policy ``champion``.

    Raises UsageError when two different results claim to be the same case.
    """
    bench = Bench(
        gate,
        gate_hash,
        gather(cases),
        provenance,
        credit,
        audit,
        tuple(training),
        attack,
        champion,
        baseline_name,
        currency,
    )
    findings = _findings(bench)
    return Verdict(
        status=worst([finding.criterion.status for finding in findings]),
        criteria=tuple(finding.criterion for finding in findings),
        gate_file=gate_file or gate.name,
        gate_hash=gate_hash,
        figures=_figures(findings),
        champion=champion,
    )


def _findings(bench: Bench) -> list[Finding]:
    """Judge every criterion that the gate file asks for, in order."""
    found: list[Finding] = []
    for name, judge_one in JUDGES.items():
        rule = getattr(bench.gate.criteria, name)
        made = [] if rule is None else judge_one(rule, bench)
        found += made if isinstance(made, list) else [made]
    return found


def _figures(findings: Sequence[Finding]) -> tuple[Figure, ...]:
    """At most three figures, of different gates: what failed first, then saving, stress, safety."""
    chosen: dict[str, Figure] = {}
    for finding in sorted(findings, key=_prominence):
        chosen.setdefault(_family(finding), finding.figure)
    return tuple(chosen.values())[:FIGURES]


def _family(finding: Finding) -> str:
    return finding.criterion.gate.partition("/")[0]


def _prominence(finding: Finding) -> tuple[int, int, float]:
    margin = finding.criterion.margin
    tightest = margin if margin is not None else float("inf")
    return finding.rank, FIRST_FIGURES.index(_family(finding)), tightest
