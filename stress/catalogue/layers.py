"""Channel layers of faults: when they strike, whom, and with what luck."""

from __future__ import annotations

from stress.catalogue.base import ROUNDING, ChannelFault, Window
from stress.catalogue.luck import Draw
from stress.catalogue.spells import Spells, shared_spells
from stress.catalogue.targets import Targets
from twin.env.agents import agent_specs
from twin.exogenous.streams import stream
from twin.network.world import World
from twin.tools.channel import Layer, Transit


class FaultLayer(Layer):
    """A layer that strikes inside a window, with luck from the fault's own stream."""

    def __init__(self, fault: ChannelFault, severity: int, window: Window) -> None:
        super().__init__()
        self.name = fault.family
        self.severity = severity
        self.value = fault.at(severity)
        self.window = window
        self.fired = 0
        self.seen = 0
        """How often somebody was shown something that looked sound and was not."""
        self.period_d = 1.0
        self.agents: tuple[str, ...] = ()
        """Those who are hit."""
        self._targets = fault if isinstance(fault, Targets) else Targets()
        self._key = b""

    def start(self, seed: int, world: World) -> None:
        """Begin an episode: key the luck by the seed and the fault's name, draw who is hit."""
        rng = stream(seed, f"fault/{self.name}")
        self.fired = self.seen = 0
        self.period_d = world.period_d
        self._key = rng.bytes(32)
        names = [spec.name for spec in agent_specs(world)]
        self.agents = self._targets.chosen(names, stream(seed, f"fault/{self.name}/targets"))

    def strikes_at(self, now_d: float) -> bool:
        """Whether the fault is active at a moment."""
        return self.severity > 0 and self.window.covers(now_d)

    def strikes(self, transit: Transit) -> bool:
        """Whether a message may be hit: the moment, and its agent is a target."""
        return self.strikes_at(transit.sent_at) and transit.agent in self.agents

    def draw(self, transit: Transit) -> Draw:
        """The luck of one message."""
        thing = f"{transit.direction}/{transit.agent}/{transit.call}/{transit.attempt}"
        return Draw(self._key, thing)

    def luck(self, thing: str) -> Draw:
        """The luck of anything else that has a name."""
        return Draw(self._key, thing)

    def hit(self, transit: Transit, share: float) -> Draw | None:
        """The luck of a message that is hit, ``share`` of them; counts the strike."""
        if not self.strikes(transit):
            return None
        draw = self.draw(transit)
        if draw.uniform() >= share:
            return None
        self.fired += 1
        return draw

    def period(self, now_d: float) -> int:
        """Index of the period that a moment lies in."""
        return int(now_d / self.period_d + ROUNDING)


class SpellLayer(FaultLayer):
    """A layer that strikes in spells, each agent in its own or all in the same ones."""

    correlation = 1.0

    def __init__(
        self, fault: ChannelFault, severity: int, window: Window, share: float, mean_d: float
    ) -> None:
        super().__init__(fault, severity, window)
        self.share = share
        self.mean_d = mean_d
        self._spells: dict[str, Spells] = {}

    def start(self, seed: int, world: World) -> None:
        """Begin an episode: draw the spells too."""
        super().start(seed, world)
        rng = stream(seed, f"fault/{self.name}/spells")
        self._spells = shared_spells(
            rng, self.agents, self.correlation, self.window, self.share, self.mean_d
        )

    def spell_end(self, transit: Transit) -> float | None:
        """When the spell ends that a message falls into; None when it falls into none."""
        return self.spell_end_at(transit.agent, transit.sent_at)

    def spell_end_at(self, agent: str, now_d: float) -> float | None:
        """When the spell of an agent ends that lasts at a moment; None when none does."""
        spells = self._spells.get(agent)
        if spells is None or not self.strikes_at(now_d):
            return None
        return spells.end_of(now_d)
