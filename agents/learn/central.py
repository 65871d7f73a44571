"""One policy that sees what all agents see and decides for all of them, trained by the gradient.

It is no fleet: nobody in production sees everything at once. It says what sharing all information
would be worth, which is what decentralised actors are to be measured against.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.checkpoint.groups import Layers, forward
from agents.learn.adam import Adam
from agents.learn.batch import Array
from agents.learn.config import TrainConfig
from agents.learn.differentiable import Run, columns, layers_of
from agents.learn.evaluation import TRAINING_SEEDS, evaluate_static, evaluation_seeds, mean_cost
from agents.learn.horizon import Horizon, paths
from agents.learn.networks import ACTOR_HEAD_GAIN, Mlp
from agents.learn.rollout import SEEDS_PER_RUN
from agents.learn.setup import Setup
from agents.learn.straight_through import StraightThrough
from agents.learn.tensors import descend
from twin.engine.batch import BatchEngine
from twin.env.act import Codec
from twin.exogenous.streams import stream

Floats = NDArray[np.float64]
SCALE_SEEDS = 8
MOST_PERIODS = 60
"""Up to so many, the policy is told the period by a one-hot; a longer horizon is stationary."""


class CentralShape:
    """What a central policy sees, and how its outputs are dealt out to the agents."""

    def __init__(self, setup: Setup) -> None:
        self.groups = [group.used.shape for group in setup.groups]  # (agent, action) each
        members = [codec for group in setup.groups for codec in group.codecs]
        self.places = np.unique(np.concatenate([codec.spec.places for codec in members]))
        self.scale: Array = setup.state_scale[self.places].astype(np.float32)
        self.periods = setup.world.periods if setup.world.periods <= MOST_PERIODS else 0
        if not self.periods:
            self.scale[np.isin(self.places, members[0].spec.clock[:1])] = 0.0
        self.start = np.concatenate([np.tile(g.start, len(g.codecs)) for g in setup.groups])

    @property
    def inputs(self) -> int:
        """Everything seen, and the period as a one-hot where the horizon is short."""
        return len(self.places) + self.periods

    @property
    def outputs(self) -> int:
        """Actions of all agents."""
        return len(self.start)

    @property
    def cuts(self) -> list[int]:
        """Where each group's actions start in the output."""
        return [0, *accumulate(agents * actions for agents, actions in self.groups)]

    def numpy_inputs(self, vector: Floats, t: int) -> Array:
        """Inputs (in, B) from the global vector (state, B)."""
        period = np.zeros((self.periods, vector.shape[-1]), dtype=np.float32)
        period[t : t + 1] = 1.0
        seen = (vector[self.places] * self.scale[:, None]).astype(np.float32)
        return np.concatenate([seen, period])


class Central:
    """The network and its optimiser; one gradient step per batch of whole horizons."""

    def __init__(self, setup: Setup, config: TrainConfig) -> None:
        self.setup, self.config = setup, config
        self.shape = CentralShape(setup)
        sizes = (self.shape.inputs, *config.hidden, self.shape.outputs)
        generator = stream(config.seed, "initial weights/central")
        self.device = torch.device(config.device)
        self.network = Mlp(sizes, ACTOR_HEAD_GAIN, generator).to(self.device)
        with torch.no_grad():
            self.network.linear[-1].bias.copy_(torch.from_numpy(self.shape.start))
        self.adam = Adam(self.network.parameters(), config.pathwise.rate)
        static = evaluate_static(setup, evaluation_seeds(SCALE_SEEDS))
        self.money = max(float(np.abs(static).mean()), 1e-9)
        self.xp = StraightThrough(config.pathwise.sharpness)
        self.places = torch.from_numpy(self.shape.places).to(self.device)
        self.scale = torch.from_numpy(self.shape.scale)[:, None].to(self.device)

    def learn(self, number: int, progress: float) -> float:
        """One step on fresh sample paths; their mean cost per period."""
        config, world = self.config, self.setup.world
        self.adam.rate = config.pathwise.rate * (1 - progress * (1 - config.final_rate_share))
        count = config.replications
        first = TRAINING_SEEDS + config.seed * SEEDS_PER_RUN + number * count
        engine = BatchEngine(
            world, paths(world, range(first, first + count), np.float32), keep_rows=False
        )
        engine.advance()
        run = Run(self.setup, engine, self.xp, self.device)
        total, plain = torch.zeros((), device=self.device), 0.0
        for t in range(world.periods):
            cost = run.step(self.actions(run.vector, t)).mean()
            total, plain = total + world.model.discount**t * cost, plain + cost.item()
        loss = total / (world.periods * self.money)
        descend(loss, self.adam, config.gradient_norm, "cost", number)
        return plain / world.periods

    def actions(self, vector: Tensor, t: int) -> list[Tensor]:
        """Actions (agent, action, B) per group, from the padded global vector."""
        period = vector.new_zeros((self.shape.periods, vector.shape[-1]))
        period[t : t + 1] = 1.0
        inputs = torch.cat([vector[self.places] * self.scale, period])
        out = columns(layers_of(self.network), inputs)
        cuts = self.shape.cuts
        return [
            out[a:b].unflatten(0, shape)  # type: ignore[no-untyped-call]
            for a, b, shape in zip(cuts, cuts[1:], self.shape.groups, strict=False)
        ]


