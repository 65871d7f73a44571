"""G5 to G7: resilience per fault family, the cost of control, malformed answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stress.evidence import BASELINE, CALM, FLEET, Cell, smallest
from stress.gate_model import ControlRule, MalformedRule, ResilienceRule
from stress.judging import Bench, Finding, Line, at_most, more_pairs, worst
from stress.results import NOMINAL, CaseResult, Status
from stress.statistics import Interval, cost_ratio
from stress.wording import change, change_parts, counted, listed, number, percent, severity, span


def judge_resilience(rule: ResilienceRule, bench: Bench) -> list[Finding]:
    """G5, one finding per fault family.

    Against the static baseline, whose decisions need no tools and which therefore loses nothing
    when tools fail, the fleet must stay within ``max_loss`` of it under the same stress:

        lost = cost ratio of F_stressed to R_stressed - 1

    Against a champion, which is exposed as the fleet is, it must keep its lead. Points lost at one
    severity, over the seeds that were run four ways:

        lost = (mean(F_stressed - F_calm) - mean(R_stressed - R_calm)) / |mean(R_calm)|

    with F the fleet's cost per period, R the reference's. The fleet's lead over the reference,
    in shares of the reference's undisturbed cost, shrinks by this much. Dividing both by the same
    yardstick, rather than each by its own undisturbed cost, does not punish a fleet for being
    cheap to begin with. Every family has to pass at every severity, so many families do not make
    a pass by luck more likely.
    """
    families = sorted({*bench.evidence.families, *rule.families})
    if families:
        return [_family(family, rule, bench) for family in families]
    sentence = "No fault was tried, so nothing is known about resilience."
    return [Line("G5", "Resilience").says("INCONCLUSIVE", sentence, "no fault tried")]


@dataclass(frozen=True)
class _Loss:
    """Points lost at one severity; no interval where there were too few seeds."""

    level: int
    status: Status
    seeds: int
    interval: Interval | None = None
    lead: tuple[float, float] = (0.0, 0.0)
    """Lead over the reference, undisturbed and stressed, in shares of its undisturbed cost."""
    advice: str = ""


def _family(family: str, rule: ResilienceRule, bench: Bench) -> Finding:
    line = Line(f"G5/{family}", f"Resilience to {family}", f"Worst loss under {family}")
    broken = _broken(family, rule, bench)
    if broken:
        return line.says("FAIL", broken, "did not end safely")
    losses = [_loss(family, level, rule, bench) for level in _levels(family, rule, bench)]
    if not losses:
        sentence = f"{family} was not run up to {severity(rule.up_to_severity)}."
        return line.says("INCONCLUSIVE", sentence, "not run")
    unseen = _unseen(family, rule, bench)
    status = worst([loss.status for loss in losses] + (["INCONCLUSIVE"] if unseen else []))
    return _worst_loss(line, losses, status, unseen, family, rule, bench)


def _levels(family: str, rule: ResilienceRule, bench: Bench) -> list[int]:
    return [s for s in bench.evidence.severities(family) if s <= rule.up_to_severity]


def _broken(family: str, rule: ResilienceRule, bench: Bench) -> str:
    """What went wrong in an episode under the family, at any severity."""
    struck = bench.evidence.struck(family)
    bad = [case for case in struck if case.failed]
    if not bad:
        return ""
    first = bad[0]
    return (
        f"Under {family} {len(bad):,} of {counted(len(struck), 'episode')} did not end safely; "
        f"first at {severity(first.severity)}: {first.failure}."
    )


def _unseen(family: str, rule: ResilienceRule, bench: Bench) -> str:
    if not rule.must_be_seen:
        return ""
    struck = bench.evidence.struck(family)
    if not sum(case.fired for case in struck):
        return "the fault never struck, which proves nothing"
    if not sum(case.seen for case in struck):
        return "no agent ever noticed the fault, which proves nothing"
    return ""


def _loss(family: str, level: int, rule: ResilienceRule, bench: Bench) -> _Loss:
    groups = bench.evidence.stressed(bench.reference, (family, level))
    against_static = bench.reference == BASELINE
    lost = [group.stressed if against_static else group.lost for group in groups]
    seeds = smallest(lost)
    if seeds < rule.minimum_seeds:
        return _Loss(level, "INCONCLUSIVE", seeds)
    purpose = f"G5/{bench.reference}/{family}/{level}"
    interval = bench.interval(lost, cost_ratio, purpose).shifted(-1.0)
    calm = sum(1 - float(cost_ratio(g.calm.challenger, g.calm.baseline)) for g in groups)
    status = at_most(interval, rule.max_loss)
    undecided = status == "INCONCLUSIVE"
    advice = more_pairs(lost, interval, rule.max_loss) if undecided else ""
    lead = calm / len(groups)
    left = -interval.value if against_static else lead - interval.value
    return _Loss(level, status, seeds, interval, (lead, left), advice)


def _worst_loss(
    line: Line,
    losses: Sequence[_Loss],
    status: Status,
    unseen: str,
    family: str,
    rule: ResilienceRule,
    bench: Bench,
) -> Finding:
    thin = [loss for loss in losses if loss.interval is None]
    measured = [(loss, loss.interval) for loss in losses if loss.interval is not None]
    if not measured:
        sentence = (
            f"Under {family} only {counted(thin[0].seeds, 'paired seed')} at "
            f"{severity(thin[0].level)}: the gate asks for {rule.minimum_seeds:,}."
        )
        return line.says("INCONCLUSIVE", sentence, f"{thin[0].seeds} pairs")
    loss, interval = max(
        measured, key=lambda pair: (pair[0].status == "FAIL", pair[1].high, pair[1].value)
    )
    remarks = [loss.advice] if loss.advice else []
    remarks += [f"{severity(t.level)} had only {counted(t.seeds, 'paired seed')}" for t in thin]
    remarks += [unseen] if unseen else []
    sentence = "; ".join([_told(loss, interval, family, rule, bench), *remarks])
    if bench.reference == BASELINE:
        size, around = change_parts(interval.shifted(1.0))
        label = f"Cost against the baseline under {family}, severity {loss.level} ({around})"
        line, figure = replace(line, label=label), size
    else:
        figure = f"{_points(interval.value)} at severity {loss.level}"
    return line.measures(status, f"{sentence}.", figure, interval, rule.max_loss)


def _told(loss: _Loss, interval: Interval, family: str, rule: ResilienceRule, bench: Bench) -> str:
    """The worst severity in words."""
    calm, stressed = loss.lead
    reference = bench.named(bench.reference)
    where = f"Under {family}, worst at {severity(loss.level)}, the fleet"
    if bench.reference == BASELINE:
        return (
            f"{where} costs {change(interval.shifted(1.0))} than {reference} under the same "
            f"stress; at most {percent(rule.max_loss)} more is allowed"
        )
    return (
        f"{where}'s cost advantage over {reference} goes from {percent(calm)} to "
        f"{percent(stressed)}: {_points(interval.value)} lost (95 % interval "
        f"{span(interval.low, interval.high)[:-2]}, {counted(interval.n, 'paired seed')}); "
        f"at most {_points(rule.max_loss)} may be lost"
    )


def _points(share: float) -> str:
    return f"{number(100 * share)} points"


def judge_control(rule: ControlRule, bench: Bench) -> list[Finding]:
    """G6: attempts per call and money spent, undisturbed and under each fault.

    Totals over a whole cell (fault and severity) are compared: retry budgets make one bad minute
    legitimate, not a bad campaign.
    """
    struck = [
        (family, level)
        for family in bench.evidence.families
        for level in bench.evidence.severities(family)
        if level <= rule.up_to_severity
    ]
    return [_amplification([CALM, *struck], rule, bench), _spend(struck, rule, bench)]


def _amplification(cells: Sequence[Cell], rule: ControlRule, bench: Bench) -> Finding:
    line = Line("G6/amplification", "Retries stay bounded", "Attempts per tool call")
    totals = {cell: _calls(bench.evidence.in_cell(FLEET, cell)) for cell in cells}
    ratios = {cell: attempts / calls for cell, (attempts, calls) in totals.items() if calls}
    if not ratios:
        return line.says("INCONCLUSIVE", "No tool call was counted.", "no calls")
    cell = max(ratios, key=ratios.__getitem__)
    status: Status = "PASS" if ratios[cell] <= rule.max_amplification else "FAIL"
    sentence = (
        f"At most {ratios[cell]:.3g} attempts per tool call, {_where(cell)}, in "
        f"{counted(sum(calls for _, calls in totals.values()), 'call')}; "
        f"the limit is {rule.max_amplification:g}."
    )
    return line.says(status, sentence, f"{ratios[cell]:.3g}", ratios[cell], rule.max_amplification)


def _calls(cases: Sequence[CaseResult]) -> tuple[int, int]:
    return sum(case.attempts for case in cases), sum(case.calls for case in cases)


def _where(cell: Cell) -> str:
    return "undisturbed" if cell[0] == NOMINAL else f"under {cell[0]} at {severity(cell[1])}"


def _spend(cells: Sequence[Cell], rule: ControlRule, bench: Bench) -> Finding:
    line = Line("G6/spend", "Tool spending stays within forecast", "Tool spending to forecast")
    spent = {cell: _spent(cell, bench) for cell in cells}
    ratios = {cell: used / forecast for cell, (used, forecast) in spent.items() if forecast > 0}
    unforeseen = [cell for cell, (used, forecast) in spent.items() if used > 0 >= forecast]
    if unforeseen:
        sentence = f"Tools cost money {_where(unforeseen[0])}, but none was forecast."
        return line.says("FAIL", sentence, "not forecast")
    if not ratios:
        return _no_spend(line, cells, bench)
    cell = max(ratios, key=ratios.__getitem__)
    status: Status = "PASS" if ratios[cell] <= rule.max_spend else "FAIL"
    sentence = (
        f"At most {ratios[cell]:.3g} times the forecast (the same seeds undisturbed) is spent on "
        f"tools, {_where(cell)}; the limit is {rule.max_spend:g}."
    )
    return line.says(status, sentence, f"{ratios[cell]:.3g} times", ratios[cell], rule.max_spend)


def _no_spend(line: Line, cells: Sequence[Cell], bench: Bench) -> Finding:
    if cells and bench.evidence.in_cell(FLEET, CALM):
        return line.says("PASS", "Tool calls are free of charge in these scenarios.", "free")
    sentence = "No stressed episode can be compared with an undisturbed one."
    return line.says("INCONCLUSIVE", sentence, "not compared")


def _spent(cell: Cell, bench: Bench) -> tuple[float, float]:
    """Money spent on tools in a cell, and on the same seeds undisturbed."""
    used = forecast = 0.0
    for scenario in bench.evidence.scenarios:
        struck = bench.evidence.sound(FLEET, scenario, cell)
        calm = bench.evidence.sound(FLEET, scenario)
        for seed in sorted(struck.keys() & calm.keys()):
            used += struck[seed].control_cost
            forecast += calm[seed].control_cost
    return used, forecast


def judge_malformed(rule: MalformedRule, bench: Bench) -> Finding:
    """G7: per episode, as many failure labels as spoilt answers, and nothing else went wrong.

    A spoilt answer that is accepted leaves no label. Labels of other failures in the same episode
    can hide it from the count; the invariants (9, 10) are the second line.
    """
    line = Line("G7", "Malformed answers are harmless", "Spoilt answers without a label")
    struck = bench.evidence.struck(*rule.families)
    fired = sum(case.fired for case in struck)
    name = listed(rule.families)
    if not fired:
        return line.says("INCONCLUSIVE", f"No answer was spoilt by {name}.", "none spoilt")
    executed = sum(bool(case.violations) for case in struck)
    uncaught = sum(bool(case.error) for case in struck)
    missing = sum(max(case.fired - sum(case.labels.values()), 0) for case in struck)
    share = missing / fired
    passed = not executed and not uncaught and share <= rule.max_unlabelled
    sentence = (
        f"Of {counted(fired, 'spoilt answer')} in {counted(len(struck), 'episode')} {missing:,} "
        f"had no failure label; {counted(executed, 'episode')} broke an invariant, {uncaught:,} "
        "crashed."
    )
    status: Status = "PASS" if passed else "FAIL"
    figure = f"{missing:,} of {fired:,}"
    return line.says(status, sentence, figure, share, rule.max_unlabelled)
