"""A person who is asked something, as a model: takes time, errs sometimes, may not be there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from twin.exogenous.moments import lognormal_sigma
from twin.exogenous.streams import stream
from twin.scenario.times import LognormalTime


@dataclass(frozen=True)
class Reply:
    """When a person answers, and whether in error."""

    after_d: float  # infinite when nobody answers
    wrong: bool


class Person:
    """Draws replies, each asker from a stream of its own: ``<role>/<asker>``.

    ``slowdown``, ``error`` and ``absent`` may be changed while a run goes on, which is how stress
    reaches a person: the same draws are used, so a worse person errs wherever a better one does.
    """

    def __init__(
        self, role: str, latency: LognormalTime, error: float, absent: float, seed: int
    ) -> None:
        self.slowdown = 1.0
        self.error = error
        self.absent = absent
        self._role = role
        self._mean, self._sigma = math.log(latency.median), lognormal_sigma(latency)
        self._seed = seed
        self._rng: dict[str, np.random.Generator] = {}

    def reply(self, asker: str) -> Reply:
        """The reply to one question."""
        rng = self._rng.get(asker)
        if rng is None:
            rng = self._rng[asker] = stream(self._seed, f"{self._role}/{asker}")
        latency = rng.lognormal(self._mean, self._sigma) * self.slowdown
        missing, wrong = rng.random(2).tolist()
        return Reply(math.inf if missing < self.absent else float(latency), wrong < self.error)
