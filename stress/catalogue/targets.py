"""Who is hit: Chaos Mesh's modes, and how a disruption spreads to neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from twin.network.world import World
from twin.scenario.quantities import Model, Share

T = TypeVar("T")
Mode = Literal["one", "all", "fixed", "fixed-percent"]


class Targets(Model):
    """How many of those that could be hit are hit; which ones is drawn."""

    mode: Mode = "all"
    """one; all; fixed: ``value`` of them; fixed-percent: ``value`` percent of them, rounded up."""
    value: Annotated[float, Field(ge=0, le=100_000)] = 1.0
    """How many, or how many percent; only read by the modes fixed and fixed-percent."""

    @model_validator(mode="after")
    def _percent(self) -> Targets:
        if self.mode == "fixed-percent" and self.value > 100:
            raise ValueError(f"value: got {self.value:g} percent, expected at most 100")
        return self

    def chosen(self, candidates: Sequence[T], rng: np.random.Generator) -> tuple[T, ...]:
        """Those that are hit, in the order of ``candidates``; more of them include fewer."""
        order = rng.permutation(len(candidates))
        return tuple(candidates[i] for i in sorted(order[: self._count(len(candidates))]))

    def _count(self, available: int) -> int:
        counts = {
            "one": 1,
            "all": available,
            "fixed": int(self.value),
            "fixed-percent": math.ceil(self.value / 100 * available - 1e-9),
        }
        return min(counts[self.mode], available)


class Region(Targets):
    """Targets in a network, with those near them that go down too."""

    mode: Mode = "one"
    blast_radius: Annotated[int, Field(ge=0, le=100)] = 0
    """Nodes within this many lanes of a node that is hit may be hit too."""
    correlation: Share = 0.5
    """Probability that such a neighbour is hit, per lane of distance."""

    def hit(
        self, world: World, candidates: Sequence[int], rng: np.random.Generator
    ) -> NDArray[np.intp]:
        """Nodes that are hit, ascending: those chosen, and the neighbours drawn with them."""
        struck = set(self.chosen(candidates, rng))
        luck = rng.random(len(world.nodes))
        if self.blast_radius:
            for node, distance in distances(world, struck).items():
                if distance <= self.blast_radius and luck[node] < self.correlation**distance:
                    struck.add(node)
        return np.array(sorted(struck), dtype=np.intp)


def distances(world: World, sources: set[int]) -> dict[int, int]:
    """Lanes between each reachable node and the nearest source, directions ignored."""
    found = dict.fromkeys(sorted(sources), 0)
    frontier = list(found)
    while frontier:
        reached: list[int] = []
        for node in frontier:
            for near in _neighbours(world, node):
                if near not in found:
                    found[near] = found[node] + 1
                    reached.append(near)
        frontier = reached
    return found


def _neighbours(world: World, node: int) -> list[int]:
    ahead = world.destination[world.source == node]
    behind = world.source[world.destination == node]
    return sorted({*ahead.tolist(), *behind.tolist()})
