"""How long each transition takes: the world changes, an agent sees it, acts, and it has an effect.

Histograms with ten buckets per factor of ten, in simulated seconds and in wall seconds. Simulated
times are part of the run; wall times are those of the machine, differ from run to run, and are in
no digest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.trace.record import DecisionTrace
from twin.tools.quota import SECONDS_PER_D

PER_DECADE = 10
LOWEST_S = 1e-7
DECADES = 15
"""Up to 1e8 s, three years; what is shorter or longer falls into the outermost buckets."""
TRANSITIONS = ("changed to seen", "seen to acted", "acted to effect")


@dataclass
class Histogram:
    """Counts of durations; a quantile is right within a bucket's width, 26 %."""

    counts: list[int] = field(default_factory=lambda: [0] * (PER_DECADE * DECADES))
    total: int = 0
    longest_s: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        place = PER_DECADE * math.log10(max(seconds, LOWEST_S) / LOWEST_S)
        self.counts[min(int(place), len(self.counts) - 1)] += 1
        self.total += 1
        self.longest_s = max(self.longest_s, seconds)

    def quantile(self, share: float) -> float:
        """The upper edge of the bucket that holds a quantile, in seconds; 0 when empty."""
        seen = 0
        for place, count in enumerate(self.counts):
            seen += count
            if count and seen >= share * self.total:
                return min(LOWEST_S * 10 ** ((place + 1) / PER_DECADE), self.longest_s)
        return 0.0

    def rows(self) -> list[tuple[float, int]]:
        """Upper edges (seconds) and counts of the buckets that are not empty."""
        edges = (LOWEST_S * 10 ** ((place + 1) / PER_DECADE) for place in range(len(self.counts)))
        return [(edge, count) for edge, count in zip(edges, self.counts, strict=True) if count]


@dataclass
class Latencies:
    """One histogram per transition."""

    of: dict[str, Histogram] = field(
        default_factory=lambda: {name: Histogram() for name in TRANSITIONS}
    )

    def document(self) -> dict[str, dict[str, Any]]:
        """As plain data, by transition: count of each bucket that is not empty, by its place."""
        return {
            name: {
                "places": {str(i): n for i, n in enumerate(one.counts) if n},
                "longest_s": one.longest_s,
            }
            for name, one in self.of.items()
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Mapping[str, Any]]) -> Latencies:
        """What ``document`` wrote; raises ValueError or KeyError for anything else."""
        found = cls()
        for name, histogram in found.of.items():
            places = {int(i): int(n) for i, n in document[name]["places"].items()}
            if any(not 0 <= i < len(histogram.counts) or n < 1 for i, n in places.items()):
                raise ValueError(f"no such bucket of {name}")
            for place, count in places.items():
                histogram.counts[place] = count
            histogram.total = sum(places.values())
            histogram.longest_s = float(document[name]["longest_s"])
        return found

    def add(self, moments: Sequence[float]) -> None:
        """Count one decision: when the world changed, was seen, was acted on, took effect (s)."""
        for name, begin, end in zip(TRANSITIONS, moments, moments[1:], strict=False):
            self.of[name].add(end - begin)


def simulated(traces: Iterable[DecisionTrace]) -> Latencies:
    """The latencies of decisions that agents took, in simulated seconds."""
    found = Latencies()
    for trace in traces:
        if trace.effect == "applied":
            times = (trace.changed, trace.seen, trace.acted, trace.settled)
            found.add([SECONDS_PER_D * time for time in times])
    return found
