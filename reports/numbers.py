"""Numbers as people read them: digits, signs, currency and units, always the same way."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

MINUS = "\u2212"
SPACE = "\u00a0"
"""No-break space between a number and its unit."""
ABSENT = "\u2013"


def fixed(value: float, decimals: int, signed: bool = False) -> str:
    """A number with thousands separators and a true minus sign.

    >>> fixed(-1234.56, 1).replace(MINUS, "-")
    '-1,234.6'
    >>> fixed(-0.0001, 1)
    '0.0'
    """
    text = f"{abs(value):,.{decimals}f}"
    if not any(digit in text for digit in "123456789"):
        return text
    return (MINUS if value < 0 else "+" if signed else "") + text


def number(value: float | None, digits: int = 4, signed: bool = False) -> str:
    """A number without a unit, to about so many significant digits.

    >>> number(0.73614), number(0.008), number(12), number(1234567.8)
    ('0.7361', '0.0080', '12', '1,234,568')
    """
    if value is None:
        return ABSENT
    if value == int(value) and abs(value) < 1e15:
        return fixed(value, 0, signed)
    order = math.floor(math.log10(abs(value)))
    return fixed(value, max(0, min(digits - 1 - order, max(4, 1 - order))), signed)


def percent(share: float, decimals: int = 1, signed: bool = False) -> str:
    """A share as a percentage.

    >>> percent(0.264, 0, signed=True).replace(SPACE, " ")
    '+26 %'
    """
    return f"{fixed(100 * share, decimals, signed)}{SPACE}%"


def count(value: float) -> str:
    """A whole number with thousands separators."""
    return fixed(value, 0)


def plural(amount: int, one: str, many: str = "") -> str:
    """An amount with its noun.

    >>> plural(1, "gate"), plural(1200, "episode")
    ('1 gate', '1,200 episodes')
    """
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def short(value: float) -> str:
    """A tick label: thousands as k, millions as M.

    >>> short(250000), short(1500000), short(40), short(0.25)
    ('250k', '1.5M', '40', '0.25')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            scale = 1e3 if letter == "k" else size
            return f"{value / scale:g}{letter}".replace("-", MINUS)
    return f"{value:g}".replace("-", MINUS)


def seconds(value: float) -> str:
    """A wall time.

    >>> [seconds(s).replace(SPACE, " ") for s in (0.42, 42, 200, 4000)]
    ['0.4 s', '42 s', '3 min 20 s', '1 h 7 min']
    """
    whole, minutes = round(value), round(value / 60)
    if whole < 60:
        return f"{fixed(value, 1 if whole < 10 else 0)}{SPACE}s"
    if whole < 3600:
        return f"{whole // 60}{SPACE}min {whole % 60}{SPACE}s"
    return f"{minutes // 60}{SPACE}h {minutes % 60}{SPACE}min"


def data_size(size: float) -> str:
    """A number of bytes.

    >>> [data_size(b).replace(SPACE, " ") for b in (900, 12400, 3.1e6)]
    ['900 B', '12.4 kB', '3.1 MB']
    """
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f}{SPACE}{name}"
    return f"{size:.0f}{SPACE}B"


@dataclass(frozen=True)
class Money:
    """Amounts of one currency with the same number of decimals, so that columns line up."""

    currency: str
    decimals: int

    @classmethod
    def fitting(cls, currency: str, amounts: Iterable[float]) -> Money:
        """Decimals that suit the largest of the amounts."""
        largest = max((abs(amount) for amount in amounts), default=0.0)
        steps = ((1000, 0), (100, 1), (1, 2))
        return cls(currency, next((places for size, places in steps if largest >= size), 4))

    def bare(self, amount: float) -> str:
        """The amount without the currency, for a column whose head names it."""
        return fixed(amount, self.decimals) if amount else "0"

    def text(self, amount: float) -> str:
        """The amount with the currency."""
        return f"{self.bare(amount)}{SPACE}{self.currency}"

    def between(self, low: float, high: float) -> str:
        """An interval."""
        return f"{self.bare(low)} to {self.bare(high)}"
