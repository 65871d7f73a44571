"""Failing sensors for training: what the catalogue's ``obs`` faults show, as arrays.

They mean what their layers mean behind the gateway. Stale and frozen readings and biased ones are
the same to the last bit (a law with a test); noise and holes are drawn from the training network's
own stream, with the same distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from agents.learn.sight import Numbers
from stress.catalogue import Fault, Window
from stress.catalogue.base import ROUNDING
from stress.catalogue.luck import Draw
from stress.catalogue.obs_bias import Bias
from stress.catalogue.obs_dropout import Dropout
from stress.catalogue.obs_freeze import Freeze
from stress.catalogue.obs_noise import UNIFORM_WIDTH, Noise
from stress.catalogue.obs_stale import Stale
from stress.catalogue.targets import Targets
from twin.exogenous.streams import stream

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Reading = tuple[Floats, Ints]
"""Factor on each number and how many epochs old it is, of those that are hit."""
Sensor = Callable[["Site", int], Reading]
F = TypeVar("F", bound=Fault)


@dataclass(frozen=True)
class Site:
    """One fault on the sensors of one training network."""

    fault: Fault
    severity: int
    window: Window
    seed: int
    period_d: float
    numbers: Numbers

    @property
    def value(self) -> float:
        """The ladder's number."""
        return self.fault.at(self.severity)

    @property
    def first(self) -> int:
        """The period in which the window begins."""
        return int(self.window.start_d / self.period_d + ROUNDING)

    def strikes(self, t: int) -> bool:
        """Whether readings of an epoch are hit."""
        return self.severity > 0 and self.window.covers(t * self.period_d)

    def hit(self) -> Ints:
        """The numbers of the agents that are hit, without clocks and ages."""
        names = [spec.name for spec in self.numbers.specs]
        targets = self.fault if isinstance(self.fault, Targets) else Targets()
        chosen = set(targets.chosen(names, stream(self.seed, f"fault/{self.fault.family}/targets")))
        rows = [i for i, name in enumerate(names) if name in chosen]
        answers = self.numbers.read >= 0
        return np.flatnonzero(answers & np.isin(self.numbers.agent, rows))

    def rng(self, t: int) -> np.random.Generator:
        """The luck of one epoch's readings."""
        return stream(self.seed, f"hardening/{self.fault.family}/{t}")


class Failing:
    """The readings of one fault, epoch by epoch."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.hit = site.hit()
        self._reading = _prepared(site, self.hit)

    def reading(self, t: int) -> Reading | None:
        """What numbers ``hit`` show in an epoch; None where the fault does not strike."""
        return self._reading(t) if self.site.strikes(t) else None


def lacking(fault: Fault) -> str:
    """Why a fault of sensors cannot be met in training; empty where it can."""
    mean = isinstance(fault, Dropout) and fault.fill == "mean"
    return "training fills holes with zero or the last number, not with the mean" if mean else ""


def is_sensor(fault: Fault) -> bool:
    """Whether a fault makes readings lie without a word, so that training can show them."""
    honest = isinstance(fault, Stale) and fault.honest
    return isinstance(fault, Noise | Bias | Stale | Freeze | Dropout) and not honest


def _prepared(site: Site, hit: Ints) -> Callable[[int], Reading]:
    fault, ones, none = site.fault, np.ones(len(hit)), np.zeros(len(hit), dtype=np.intp)

    def noise(t: int) -> Reading:
        rng, size = site.rng(t), len(hit)
        assert isinstance(fault, Noise)
        if fault.distribution == "normal":
            return 1 + site.value * rng.standard_normal(size), none
        return 1 + site.value * rng.uniform(-UNIFORM_WIDTH, UNIFORM_WIDTH, size), none

    def dropout(t: int) -> Reading:
        assert isinstance(fault, Dropout)
        holes = site.rng(t).random(len(hit)) < site.value
        if fault.fill == "last":
            return ones, holes.astype(np.intp)
        return np.where(holes, 0.0, 1.0), none

    def stale(t: int) -> Reading:
        return ones, none + min(int(site.value), t)

    def freeze(t: int) -> Reading:
        return ones, none + min((t - site.first) % (int(site.value) + 1), t)

    if isinstance(fault, Bias):
        shifted = _shift(site, fault, hit)
        return lambda t: (shifted, none)
    if isinstance(fault, Stale):
        return stale
    if isinstance(fault, Freeze):
        return freeze
    return noise if isinstance(fault, Noise) else dropout


def _shift(site: Site, fault: Bias, hit: Ints) -> Floats:
    """The factor of each number: one direction per sensor, as the catalogue draws it."""
    key = stream(site.seed, f"fault/{fault.family}").bytes(32)
    names = site.numbers.sensors

    def sign(sensor: str) -> float:
        if fault.direction == "drawn":
            return Draw(key, sensor).sign()
        return 1.0 if fault.direction == "up" else -1.0

    signs = np.array([sign(name) for name in names])
    factor: Floats = 1 + site.value * signs[site.numbers.read[hit]]
    return factor
