"""When shipments arrive and vehicles come back, for many replications at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.engine.batch_path import as_array

Ints = NDArray[np.int64]
MOST_RUNS = 8
"""Groups of neighbouring lanes up to which cutting and joining is cheaper than masking."""


class Pipeline:
    """Shipments by period of arrival, pulled from the rows shipped before.

    A lane whose lead time is the same in all periods and replications is looked up; the others are
    picked with a mask per offset.
    """

    def __init__(self, due: Any, like: Any, xp: Any) -> None:
        self._xp = xp
        self._due = due  # (period, lane, B)
        host = _on_host(due)
        periods, lanes = host.shape[:2]
        self.any_zero = bool((host == 0).any())
        self._fixed = periods > 0 and lanes > 0 and bool((host == host[:1, :, :1]).all())
        self._groups = _groups(host[0, :, 0], like, xp) if self._fixed else []
        self._runs = _runs(host[0, :, 0]) if self._fixed else []
        self._sources = {} if self._fixed else _sources(host)
        self.longest = int(host.max(initial=0))

    def arrivals(self, t: int, shipped: Mapping[int, Any]) -> Any | None:
        """What arrives before epoch ``t`` of earlier shipments; None for nothing."""
        if self._fixed:
            return self._looked_up(t, shipped)
        total = None
        for s in self._sources.get(t, ()):
            if s < t:
                total = plus(total, self._masked(s, t - s, shipped[s]))
        return total

    def at_once(self, t: int, shipped: Any) -> Any | None:
        """What arrives in the moment it leaves, of the shipments of period ``t``."""
        if not self.any_zero:
            return None
        if self._fixed:
            mask = next(mask for offset, mask in self._groups if offset == 0)
            return shipped if mask is None else self._xp.where(mask, shipped, 0.0)
        return self._masked(t, 0, shipped) if t in self._sources.get(t, ()) else None

    def _looked_up(self, t: int, shipped: Mapping[int, Any]) -> Any | None:
        if 1 < len(self._runs) <= MOST_RUNS and t >= self.longest and not self.any_zero:
            parts = [shipped[t - offset][lanes] for offset, lanes in self._runs]
            return self._xp.concatenate(parts, 0)
        total = None
        for offset, mask in self._groups:
            if 0 < offset <= t:
                row = shipped[t - offset]
                # The first group needs no mask when all lanes are in it; later ones overwrite.
                part = row if mask is None else self._xp.where(mask, row, 0.0)
                total = part if total is None else self._xp.where(mask, row, total)
        return total

    def _masked(self, s: int, offset: int, row: Any) -> Any:
        return self._xp.where((self._due[s] == offset)[:, None], row, 0.0)


def _runs(offsets: NDArray[Any]) -> list[tuple[int, slice]]:
    """Neighbouring lanes with the same lead time."""
    starts = np.flatnonzero(np.diff(offsets, prepend=-1)).tolist()
    ends = [*starts[1:], len(offsets)]
    return [(int(offsets[a]), slice(a, b)) for a, b in zip(starts, ends, strict=True)]


class Returns:
    """Vehicles by the epoch at which they are back at their depot."""

    def __init__(self, trip_due: Any, vehicles: tuple[int, ...], like: Any, xp: Any) -> None:
        self._xp = xp
        self._due = trip_due  # (period, fleet, vehicle, B)
        self._vehicles = vehicles
        self._one = like[:1, 0] * 0 + 1  # (1, B)
        self._none = self._one * as_array(
            np.zeros((len(vehicles), 1)), xp, like.dtype, getattr(like, "device", None)
        )
        host = _on_host(trip_due)
        used = [host[:, f, :count] for f, count in enumerate(vehicles)]
        self._fixed = all(bool((x == x[:1, :1, :1]).all()) for x in used)
        self._offsets: list[Ints] = []
        if self._fixed:
            self._groups = _groups(np.array([x[0, 0, 0] for x in used]), like, xp)
        else:
            self._offsets = [np.unique(row) for row in host]
        self._rows: dict[int, Any] = {}

    def row(self, t: int) -> Any:
        """Vehicles that are back at epoch ``t``: (fleet, B)."""
        return self._rows.get(t, self._none)

    def leave(self, t: int, left: Any) -> None:
        """Note the vehicles (fleet, B) that left in period ``t``, and forget the past."""
        self._rows.pop(t, None)
        for offset, row in self._parts(t, left):
            self._rows[t + offset] = plus(self._rows.get(t + offset), row)

    def _parts(self, t: int, left: Any) -> list[tuple[int, Any]]:
        if self._fixed:
            return [
                (offset, left if mask is None else self._xp.where(mask[..., 0], left, 0.0))
                for offset, mask in self._groups
            ]
        return [(int(offset), self._counted(t, int(offset), left)) for offset in self._offsets[t]]

    def _counted(self, t: int, offset: int, left: Any) -> Any:
        """Of the vehicles that left, how many have this trip time: the k-th has the k-th draw."""
        rows = []
        for f, count in enumerate(self._vehicles):
            order = self._xp.arange(count, device=getattr(left, "device", None))[:, None]
            chosen = self._one * self._xp.less(order, left[f])
            rows.append((chosen * (self._due[t, f, :count] == offset)).sum(0))
        return self._xp.stack(rows, 0)


def plus(total: Any | None, part: Any | None) -> Any | None:
    """A sum in which None stands for nothing."""
    if total is None or part is None:
        return part if total is None else total
    return total + part


def _on_host(values: Any) -> NDArray[np.int32]:
    host: NDArray[np.int32] = values if isinstance(values, np.ndarray) else values.cpu().numpy()
    return host


def _groups(due: NDArray[Any], like: Any, xp: Any) -> list[tuple[int, Any | None]]:
    """Items by their fixed offset, with a mask (item, 1, 1); None where all items share one."""
    offsets = np.unique(due)
    if len(offsets) == 1:
        return [(int(offsets[0]), None)]
    device = getattr(like, "device", None)
    masks = [as_array((due == d)[:, None, None], xp, xp.bool, device) for d in offsets]
    return [(int(d), mask) for d, mask in zip(offsets, masks, strict=True)]


def _sources(due: NDArray[np.int32]) -> dict[int, list[int]]:
    """For each period, the periods whose shipments may arrive in it."""
    found: dict[int, list[int]] = {}
    for s, row in enumerate(due):
        for offset in np.unique(row):
            found.setdefault(s + int(offset), []).append(s)
    return found
