"""Invariant 28: after the last fault is healed, everything comes back within the stated time.

    safety phase      faults strike: laws 1 to 27 hold
    heal              the last window is over
    liveness phase    from ``within`` after that to the end: this law

Measured against the same policy on the same seed without the faults, so that a bad week that has
nothing to do with them does not count.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stress.invariants.observed import Flow, Observed

Periods = NDArray[np.intp]
ROUNDING = 1e-9


def everything_comes_back(run: Observed) -> Iterator[str]:
    """28: service and backlog are back in their band, agents act again, breakers let them.

    What the static policy, which needs no tools, cannot mend in that time either is no fault of
    the agents: a network without spare capacity, a disruption that outlasts the run.
    """
    yield from run.said(28)
    judged = judged_periods(run)
    if not len(judged):
        return
    assert run.case.recovery is not None
    # What one period brings may fall on either side of an epoch: a short phase says less.
    band = max(run.case.recovery.band, 1.0 / len(judged))
    missing = _missing(run.course.flow, run.calm.flow, judged, band)
    if missing and not _missing(*run.without_tools(), judged, band):
        yield f"{missing} after it was healed"
    if run.outcome.spend is not None and run.outcome.spend.stopped_at is not None:
        return  # the hard stop holds until a person lifts it
    stuck = int(run.course.fallbacks[judged].sum() - run.calm.fallbacks[judged].sum())
    if stuck > 0:
        yield f"{stuck} decisions were still taken by the static policy after it was healed"


def _missing(struck: Flow, calm: Flow, judged: Periods, band: float) -> str:
    """What is not back in its band; empty where all is."""
    served, usual = struck.served[judged].sum(), calm.served[judged].sum()
    if served < (1 - band) * usual - ROUNDING:
        return f"service at {served / usual:.1%} of the undisturbed run"
    owed, before = struck.backlog[judged].mean(), calm.backlog[judged].mean()
    usual = calm.backlog.mean() + calm.ordered.mean()
    if owed > before + band * usual:
        return f"backlog of {owed:.6g} units instead of {before:.6g}"
    return ""


def judged_periods(run: Observed) -> Periods:
    """The periods of the liveness phase; none where nothing struck, or nothing is asked."""
    strikes = [strike for strike in run.case.strikes if strike.severity > 0]
    world = run.ledger.world
    if not strikes or run.case.recovery is None:
        return np.arange(0)
    healed = max(strike.window.end_d for strike in strikes)
    first = int(np.ceil((healed + run.case.recovery.within_d) / world.period_d - ROUNDING))
    return np.arange(min(first, world.periods), world.periods)
