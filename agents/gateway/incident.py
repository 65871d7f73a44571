"""What befalls agents and people while an episode runs: the hook of stress into the gateway."""

from __future__ import annotations

from agents.gateway.gateway import Gateway
from twin.network.world import World


class Incident:
    """The base changes nothing. Subclasses count in ``fired`` what they do.

    ``gateway.kill`` and ``gateway.revive`` act at once, ``gateway.at`` at a simulated time, within
    a window too; ``gateway.approver`` is the person who approves. Draws come from a named stream
    that ``start`` begins.
    """

    name = "none"
    fired = 0

    def start(self, seed: int, world: World, gateway: Gateway) -> None:
        """Begin an episode: draw the named stream, reset the counters, plan what is to come."""
        self.fired = 0

    def epoch(self, t: int, gateway: Gateway) -> None:
        """The window of period ``t`` opens; no agent has acted yet."""
