"""Which features of a scenario only the event engine knows."""

from __future__ import annotations

from twin.errors import UsageError
from twin.network.world import World


def only_event_engine(world: World) -> list[str]:
    """Features of a scenario that the batch engine does not know, as they are named in the file."""
    model = world.model
    return [f"nodes.{n}.allocation: fifo" for n, x in model.nodes.items() if x.allocation == "fifo"]


def refuse_unknown(world: World) -> None:
    """Raise UsageError when the scenario uses something that only the event engine knows."""
    found = only_event_engine(world)
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise UsageError(
            "the batch engine does not know a feature of this scenario",
            f"scenario {world.model.name}",
            ", ".join(found[:3]) + more,
            "a scenario without it",
            "Simulate it on the event engine, which knows every feature.",
        )
