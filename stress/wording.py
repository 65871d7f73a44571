"""Numbers and comparisons as a supply-chain manager reads them."""

from __future__ import annotations

from collections.abc import Collection

from stress.results import SEVERITIES, Verdict
from stress.statistics import Interval


def amount(value: float) -> str:
    """Money with three or more significant digits.

    >>> amount(61.234), amount(12345.6), amount(0.51234)
    ('61.2', '12,346', '0.512')
    """
    size = abs(value)
    places = next((p for bound, p in ((1000, 0), (10, 1), (1, 2)) if size >= bound), 3)
    return f"{value:,.{places}f}"


def number(value: float) -> str:
    """A number with one decimal, or two below one; a whole one without.

    >>> number(26.04), number(1.25), number(0.333), number(-0.0)
    ('26', '1.2', '0.33', '0')
    """
    places = 1 if abs(value) >= 1 else 2
    text = f"{value:.{places}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def percent(share: float) -> str:
    """A share in percent.

    >>> percent(0.26)
    '26 %'
    """
    return f"{number(100 * share)} %"


def span(low: float, high: float) -> str:
    """An interval of shares in percent.

    >>> span(0.24, 0.281)
    '24 to 28.1 %'
    """
    return f"{number(100 * low)} to {percent(high)}"


def change(ratio: Interval, less: str = "less", more: str = "more") -> str:
    """A ratio as a change: ``26 % less (95 % interval 24 to 28 %, 40 paired seeds)``."""
    size, interval = change_parts(ratio, less, more)
    return f"{size} ({interval}, {counted(ratio.n, 'paired seed')})"


def change_parts(ratio: Interval, less: str = "less", more: str = "more") -> tuple[str, str]:
    """The size of a change and its interval: ``26 % less`` and ``95 % interval 24 to 28 %``."""
    if ratio.value <= 1:
        size, low, high, word = 1 - ratio.value, 1 - ratio.high, 1 - ratio.low, less
    else:
        size, low, high, word = ratio.value - 1, ratio.low - 1, ratio.high - 1, more
    return f"{percent(size)} {word}", f"95 % interval {span(low, high)}"


def counted(n: int, thing: str) -> str:
    """A count with its noun.

    >>> counted(1, "episode"), counted(1200, "episode")
    ('1 episode', '1,200 episodes')
    """
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def severity(level: int) -> str:
    """A severity with its name.

    >>> severity(3)
    'severity 3 (moderate)'
    """
    return f"severity {level} ({SEVERITIES[level]})"


def listed(words: Collection[str], most: int = 4) -> str:
    """Words as in a sentence, the first few of many.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    shown = list(words)[:most]
    if len(words) > len(shown):
        return f"{', '.join(shown)} and {len(words) - len(shown)} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if shown[1:] else shown)


def verdict_lines(verdict: Verdict) -> list[str]:
    """A verdict as lines of plain text: the deciding figures, then every criterion."""
    head = f"{verdict.status} by {verdict.gate_file} ({verdict.gate_hash[:12]})"
    figures = [f"  {figure.label}: {figure.value}" for figure in verdict.figures]
    width = max((len(criterion.gate) for criterion in verdict.criteria), default=0)
    lines = [f"{c.status:<12} {c.gate:<{width}}  {c.title}. {c.sentence}" for c in verdict.criteria]
    return [head, *figures, *lines]
