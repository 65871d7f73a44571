"""All answer paths together, and the table of what became of the answers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from tests.fuzz.answer_path import DOORS, AnswerPath

KEPT = 20
"""Findings that are shown; one is enough to fail."""


@dataclass(frozen=True)
class Outcome:
    """What became of many answers; it can travel as JSON."""

    by_door: dict[str, dict[str, int]]
    executed: int
    uncaught: int
    unlabelled: int
    clarified: int
    violations: int
    findings: list[str] = field(default_factory=list)

    @property
    def answers(self) -> int:
        """How many there were."""
        return sum(sum(labels.values()) for labels in self.by_door.values())

    @property
    def sound(self) -> bool:
        """Nothing executed, nothing uncaught, everything labelled, no law broken."""
        return not (self.executed or self.uncaught or self.unlabelled or self.violations)

    @property
    def labels(self) -> Counter[str]:
        """Answers by what became of them."""
        found: Counter[str] = Counter()
        for labels in self.by_door.values():
            found.update(labels)
        return found

    def document(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    def lines(self, cpu_s: float) -> Iterator[str]:
        """The table."""
        yield f"{'what became of it':<20}{'answers':>10}"
        for label, count in self.labels.most_common():
            yield f"{label:<20}{count:>10,}"
        yield f"{'all':<20}{self.answers:>10,}   by {len(self.by_door)} tools"
        yield (
            f"executed {self.executed}, uncaught {self.uncaught}, without one label"
            f" {self.unlabelled}, laws broken {self.violations};"
            f" {self.clarified:,} led to a question"
        )
        yield f"{self.answers / cpu_s:,.0f} answers per second of CPU ({cpu_s:.0f} s)"
        yield from self.findings


class Doors:
    """The answer path of every tool; what is raised is noted, not passed on."""

    def __init__(self) -> None:
        self.paths = {door: AnswerPath(door) for door in DOORS}
        self.count = 0
        self._uncaught: list[str] = []

    def put(self, door: str, body: bytes) -> None:
        """Put one answer through."""
        self.count += 1
        try:
            self.paths[door].put(body)
        except Exception as error:  # what nobody caught is what is looked for
            path = self.paths[door]
            path.labels["uncaught"] += 1
            self._uncaught.append(f"uncaught {door} {body!r}: {type(error).__name__}: {error}")
            path.begin()

    def outcome(self) -> Outcome:
        """What became of them all."""
        for path in self.paths.values():
            path.close()
            path.begin()
        paths = self.paths.values()
        executed = [f"executed {p.door} {body!r}" for p in paths for body in p.executed]
        unlabelled = [f"no one label {p.door} {body!r}" for p in paths for body in p.unlabelled]
        broken = [f"{p.door}: {text}" for p in paths for text in p.violations]
        return Outcome(
            {p.door: dict(p.labels) for p in paths},
            len(executed),
            len(self._uncaught),
            len(unlabelled),
            sum(p.clarified for p in paths),
            len(broken),
            [*executed[:KEPT], *self._uncaught[:KEPT], *unlabelled[:KEPT], *broken[:KEPT]],
        )


def read_outcome(text: str) -> Outcome:
    """What ``Outcome.document`` wrote."""
    return Outcome(**json.loads(text))
