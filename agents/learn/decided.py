"""What was decided in the running horizon: from each rank its columns, whole in a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.learn.ranks import Ranks, Share

Decision = tuple[Any, Any, Any]
"""Orders (lane, product, B), vehicles (lane, B) and least loads (lane, B)."""


def own_decision(decision: Decision, share: Share, blocks: int = 1) -> Decision:
    """The columns of a share, from a decision for (blocks x B) networks."""
    orders, vehicles, min_load = (share.own(part, blocks) for part in decision)
    return orders, vehicles, min_load


def whole_decisions(
    decisions: Sequence[Decision], ranks: Ranks, replications: int, blocks: int = 1
) -> Sequence[Decision]:
    """The decisions of all ranks for all networks, from each rank's own."""
    if ranks.alone or not decisions:
        return decisions
    orders, vehicles, min_load = (
        ranks.total(ranks.share.spread(np.stack(part), replications, blocks))
        for part in zip(*decisions, strict=True)
    )
    return list(zip(orders, vehicles, min_load, strict=True))
