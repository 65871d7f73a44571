"""What an agent knows when it cannot see: the last good answers, while they are young enough."""

from __future__ import annotations


class LastGood:
    """The last good answer of each read of one agent."""

    def __init__(self, reads: int, max_age: int) -> None:
        self._max_age = max_age
        self._kept: list[tuple[int, list[float]] | None] = [None] * reads

    def remember(self, read: int, t: int, numbers: list[float]) -> None:
        """Keep a good answer of period ``t``."""
        self._kept[read] = (t, numbers)

    def recall(self, read: int, t: int) -> tuple[int, list[float]] | None:
        """Age in periods and numbers of the last good answer, if it is young enough."""
        kept = self._kept[read]
        if kept is None or t - kept[0] > self._max_age:
            return None
        return t - kept[0], kept[1]
