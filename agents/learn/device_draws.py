"""Random numbers drawn where tensors live: the four kinds of ``twin.exogenous.variates`` in torch.

Each stream has a generator of its own, seeded from the named stream of the seed, so torch's global
random state is never touched. The numbers are those of one kind of device: a GPU draws others than
the CPU does.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import torch
from torch import Generator, Tensor

from agents.learn.device import usable_device
from twin.engine.batch_drawn import drawn_path
from twin.engine.batch_path import BatchPath
from twin.exogenous.streams import stream
from twin.exogenous.variates import Shape
from twin.network.world import World

LARGEST_SEED = 2**63 - 1
REAL = torch.float64


class TorchDraws:
    """Named streams on a device."""

    xp: Any = torch

    def __init__(self, seed: int, device: torch.device) -> None:
        self._seed = seed
        self.device = device

    def named(self, name: str) -> TorchVariates:
        """The stream of a name."""
        own = stream(self._seed, f"device/{name}").integers(LARGEST_SEED)
        return TorchVariates(torch.Generator(self.device).manual_seed(int(own)), self.device)

    def array(self, values: Any) -> Tensor:
        """Values in double precision."""
        return torch.as_tensor(values, dtype=REAL, device=self.device)

    def running_max(self, values: Tensor) -> Tensor:
        """The largest so far along the first axis."""
        return torch.cummax(values, 0).values


class TorchVariates:
    """Numbers of one generator."""

    def __init__(self, generator: Generator, device: torch.device) -> None:
        self._generator, self._device = generator, device

    def uniform(self, shape: Shape) -> Tensor:
        """Uniform on [0, 1)."""
        return torch.rand(shape, generator=self._generator, dtype=REAL, device=self._device)

    def normal(self, shape: Shape) -> Tensor:
        """Standard normal."""
        return torch.randn(shape, generator=self._generator, dtype=REAL, device=self._device)

    def poisson(self, mean: Tensor) -> Tensor:
        """Poisson counts with the given means."""
        return torch.poisson(mean, generator=self._generator)

    def gamma(self, shape: Tensor) -> Tensor:
        """Gamma of scale one with the given shape parameters; zero where they are zero."""
        some = shape > 0
        drawn = torch._standard_gamma(torch.where(some, shape, 1.0), generator=self._generator)
        return torch.where(some, drawn, 0.0)


def host_path(world: World, seeds: range, own: slice, device: str) -> BatchPath:
    """Paths drawn on a device, as numpy arrays of single precision for the rollout."""
    draws = TorchDraws(seeds[0], usable_device(device))
    drawn = drawn_path(world, draws, seeds, own, torch.float32)
    arrays = {field.name: getattr(drawn, field.name) for field in fields(drawn)}
    return BatchPath(**{name: None if a is None else a.cpu().numpy() for name, a in arrays.items()})