def train_central(
    setup: Setup,
    config: TrainConfig,
    report: Callable[[int, float, float], None] | None = None,
) -> CentralPolicy:
    """Train a central policy for ``config.updates`` steps; the best on the evaluation seeds.

    ``report`` is told the step, the cost per period in training and the best evaluation so far.
    """
    central = Central(setup, config)
    steps = config.planned_updates(setup.agents)
    seeds = evaluation_seeds(config.eval_seeds)
    best = CentralPolicy(setup, central.shape, central.network.arrays())
    lowest = float(evaluate_central(setup, best, seeds).mean())
    for number in range(steps):
        cost = central.learn(number, number / steps)
        if (number + 1) % config.eval_every == 0 or number + 1 == steps:
            now = CentralPolicy(setup, central.shape, central.network.arrays())
            found = float(evaluate_central(setup, now, seeds).mean())
            best, lowest = (now, found) if found < lowest else (best, lowest)
        if report is not None:
            report(number + 1, cost, lowest)
    return best


class CentralPolicy:
    """A trained central policy; it needs the observations of all agents at once."""

    def __init__(self, setup: Setup, shape: CentralShape, layers: Layers) -> None:
        self.name = "central"
        self.layers = layers
        self.shape = shape
        self.codecs: dict[str, tuple[int, int, Codec]] = {
            codec.spec.name: (g, i, codec)
            for g, group in enumerate(setup.groups)
            for i, codec in enumerate(group.codecs)
        }
        self._size = len(setup.state_scale)

    def reset(self, seed: int) -> None:
        """It keeps no state."""

    def actions(self, vector: Floats, t: int) -> list[Array]:
        """Actions (agent, action, B) per group, from the global vector (state, B)."""
        out = forward(self.layers, self.shape.numpy_inputs(vector, t))
        cuts = self.shape.cuts
        return [
            out[a:b].reshape(*shape, -1)
            for a, b, shape in zip(cuts, cuts[1:], self.shape.groups, strict=False)
        ]

    def act(self, observations: Mapping[str, Floats]) -> dict[str, Floats]:
        """Decisions of all agents, in natural units, from what they all see."""
        vector = np.zeros((self._size, 1))
        for name, (_, _, codec) in self.codecs.items():
            vector[codec.spec.places, 0] = observations[name][: len(codec.spec.places)]
        name, (_, _, codec) = next(iter(self.codecs.items()))
        acts = self.actions(vector, round(float(codec.spec.period(observations[name]))))
        return {
            name: codec.decode(observations[name], acts[g][i, : codec.action_size, 0])
            for name, (g, i, codec) in self.codecs.items()
        }


def evaluate_central(setup: Setup, policy: CentralPolicy, seeds: Sequence[int]) -> Floats:
    """Discounted cost per period on each seed: (seed,)."""
    horizon = Horizon(setup, setup.world, paths(setup.world, seeds))
    rows = []
    while not horizon.over:
        acts = policy.actions(horizon.vector[:-1], horizon.t)
        rows.append(horizon.step(horizon.decision(acts)).sum(axis=1))
    return mean_cost(rows, setup.world.model.discount)
