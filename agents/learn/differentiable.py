"""B networks in torch: from the actors' weights to what the runs cost, differentiable.

``Run`` is to a gradient what ``agents.learn.horizon.Horizon`` is to a sample: the same engine, the
same observations and the same decisions, in functional style.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.learn.decode import Decoder
from agents.learn.networks import Mlp
from agents.learn.setup import GroupSetup, Setup
from agents.learn.sight import Frame, Sight, observed
from agents.learn.straight_through import StraightThrough
from twin.engine.batch import BatchEngine, BatchPath
from twin.engine.batch_carry import carry_over
from twin.env.observe import global_vector


@dataclass(frozen=True)
class GroupTensors:
    """What ``GroupSetup.inputs`` gathers with, as tensors."""

    places: Tensor  # (agent x observation,) into the padded global vector
    scale: Tensor  # (agent, observation, 1)
    identity: Tensor  # (agent, agent, 1) one-hot of the agents

    @classmethod
    def of(cls, group: GroupSetup, device: torch.device) -> GroupTensors:
        """The tensors of a group on a device."""
        return cls(
            torch.from_numpy(group.places.ravel()).to(device),
            torch.from_numpy(group.scale).to(device),
            torch.eye(len(group.places), device=device)[..., None],
        )

    def inputs(self, vector: Tensor) -> Tensor:
        """Network inputs from the padded global vector (state + 1, B): (agent, in, B)."""
        seen = vector[self.places].reshape(*self.scale.shape[:2], -1) * self.scale
        one_hot = self.identity.expand(-1, -1, vector.shape[-1])
        return torch.cat([seen, one_hot], 1)


Layers = Sequence[tuple[Tensor, Tensor]]
"""(weight (out, in), bias (out,)) of each layer."""


def layers_of(network: Mlp) -> Layers:
    """The parameters of a network."""
    return [(layer.weight, layer.bias) for layer in network.linear]


def detached(layers: Layers) -> Layers:
    """The same numbers as constants."""
    return [(weight.detach(), bias.detach()) for weight, bias in layers]


def columns(layers: Layers, inputs: Tensor) -> Tensor:
    """Output of a tanh network with replications last: (..., in, B) to (..., out, B)."""
    for weight, bias in layers[:-1]:
        inputs = torch.tanh(weight @ inputs + bias[:, None])
    weight, bias = layers[-1]
    return weight @ inputs + bias[:, None]


class Eyes:
    """What agents are shown in a differentiable run: ``Sight`` in torch."""

    def __init__(self, sight: Sight, tensor: Callable[[Any], Tensor]) -> None:
        self.sight = sight
        self.tensor = tensor
        self.past = deque(map(tensor, list(sight.past)[:-1]), maxlen=sight.memory + 1)
        self.frame: Frame | None = None

    def seen(self, t: int, vector: Tensor, xp: StraightThrough) -> Tensor:
        """The padded vector (state + 1, B) with the agents' own observations after it."""
        self.past.append(vector)
        self.frame = self.sight.frame(t)
        own = vector[self.tensor(self.sight.numbers.places)]
        if self.frame is not None:
            frame = self.frame.cast(self.tensor)
            own = observed(self.sight.numbers, frame, self.past, own, xp).to(vector.dtype)
        return torch.cat([vector, own])

    def held(self) -> tuple[Tensor, Tensor] | None:
        """Lanes whose orders, and whose vehicles, the static policy decides: (lane, B) each."""
        if self.frame is None or self.frame.acts.all():
            return None
        orders, bookings = self.sight.numbers.held(self.frame.acts)
        return self.tensor(orders), self.tensor(bookings)


class Run:
    """B networks on their way through a horizon; gradients flow through everything they do."""

    def __init__(
        self,
        setup: Setup,
        engine: BatchEngine,
        xp: StraightThrough,
        device: torch.device,
        sight: Sight | None = None,
        count: int | None = None,
    ) -> None:
        """Start where a numpy ``engine`` stands, at a decision epoch, and leave it untouched.

        With a ``sight``, the one of the networks that play, agents see what they are shown. Of the
        networks there only the first ``count`` play on; None: all.
        """

        real = engine.path.demand.dtype

        def tensor(array: Any) -> Tensor:
            found = np.array(array)
            wider = found.dtype.kind == "f" and found.dtype != real
            return torch.from_numpy(found.astype(real) if wider else found).to(device)

        def own(array: Any) -> Tensor:
            return tensor(array[..., :count])

        named = {f.name: getattr(engine.path, f.name) for f in fields(BatchPath)}
        parts = {name: None if a is None else own(a) for name, a in named.items()}
        self.xp = xp
        self.engine = BatchEngine(engine.world, BatchPath(**parts), xp, keep_rows=False)
        carry_over(engine, self.engine, own)
        self.decoder = Decoder(setup, self.engine.path.demand, xp, sight is not None)
        self.eyes = Eyes(sight.first(count), tensor) if sight is not None else None
        self.vector = self._seen(None)

    @property
    def t(self) -> int:
        """The current epoch."""
        return self.engine.t

    def step(self, actions: Sequence[Tensor]) -> Tensor:
        """Act, finish the period and go to the next epoch; the network's cost: (B,).

        ``actions`` (agent, action, B) per group, as the codecs take them.
        """
        held = self.eyes.held() if self.eyes else None
        position = self.engine.inventory_position()
        self.engine.decide(*self.decoder(position, self.vector, actions, held))
        cost: Tensor = -self.engine.profit_row().sum(0)
        if self.engine.advance():
            self.vector = self._seen(self.vector)
        return cost

    def _seen(self, before: Tensor | None) -> Tensor:
        vector: Tensor = global_vector(self.engine.world, self.engine, self.xp, before)
        padded = torch.cat([vector, torch.zeros_like(vector[:1])])
        return padded if self.eyes is None else self.eyes.seen(self.t, padded, self.xp)
