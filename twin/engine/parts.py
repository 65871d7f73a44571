"""What all runs of one world share, worked out once where many are run one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from twin.engine.placing import OrderDesk
from twin.engine.rules import Constants
from twin.engine.serving import Counter
from twin.network.world import World


@dataclass(frozen=True)
class Parts:
    """The parts of an event engine that hold nothing of a run."""

    constants: Constants
    desk: OrderDesk
    counter: Counter

    @classmethod
    def of(cls, world: World) -> Parts:
        """Work the parts out."""
        return cls(Constants.of(world), OrderDesk(world), Counter(world))
