"""How a policy failed, in words that stay the same while a failure is made smaller."""

from __future__ import annotations

from stress.results import CaseResult

COST = "cost"
CRASH = "crash"


def symptoms(result: CaseResult, loss: float, bound: float) -> frozenset[str]:
    """``crash: Type``, ``law 12`` for each broken one, ``cost`` where the loss is above the bound.

    A crash has no cost; the laws that it broke count besides it.
    """
    found = {f"law {text.partition(' ')[0]}" for text in result.violations}
    if result.error:
        found.add(f"{CRASH}: {result.error.partition(':')[0]}")
    elif loss > bound:
        found.add(COST)
    return frozenset(found)
