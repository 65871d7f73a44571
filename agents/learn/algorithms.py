"""The algorithms by name, without loading any of them.

algorithm   trains                                         judges by
mappo       Gaussian actors, clipped objective             one critic on the global state
ippo        Gaussian actors, clipped objective             a critic per group on what agents see
happo       Gaussian actors, one agent after the other     one critic on the global state
    vdn         values of choices on a grid                    the team's return, as a sum
    iql         values of choices on a grid                    each agent's own return
    pathwise    actors, down the gradient through the twin     the cost itself
"""

from __future__ import annotations

from typing import Literal

Algorithm = Literal["mappo", "ippo", "happo", "vdn", "iql", "pathwise"]

GAUSSIAN: tuple[Algorithm, ...] = ("mappo", "ippo", "happo")
"""Those that train Gaussian actors by what their critics say."""

REPLAYING: tuple[Algorithm, ...] = ("vdn", "iql")
"""Those that keep experience on the disk; their class also takes the storage."""

ALGORITHMS: dict[Algorithm, str] = {
    "mappo": "agents.learn.mappo:Mappo",
    "ippo": "agents.learn.ippo:Ippo",
    "happo": "agents.learn.happo:Happo",
    "vdn": "agents.learn.vdn:Vdn",
    "iql": "agents.learn.iql:Iql",
    "pathwise": "agents.learn.pathwise:Pathwise",
}
"""Where each lives; its class is called with setup, configuration and run folder."""
