"""G10: training stayed inside its limits, judged by the lines of metrics.jsonl.

KL        approximate KL divergence of an update: the 95th percentile over all updates
relapse   how much of what it had learnt the fleet lost again by the end: mean cost against the
          static policy on the same paths, over the last tenth of the updates, less the lowest
          such mean of any tenth in a row
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stress.gate_model import StabilityRule
from stress.judging import Bench, Finding, Line
from stress.results import Status, TrainingRow
from stress.wording import counted, percent

PERCENTILE = 95
TENTHS = 10
"""Windows of a run; with fewer than two updates in each there is no relapse to see."""


def judge_stability(rule: StabilityRule, bench: Bench) -> Finding:
    """The updates kept their distance, and what was learnt was not lost again."""
    line = Line("G10", "Training was stable", "KL divergence per update")
    rows = bench.training
    if not rows:
        return line.says("INCONCLUSIVE", "No training was recorded.", "not recorded")
    kl = float(np.percentile([row.kl for row in rows], PERCENTILE))
    lost = relapse(rows)
    sentence = (
        f"In {counted(len(rows), 'update')} the KL divergence stayed below {kl:.2g} in "
        f"{PERCENTILE} % of them, and {rule.max_kl:.2g} is allowed"
    )
    if lost is not None:
        sentence += (
            f"; at the end the fleet costs {percent(lost)} of the static policy's cost more than "
            f"at its best, and {percent(rule.max_relapse)} is allowed"
        )
    if rule.max_drift is not None:
        sentence += (
            f"; behaviour is {rows[-1].drift:.2g} from where it started, "
            f"and {rule.max_drift:.2g} is allowed"
        )
    status: Status = "PASS" if _calm(rule, kl, lost, rows[-1].drift) else "FAIL"
    return line.says(status, f"{sentence}.", f"{kl:.2g}", kl, rule.max_kl)


def _calm(rule: StabilityRule, kl: float, lost: float | None, drift: float) -> bool:
    """Whether everything that has a limit is inside it."""
    far = rule.max_drift is not None and drift > rule.max_drift
    return kl <= rule.max_kl and (lost is None or lost <= rule.max_relapse) and not far


def relapse(rows: Sequence[TrainingRow]) -> float | None:
    """Cost at the end above the lowest, as a share of the static policy's; None in short runs."""
    width = len(rows) // TENTHS
    if width < 2:
        return None
    excess: NDArray[np.float64] = np.array([row.cost - row.baseline_cost for row in rows])
    scale = float(np.abs([row.baseline_cost for row in rows]).mean())
    windows = np.convolve(excess, np.full(width, 1 / width), mode="valid")
    return float(windows[-1] - windows.min()) / max(scale, 1e-9)
