"""The torch namespace that training through the batch engine runs on.

The engine calls ``xp.floor`` and its like where a network counts in whole trips and whole units.
Their derivative is zero almost everywhere, which tells a policy nothing. Here each has torch's
value, bit for bit, and the derivative of the line that it steps along: straight-through estimators
(Bengio et al. 2013, "Estimating or Propagating Gradients Through Stochastic Neurons").
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import FunctionCtx


class _Straight(Function):
    """A function of whole steps in the forward pass, the line along them in the backward pass."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, step: Callable[[Tensor], Tensor]) -> Tensor:
        return step(x)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


class _GreaterEqual(Function):
    """1 where a >= b, else 0; the derivative is a bump around a = b, repeated in every unit.

    The last vehicle leaves when its load a reaches the least load b, both shares of a vehicle. The
    bump is von Mises' density of a - b: mean one over a unit, flat for a sharpness of zero, so that
    on average over loads the slope is the straight line's.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, sharpness: float) -> Tensor:
        ctx.sharpness = sharpness
        ctx.save_for_backward(a - b)
        return (a >= b).to(a.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        (gap,) = ctx.saved_tensors
        k = ctx.sharpness
        if k > 0:
            bump = torch.exp(k * (torch.cos(2 * math.pi * gap) - 1))
            gradient = gradient * bump / torch.special.i0e(torch.tensor(k)).item()
        return gradient, -gradient, None


class _Less(Function):
    """1 where a < b, else 0, for whole numbers a; the slope in b is shared by the two next to b.

    Among vehicles that are numbered from zero it says which ones of b have left.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return (a < b).to(b.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor]:
        a, b = ctx.saved_tensors
        near = 0.5 * ((a - b + 0.5).abs() < 1).to(gradient.dtype)
        return None, (gradient * near).sum_to_size(b.shape)


class _Bounded(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward((x < low).to(x.dtype) - (x > high).to(x.dtype))
        return x.clip(low, high)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (inward,) = ctx.saved_tensors  # the way back: +1 below, -1 above, 0 inside
        return gradient * (gradient * inward <= 0), None, None


class StraightThrough:
    """Torch, but for the functions that count; to be passed where an engine takes ``xp``."""

    def __init__(self, sharpness: float = 1.0) -> None:
        self.sharpness = sharpness

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    @staticmethod
    def floor(x: Tensor) -> Tensor:
        """Whole units, differentiated like ``x``."""
        found: Tensor = _Straight.apply(x, torch.floor)  # type: ignore[no-untyped-call]
        return found

    @staticmethod
    def ceil(x: Tensor) -> Tensor:
        """Whole lots, differentiated like ``x``."""
        found: Tensor = _Straight.apply(x, torch.ceil)  # type: ignore[no-untyped-call]
        return found

    @staticmethod
    def round(x: Tensor) -> Tensor:
        """The nearest whole number, half to even, differentiated like ``x``."""
        found: Tensor = _Straight.apply(x, torch.round)  # type: ignore[no-untyped-call]
        return found

    def greater_equal(self, a: Tensor, b: Tensor) -> Tensor:
        """1 where ``a`` reaches ``b``, differentiated like ``a - b``."""
        found: Tensor = _GreaterEqual.apply(a, b, self.sharpness)  # type: ignore[no-untyped-call]
        return found

    @staticmethod
    def less(a: Tensor, b: Tensor) -> Tensor:
        """1 where the whole number ``a`` is below ``b``, differentiated in ``b``."""
        found: Tensor = _Less.apply(a, b)  # type: ignore[no-untyped-call]
        return found

    @staticmethod
    def bounded(x: Tensor, low: float, high: float) -> Tensor:
        """``x`` within bounds; outside, a descent is only led back in, and never further out."""
        found: Tensor = _Bounded.apply(x, low, high)  # type: ignore[no-untyped-call]
        return found
