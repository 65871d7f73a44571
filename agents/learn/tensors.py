"""Torch modules and optimisers: one guarded gradient step, and copies as numpy arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Adam

from agents.learn.ranks import ALONE, Ranks
from twin.errors import DivergenceError

ADAM_EPSILON = 1e-5
Arrays = dict[str, NDArray[Any]]


def make_adam(module: nn.Module, rate: float) -> Adam:
    """Adam over all parameters of a module."""
    options: dict[str, Any] = {"lr": rate, "eps": ADAM_EPSILON, "fused": True}
    return Adam(module.parameters(), **options)


def set_rate(adam: Adam, rate: float) -> None:
    """Change the learning rate."""
    for group in adam.param_groups:
        group["lr"] = rate


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
    adam.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    parameters = adam.param_groups[0]["params"]
    mean = ranks.sum_gradients(parameters, loss)
    norm = nn.utils.clip_grad_norm_(parameters, longest)
    for what, value in ((name, mean), (f"gradient of the {name}", norm.item())):
        if not math.isfinite(value):
            raise DivergenceError(
                f"{what} is not finite", f"update {number}", str(value), "a finite number"
            )
    adam.step()
    return mean


def tensor_arrays(modules: Mapping[str, nn.Module], adams: Mapping[str, Adam]) -> Arrays:
    """Copies of all weights and of all optimisers' moments, by name."""
    arrays: Arrays = {}
    for name, module in modules.items():
        for key, tensor in module.state_dict().items():
            arrays[f"module/{name}/{key}"] = _copy(tensor)
    for name, adam in adams.items():
        for index, state in adam.state_dict()["state"].items():
            for key, tensor in state.items():
                arrays[f"adam/{name}/{index}/{key}"] = _copy(tensor)
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
        states: dict[int, dict[str, Tensor]] = {}
        prefix = f"adam/{name}/"
        for key, array in arrays.items():
            if key.startswith(prefix):
                index, what = key.removeprefix(prefix).split("/")
                states.setdefault(int(index), {})[what] = torch.from_numpy(np.array(array))
        adam.load_state_dict({**adam.state_dict(), "state": states})


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
