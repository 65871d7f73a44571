"""What several processes saw and did, put together as if one had played all networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from agents.learn.batch import Batch, GroupBatch
from agents.learn.decided import Decision
from agents.learn.ranks import Share
from agents.learn.rollout import Segment

Part = TypeVar("Part", Batch, GroupBatch)


def joined_segments(parts: Sequence[Segment], shares: Sequence[Share], count: int) -> Segment:
    """One segment of ``count`` replications, of which each part has its share."""
    groups = tuple(
        _joined(of_group, shares, count)
        for of_group in zip(*(part.batch.groups for part in parts), strict=True)
    )
    batches = [part.batch for part in parts]
    if any(batch.alive is not None for batch in batches):
        batches = [batch.flagged() for batch in batches]
    batch = _joined([replace(batch, groups=()) for batch in batches], shares, count)
    weights = [share.count(count) / count for share in shares]
    return Segment(
        replace(batch, groups=groups),
        float(np.dot(weights, [part.cost for part in parts])),
        float(np.dot(weights, [part.baseline_cost for part in parts])),
    )


def joined_decisions(
    parts: Sequence[Sequence[Decision]], shares: Sequence[Share], count: int, blocks: int = 1
) -> list[Decision]:
    """Decisions for all networks, from those for each share of them."""
    return [_decision(period, shares, count, blocks) for period in zip(*parts, strict=True)]


def _decision(
    parts: Sequence[Decision], shares: Sequence[Share], count: int, blocks: int
) -> Decision:
    orders, vehicles, min_load = (
        sum(share.spread(part, count, blocks) for share, part in zip(shares, of_kind, strict=True))
        for of_kind in zip(*parts, strict=True)
    )
    return orders, vehicles, min_load


def _joined(parts: Sequence[Part], shares: Sequence[Share], count: int) -> Part:
    """A dataclass of arrays with the replications in the second axis."""
    names = [field.name for field in fields(parts[0])]
    arrays = {name: [getattr(part, name) for part in parts] for name in names}
    return replace(parts[0], **{n: _columns(own, shares, count) for n, own in arrays.items()})


def _columns(parts: Sequence[Any], shares: Sequence[Share], count: int) -> Any:
    """Arrays (x, replication, ...) side by side; what has no replications is the same in all."""
    first: NDArray[Any] | tuple[()] = parts[0]
    if not isinstance(first, np.ndarray) or first.ndim < 2:
        return first
    whole = np.empty((len(first), count, *first.shape[2:]), dtype=first.dtype)
    for part, share in zip(parts, shares, strict=True):
        whole[:, share.columns] = part
    return whole
