"""A policy with a fault around it: when it strikes, whom, and with what luck."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from stress.catalogue.base import ROUNDING, ActorFault, Window
from stress.catalogue.luck import Draw
from stress.catalogue.spells import Spells, shared_spells
from stress.catalogue.targets import Targets
from twin.env.agents import AgentSpec, agent_specs
from twin.env.policy import Policy
from twin.exogenous.streams import stream
from twin.network.world import World
from twin.scenario.quantities import PositiveDays
from twin.tools.limits import order_caps, vehicle_caps

Floats = NDArray[np.float64]


class FaultyPolicy:
    """A policy whose agents fail now and then; ``struck`` says what a failing one does."""

    def __init__(
        self, fault: ActorFault, policy: Policy, world: World, severity: int, window: Window
    ) -> None:
        self.name = policy.name
        self.family = fault.family
        self.severity = severity
        self.value = fault.at(severity)
        self.window = window
        self.fired = 0
        self.seen = 0
        """How often an agent's decision was another one than its policy's."""
        self.inner = policy
        self.specs: dict[str, AgentSpec] = {spec.name: spec for spec in agent_specs(world)}
        self.agents: tuple[str, ...] = ()
        """Those who are hit."""
        self.world = world
        self._targets = fault if isinstance(fault, Targets) else Targets()
        self._period_d = world.period_d
        self._key = b""

    @property
    def digest(self) -> str:
        """The hash of the policy inside, which the fault does not change."""
        return str(getattr(self.inner, "digest", ""))

    def reset(self, seed: int) -> None:
        """Begin an episode: key the luck by the seed and the fault's name, draw who is hit."""
        self.fired = self.seen = 0
        self.inner.reset(seed)
        self._key = stream(seed, f"fault/{self.family}").bytes(32)
        rng = stream(seed, f"fault/{self.family}/targets")
        self.agents = self._targets.chosen(tuple(self.specs), rng)

    def act(self, observations: Mapping[str, Floats]) -> dict[str, Floats]:
        """What the policy decides, except where an agent fails."""
        wishes: dict[str, Floats] = {}
        for agent, observation in observations.items():
            t = round(float(self.specs[agent].period(observation)))
            wish = self._wish(agent, observation, t)
            if wish is not None:
                wishes[agent] = wish
        return wishes

    def struck(self, agent: str, observation: Floats, t: int) -> Floats | None:
        """What an agent decides where the fault may strike; None for no decision."""
        return self.decided(agent, observation)

    def decided(self, agent: str, observation: Floats) -> Floats | None:
        """What the policy itself decides for one agent."""
        return self.inner.act({agent: observation}).get(agent)

    def instead(self, wish: Floats | None, wanted: Floats | None) -> Floats | None:
        """Count a strike, and notice whether it made a difference; returns ``wish``."""
        self.fired += 1
        self.seen += wish is None or wanted is None or not np.array_equal(wish, wanted)
        return wish

    def luck(self, agent: str, t: int) -> Draw:
        """The luck of one agent in one period."""
        return Draw(self._key, f"{agent}/{t}")

    def _wish(self, agent: str, observation: Floats, t: int) -> Floats | None:
        covered = self.window.covers(t * self._period_d + ROUNDING)
        if self.severity == 0 or not covered or agent not in self.agents:
            return self.decided(agent, observation)
        return self.struck(agent, observation, t)


class SpellFault(Targets, ActorFault):
    """A fault whose agents fail in spells for the ladder's share of the time."""

    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.02, 0.05, 0.10, 0.20, 0.40)
    duration: PositiveDays = 2.0
    """Mean length of a spell."""


class SpellPolicy(FaultyPolicy):
    """A policy whose agents fail in spells, each agent in its own."""

    def __init__(
        self, fault: SpellFault, policy: Policy, world: World, severity: int, window: Window
    ) -> None:
        super().__init__(fault, policy, world, severity, window)
        self._mean_d = fault.duration
        self._spells: dict[str, Spells] = {}

    def reset(self, seed: int) -> None:
        """Begin an episode: draw the spells too."""
        super().reset(seed)
        rng = stream(seed, f"fault/{self.family}/spells")
        self._spells = shared_spells(rng, self.agents, 0.0, self.window, self.value, self._mean_d)

    def failing(self, agent: str, t: int) -> bool:
        """Whether an agent is in a spell in a period."""
        return self._spells[agent].end_of(t * self._period_d + ROUNDING) is not None


def wish_caps(world: World, spec: AgentSpec) -> Floats:
    """The largest wish of an agent that the server accepts."""
    if spec.role == "replenish":
        caps: Floats = order_caps(world)[spec.lanes].ravel()
        return caps
    return np.concatenate([vehicle_caps(world)[spec.lanes], np.ones(len(spec.lanes))])
