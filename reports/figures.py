"""Geometry of the charts: numbers in, positions out; the templates only draw them.

Positions along an axis are percentages, so that a chart stretches with the page while its text and
strokes keep their size. Lines live in a square of 1000 by 1000, y downwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from reports.numbers import short

MAX_POINTS = 180
"""Points of one line; longer series are averaged in bins."""
NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis, in percent."""

    at: float
    label: str

    @property
    def anchor(self) -> str:
        """SVG text anchor that keeps the label inside the chart."""
        return "start" if self.at < 4 else "end" if self.at > 96 else "middle"


@dataclass(frozen=True)
class Axis:
    """A linear scale with round ticks."""

    low: float
    high: float
    ticks: tuple[Tick, ...] = ()

    def at(self, value: float) -> float:
        """Position of a value in percent of the axis."""
        return round(100 * (value - self.low) / (self.high - self.low), 2)


def nice_step(span: float, parts: int) -> float:
    """The smallest of 1, 2, 2.5, 5, 10 x 10^n that cuts the span into at most so many parts.

    >>> nice_step(97.0, 5)
    20.0
    """
    raw = span / parts
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor for factor in NICE if factor * power >= raw * (1 - 1e-12)) * power


def axis(
    values: Iterable[float],
    parts: int = 5,
    zero: bool = False,
    label: Callable[[float], str] = short,
) -> Axis:
    """An axis whose ends are round numbers around the values (and zero where asked)."""
    known = [*values, *([0.0] if zero else [])] or [0.0]
    low, high = min(known), max(known)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-3):
        low, high = low - (0.0 if zero else 1.0), high + 1.0
    step = nice_step(high - low, parts)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    bare = Axis(first * step, last * step)
    marks = (float(f"{n * step:.12g}") for n in range(first, last + 1))
    return Axis(bare.low, bare.high, tuple(Tick(bare.at(m), label(m)) for m in marks))


def tight_axis(low: float, high: float, parts: int = 6) -> Axis:
    """An axis that starts and ends at the data, with the round ticks that lie between."""
    high = high if high > low else low + 1.0
    step = nice_step(high - low, parts)
    bare = Axis(low, high)
    numbers = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    marks = (float(f"{n * step:.12g}") for n in numbers)
    return Axis(low, high, tuple(Tick(bare.at(m), short(m)) for m in marks))


@dataclass(frozen=True)
class DotRow:
    """One dot with its whiskers, positions in percent."""

    label: str
    role: str
    dot: float
    low: float
    high: float
    text: str


@dataclass(frozen=True)
class DotChart:
    """Dots and whiskers over one axis, with an optional reference line."""

    rows: tuple[DotRow, ...]
    axis: Axis
    reference: float | None = None


@dataclass(frozen=True)
class Line:
    """One series: ``points`` of a polyline in the square of 1000 by 1000."""

    role: str
    label: str
    points: str


@dataclass(frozen=True)
class LineChart:
    """Lines over two axes; ``area`` is a closed outline drawn beneath them."""

    lines: tuple[Line, ...]
    x: Axis
    y: Axis
    area: str = ""
    stems: tuple[Line, ...] = ()


def binned(series: Sequence[float], most: int = MAX_POINTS) -> tuple[float, ...]:
    """The series, averaged over equal bins where it has more than ``most`` points.

    >>> binned([1, 3, 5, 7, 9], most=3)
    (2.0, 6.0, 9.0)
    """
    width = max(1, math.ceil(len(series) / most))
    bins = (series[start : start + width] for start in range(0, len(series), width))
    return tuple(sum(part) / len(part) for part in bins)


def polyline(xs: Sequence[float], ys: Sequence[float], x: Axis, y: Axis) -> str:
    """Points attribute of an SVG polyline."""
    return " ".join(f"{_across(a, x)},{_down(b, y)}" for a, b in zip(xs, ys, strict=True))


def steps_area(ys: Sequence[float], y: Axis) -> str:
    """Path of a filled step curve over equally wide periods, closed along zero."""
    width = 1000 / max(len(ys), 1)
    steps = (f"V{_down(value, y)}H{round((n + 1) * width)}" for n, value in enumerate(ys))
    return f"M0,{_down(0.0, y)}{''.join(steps)}V{_down(0.0, y)}Z"


def stems(ys: Sequence[float], y: Axis, shift: float = 0.5) -> str:
    """Path of one vertical stroke per period from zero to the value; ``shift`` is within it."""
    width, ground = 1000 / max(len(ys), 1), _down(0.0, y)
    marks = ((round((n + shift) * width), value) for n, value in enumerate(ys) if value)
    return "".join(f"M{at},{ground}V{_down(value, y)}" for at, value in marks)


def running_mean(series: Sequence[float], window: int) -> tuple[float, ...]:
    """Mean of each value with up to ``window - 1`` values before it."""
    starts = ((max(0, end - window), end) for end in range(1, len(series) + 1))
    return tuple(sum(series[start:end]) / (end - start) for start, end in starts)


def sampled(rows: int, most: int) -> tuple[int, ...]:
    """Indices of at most ``most`` rows, evenly spread, first and last among them.

    >>> sampled(101, 5)
    (0, 25, 50, 75, 100)
    """
    if rows <= most:
        return tuple(range(rows))
    return tuple(round(n * (rows - 1) / (most - 1)) for n in range(most))


def _across(value: float, x: Axis) -> int:
    return round(10 * x.at(value))


def _down(value: float, y: Axis) -> int:
    return round(1000 - 10 * y.at(value))
