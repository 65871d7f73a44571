"""Small networks, forward and back, without torch's tape: gradients are written out.

Most of the time of an update of small networks goes into the bookkeeping of tiny operations, and
into ``torch.tanh``, which takes seven times as long as numpy's. What comes out is autograd's to
rounding (a law with a test); the tanh is the rollout's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
Parameters = Sequence[Tensor]
"""Weight (out, in) and bias (out,) of each layer in turn."""
Sample = tuple[Tensor, Tensor, Tensor]
"""Inputs (n, agent, in), actions (n, agent, action), log probability when chosen (n, agent)."""


class Pass:
    """One pass of rows (..., in) through tanh layers, and the way back."""

    @torch.no_grad()
    def __init__(self, rows: Tensor, parameters: Parameters) -> None:
        """``out`` (..., out) is the network's output; rows are data and get no gradient."""
        self._weights = parameters[::2]
        out, self._seen = _outputs(rows.reshape(-1, rows.shape[-1]), parameters)
        self.out = out.reshape(*rows.shape[:-1], out.shape[-1])

    @torch.no_grad()
    def gradients(self, pull: Tensor) -> list[Tensor]:
        """Of sum(pull * out), by the parameters in turn; ``pull`` (..., out)."""
        saved = (*self._weights, *self._seen)
        return _gradients(saved, pull.reshape(-1, pull.shape[-1]))


class ClippedGains:
    """PPO's clipped objective of one group's agents, and the way back.

    ``gains`` and ``log_ratio`` are (n, agent). The log ratio is zero, with zero
    gradients, where an agent was not in control.
    """

    @torch.no_grad()
    def __init__(
        self,
        parameters: Parameters,
        log_std: Tensor,
        used: Tensor,
        sample: Sample,
        advantage: Tensor,
        clip: float,
        alive: Tensor | None,
    ) -> None:
        """``parameters`` are the mean's, ``log_std`` and ``used`` (agent, action), ``advantage``
        and ``alive`` (n, agent)."""
        inputs, actions, old = sample
        self._mean, self._used = Pass(inputs, parameters), used
        self._inverse = torch.exp(-log_std)
        self._noise = noise = (actions - self._mean.out) * self._inverse
        exponent = 0.5 * noise * noise + (log_std + HALF_LOG_2PI)
        log_ratio = -(exponent * used).sum(-1) - old
        if alive is not None:
            log_ratio = torch.where(alive, log_ratio, 0.0)
        self.log_ratio = log_ratio
        ratio = torch.exp(log_ratio)
        plain, bounded = ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage
        self.gains = torch.minimum(plain, bounded)
        self._slope = torch.where(plain <= bounded, plain, 0.0)
        if alive is not None:
            self._slope = torch.where(alive, self._slope, 0.0)

    @torch.no_grad()
    def gradients(self, pull: Tensor | float) -> list[Tensor]:
        """Of sum(pull * gains), by ``log_std``, then by the parameters in turn."""
        moved = (pull * self._slope)[..., None] * self._used
        of_noise = moved * self._noise
        spread = (of_noise * self._noise - moved).sum(0).to(self._inverse.dtype)
        return [spread, *self._mean.gradients(of_noise * self._inverse)]


def network(rows: Tensor, parameters: Parameters) -> Tensor:
    """Rows (..., in) through tanh layers to (..., out), on the tape as one step; rows get no
    gradient."""
    out: Tensor = _Network.apply(rows.reshape(-1, rows.shape[-1]), *parameters)  # type: ignore[no-untyped-call]
    return out.reshape(*rows.shape[:-1], out.shape[-1])


class _Network(Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, *parameters: Tensor) -> Tensor:
        out, seen = _outputs(rows, parameters)
        ctx.save_for_backward(*parameters[::2], *seen)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return (None, *_gradients(ctx.saved_tensors, gradient))


def _outputs(rows: Tensor, parameters: Parameters) -> tuple[Tensor, list[Tensor]]:
    """Output of the network, and what each layer saw."""
    weights, biases = parameters[::2], parameters[1::2]
    seen = [rows]
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        seen.append(_tanh(torch.addmm(bias, seen[-1], weight.t())))
    return torch.addmm(biases[-1], seen[-1], weights[-1].t()), seen


def _gradients(saved: Sequence[Tensor], gradient: Tensor) -> list[Tensor]:
    """Gradients of weights and biases in turn, from weights, then what each layer saw."""
    count = len(saved) // 2
    weights, seen = saved[:count], saved[count:]
    gradient = gradient.to(weights[0].dtype)
    found: list[Tensor] = []
    for k in range(count - 1, -1, -1):
        found = [_outer(gradient, seen[k], k == 0), gradient.sum(0), *found]
        if k > 0:
            gradient = torch.ops.aten.tanh_backward(gradient @ weights[k], seen[k])
    return found


def _outer(gradient: Tensor, seen: Tensor, inputs: bool) -> Tensor:
    """Gradient of a layer's weight: (out, in).

    Of ``inputs``, whose number may be odd, the product takes half the time the other way round.
    """
    return (seen.t() @ gradient).t().contiguous() if inputs else gradient.t() @ seen


def _tanh(values: Tensor) -> Tensor:
    """In place; by numpy where it can."""
    if values.device.type != "cpu":
        return values.tanh_()
    plain = values.numpy()
    np.tanh(plain, out=plain)
    return values
