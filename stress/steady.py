"""The steady-state hypothesis: what undisturbed episodes must show before anything is stressed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stress.evidence import BASELINE
from stress.results import CaseResult
from stress.spec import SteadyState

SHOWN = 3


def steady_state_problem(terms: SteadyState, results: Sequence[CaseResult]) -> str:
    """Why the hypothesis does not hold; empty where it does."""
    failed = [result for result in results if result.failed]
    if failed:
        reasons = dict.fromkeys(r.failure for r in failed)
        shown = "; ".join(list(reasons)[:SHOWN])
        return f"{len(failed)} of {len(results)} undisturbed episodes failed: {shown}"
    return "; ".join(_unfit(terms, results))


def _unfit(terms: SteadyState, results: Sequence[CaseResult]) -> Iterator[str]:
    """What undisturbed episodes should have shown and did not, by scenario and policy."""
    for scenario in dict.fromkeys(r.scenario for r in results):
        here = [r for r in results if r.scenario == scenario]
        reference = _mean_cost(here, BASELINE)
        for policy in dict.fromkeys(r.policy for r in here):
            own = [r for r in here if r.policy == policy]
            served = sum(r.fill_rate for r in own) / len(own)
            if served < terms.min_fill_rate:
                yield (
                    f"{policy} serves {served:.1%} undisturbed in {scenario}, "
                    f"at least {terms.min_fill_rate:.1%} is asked"
                )
            yield from _dear(terms, scenario, policy, _mean_cost(own, policy), reference)


def _dear(
    terms: SteadyState, scenario: str, policy: str, cost: float | None, reference: float | None
) -> Iterator[str]:
    most = terms.max_cost_ratio
    if most is None or policy == BASELINE or cost is None or reference is None:
        return
    allowed = reference + (most - 1) * abs(reference)
    if cost > allowed:
        yield (
            f"{policy} costs {cost:.6g} undisturbed in {scenario}, "
            f"at most {allowed:.6g} is asked ({most:g} times the {BASELINE})"
        )


def _mean_cost(results: Sequence[CaseResult], policy: str) -> float | None:
    costs = [r.cost for r in results if r.policy == policy]
    return sum(costs) / len(costs) if costs else None
