"""The PettingZoo environment with choices instead of free actions, and a mask over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from twin.env.choices import Choices, choices_of, points_of
from twin.env.episode import observation
from twin.env.parallel import Stepped, TwinParallelEnv, Vector
from twin.env.rules import OrderingRule
from twin.errors import UsageError
from twin.network.world import World

FEWEST, MOST = 2, 101
Mask = NDArray[np.int8] | tuple[NDArray[np.int8], ...]


class DiscreteTwinEnv(TwinParallelEnv):
    """As TwinParallelEnv, with ``choices`` points per action; see ``twin.env.choices``.

    An agent that decides one number has a Discrete space, others a MultiDiscrete.
    ``infos[agent]["action_mask"]`` is what gymnasium's ``sample`` takes: one where a choice can be
    carried out in this state, an int8 array per action. It sees what the network knows,
    disruptions included. A choice that is masked is still carried out if taken.

    Versions: v0, first release.
    """

    def __init__(
        self,
        world: World,
        choices: int,
        bend: float = 1.0,
        rule: OrderingRule | None = None,
        render_mode: str | None = None,
        seed: int = 0,
    ) -> None:
        if not FEWEST <= choices <= MOST:
            raise UsageError(
                "impossible number of choices", "choices", str(choices), f"{FEWEST} to {MOST}"
            )
        super().__init__(world, rule, render_mode, seed)
        found = self._codecs.items()
        self._choices: dict[str, Choices] = {
            name: choices_of(world, codec, choices, bend) for name, codec in found
        }
        self._points = {name: points_of(codec, choices, bend) for name, codec in found}
        self.action_spaces = {name: _space(codec.action_size, choices) for name, codec in found}

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Vector], dict[str, dict[str, Any]]]:
        """Start an episode on the sample path of ``seed``; without one, of the next seed."""
        observations, _ = super().reset(seed, options)
        return observations, self._masks(self.agents)

    def step(self, actions: Mapping[str, Any]) -> Stepped:
        """Choose for one period; agents without a choice follow the static policy.

        Raises UsageError for a choice that is not in the agent's space.
        """
        meant = {name: self._meant(name, index) for name, index in actions.items()}
        found = super().step(meant)
        return (*found[:-1], self._masks(found[0]))

    def _meant(self, agent: str, index: Any) -> Any:
        """The action that a choice stands for; of unknown agents the index itself."""
        if agent not in self._points:
            return index
        points, size = self._points[agent], self._codecs[agent].action_size
        taken = np.asarray(index).reshape(-1)
        whole = np.issubdtype(taken.dtype, np.integer)
        if not (whole and len(taken) == size and ((taken >= 0) & (taken < len(points))).all()):
            expected = f"{size} whole numbers from 0 to {len(points) - 1}"
            raise UsageError("not a choice", agent, repr(index), expected)
        return points[taken]

    def _masks(self, agents: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What each agent can choose now."""
        engine = self._running()
        t, path, source = engine.t, engine.path, self.world.source
        gates = path.lane_open[t] * path.node_open[t, source]
        masks = {}
        for name in agents:
            spec = self._codecs[name].spec
            seen = observation(spec, self._vector)
            possible = self._choices[name].possible(seen, gates[spec.lanes]).astype(np.int8)
            mask: Mask = possible[0] if len(possible) == 1 else tuple(possible)
            masks[name] = {"action_mask": mask}
        return masks


def _space(actions: int, choices: int) -> spaces.Space[Any]:
    return spaces.Discrete(choices) if actions == 1 else spaces.MultiDiscrete([choices] * actions)
