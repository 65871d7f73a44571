"""Who is out of control when, and what runs the lanes meanwhile.

An absent agent's decision is the static policy's, or nothing at all, whatever its network says: as
behind the kill switch of the gateway. What it would have done moved nothing, so nothing may be
learnt from it: ``alive`` goes with the experience, and losses are means over those in control.

Kills are a two-state Markov chain per agent and network, drawn per horizon, in equilibrium from the
first period on:

    P(revive) = 1 / spell        P(kill) = kill / (1 - kill) / spell
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agents.learn.config import TrainConfig
from agents.learn.rewards import home
from twin.engine.batch import BatchPath
from twin.env.act import Codec
from twin.exogenous.streams import stream

if TYPE_CHECKING:
    from agents.learn.decided import Decision
    from agents.learn.setup import Setup

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Absent:
    """Who is in control of B networks in each period of a horizon."""

    members: tuple[Codec, ...]  # in the order of the groups
    alive: Flags  # (period, agent, B)
    stops: bool  # whether lanes without an agent stand still

    def stand_by(self, decision: Decision, static: Decision, t: int) -> None:
        """Put the lanes of absent agents in the decision of period ``t`` on standby."""
        for codec, alive in zip(self.members, self.alive[t], strict=True):
            if alive.all():
                continue
            lanes = codec.spec.lanes
            for part in (0,) if codec.spec.role == "replenish" else (1, 2):
                instead = 0.0 if self.stops else static[part][lanes]
                decision[part][lanes] = np.where(alive, decision[part][lanes], instead)


def absent_of(
    setup: Setup, path: BatchPath, killed: Flags | None = None, unmanned: int = 0
) -> Absent | None:
    """Who is absent on some sample paths, besides the ``killed``; None where nobody ever is.

    From the last ``unmanned`` networks nobody can be absent.
    """
    members = tuple(codec for group in setup.groups for codec in group.codecs)
    shape = (len(path.demand), len(members), path.replications)
    alive = np.ones(shape, dtype=np.bool_)
    if setup.absence.down and path.node_open is not None:
        homes = [home(setup.world, codec.spec) for codec in members]
        alive &= np.asarray(path.node_open)[:, homes] > 0
    if killed is not None:
        alive &= ~np.tile(killed, shape[-1] // killed.shape[-1])
    alive[..., shape[-1] - unmanned :] = True
    return None if alive.all() else Absent(members, alive, setup.absence.standby == "stop")


def draw_kills(setup: Setup, config: TrainConfig, number: int) -> Flags | None:
    """Who is killed in each period of horizon ``number``: (period, agent, B); None for nobody."""
    absence = config.absence
    if absence.kill == 0:
        return None
    rng = stream(config.seed, f"kills/{number}")
    uniform = rng.random((setup.longer.periods, setup.agents, config.replications))
    revive = 1.0 / absence.spell
    kill = min(absence.kill / (1.0 - absence.kill) * revive, 1.0)
    killed = np.zeros(uniform.shape, dtype=np.bool_)
    killed[0] = uniform[0] < absence.kill
    for t in range(1, len(killed)):
        killed[t] = np.where(killed[t - 1], uniform[t] >= revive, uniform[t] < kill)
    return killed[..., setup.share.columns]


def batch_flags(rows: list[Any], cuts: list[Any]) -> tuple[Flags | None, Flags | None]:
    """Rows (agent, B) of a segment and after its cuts as (row, B, agent); None for everybody."""
    alive, after = (np.ascontiguousarray(np.array(part).swapaxes(1, 2)) for part in (rows, cuts))
    return (None, None) if alive.all() and after.all() else (alive, after)
