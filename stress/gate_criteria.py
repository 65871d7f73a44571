"""G0 to G4: provenance, safety, cost and tail."""

from __future__ import annotations

import numpy as np

from stress.evidence import BASELINE, CHAMPION, FLEET, smallest
from stress.gate_model import (
    BaselineRule,
    ChampionRule,
    ProvenanceRule,
    SafetyRule,
    TailRule,
    gate_digest,
)
from stress.judging import Bench, Finding, Line, below, more_pairs
from stress.results import CaseResult, Status
from stress.statistics import (
    Array,
    Interval,
    Pairs,
    cost_ratio,
    cvar,
    cvar_ratio,
    exact_upper_bound,
)
from stress.wording import amount, change, counted, listed, percent

REQUIRED_DIGESTS = ("gate", "scenario", "artifact")
SHOWN_DIGITS = 12


def judge_provenance(rule: ProvenanceRule, bench: Bench) -> Finding:
    """G0: what was judged is what was recorded beforehand, and it is what played the cases."""
    line = Line("G0", "Provenance")
    faults = [*_changed_digests(bench), *_foreign_cases(bench)]
    if faults:
        return line.says("FAIL", f"{faults[0]}.", counted(len(faults), "problem"))
    names = listed(sorted(bench.provenance.recorded), most=6)
    return line.says("PASS", f"The digests of {names} are the recorded ones.", "all digests match")


def _changed_digests(bench: Bench) -> list[str]:
    recorded = {**bench.provenance.recorded}
    found = {**bench.provenance.found, "gate": gate_digest(bench.gate)}
    if recorded.get("gate", bench.gate_hash) != bench.gate_hash:
        return [_mismatch("gate", recorded["gate"], bench.gate_hash)]
    names = [*REQUIRED_DIGESTS, *sorted({*recorded, *found} - set(REQUIRED_DIGESTS))]
    problems = [_mismatch(name, recorded.get(name, ""), found.get(name, "")) for name in names]
    return [problem for problem in problems if problem]


def _mismatch(name: str, recorded: str, found: str) -> str:
    if not recorded:
        return f"No digest of the {name} was recorded beforehand"
    if recorded != found:
        was, now = recorded[:SHOWN_DIGITS], found[:SHOWN_DIGITS] or "nothing"
        return f"The {name} is not the one recorded beforehand (recorded {was}, found {now})"
    return ""


def _foreign_cases(bench: Bench) -> list[str]:
    artifact = bench.provenance.found.get("artifact", "")
    foreign = sum(case.policy_hash != artifact for case in bench.evidence.of(FLEET))
    return [f"{counted(foreign, 'fleet episode')} came from another checkpoint"] if foreign else []


def judge_safety(rule: SafetyRule, bench: Bench) -> Finding:
    """G1: no bad fleet episode at all, and enough episodes to bound the rate of bad ones."""
    line = Line("G1", "No invariant broken, no crash", "Episodes with a violation or crash")
    fleet = bench.evidence.of(FLEET)
    if not fleet:
        return line.says("INCONCLUSIVE", "The fleet was not run.", "none run")
    bad = [case for case in fleet if case.failed]
    bound = exact_upper_bound(len(bad), len(fleet))
    interval = Interval(len(bad) / len(fleet), 0.0, bound, len(fleet))
    status, remark = _safety(bad, bound, rule, bench)
    sentence = (
        f"{len(bad):,} of {counted(len(fleet), 'fleet episode')} broke an invariant or crashed; "
        f"with 95 % confidence the true rate is below {percent(bound)}{remark}."
    )
    figure = f"{len(bad):,} of {len(fleet):,}"
    return line.measures(status, sentence, figure, interval, rule.max_rate)


def _safety(
    bad: list[CaseResult], bound: float, rule: SafetyRule, bench: Bench
) -> tuple[Status, str]:
    if bad:
        first = bad[0]
        where = f"{first.fault}/{first.severity}, seed {first.seed}"
        return "FAIL", f"; first: {first.failure} ({where})"
    others = sum(case.failed for case in bench.evidence.cases if case.policy != FLEET)
    if others:
        return "INCONCLUSIVE", f"; but {counted(others, 'episode')} of the references went wrong"
    if bound >= rule.max_rate:
        return "INCONCLUSIVE", f"; too few to show less than {percent(rule.max_rate)}"
    return "PASS", ""


def judge_champion(rule: ChampionRule, bench: Bench) -> Finding:
    """G2: undisturbed, the fleet costs hardly more than the champion, if there is one."""
    line = Line("G2", "Not worse than the champion", "Cost against the champion")
    if bench.reference != CHAMPION:
        return line.says("PASS", "No champion yet: there is nothing to be worse than.", "none yet")
    groups = bench.evidence.nominal_pairs(CHAMPION)
    if smallest(groups) < bench.gate.minimum_pairs:
        return too_few(line, groups, bench)
    allowed = f"at most {percent(rule.max_ratio - 1)} more is allowed"
    return _compared(line, groups, CHAMPION, rule.max_ratio, allowed, bench)


