"""What the meaning checks look at: a valid model, and the names its file declares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from twin.scenario.lanes import split_lane
from twin.scenario.model import ScenarioModel
from twin.scenario.nodes import MapNode, Node, child

MAX_PERIODS = 10_000


@dataclass(frozen=True)
class Subject:
    """A model, and the tree it comes from.

    Entries that did not fit the schema are missing from the model but still declared: a lane to a
    node with a wrong capacity is not a lane to an unknown node.
    """

    model: ScenarioModel
    root: Node

    def declared(self, section: str) -> tuple[str, ...]:
        """Names in one section of the file, in order; the default names where it has none."""
        entry = child(self.root, section)
        if entry is None or not isinstance(entry.node, MapNode):
            return tuple(getattr(self.model, section))
        return tuple(entry.node.entries)

    @cached_property
    def nodes(self) -> dict[str, None]:
        """Names of all nodes, in order."""
        return dict.fromkeys(self.declared("nodes"))

    @cached_property
    def products(self) -> dict[str, None]:
        """Names of all products, in order."""
        return dict.fromkeys(self.declared("products"))

    @cached_property
    def fleets(self) -> dict[str, None]:
        """Names of all fleets, in order."""
        return dict.fromkeys(self.declared("fleets"))

    @cached_property
    def lanes(self) -> dict[str, tuple[str, str]]:
        """Source and destination of every lane between two declared nodes, by key as written."""
        return {
            key: ends
            for key, ends in self.lane_ends()
            if ends is not None and all(end in self.nodes for end in ends)
        }

    @cached_property
    def inbound(self) -> dict[str, list[str]]:
        """Keys of the lanes into each node."""
        keys: dict[str, list[str]] = {}
        for key, (_, destination) in self.lanes.items():
            keys.setdefault(destination, []).append(key)
        return keys

    @cached_property
    def periods(self) -> int | None:
        """Number of periods of the horizon, or None when that is not a whole number in bounds."""
        count = whole_periods(self.model.horizon, self.model.period)
        return count if count is not None and 1 <= count <= MAX_PERIODS else None

    def lane_ends(self) -> Iterator[tuple[str, tuple[str, str] | None]]:
        """Every lane key with its ends, or with None when it is not ``a -> b``."""
        for key in self.declared("lanes"):
            yield key, split_lane(key)


def whole_periods(duration_d: float, period_d: float) -> int | None:
    """How many periods a duration is, or None when that is not a whole number.

    >>> whole_periods(1.0, 0.1), whole_periods(1.0, 0.3)
    (10, None)
    """
    ratio = duration_d / period_d
    return round(ratio) if abs(ratio - round(ratio)) <= 1e-9 * max(1.0, ratio) else None
