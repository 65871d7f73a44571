"""The playback as pictures: the network, stock and service over time, and frames to scrub."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.figures import (
    MAX_POINTS,
    Axis,
    Line,
    LineChart,
    axis,
    binned,
    polyline,
    stems,
    steps_area,
    tight_axis,
)
from reports.network_picture import Picture, draw_network
from reports.nominal_view import policy_name, rank, role
from reports.numbers import ABSENT, Money, fixed, percent, plural
from stress.results import Playback

SHOWN_NODES = 24
"""Most nodes drawn over time; the table lists them all."""
FRAME_NUMBERS = 60_000
"""Most numbers embedded for the scrubber; longer or wider episodes skip periods."""
Table = Sequence[Sequence[float]]


@dataclass(frozen=True)
class FlowRow:
    """A lane and its mean flow by policy."""

    source: str
    destination: str
    flows: tuple[str, ...]


@dataclass(frozen=True)
class NetworkView:
    """The network picture with its table."""

    picture: Picture
    policies: tuple[str, ...]
    flows: tuple[FlowRow, ...]
    fleets: tuple[str, ...]
    summary: str


@dataclass(frozen=True)
class NodeChart:
    """Stock and service of one node."""

    name: str
    kind: str
    stock: LineChart
    demand: LineChart | None
    """None where customers ask for nothing."""
    unmet: LineChart | None
    note: str


@dataclass(frozen=True)
class NodeRow:
    """A node's figures, by policy in the order of the head."""

    name: str
    kind: str
    demand: str
    on_hand: tuple[str, ...]
    unmet: tuple[str, ...]


@dataclass(frozen=True)
class TimeView:
    """Stock, service and cost over time."""

    seed: int
    policies: tuple[tuple[str, str], ...]
    """Name and colour class."""
    cost: LineChart | None
    charts: tuple[NodeChart, ...]
    rows: tuple[NodeRow, ...]
    hidden: int
    bin_width: int
    currency: str


def policies_of(playback: Playback) -> tuple[str, ...]:
    """Policies with a stock record, the fleet first."""
    return tuple(sorted(playback.on_hand, key=lambda name: (rank(name), name)))


def column(table: Table, index: int) -> list[float]:
    """One node's series."""
    return [row[index] for row in table]


def mean(series: Sequence[float]) -> float:
    """Mean; zero for an empty series."""
    return sum(series) / len(series) if series else 0.0


def is_playable(playback: Playback | None) -> bool:
    """Whether there is anything to draw over time."""
    return playback is not None and bool(playback.nodes and playback.demand and playback.on_hand)


def network_view(playback: Playback | None) -> NetworkView | None:
    """The network picture; None where there are no nodes."""
    if playback is None or not playback.nodes:
        return None
    policies = tuple(sorted(playback.shipped, key=lambda name: (rank(name), name)))
    index = {name: n for n, name in enumerate(playback.nodes)}
    lanes = [(index[a], index[b]) for a, b in playback.lanes]
    flow = playback.shipped[policies[0]] if policies else [0.0] * len(lanes)
    table = playback.on_hand[policies_of(playback)[0]] if playback.on_hand else []
    stock = [mean(column(table, n)) for n in range(len(index))]
    picture = draw_network(playback.nodes, playback.kinds, lanes, flow, stock, node_peaks(playback))
    flows = tuple(
        FlowRow(a, b, tuple(fixed(playback.shipped[p][n], 1) for p in policies))
        for n, (a, b) in enumerate(playback.lanes)
    )
    summary = f"{plural(len(index), 'node')} and {plural(len(lanes), 'lane')}"
    names = tuple(policy_name(p) for p in policies)
    return NetworkView(picture, names, flows, _fleet_names(playback), summary)


def _fleet_names(playback: Playback) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in playback.fleets if name))


def node_peaks(playback: Playback) -> list[float]:
    """The most each node ever held, under any policy."""
    return [
        max((row[n] for table in playback.on_hand.values() for row in table), default=0.0)
        for n in range(len(playback.nodes))
    ]


def time_view(playback: Playback | None, currency: str) -> TimeView | None:
    """Everything over time; None where the run recorded no episode."""
    if playback is None or not is_playable(playback):
        return None
    policies = policies_of(playback)
    nodes = [n for n, kind in enumerate(playback.kinds) if kind != "supplier"]
    busiest = sorted(nodes, key=lambda n: -sum(column(playback.demand, n)))
    shown = sorted(busiest[:SHOWN_NODES])
    return TimeView(
        playback.seed,
        tuple((policy_name(p), role(p)) for p in policies),
        _cost_chart(playback),
        tuple(_node_chart(playback, n, policies[:2]) for n in shown),
        tuple(_node_row(playback, n, policies) for n in nodes),
        len(nodes) - len(shown),
        max(1, math.ceil(len(playback.demand) / MAX_POINTS)),
        currency,
    )


