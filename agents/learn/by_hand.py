"""Small networks on torch's tape as one step each: forward and backward passes written out.

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


def network(rows: Tensor, parameters: Parameters) -> Tensor:
    """Rows (..., in) through tanh layers to (..., out); rows get no gradient."""
    out: Tensor = _Network.apply(rows.reshape(-1, rows.shape[-1]), *parameters)  # type: ignore[no-untyped-call]
    return out.reshape(*rows.shape[:-1], out.shape[-1])


def clipped_gains(
    parameters: Parameters,
    log_std: Tensor,
    used: Tensor,
    sample: Sample,
    advantage: Tensor,
    clip: float,
    alive: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """PPO's clipped objective of one group's agents, and their log ratios: (n, agent) each.

    ``parameters`` are the mean's, ``log_std`` and ``used`` (agent, action), ``advantage`` and
    ``alive`` (n, agent). The log ratio is zero where an agent was not in control, and a constant.
    """
    found: tuple[Tensor, Tensor] = _ClippedGains.apply(  # type: ignore[no-untyped-call]
        used, sample, advantage, clip, alive, log_std, *parameters
    )
    return found


class _Network(Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, *parameters: Tensor) -> Tensor:
        out, seen = _outputs(rows, parameters)
        ctx.save_for_backward(*parameters[::2], *seen)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return (None, *_gradients(ctx.saved_tensors, gradient))


class _ClippedGains(Function):
    @staticmethod
    def forward(
        ctx: Any,
        used: Tensor,
        sample: Sample,
        advantage: Tensor,
        clip: float,
        alive: Tensor | None,
        log_std: Tensor,
        *parameters: Tensor,
    ) -> tuple[Tensor, Tensor]:
        inputs, actions, old = sample
        mean, seen = _outputs(inputs.flatten(0, 1), parameters)
        inverse = torch.exp(-log_std)
        noise = (actions - mean.reshape(actions.shape)) * inverse
        exponent = 0.5 * noise * noise + (log_std + HALF_LOG_2PI)
        log_ratio = -(exponent * used).sum(-1) - old
        if alive is not None:
            log_ratio = torch.where(alive, log_ratio, 0.0)
        ratio = torch.exp(log_ratio)
        plain, bounded = ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage
        slope = torch.where(plain <= bounded, plain, 0.0)
        if alive is not None:
            slope = torch.where(alive, slope, 0.0)
        ctx.save_for_backward(slope, used, noise, inverse, *parameters[::2], *seen)
        ctx.mark_non_differentiable(log_ratio)
        return torch.minimum(plain, bounded), log_ratio

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        slope, used, noise, inverse, *saved = ctx.saved_tensors
        moved = (gradient * slope)[..., None] * used
        pull = moved * noise
        of_mean = (pull * inverse).reshape(-1, pull.shape[-1])
        spread = (pull * noise - moved).sum(0).to(inverse.dtype)
        return (None, None, None, None, None, spread, *_gradients(saved, of_mean))


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
        found = [gradient.t() @ seen[k], gradient.sum(0), *found]
        if k > 0:
            gradient = torch.ops.aten.tanh_backward(gradient @ weights[k], seen[k])
    return found


def _tanh(values: Tensor) -> Tensor:
    """In place; by numpy where it can."""
    if values.device.type != "cpu":
        return values.tanh_()
    plain = values.numpy()
    np.tanh(plain, out=plain)
    return values
