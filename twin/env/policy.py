"""The Policy protocol: natural observations in, natural decisions out; numpy only.

Observations and decisions are in natural units (units of product, vehicles), so that baselines,
trained fleets and outside agents are interchangeable. A trained fleet brings its own scaling (see
``twin.env.act.Codec``); the PettingZoo environment applies the scenario's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from twin.env.act import Codec, codecs
from twin.env.rules import OrderingRule
from twin.network.world import World

Floats = NDArray[np.float64]


@runtime_checkable
class Policy(Protocol):
    """Who acts: any object with these two methods and a name.

    ``act`` may be called for some of the agents only, and in any order within an epoch; it must
    depend on nothing but its arguments, what ``reset`` set up, and what the same agent saw in
    earlier epochs.
    """

    name: str

    def reset(self, seed: int) -> None:
        """Start a new episode; a policy that draws random numbers derives them from ``seed``."""

    def act(self, observations: Mapping[str, Floats]) -> dict[str, Floats]:
        """Decide for each agent that observed: orders (lane x product), or bookings (2 x lane)."""


class RulePolicy:
    """An ordering rule as a Policy: each node by its own observation, vehicles as needed."""

    takes_columns = True
    """``act`` also takes observations of many replications at once, as trailing columns."""

    def __init__(self, world: World, rule: OrderingRule, name: str = "") -> None:
        self.name = name or rule.kind
        self.rule = rule
        self._for_columns = rule.for_columns()
        self._codecs: dict[str, Codec] = {c.spec.name: c for c in codecs(world)}

    def reset(self, seed: int) -> None:
        """Rules keep no state."""

    def act(self, observations: Mapping[str, Floats]) -> dict[str, Floats]:
        """The rule's orders for each node; all vehicles of a fleet, without a least load."""
        return {name: self._wish(self._codecs[name], obs) for name, obs in observations.items()}

    def _wish(self, codec: Codec, observation: Floats) -> Floats:
        spec = codec.spec
        if spec.role == "dispatch":
            shape = (len(spec.lanes), *observation.shape[1:])
            return np.concatenate([np.full(shape, codec.vehicles), np.zeros(shape)])
        t = round(float(np.ravel(spec.period(observation))[0]))
        rule = self.rule if observation.ndim == 1 else self._for_columns
        quantity = rule.orders(spec.position(observation), t, spec.index)
        wish: Floats = codec.split(quantity)
        return wish


class CodecPolicy:
    """Scaled actions as a Policy: ``choose`` maps an agent's network input to its action."""

    def __init__(
        self, name: str, world: World, levels: Floats | None = None, ages: bool = False
    ) -> None:
        self.name = name
        self.codecs = {codec.spec.name: codec for codec in codecs(world, levels, ages)}

    def reset(self, seed: int) -> None:
        """Stateless unless a subclass says otherwise."""

    def choose(self, agent: str, inputs: NDArray[np.float32]) -> Floats:
        """The action of one agent; zero, which is the static policy, unless overridden."""
        return np.zeros(self.codecs[agent].action_size)

    def act(self, observations: Mapping[str, Floats]) -> dict[str, Floats]:
        """Decode each agent's action against its own observation."""
        return {
            name: self.codecs[name].decode(obs, self.choose(name, self.codecs[name].scaled(obs)))
            for name, obs in observations.items()
        }