def _period_axis(periods: int, points: int) -> tuple[Axis, list[float]]:
    """The axis of periods and the middle of each bin on it."""
    width = periods / points
    return tight_axis(0.0, float(periods), 6), [(n + 0.5) * width for n in range(points)]


def _cost_chart(playback: Playback) -> LineChart | None:
    """Cumulative cost by policy."""
    names = sorted((p for p, c in playback.cost.items() if c), key=lambda p: (-rank(p), p))
    if not names:
        return None
    totals = {name: binned(_cumulative(playback.cost[name])) for name in names}
    x, xs = _period_axis(len(playback.cost[names[0]]), len(totals[names[0]]))
    y = axis([v for series in totals.values() for v in series], 4, zero=True)
    lines = (Line(role(n), policy_name(n), polyline(xs, totals[n], x, y)) for n in names)
    return LineChart(tuple(lines), x, y)


def _cumulative(series: Sequence[float]) -> list[float]:
    total, out = 0.0, []
    for value in series:
        total += value
        out.append(total)
    return out


def _node_chart(playback: Playback, node: int, policies: Sequence[str]) -> NodeChart:
    stock = {p: binned(column(playback.on_hand[p], node)) for p in policies}
    x, xs = _period_axis(len(playback.demand), len(next(iter(stock.values()))))
    y = axis([v for series in stock.values() for v in series], 3, zero=True)
    lines = [Line(role(p), policy_name(p), polyline(xs, stock[p], x, y)) for p in policies]
    return NodeChart(
        playback.nodes[node],
        playback.kinds[node],
        LineChart(tuple(reversed(lines)), x, y),
        _demand_chart(playback, node, x),
        _unmet_chart(playback, node, policies, x),
        "; ".join(_unmet_note(playback, node, p) for p in policies if p in playback.unmet),
    )


def _demand_chart(playback: Playback, node: int, x: Axis) -> LineChart | None:
    demand = binned(column(playback.demand, node))
    y = axis(demand, 2, zero=True)
    return LineChart((), x, y, steps_area(demand, y)) if any(demand) else None


def _unmet_chart(
    playback: Playback, node: int, policies: Sequence[str], x: Axis
) -> LineChart | None:
    """One stroke per period and policy, side by side."""
    known = [p for p in policies if p in playback.unmet]
    unmet = {p: binned(column(playback.unmet[p], node)) for p in known}
    y = axis([v for series in unmet.values() for v in series], 2, zero=True)
    shifts = {p: (n + 1) / (len(known) + 1) for n, p in enumerate(known)}
    marks = (Line(role(p), policy_name(p), stems(unmet[p], y, shifts[p])) for p in known)
    return LineChart((), x, y, stems=tuple(marks))


def _unmet_note(playback: Playback, node: int, policy: str) -> str:
    return f"{policy_name(policy)} {_unmet(playback, node, policy)}"


def _unmet(playback: Playback, node: int, policy: str) -> str:
    """Unmet units and their share of demand."""
    if policy not in playback.unmet:
        return ABSENT
    lost = sum(column(playback.unmet[policy], node))
    asked = sum(column(playback.demand, node))
    return f"{fixed(lost, 0)} ({percent(lost / asked)})" if asked > 0 else ABSENT


def _node_row(playback: Playback, node: int, policies: Sequence[str]) -> NodeRow:
    asked = mean(column(playback.demand, node))
    return NodeRow(
        playback.nodes[node],
        playback.kinds[node],
        fixed(asked, 1) if asked else ABSENT,
        tuple(fixed(mean(column(playback.on_hand[p], node)), 1) for p in policies),
        tuple(_unmet(playback, node, p) for p in policies),
    )


def frames(playback: Playback | None, currency: str) -> dict[str, object] | None:
    """Data of the period scrubber: whole units by policy, frame and node; plain JSON types."""
    if playback is None or not is_playable(playback):
        return None
    policies = policies_of(playback)
    width = len(playback.nodes) * (2 * len(policies) + 1)
    step = max(1, math.ceil(len(playback.demand) * width / FRAME_NUMBERS))
    return {
        "step": step,
        "periods": len(playback.demand),
        "currency": currency,
        "names": [policy_name(p) for p in policies],
        "peak": [round(value, 1) for value in node_peaks(playback)],
        "demand": _whole(playback.demand[::step]),
        "stock": [_whole(playback.on_hand[p][::step]) for p in policies],
        "unmet": [_whole(playback.unmet.get(p, [])[::step]) for p in policies],
        "cost": [_texts(playback.cost.get(p, [])[::step], currency) for p in policies],
    }


def _whole(table: Table) -> list[list[int]]:
    return [[round(value) for value in row] for row in table]


def _texts(amounts: Sequence[float], currency: str) -> list[str]:
    money = Money.fitting(currency, amounts)
    return [money.text(amount) for amount in amounts]
