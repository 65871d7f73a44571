"""The networks: one actor per group of agents, one centralised critic; all tanh, all orthogonal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.checkpoint.groups import Group, Layers
from agents.checkpoint.memory import Cell
from agents.learn import by_hand
from agents.learn.batch import Weights
from agents.learn.config import TrainConfig
from twin.exogenous.streams import stream

Floats = NDArray[np.floating]
HIDDEN_GAIN = math.sqrt(2)
ACTOR_HEAD_GAIN = 0.01
CRITIC_HEAD_GAIN = 1.0
CHOOSER_HEAD_GAIN = 0.001


class Mlp(nn.Module):
    """Linear layers with tanh between them: rows (n, in) to (n, out)."""

    def __init__(
        self,
        sizes: Sequence[int],
        head_gain: float,
        generator: np.random.Generator,
        head_in: int | None = None,
    ) -> None:
        """``head_in`` is the width that goes into the head where it is not the layer's before."""
        super().__init__()
        *body, (before, out) = pairwise(sizes)
        shapes = [*((*pair, HIDDEN_GAIN) for pair in body), (head_in or before, out, head_gain)]
        self.layers = nn.ModuleList(_linear(*shape, generator) for shape in shapes)

    @property
    def linear(self) -> tuple[nn.Linear, ...]:
        """The layers, first to last."""
        return tuple(cast(nn.Linear, layer) for layer in self.layers)

    def forward(self, rows: Tensor) -> Tensor:
        """Output of the network; rows are data and get no gradient."""
        return by_hand.network(rows, self.flat)

    @cached_property
    def flat(self) -> tuple[Tensor, ...]:
        """Weight and bias of each layer in turn."""
        return tuple(self.layers.parameters())

    def arrays(self) -> Layers:
        """The weights as numpy copies, for the rollout and for bundles."""
        return tuple((_array(layer.weight), _array(layer.bias)) for layer in self.linear)


class RecurrentMlp(Mlp):
    """The same with a gated recurrent unit before the head; see ``agents.checkpoint.memory``."""

    def __init__(
        self, sizes: Sequence[int], units: int, head_gain: float, generator: np.random.Generator
    ) -> None:
        super().__init__(sizes, head_gain, generator, units)
        self.gru = _gru(sizes[-2], units, generator)

    def forward(
        self, steps: Tensor, memory: Tensor | None = None, starts: Sequence[int] = ()
    ) -> Tensor:
        """Outputs (step, n, out) of sequences (step, n, in) that start from ``memory`` (n, unit).

        It is zero where none is given, and again at the steps ``starts``.
        """
        *hidden, head = self.linear
        for layer in hidden:
            steps = torch.tanh(layer(steps))
        known, found = None if memory is None else memory[None], []
        for episode in torch.tensor_split(steps, list(starts)):
            found.append(self.gru(episode, known)[0])
            known = None
        out: Tensor = head(torch.cat(found))
        return out

    def cell(self) -> Cell:
        """The unit as numpy copies."""
        return Cell(*(_array(part) for part in self._parts))

    @torch.no_grad()
    def adopt(self, cell: Cell) -> None:
        """Take over another unit's weights."""
        for part, array in zip(self._parts, cell, strict=True):
            part.copy_(torch.from_numpy(array))

    @property
    def _parts(self) -> list[Tensor]:
        return _gru_parts(self.gru)


class Actor(nn.Module):
    """Gaussian policy of one group: a mean network and one log standard deviation per agent."""

    def __init__(self, group: Group, start: Floats, config: TrainConfig) -> None:
        """``start`` (action,) is the mean action before training."""
        super().__init__()
        agents = len(group.agents)
        sizes = (group.input_size, *config.hidden, group.action_size)
        generator = stream(config.seed, f"initial weights/actor/{group.name}")
        self.mean = _mean(sizes, config, generator)
        with torch.no_grad():
            self.mean.linear[-1].bias.copy_(torch.from_numpy(start))
        log_std = torch.full((agents, group.action_size), config.initial_log_std)
        self.log_std = nn.Parameter(log_std)  # (agent, action)

    def log_probability(self, inputs: Tensor, actions: Tensor, used: Tensor) -> Tensor:
        """Log density of actions: (n, agent, in), (n, agent, action) to (n, agent).

        ``used`` (agent, action) is one where an agent has that action and zero where it is padding.
        """
        return self.log_density(self.mean(inputs), actions, used)

    def log_density(self, mean: Tensor, actions: Tensor, used: Tensor) -> Tensor:
        """The same, given the mean (n, agent, action)."""
        noise = (actions - mean) * torch.exp(-self.log_std)
        density: Tensor = (0.5 * noise**2 + self.log_std + 0.5 * math.log(2 * math.pi)) * used
        return -density.sum(-1)

    def entropy(self, used: Tensor) -> Tensor:
        """Mean entropy of an agent's action distribution."""
        per_action = self.log_std + 0.5 * math.log(2 * math.pi * math.e)
        return (per_action * used).sum(-1).mean()


