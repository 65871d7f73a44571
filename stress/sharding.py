"""Parts of a campaign for several machines: which cases are whose, and how they come together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from twin.errors import UsageError

T = TypeVar("T")
MAX_SHARDS = 10_000
_TEXT = re.compile(r"(\d{1,5})/(\d{1,5})\Z")


@dataclass(frozen=True)
class Shard:
    """One of so many parts; the whole is the first of one.

    >>> Shard.parse("2/3").of("abcdefg")
    ('b', 'e')
    """

    number: int = 1  # from 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``i/n``; raises UsageError for anything else."""
        match = _TEXT.match(text)
        number, count = (int(part) for part in match.groups()) if match else (0, 0)
        if not 1 <= number <= count <= MAX_SHARDS:
            raise UsageError("not a shard", "--shard", repr(text), "i/n such as 1/4, 1 <= i <= n")
        return cls(number, count)

    @property
    def whole(self) -> bool:
        """Whether this is everything."""
        return self.count == 1

    @property
    def suffix(self) -> str:
        """What tells its files from those of other shards; empty for the whole."""
        return "" if self.whole else f".{self.number}-of-{self.count}"

    def of(self, items: Sequence[T]) -> tuple[T, ...]:
        """Its part: every ``count``-th item, so that all parts take about as long."""
        return tuple(items[self.number - 1 :: self.count])
