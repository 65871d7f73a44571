"""Puts a network into columns by echelon: a layered layout (Sugiyama's method), always the same.

Columns are longest paths from the sources. A lane that skips columns gets an empty slot in each,
so that it runs between the nodes and not through them. Within a column the order follows the
barycentre of the neighbours; the order with the fewest crossings of all sweeps is kept.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from twin.errors import UsageError
from twin.network.graph import depth_from_sources

SWEEPS = 8
MAX_SLOTS = 5_000
"""Nodes and empty slots that are laid out; nobody reads a larger picture."""
Lanes = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Slots:
    """Columns of slots: real nodes first, then the empty slots of lanes that skip columns."""

    columns: tuple[tuple[int, ...], ...]
    routes: tuple[tuple[int, ...], ...]
    """By lane: the slots it passes, ends included."""
    links: tuple[tuple[int, int], ...] = field(default=())


def layered(nodes: int, lanes: Lanes) -> Slots:
    """Put nodes and empty slots into columns, in input order.

    Raises SimulationError when the network has a cycle, UsageError when it is too large to draw.
    """
    ends = np.asarray(lanes, dtype=np.intp).reshape(-1, 2)
    depth = [int(d) for d in depth_from_sources(ends[:, 0], ends[:, 1], nodes)]
    size = nodes + sum(depth[b] - depth[a] - 1 for a, b in lanes)
    if size > MAX_SLOTS or len(lanes) > MAX_SLOTS:
        got = f"{nodes:,} nodes, {len(lanes):,} lanes over {max(depth) + 1:,} echelons"
        raise UsageError("the network is too large to draw", "", got, f"{MAX_SLOTS:,} places")
    columns: list[list[int]] = [[] for _ in range(max(depth, default=0) + 1)]
    for node, column in enumerate(depth):
        columns[column].append(node)
    routes, fresh = [], nodes
    for source, destination in lanes:
        skipped = range(depth[source] + 1, depth[destination])
        through = tuple(range(fresh, fresh + len(skipped)))
        for column, slot in zip(skipped, through, strict=True):
            columns[column].append(slot)
        fresh += len(skipped)
        routes.append((source, *through, destination))
    links = tuple(link for route in routes for link in pairwise(route))
    return Slots(tuple(map(tuple, columns)), tuple(routes), links)


def crossings(columns: Sequence[Sequence[int]], links: Lanes) -> int:
    """How many pairs of links cross between neighbouring columns."""
    place = {slot: n for column in columns for n, slot in enumerate(column)}
    column_of = {slot: c for c, column in enumerate(columns) for slot in column}
    gaps: list[list[tuple[int, int]]] = [[] for _ in columns]
    for a, b in links:
        gaps[column_of[a]].append((place[a], place[b]))
    return sum(_inversions(pairs) for pairs in gaps)


def _inversions(pairs: list[tuple[int, int]]) -> int:
    """Pairs of links whose ends are in opposite order."""
    seen: list[int] = []
    total = 0
    for _, right in sorted(pairs):
        total += len(seen) - bisect_right(seen, right)
        insort(seen, right)
    return total


def ordered(slots: Slots) -> tuple[tuple[int, ...], ...]:
    """Columns in the order with the fewest crossings found."""
    columns = [list(column) for column in slots.columns]
    best, fewest = slots.columns, crossings(slots.columns, slots.links)
    for sweep in range(SWEEPS):
        _sweep(columns, slots.links, forward=sweep % 2 == 0)
        found = crossings(columns, slots.links)
        if found < fewest:
            best, fewest = tuple(map(tuple, columns)), found
    return best


def _sweep(columns: list[list[int]], links: Lanes, forward: bool) -> None:
    neighbours: dict[int, list[int]] = {}
    for a, b in links:
        key, value = (b, a) if forward else (a, b)
        neighbours.setdefault(key, []).append(value)
    for column in columns if forward else reversed(columns):
        height = {slot: (n + 0.5) / len(other) for other in columns for n, slot in enumerate(other)}
        wanted = {slot: _mean([height[o] for o in neighbours.get(slot, [slot])]) for slot in column}
        column.sort(key=wanted.__getitem__)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
