"""channel.loss: messages get lost, in bursts."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from stress.catalogue.base import ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.streams import Stream, Toxic
from twin.exogenous.streams import stream
from twin.network.world import World
from twin.scenario.quantities import Share
from twin.tools.channel import Transit


class Loss(Toxic, ChannelFault):
    """Lose messages by the Gilbert-Elliott model (netem's ``loss gemodel p r 1-h 1-k``).

    Each agent's connection is good or bad; before every message it goes from good to bad with
    probability p and back with r. A message gets through with probability k when it is good and h
    when it is bad. p follows from the ladder's loss:

        loss = bad (1 - h) + (1 - bad) (1 - k)        bad = p / (p + r)

    Elliott (1963), Bell System Technical Journal 42.
    """

    family: ClassVar[str] = "channel.loss"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.005, 0.02, 0.05, 0.15, 0.30)
    unit: ClassVar[str] = "share of the messages lost, in the long run"
    stream: Stream = "both"
    """upstream: requests; downstream: answers."""
    r: Annotated[float, Field(gt=0, le=1)] = 0.25
    """Probability of leaving the bad state: bursts are 1 / r messages long on average."""
    h: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Probability that a message gets through in the bad state."""
    k: Share = 1.0
    """Probability that a message gets through in the good state."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that loses messages."""
        return _LossLayer(self, severity, window)

    def into_bad(self, loss: float) -> float:
        """The probability p at which the long-run loss is ``loss``; at most 1."""
        bad = (loss - (1 - self.k)) / (self.k - self.h)
        if bad <= 0:
            return 0.0
        return min(self.r * bad / (1 - bad), 1.0) if bad < 1 else 1.0


class _LossLayer(FaultLayer):
    def __init__(self, fault: Loss, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._fault = fault
        self._into_bad = fault.into_bad(self.value)
        self._bad: dict[str, bool] = {}
        self._rng: dict[str, np.random.Generator] = {}

    def start(self, seed: int, world: World) -> None:
        super().start(seed, world)
        names = [f"fault/{self.name}/{agent}" for agent in self.agents]
        self._rng = {a: stream(seed, n) for a, n in zip(self.agents, names, strict=True)}
        self._bad = dict.fromkeys(self.agents, False)

    def delay(self, transit: Transit, delay_d: float) -> float:
        if not self.strikes(transit) or not self._fault.works_on(transit.direction):
            return delay_d
        if not self._lost(transit.agent):
            return delay_d
        self.fired += 1
        return math.inf

    def _lost(self, agent: str) -> bool:
        """Move the connection's state on by one message, and say whether that one is lost."""
        rng, bad = self._rng[agent], self._bad[agent]
        leave = self._fault.r if bad else self._into_bad
        self._bad[agent] = bad = bad != (rng.random() < leave)
        return bool(rng.random() >= (self._fault.h if bad else self._fault.k))
