"""Draws the disruptions of a scenario: what is struck, when, and how much still works.

An occurrence counts for every period whose epoch it covers. Where several strike at once, the
shares that still work multiply, and so do the price factors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.exogenous.lead_time import draw_times
from twin.exogenous.streams import stream
from twin.network.world import World
from twin.scenario.disruption import Disruption
from twin.scenario.lanes import lane_name

Floats = NDArray[np.float64]
Struck = NDArray[np.bool_]
MAX_OCCURRENCES = 100_000


@dataclass(frozen=True)
class Working:
    """What still works, by period; all ones without disruptions."""

    nodes: Floats  # (period, node)
    lanes: Floats  # (period, lane)
    fleets: Floats  # (period, fleet)
    price: Floats  # (period, lane) factor


def draw_disruptions(world: World, seed: int) -> Working:
    """Draw every disruption from the streams ``disruption/<name>``."""
    nodes, lanes, _, fleets = world.shape
    periods = world.periods
    working = Working(*(np.ones((periods, n)) for n in (nodes, lanes, fleets, lanes)))
    for name, spec in world.model.disruptions.items():
        for kind, index, struck in _strikes(world, name, spec, seed):
            remaining = np.where(struck, spec.remaining, 1.0)
            getattr(working, kind)[:, index] *= remaining
            dearer = np.where(struck, spec.price_factor, 1.0)
            if kind == "lanes":
                working.price[:, index] *= dearer
            elif kind == "nodes":
                working.price[:, world.source == index] *= dearer[:, None]
    return working


def _strikes(
    world: World, name: str, spec: Disruption, seed: int
) -> Iterator[tuple[str, int, Struck]]:
    """Kind, index and struck periods of each target."""
    rng = stream(seed, f"disruption/{name}")
    common = _occurrences(world, spec, rng)
    for kind, index, label in _targets(world, spec):
        own = stream(seed, f"disruption/{name}/{kind}/{label}")
        times = common if spec.together else _occurrences(world, spec, own)
        struck = np.zeros(world.periods, dtype=bool)
        epoch = np.arange(world.periods) * world.period_d + 1e-9
        for start, end in times:
            if own.random() < spec.spread:
                struck |= (start <= epoch) & (epoch < end)
        yield kind, index, struck


def _occurrences(
    world: World, spec: Disruption, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Begin and end of every occurrence within the horizon, in days."""
    found = [(window.start, window.end) for window in spec.windows]
    if spec.mtbf is None or spec.mttr is None:
        return found
    now = float(draw_times(spec.mtbf, (1,), rng)[0])
    for _ in range(MAX_OCCURRENCES):
        if now >= world.model.horizon:
            break
        lasts = float(draw_times(spec.mttr, (1,), rng)[0])
        found.append((now, now + lasts))
        now += lasts + float(draw_times(spec.mtbf, (1,), rng)[0])
    return found


def _targets(world: World, spec: Disruption) -> Iterator[tuple[str, int, str]]:
    """Kind (a field of Working), index and name of every target, each once."""
    targets, nodes = spec.targets, world.model.nodes
    regional = [name for name, node in nodes.items() if node.region in targets.regions]
    for name in dict.fromkeys((*targets.nodes, *regional)):
        yield "nodes", world.nodes.index(name), name
    for key in dict.fromkeys(lane_name(lane) for lane in targets.lanes):
        yield "lanes", world.lanes.index(key), key
    names = [fleet.name for fleet in world.fleets]
    for name in dict.fromkeys(targets.fleets):
        yield "fleets", names.index(name), name
