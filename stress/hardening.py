"""A stress suite as something to train against: what befalls each training network.

    world faults      change the network's sample path, as in a campaign
    failing sensors   change what agents are shown (``stress.sensing``)
    slow disks        stand under the replay of a run, from its start to its end
    failing channels  are recorded behind the gateway (``stress.recording``): answers that are old,
                      decisions that the static policy takes instead

Faults of who decides, and sets that a swarm draws, are left to campaigns.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from agents.learn.algorithms import REPLAYING
from agents.learn.config import TrainConfig
from agents.learn.disturbance import Shown
from agents.learn.sight import Numbers
from agents.learn.storage import Storage
from stress.case import Strike
from stress.catalogue import TRAINING_FAMILIES, ChannelFault, Fault, WorldFault, build_fault
from stress.catalogue.tool_semantic import SemanticErrors
from stress.expand import strike_ladders
from stress.recording import Recording, record
from stress.sensing import Failing, Site, is_sensor, lacking
from stress.spec import StressSuite
from twin.env.rules import OrderingRule
from twin.errors import UsageError
from twin.exogenous.path import SamplePath
from twin.exogenous.streams import stream
from twin.network.world import World

VARIANTS = 4
"""Recordings of each fault and severity; training networks meet them over and over."""
KEPT = 1024
FIRST_SEED = 1_900_000_000
"""Recordings use seeds from here on, of which nothing is trained or judged."""
Ladder = tuple[tuple[Strike, ...], ...]
"""The faults of one entry of a suite at each of its severities, mildest first."""


class SuiteDisturbance:
    """Draws an entry of the suite for each network, and a severity within reach."""

    def __init__(
        self, suite: StressSuite, world: World, rule: OrderingRule, config: TrainConfig
    ) -> None:
        """Raises UsageError when training can meet nothing of what the suite holds."""
        hardest = config.hardening.severity if config.hardening else 5
        self.world, self.rule = world, rule
        self.numbers = Numbers.of(world)
        self.left_out: dict[str, str] = {}
        """What of the suite is left to campaigns, each with the reason."""
        self.ladders: dict[str, Ladder] = {}
        for name, rungs in strike_ladders(suite, world).items():
            kept = [self._kept(strikes) for severity, strikes in rungs if severity <= hardest]
            if any(kept):
                self.ladders[name] = tuple(strikes for strikes in kept if strikes)
        if suite.swarm is not None:
            self.left_out["swarm"] = "its sets are drawn anew for every judgement"
        self.training = {name: plan.severity for name, plan in suite.training.items()}
        if self.training and config.algorithm not in REPLAYING:
            reason = f"{config.algorithm} keeps no experience on the disk"
            self.left_out |= dict.fromkeys(self.training, reason)
            self.training = {}
        if not self.ladders and not self.training:
            raise UsageError(
                "training can meet none of the suite's faults",
                suite.name,
                "; ".join(f"{name}: {why}" for name, why in self.left_out.items()),
                "a fault of the world, of sensors or of the channel within hardening.severity",
            )
        strikes = [s for ladder in self.ladders.values() for rung in ladder for s in rung]
        self.memory = world.model.tools.max_age + _longest_delay(strikes)
        self._recorded = lru_cache(KEPT)(self._record)

    def trouble(self, seed: int, reach: float) -> SuiteTrouble:
        """What befalls the network of a seed; ``reach`` in [0, 1] widens the range of rungs."""
        if not self.ladders:
            return SuiteTrouble(self.world, self.numbers, (), seed, None)
        rng = stream(seed, "hardening")
        name = list(self.ladders)[int(rng.integers(len(self.ladders)))]
        ladder = self.ladders[name]
        widest = 1 + reach * (len(ladder) - 1)
        strikes = ladder[min(int(rng.random() * widest), len(ladder) - 1)]
        variant = int(rng.integers(VARIANTS))
        struck = tuple(strike for strike in strikes if _is_channel(_fault(strike)))
        recording = self._recorded(struck, variant) if struck else None
        return SuiteTrouble(self.world, self.numbers, strikes, seed, recording)

    def storage(self, disk: Storage) -> Storage:
        """The disk with the suite's faults of training around it."""
        for family, severity in self.training.items():
            disk = TRAINING_FAMILIES[family]().storage(disk, severity)
        return disk

    def _kept(self, strikes: Sequence[Strike]) -> tuple[Strike, ...]:
        """Those of some faults that training can meet; the others are noted."""
        kept = []
        for strike in strikes:
            fault = _fault(strike)
            reason = fault.lacks(self.world) or _unmet(fault)
            if reason:
                self.left_out[strike.family] = reason
            elif strike.severity > 0:
                kept.append(strike)
        return tuple(kept)

    def _record(self, strikes: tuple[Strike, ...], variant: int) -> Recording:
        struck = [
            (fault, strike.severity, strike.window)
            for strike in strikes
            if isinstance(fault := _fault(strike), ChannelFault)
        ]
        return record(self.world, self.rule, self.numbers, struck, FIRST_SEED + variant)


