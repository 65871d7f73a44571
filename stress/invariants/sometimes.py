"""What a campaign must have seen at least once to prove anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stress.results import CaseResult

BUDGET_LABEL = "budget_exhausted"
APPROVER, KILL = "actor.approver", "actor.kill_switch"
BOUNDARY = ("tool.", "channel.", "network.")


@dataclass(frozen=True)
class Sometimes:
    """Something that has to happen in a campaign, and in how many episodes it did."""

    what: str
    episodes: int

    @property
    def happened(self) -> bool:
        """Whether it did."""
        return self.episodes > 0


def sometimes(results: Iterable[CaseResult]) -> tuple[Sometimes, ...]:
    """What a campaign should have seen, and how often it did."""
    struck = [r for r in results if r.fired_by and r.severity > 0]
    found = []
    families = list(dict.fromkeys(family for r in struck for family in r.fired_by))
    for family in families:
        fired = [r for r in struck if r.fired_by.get(family)]
        found.append(Sometimes(f"{family} fired", len(fired)))
        seen = sum(bool(r.seen_by.get(family)) for r in fired)
        found.append(Sometimes(f"{family} was seen by an agent", seen))
    if any(family.startswith(BOUNDARY) for family in families):
        found += _at_the_boundary(struck)
    if APPROVER in families:
        denied = sum(bool(r.approvals.get("denied")) for r in struck)
        found.append(Sometimes("an approval was denied", denied))
    if KILL in families:
        found.append(Sometimes("a kill was used", sum(bool(r.kills) for r in struck)))
    return tuple(found)


def _at_the_boundary(struck: Sequence[CaseResult]) -> list[Sometimes]:
    closed = sum(bool(r.breaker_opened and r.breaker_closed) for r in struck)
    spent = sum(bool(r.labels.get(BUDGET_LABEL)) for r in struck)
    asked = sum(bool(r.clarifications) for r in struck)
    return [
        Sometimes("a breaker opened and closed again", closed),
        Sometimes("a retry budget ran out", spent),
        Sometimes("a clarification was asked", asked),
    ]


def never_happened(results: Iterable[CaseResult]) -> tuple[str, ...]:
    """What a campaign should have seen and did not; empty when it proves something."""
    return tuple(item.what for item in sometimes(results) if not item.happened)
