"""toxiproxy's streams: which direction of a connection a toxic works on."""

from __future__ import annotations

from typing import Literal

from stress.catalogue.targets import Targets
from twin.tools.channel import Direction

Stream = Literal["upstream", "downstream", "both"]
_DIRECTION: dict[Direction, Stream] = {"request": "upstream", "answer": "downstream"}


class Toxic(Targets):
    """Parameters that every toxic shares."""

    stream: Stream = "downstream"
    """upstream: requests; downstream: answers."""

    def works_on(self, direction: Direction) -> bool:
        """Whether messages of this direction are affected."""
        return self.stream in ("both", _DIRECTION[direction])
