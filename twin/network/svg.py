"""A network as one self-contained SVG, by echelon from left to right; the same bytes every time."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from twin.network.layout import layered, ordered
from twin.network.world import World
from twin.scenario.model import ScenarioModel
from twin.scenario.times import ConstantTime
from twin.scenario.wording import with_unit

CARD_WIDTH, CARD_HEIGHT = 176, 46
COLUMN, ROW, MARGIN, HEAD = 296, 74, 20, 40
LABELLED_LANES = 40
"""Up to so many lanes carry their lead time as text; every lane has it in its tooltip."""
FILLS = {
    "supplier": "#e3e9f2",
    "factory": "#efe3f2",
    "warehouse": "#e2f0e6",
    "store": "#f7ecd9",
}
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1c2430}"
    ".small{font-size:11px;fill:#4a5563}.head{font-size:15px;font-weight:600}"
    ".card{stroke:#5a6675}.lane{fill:none;stroke:#7b8794;stroke-width:1.5}"
    ".fleet{stroke-dasharray:6 3}.halo{paint-order:stroke;stroke:#fff;stroke-width:4px}"
)
ARROW = (
    '<marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0,0L8,4L0,8z" fill="#7b8794"/></marker>'
)
Place = tuple[float, float]


def network_svg(model: ScenarioModel, world: World) -> str:
    """The SVG text: a card per node with its kind and stock, an arrow per lane with its lead time.

    Lanes that a fleet carries are dashed. Raises SimulationError when the network has a cycle.
    """
    lanes = [(int(a), int(b)) for a, b in zip(world.source, world.destination, strict=True)]
    slots = layered(len(world.nodes), lanes)
    columns = ordered(slots)
    rows = max(map(len, columns))
    width = 2 * MARGIN + CARD_WIDTH + (len(columns) - 1) * COLUMN
    height = HEAD + rows * ROW + MARGIN
    place = _places(columns, rows * ROW)
    routes = [[place[slot] for slot in route] for route in slots.routes]
    title = f"{model.name}: {len(world.nodes)} nodes, {len(world.lanes)} lanes"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="{_safe(title)}">',
        f"<title>{_safe(title)}</title>",
        f"<style>{STYLE}</style><defs>{ARROW}</defs>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text class="head" x="{MARGIN}" y="{HEAD - 14}">{_safe(_shortened(title, 80))}</text>',
        *(_lane(model, world, lane, route) for lane, route in enumerate(routes)),
        *(_card(model, world, node, place[node]) for node in range(len(world.nodes))),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _places(columns: tuple[tuple[int, ...], ...], height: int) -> dict[int, Place]:
    """Left end and middle height of every slot, spread evenly over each column."""
    return {
        slot: (MARGIN + c * COLUMN, HEAD + (n + 0.5) * height / len(column))
        for c, column in enumerate(columns)
        for n, slot in enumerate(column)
    }


def _card(model: ScenarioModel, world: World, index: int, place: Place) -> str:
    name, (x, y) = world.nodes[index], place
    kind = model.nodes[name].kind
    stock = float(world.initial_stock[index].sum())
    held = "unlimited" if world.unlimited[index] else f"{stock:,.12g} in stock"
    top = y - CARD_HEIGHT / 2
    return (
        f"<g><title>{_safe(name)} ({kind}, {held})</title>"
        f'<rect class="card" x="{x:.1f}" y="{top:.1f}" width="{CARD_WIDTH}" '
        f'height="{CARD_HEIGHT}" rx="6" fill="{FILLS.get(kind, "#eee")}"/>'
        f'<text x="{x + 10:.1f}" y="{top + 19:.1f}">{_safe(_shortened(name, 22))}</text>'
        f'<text class="small" x="{x + 10:.1f}" y="{top + 36:.1f}">{kind}, {held}</text></g>'
    )


def _lane(model: ScenarioModel, world: World, lane: int, route: list[Place]) -> str:
    ends = f"{world.nodes[world.source[lane]]} -> {world.nodes[world.destination[lane]]}"
    lead = _lead_time(world, lane)
    fleet = world.fleets[world.fleet_of[lane]].name if world.fleet_of[lane] >= 0 else ""
    title = f"{ends}: lead time {lead}{f', fleet {fleet}' if fleet else ''}"
    style = "lane fleet" if fleet else "lane"
    drawn = f'<path class="{style}" marker-end="url(#arrow)" d="{curve(route, CARD_WIDTH)}"/>'
    label = _label(lead, route) if len(world.lanes) <= LABELLED_LANES else ""
    return f"<g><title>{_safe(title)}</title>{drawn}{label}</g>"


def _lead_time(world: World, lane: int) -> str:
    time = world.lead_time[lane]
    if isinstance(time, ConstantTime):
        return with_unit(time.value, ("DURATION_D",))
    return f"{time.model}, mean {world.lead_periods(lane) * world.period_d:.3g} d"


def curve(points: Sequence[Place], card_width: float) -> str:
    """Cubic curves from card to card, straight through empty slots, as the data of an SVG path."""
    path = ""
    for (x0, y0), (x1, y1) in pairwise(points):
        start, bend = x0 + card_width, (x1 - x0 - card_width) / 2
        path += f"{'L' if path else 'M'}{start:.1f},{y0:.1f}"
        path += f"C{start + bend:.1f},{y0:.1f} {x1 - bend:.1f},{y1:.1f} {x1:.1f},{y1:.1f}"
    return path


def _label(text: str, route: list[Place]) -> str:
    """Above the middle of the last curve."""
    (x0, y0), (x1, y1) = route[-2], route[-1]
    x, y = (x0 + CARD_WIDTH + x1) / 2, (y0 + y1) / 2 - 5
    return (
        f'<text class="small halo" text-anchor="middle" x="{x:.1f}" y="{y:.1f}">'
        f"{_safe(_shortened(text, 22))}</text>"
    )


def _shortened(text: str, most: int) -> str:
    """A text that fits; the full one is in the tooltip."""
    return text if len(text) <= most else text[: most - 1] + "\u2026"


def _safe(text: str) -> str:
    """Text for XML: escaped, and without the characters XML cannot hold."""
    allowed = "".join(c for c in text if c in "\t\n" or (c >= " " and c not in "\x7f\ufffe\uffff"))
    return escape(allowed)
