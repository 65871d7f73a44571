"""Torch modules and optimisers: one guarded gradient step, and copies as numpy arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.learn.adam import Adam
from agents.learn.ranks import ALONE, Ranks
from twin.errors import DivergenceError

Arrays = dict[str, NDArray[Any]]


def descend(
    loss: Tensor,
    adam: Adam,
    longest: float,
    name: str,
    number: int,
    ranks: Ranks = ALONE,
    weight: float = 1.0,
) -> float:
    """One step down the gradient, which is scaled down to the norm ``longest``; the loss.

    Of several ``ranks`` each brings a loss over its own part of the rows, and ``weight``, its share
    of them: the step is one down the gradient of the mean over all rows. Raises DivergenceError
    when the loss or its gradient is not a finite number.
    """
    if not ranks.alone:
        loss = loss * weight
    adam.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    return step_down(loss, adam, longest, name, number, ranks)


def step_down(
    loss: Tensor, adam: Adam, longest: float, name: str, number: int, ranks: Ranks = ALONE
) -> float:
    """The same, where the parameters hold their gradients already; rank by rank weighted."""
    mean = ranks.sum_gradients(adam.parameters, loss)
    norm = adam.shorten(longest)
    for what, value in ((name, mean), (f"gradient of the {name}", norm)):
        if not math.isfinite(value):
            raise DivergenceError(
                f"{what} is not finite", f"update {number}", str(value), "a finite number"
            )
    adam.step()
    return mean


def put_gradients(parameters: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
    """Give each parameter its gradient."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient


def tensor_arrays(modules: Mapping[str, nn.Module], adams: Mapping[str, Adam]) -> Arrays:
    """Copies of all weights and of all optimisers' moments, by name."""
    arrays: Arrays = {}
    for name, module in modules.items():
        for key, tensor in module.state_dict().items():
            arrays[f"module/{name}/{key}"] = _copy(tensor)
    for name, adam in adams.items():
        arrays |= {f"adam/{name}/{key}": _copy(tensor) for key, tensor in adam.state()}
    return arrays


def restore_tensors(
    arrays: Arrays, modules: Mapping[str, nn.Module], adams: Mapping[str, Adam]
) -> None:
    """Put back what ``tensor_arrays`` gave."""
    for name, module in modules.items():
        keys = module.state_dict()
        module.load_state_dict(
            {key: torch.from_numpy(np.array(arrays[f"module/{name}/{key}"])) for key in keys}
        )
    for name, adam in adams.items():
        prefix = f"adam/{name}/"
        own = {key.removeprefix(prefix): key for key in arrays if key.startswith(prefix)}
        adam.restore({key: torch.from_numpy(np.array(arrays[at])) for key, at in own.items()})


def _copy(tensor: Tensor) -> NDArray[Any]:
    copy: NDArray[Any] = tensor.detach().cpu().numpy().copy()
    return copy


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Torch with this many threads; more of them only get in each other's way in small networks."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
