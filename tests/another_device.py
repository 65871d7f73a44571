"""A device that is not the CPU, where there is none: CPU tensors behind a wall.

Inside ``another_device`` a tensor on the device ``meta`` holds real numbers, and no operation takes
it together with one of the CPU, as a GPU would refuse to; ``.numpy()`` is refused too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

AWAY = torch.device("meta")
INDEXING = {
    torch.ops.aten.index.Tensor,
    torch.ops.aten.index_put.default,
    torch.ops.aten.index_put_.default,
}
"""A GPU takes indices from the CPU."""


class Away(Tensor):
    """A tensor that says it is elsewhere."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> Away:
        made = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=AWAY,
        )
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        return carried_out(func, args, kwargs or {})

    def numpy(self, *, force: bool = False) -> Any:
        raise TypeError("can't convert a tensor that is elsewhere to numpy; use .cpu() first")


class Brought(TorchFunctionMode):
    """Python's values reach the other device by way of the CPU: torch drops those of ``meta``."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        named = dict(kwargs or {})
        if func is Tensor.__getitem__:
            return func(args[0], _as_indices(args[1]))
        if func in (torch.tensor, torch.as_tensor) and named.get("device") == AWAY:
            del named["device"]
            return func(*args, **named).to(AWAY)
        return func(*args, **named)


def _as_indices(index: Any) -> Any:
    """An index whose lists and numpy arrays are tensors of the CPU."""
    if isinstance(index, tuple):
        return tuple(_as_indices(part) for part in index)
    return torch.as_tensor(index) if isinstance(index, list | np.ndarray) else index


class Walled(TorchDispatchMode):
    """Where tensors can be made on, and brought to, the other device."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        return carried_out(func, args, kwargs or {})


@contextmanager
def another_device() -> Iterator[None]:
    """Let tensors live on ``meta``, behind the wall."""
    with Walled(), Brought():
        yield


def carried_out(func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Do on the CPU what is asked for, and say where the result is."""
    flat, shape = tree_flatten((args, dict(kwargs)))
    asked = kwargs.get("device")
    away = any(isinstance(x, Away) for x in flat)
    if away and func not in INDEXING and "copy" not in str(func):
        here = [x for x in flat if isinstance(x, Tensor) and not isinstance(x, Away) and x.dim()]
        if here:
            raise RuntimeError(f"{func}: tensors on two devices, {here[0].shape} on the CPU")
    there = away if asked is None else torch.device(asked) == AWAY
    inner = [x.inner if isinstance(x, Away) else x for x in flat]
    plain, named = tree_unflatten(inner, shape)
    if asked is not None:
        named = {**named, "device": torch.device("cpu")}
    found = func(*plain, **named)
    if not there:
        return found
    same = {id(x.inner): x for x in flat if isinstance(x, Away)}

    def told(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        return same[id(x)] if id(x) in same else Away(x)

    return tree_map(told, found)