def judge_baseline(rule: BaselineRule, bench: Bench) -> Finding:
    """G3: undisturbed, the fleet is cheaper than the tuned static policy, in every scenario."""
    line = Line("G3", "Beats the tuned static baseline", "Cost against the tuned static policy")
    groups = bench.evidence.nominal_pairs(BASELINE)
    if smallest(groups) < bench.gate.minimum_pairs:
        return too_few(line, groups, bench)
    asked = f"at least {percent(rule.minimum_saving)} less is asked"
    if rule.minimum_saving == 0:
        asked = "any proven saving is enough"
    finding = _compared(line, groups, BASELINE, 1 - rule.minimum_saving, asked, bench)
    return _with_worst_scenario(finding, groups, rule)


def _with_worst_scenario(
    finding: Finding, groups: tuple[Pairs, ...], rule: BaselineRule
) -> Finding:
    """Fail a good average that hides a scenario which got much worse."""
    ratios = {group.name: _ratio(group) for group in groups}
    name = max(ratios, key=ratios.__getitem__)
    if len(groups) < 2 or ratios[name] <= 1 + rule.worst_scenario:
        return finding
    sentence = (
        f"{finding.criterion.sentence} But in {name} it costs {percent(ratios[name] - 1)} more, "
        f"and at most {percent(rule.worst_scenario)} is allowed in any scenario."
    )
    update = {"status": "FAIL", "sentence": sentence}
    return Finding(finding.criterion.model_copy(update=update), finding.figure)


def _ratio(group: Pairs) -> float:
    return float(cost_ratio(group.challenger, group.baseline))


def _compared(
    line: Line,
    groups: tuple[Pairs, ...],
    reference: str,
    threshold: float,
    asked: str,
    bench: Bench,
) -> Finding:
    interval = bench.interval(groups, cost_ratio, f"{line.gate}/{reference}")
    status = below(interval, threshold)
    means = [(float(g.challenger.mean()), float(g.baseline.mean())) for g in groups]
    sentence = f"{_versus(means, interval, reference, bench)}; {asked}"
    if status == "INCONCLUSIVE":
        sentence += f", and this is {more_pairs(groups, interval, threshold)}"
    return line.compares(status, f"{sentence}.", interval, threshold)


def _versus(means: list[tuple[float, float]], ratio: Interval, reference: str, bench: Bench) -> str:
    """The comparison in words; what is earned is told as earnings."""
    name = bench.named(reference)
    if len(means) > 1:
        return f"Over {len(means)} scenarios the fleet costs {change(ratio)} than {name}"
    (fleet, other) = means[0]
    here, there = bench.money(amount(abs(fleet))), amount(abs(other))
    if fleet < 0 and other < 0:
        words = change(ratio, less="more", more="less")
        return f"The fleet earns {here} against {there} for {name}: {words}"
    if fleet >= 0 and other >= 0:
        return f"The fleet costs {here} against {there} for {name}: {change(ratio)}"
    verbs = ("earns", "costs") if fleet < 0 else ("costs", "earns")
    return f"The fleet {verbs[0]} {here} where {name} {verbs[1]} {there}: it costs {change(ratio)}"


def judge_tail(rule: TailRule, bench: Bench) -> Finding:
    """G4: the mean cost of the worst seeds, each policy over its own."""
    line = Line("G4", "Bad days are no worse", "Cost of the worst seeds")
    reference = bench.reference
    groups = bench.evidence.nominal_pairs(reference)
    if smallest(groups) < bench.gate.minimum_pairs:
        return too_few(line, groups, bench)

    def statistic(challenger: Array, baseline: Array) -> Array:
        return cvar_ratio(challenger, baseline, rule.worst_share)

    interval = bench.interval(groups, statistic, f"G4/{reference}")
    status = below(interval, rule.max_ratio)
    fleet, other = (
        float(np.mean([cvar(c, rule.worst_share) for c in costs]))
        for costs in zip(*((g.challenger, g.baseline) for g in groups), strict=True)
    )
    sentence = (
        f"On its worst {percent(rule.worst_share)} of seeds the fleet costs "
        f"{bench.money(amount(fleet))} against {amount(other)} for {bench.named(reference)} on its "
        f"own worst: {change(interval)}; at most {percent(rule.max_ratio - 1)} more is allowed"
    )
    if status == "INCONCLUSIVE":
        sentence += ", and the interval reaches beyond that: run more seeds"
    return line.compares(status, f"{sentence}.", interval, rule.max_ratio)


def too_few(line: Line, groups: tuple[Pairs, ...], bench: Bench) -> Finding:
    """The finding where there are not enough pairs to say anything."""
    n = smallest(groups)
    sentence = f"Only {counted(n, 'paired seed')}: the gate asks for {bench.gate.minimum_pairs:,}."
    return line.says("INCONCLUSIVE", sentence, f"{n:,} pairs")
