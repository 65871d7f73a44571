"""Laws of the gradients that are written out: they are autograd's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.learn.adam import Adam
from agents.learn.by_hand import ClippedGains, Pass, network
from agents.learn.masked import huber, huber_slope, mean_over, portion
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


def test_a_pass_without_the_tape_has_its_value_and_its_gradient() -> None:
    flat = [tensor.requires_grad_() for tensor in parameters(6)]
    (rows, pull) = tensors(7, (ROWS, AGENTS, SEEN), (ROWS, AGENTS, ACTIONS))
    found, expected = Pass(rows, flat), by_tape(rows, flat)
    torch.testing.assert_close(found.out, expected.detach())
    pairs = zip(found.gradients(pull), gradients((expected * pull).sum(), flat), strict=True)
    for one, other in pairs:
        assert not one.requires_grad
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("absent", [False, True])
def test_slopes_of_means_and_losses_are_those_of_the_tape(absent: bool) -> None:
    values, targets = tensors(8, (ROWS, AGENTS), (ROWS, AGENTS))
    some = torch.from_numpy(np.arange(ROWS * AGENTS).reshape(ROWS, AGENTS) % 4 > 0)
    who, values = some if absent else None, values.requires_grad_()
    (slope,) = gradients(huber(values, targets, 0.7, who), [values])
    torch.testing.assert_close(huber_slope(values.detach(), targets, 0.7, who), slope)
    (share,) = gradients(mean_over(values, who), [values])
    torch.testing.assert_close(portion(values.detach(), who) * torch.ones_like(values), share)


def test_steps_are_those_of_torchs_own_optimiser_bit_for_bit() -> None:
    """Clipped gradients too; a parameter without a gradient stays."""
    shapes = [(3, 4), (4,), (2, 2)]
    start = [tensor.float() for tensor in tensors(9, *shapes)]
    mine, its = ([tensor.clone().requires_grad_() for tensor in start] for _ in range(2))
    own = Adam(mine, 0.01)
    other = torch.optim.Adam(its, lr=0.01, eps=1e-5, fused=True)
    for step in range(4):
        pulls = [tensor.float() for tensor in tensors(10 + step, *shapes)]
        own.zero_grad()
        other.zero_grad()
        for k in range(3 if step % 2 else 2):
            mine[k].grad, its[k].grad = pulls[k].clone(), pulls[k].clone()
        norm = torch.nn.utils.clip_grad_norm_(its, 0.5 if step < 2 else 50.0)
        assert own.shorten(0.5 if step < 2 else 50.0) == norm.item()
        own.step()
        other.step()
    for one, another in zip(mine, its, strict=True):
        assert torch.equal(one, another)


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
    found = ClippedGains(flat, *given, CLIP, who)
    expected = gains_by_tape(flat, *given, who)
    torch.testing.assert_close(found.gains, expected.detach())
    moved = (found.log_ratio.exp() - 1).abs() > CLIP
    assert moved.any()
    assert not moved.all()
    weights = tensors(5, (ROWS, AGENTS))[0]
    masked = torch.where(alive, weights, 0.0) if absent else weights
    pairs = zip(
        found.gradients(weights),
        gradients((expected * masked).sum(), [log_std, *flat]),
        strict=True,
    )
    for one, other in pairs:
        torch.testing.assert_close(one, other)