class SuiteTrouble:
    """What befalls one network."""

    def __init__(
        self,
        world: World,
        numbers: Numbers,
        strikes: Sequence[Strike],
        seed: int,
        recording: Recording | None,
    ) -> None:
        self.numbers = numbers
        self.seed = seed
        self.recording = recording
        self.strikes = tuple(strikes)
        self.sensors = tuple(
            Failing(Site(fault, s.severity, s.window, seed, world.period_d, numbers))
            for s in strikes
            if is_sensor(fault := _fault(s))
        )

    def path(self, world: World, path: SamplePath) -> SamplePath:
        """The path with the world faults in it, in the suite's order."""
        for strike in self.strikes:
            fault = _fault(strike)
            if isinstance(fault, WorldFault):
                path = fault.transform(world, path, strike.severity, self.seed, strike.window)
        return path

    def shown(self, t: int) -> Shown | None:
        """What agents are shown in an epoch; None where nothing is wrong with it."""
        readings = [(f.hit, found) for f in self.sensors if (found := f.reading(t)) is not None]
        recording = self.recording
        recorded = recording is not None and t < len(recording.acted) and recording.disturbs(t)
        if not readings and not recorded:
            return None
        numbers = self.numbers
        factor, delay = np.ones(len(numbers.read)), np.zeros(len(numbers.read), dtype=np.intp)
        for hit, (of_hit, age) in readings:
            factor[hit] *= of_hit
            delay[hit] += age
        told, acts = np.zeros(len(numbers.sensors)), np.ones(len(numbers.specs), dtype=np.bool_)
        if recording is not None and recorded:
            told, acts = recording.ages[t].astype(np.float64), recording.acted[t]
            answers = numbers.read >= 0
            delay[answers] += recording.ages[t][numbers.read[answers]]
        return Shown(factor, delay, told, acts)


@lru_cache(maxsize=1024)
def _fault(strike: Strike) -> Fault:
    return build_fault(strike.family, dict(strike.parameters))


def _is_channel(fault: Fault) -> bool:
    return isinstance(fault, ChannelFault) and not is_sensor(fault)


def _unmet(fault: Fault) -> str:
    """Why training cannot meet a fault; empty where it can."""
    if isinstance(fault, WorldFault):
        return ""
    if is_sensor(fault):
        return lacking(fault)
    if not isinstance(fault, ChannelFault):
        return "it changes who decides or what is decided, not what is seen"
    lies = fault.silent or isinstance(fault, SemanticErrors)
    return "what it says instead depends on what is true" if lies else ""


def _longest_delay(strikes: Sequence[Strike]) -> int:
    """Epochs that the sensors of some faults may lag behind together."""
    oldest = 0
    for strike in strikes:
        fault = _fault(strike)
        if is_sensor(fault) and fault.unit == "delay in epochs":
            oldest = max(oldest, int(fault.at(strike.severity)))
    return 2 * oldest + 1