def _mean(sizes: Sequence[int], config: TrainConfig, generator: np.random.Generator) -> Mlp:
    if config.recurrent is None:
        return Mlp(sizes, ACTOR_HEAD_GAIN, generator)
    return RecurrentMlp(sizes, config.recurrent.hidden, ACTOR_HEAD_GAIN, generator)


def make_actors(groups: Sequence[tuple[Group, Floats]], config: TrainConfig) -> list[Actor]:
    """One actor per group, each with the mean action that it starts from, on the device."""
    device = torch.device(config.device)
    return [Actor(group, start, config).to(device) for group, start in groups]


def weights_of(actors: Sequence[Actor]) -> Weights:
    """Numpy copies of Gaussian actors."""
    return Weights(
        tuple(actor.mean.arrays() for actor in actors),
        tuple(actor.log_std.detach().cpu().numpy().copy() for actor in actors),
        cells=tuple(a.mean.cell() for a in actors if isinstance(a.mean, RecurrentMlp)),
    )


def make_critic(state_size: int, streams: int, config: TrainConfig) -> Mlp:
    """The critic: scaled global vector (n, state) to normalised values (n, reward stream)."""
    generator = stream(config.seed, "initial weights/critic")
    return Mlp((state_size, *config.critic_hidden, streams), CRITIC_HEAD_GAIN, generator)


def make_own_critic(group: Group, config: TrainConfig) -> Mlp:
    """An independent learner's critic: network inputs (n, agent, in) to values (n, agent, 1)."""
    generator = stream(config.seed, f"initial weights/critic/{group.name}")
    return Mlp((group.input_size, *config.critic_hidden, 1), CRITIC_HEAD_GAIN, generator)


def make_chooser(group: Group, prior: Floats, config: TrainConfig) -> Mlp:
    """Network inputs (n, agent, in) to values of choices (n, agent, action x choice).

    ``prior`` (action x choice,) is what the choices are worth before training.
    """
    generator = stream(config.seed, f"initial weights/chooser/{group.name}")
    network = Mlp((group.input_size, *config.hidden, len(prior)), CHOOSER_HEAD_GAIN, generator)
    with torch.no_grad():
        network.linear[-1].bias.copy_(torch.from_numpy(prior))
    return network


def _linear(size_in: int, size_out: int, gain: float, generator: np.random.Generator) -> nn.Linear:
    """An orthogonal layer with zero bias, drawn without torch's global random state."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, size_in, size_out)  # type: ignore[no-untyped-call]
    weight = gain * orthogonal(size_out, size_in, generator)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.zero_()
    return layer


def _gru(size_in: int, units: int, generator: np.random.Generator) -> nn.GRU:
    """A unit with orthogonal gates and zero biases, drawn without torch's global random state."""
    gru: nn.GRU = nn.GRU(size_in, units, device="meta").to_empty(device="cpu")
    with torch.no_grad():
        *weights, bias_in, bias_memory = _gru_parts(gru)
        for weight in weights:
            gates = [orthogonal(units, weight.shape[1], generator) for _ in range(3)]
            weight.copy_(torch.from_numpy(np.concatenate(gates)))
        bias_in.zero_()
        bias_memory.zero_()
    return gru


def _gru_parts(gru: nn.GRU) -> list[Tensor]:
    """Its parameters in the order of a ``Cell``'s fields."""
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    return [gru.get_parameter(name) for name in names]


def orthogonal(rows: int, columns: int, generator: np.random.Generator) -> Floats:
    """A random matrix with orthonormal rows or columns, whichever are fewer (Saxe et al. 2014)."""
    tall = generator.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q = q * np.sign(np.diag(r))
    return q if rows >= columns else q.T


def _array(tensor: Tensor) -> NDArray[np.float32]:
    copy: NDArray[np.float32] = tensor.detach().cpu().numpy().copy()
    return copy
