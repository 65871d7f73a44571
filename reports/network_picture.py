"""The network drawn by echelon, the same for every run, with flow, stock and fill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.numbers import fixed
from twin.network.layout import Lanes, layered, ordered
from twin.network.svg import curve

CARD_WIDTH = 148
PAGE_WIDTH = 1040
MARGIN = 12
THICK, THIN = 11.0, 1.25
"""Stroke width in px of the busiest lane and of the quietest."""
LABELLED_LANES = 16
"""Up to so many lanes carry their flow as text; the table lists them all."""
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
        path = curve([place[slot] for slot in route], CARD_WIDTH)
        marks.append(LaneMark(path, width, title, text, x, y))
    return tuple(marks)


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
