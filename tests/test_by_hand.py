"""Laws of the gradients that are written out: they are autograd's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.learn.by_hand import clipped_gains, network
from twin.exogenous.streams import stream

ROWS, AGENTS, SEEN, ACTIONS, WIDTH = 12, 3, 5, 2, 7
CLIP = 0.2


def tensors(seed: int, *shapes: tuple[int, ...]) -> list[Tensor]:
    rng = stream(seed, "test/by hand")
    return [torch.from_numpy(rng.standard_normal(shape)) for shape in shapes]


def parameters(seed: int) -> list[Tensor]:
    sizes = [(SEEN, WIDTH), (WIDTH, WIDTH), (WIDTH, ACTIONS)]
    shapes = [shape for given, out in sizes for shape in ((out, given), (out,))]
    return [0.5 * tensor for tensor in tensors(seed, *shapes)]


def by_tape(rows: Tensor, flat: list[Tensor]) -> Tensor:
    for weight, bias in zip(flat[:-2:2], flat[1:-2:2], strict=True):
        rows = torch.tanh(rows @ weight.T + bias)
    return rows @ flat[-2].T + flat[-1]


def gains_by_tape(
    flat: list[Tensor],
    log_std: Tensor,
    used: Tensor,
    sample: tuple[Tensor, Tensor, Tensor],
    advantage: Tensor,
    alive: Tensor | None,
) -> Tensor:
    inputs, actions, old = sample
    noise = (actions - by_tape(inputs, flat)) * torch.exp(-log_std)
    density = -((0.5 * noise**2 + log_std + 0.5 * math.log(2 * math.pi)) * used).sum(-1)
    moved = density - old
    if alive is not None:
        moved = torch.where(alive, moved, 0.0)
    ratio = torch.exp(moved)
    return torch.minimum(ratio * advantage, ratio.clamp(1 - CLIP, 1 + CLIP) * advantage)


def gradients(value: Tensor, of: list[Tensor]) -> list[Tensor]:
    return list(torch.autograd.grad(value, of))


def test_a_network_has_the_value_and_the_gradient_of_the_tape() -> None:
    flat = [tensor.requires_grad_() for tensor in parameters(0)]
    (rows, pull) = tensors(1, (ROWS, AGENTS, SEEN), (ROWS, AGENTS, ACTIONS))
    found, expected = network(rows, flat), by_tape(rows, flat)
    torch.testing.assert_close(found, expected)
    pairs = zip(
        gradients((found * pull).sum(), flat), gradients((expected * pull).sum(), flat), strict=True
    )
    for one, other in pairs:
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("absent", [False, True])
def test_clipped_gains_have_the_value_and_the_gradient_of_the_tape(absent: bool) -> None:
    flat = [tensor.requires_grad_() for tensor in parameters(2)]
    inputs, actions, old, advantage = tensors(
        3, (ROWS, AGENTS, SEEN), (ROWS, AGENTS, ACTIONS), (ROWS, AGENTS), (ROWS, AGENTS)
    )
    log_std = (0.1 * tensors(4, (AGENTS, ACTIONS))[0]).requires_grad_()
    used = torch.ones(AGENTS, ACTIONS, dtype=torch.float64)
    used[0, 1] = 0.0
    old = 0.3 * old - 3.0
    alive = torch.from_numpy(np.arange(ROWS * AGENTS).reshape(ROWS, AGENTS) % 3 > 0)
    given = (log_std, used, (inputs, actions, old), advantage)
    who = alive if absent else None
    gains, log_ratio = clipped_gains(flat, *given, CLIP, who)
    expected = gains_by_tape(flat, *given, who)
    torch.testing.assert_close(gains, expected)
    moved = (log_ratio.exp() - 1).abs() > CLIP
    assert moved.any()
    assert not moved.all()
    assert not log_ratio.requires_grad
    weights = tensors(5, (ROWS, AGENTS))[0]
    if absent:
        weights = torch.where(alive, weights, 0.0)
    pairs = zip(
        gradients((gains * weights).sum(), [*flat, log_std]),
        gradients((expected * weights).sum(), [*flat, log_std]),
        strict=True,
    )
    for one, other in pairs:
        torch.testing.assert_close(one, other)
