"""The network drawn by echelon: a layered layout (Sugiyama's method), the same for every run.

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

from reports.numbers import fixed
from twin.network.graph import depth_from_sources

SWEEPS = 8
CARD_WIDTH = 148
PAGE_WIDTH = 1040
MARGIN = 12
THICK, THIN = 11.0, 1.25
"""Stroke width in px of the busiest lane and of the quietest."""
LABELLED_LANES = 16
"""Up to so many lanes carry their flow as text; the table lists them all."""
Lanes = Sequence[tuple[int, int]]
Place = tuple[float, float]


@dataclass(frozen=True)
class NodeMark:
    """A node's card: place of its left top corner, and what it says."""

    index: int
    x: float
    y: float
    kind: str
    name: str
    short: str
    stock: str
    fill: float
    """Share of the most the node ever held."""


@dataclass(frozen=True)
class LaneMark:
    """A lane: a path, its width by flow, and its label's place."""

    path: str
    width: float
    title: str
    text: str
    x: float
    y: float


@dataclass(frozen=True)
class Picture:
    """Everything the template draws; sizes in px."""

    width: int
    height: int
    card_height: int
    nodes: tuple[NodeMark, ...]
    lanes: tuple[LaneMark, ...]
    kinds: tuple[str, ...]

    @property
    def card_width(self) -> int:
        """Width of every card."""
        return CARD_WIDTH


@dataclass(frozen=True)
class Slots:
    """Columns of slots: real nodes first, then the empty slots of lanes that skip columns."""

    columns: tuple[tuple[int, ...], ...]
    routes: tuple[tuple[int, ...], ...]
    """By lane: the slots it passes, ends included."""
    links: tuple[tuple[int, int], ...] = field(default=())


def layered(nodes: int, lanes: Lanes) -> Slots:
    """Put nodes and empty slots into columns, in input order."""
    ends = np.asarray(lanes, dtype=np.intp).reshape(-1, 2)
    depth = [int(d) for d in depth_from_sources(ends[:, 0], ends[:, 1], nodes)]
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
    total = 0
    for c in range(len(columns) - 1):
        pairs = sorted((place[a], place[b]) for a, b in links if column_of[a] == c)
        seen: list[int] = []
        for _, right in pairs:
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


def draw_network(
    names: Sequence[str],
    kinds: Sequence[str],
    lanes: Lanes,
    flow: Sequence[float],
    stock: Sequence[float],
    peak: Sequence[float],
) -> Picture:
    """Lay out and label the network; flow per lane and stock per node in units.

    Raises SimulationError when the network has a cycle.
    """
    slots = layered(len(names), lanes)
    columns = ordered(slots)
    rows = max(map(len, columns))
    card, pitch = (40, 62) if rows <= 10 else (32, 42) if rows <= 20 else (24, 30)
    across, height = _column_pitch(len(columns)), rows * pitch + 2 * MARGIN
    place = _places(columns, across, height)
    nodes = tuple(
        _card(n, place[n], card, names[n], kinds[n], stock[n], peak[n]) for n in range(len(names))
    )
    width = int(2 * MARGIN + CARD_WIDTH + (len(columns) - 1) * across)
    marks = _lane_marks(names, lanes, slots.routes, place, flow)
    return Picture(width, height, card, nodes, marks, tuple(dict.fromkeys(kinds)))


def _places(columns: Sequence[Sequence[int]], across: float, height: int) -> dict[int, Place]:
    """Left end and middle height of every slot, spread evenly over each column."""
    return {
        slot: (MARGIN + c * across, (n + 0.5) * height / len(column))
        for c, column in enumerate(columns)
        for n, slot in enumerate(column)
    }


def _card(
    index: int, place: Place, height: int, name: str, kind: str, stock: float, peak: float
) -> NodeMark:
    fill = round(min(stock / peak, 1.0), 4) if peak > 0 else 0.0
    top = round(place[1] - height / 2, 1)
    return NodeMark(index, place[0], top, kind, name, _shortened(name), fixed(stock, 0), fill)


def _column_pitch(columns: int) -> float:
    """Distance between columns: fills the page for few, keeps room for curves for many."""
    room = (PAGE_WIDTH - 2 * MARGIN - CARD_WIDTH) / max(columns - 1, 1)
    return round(min(max(room, CARD_WIDTH + 70), CARD_WIDTH + 240), 1)


def _lane_marks(
    names: Sequence[str],
    lanes: Lanes,
    routes: Sequence[Sequence[int]],
    place: dict[int, Place],
    flow: Sequence[float],
) -> tuple[LaneMark, ...]:
    most = max(flow, default=0.0)
    marks = []
    for (source, destination), route, units in zip(lanes, routes, flow, strict=True):
        share = units / most if most > 0 else 0.0
        title = f"{names[source]} to {names[destination]}: {fixed(units, 1)} units per period"
        text = fixed(units, 1) if len(lanes) <= LABELLED_LANES else ""
        width = round(THIN + (THICK - THIN) * share, 2)
        x, y = _label_place(place[route[-2]], place[route[-1]], width)
        marks.append(LaneMark(_curve([place[slot] for slot in route]), width, title, text, x, y))
    return tuple(marks)


def _curve(points: Sequence[Place]) -> str:
    """Cubic curves from card to card, straight through empty slots."""
    path = ""
    for (x0, y0), (x1, y1) in pairwise(points):
        start, bend = x0 + CARD_WIDTH, (x1 - x0 - CARD_WIDTH) / 2
        path += f"{'L' if path else 'M'}{start:.1f},{y0:.1f}"
        path += f"C{start + bend:.1f},{y0:.1f} {x1 - bend:.1f},{y1:.1f} {x1:.1f},{y1:.1f}"
    return path


def _label_place(start: Place, end: Place, width: float) -> Place:
    """Above a point two thirds along the last curve, where a fan has spread (t = 0.72)."""
    t = 0.72
    rise = 3 * t**2 - 2 * t**3
    left = start[0] + CARD_WIDTH
    across = 1.5 * t * (1 - t) ** 2 + 1.5 * t**2 * (1 - t) + t**3
    above = start[1] + rise * (end[1] - start[1]) - width / 2 - 11
    return round(left + across * (end[0] - left), 1), round(above, 1)


def _shortened(name: str, most: int = 15) -> str:
    """A name that fits a card; the full one is in the tooltip and the table."""
    return name if len(name) <= most else name[: most - 1] + "\u2026"
