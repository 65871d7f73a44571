"""Adam on gradients of bounded length, without the bookkeeping of ``torch.optim``.

For a small network that takes several times as long as the step itself, which is torch's own fused
kernel: numbers are those of ``torch.optim.Adam`` and ``clip_grad_norm_``, bit for bit (a law with a
test).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

EPSILON = 1e-5
BETAS = 0.9, 0.999
NO_NORM = 1e-6
"""Added to the norm that gradients are divided by."""
Moments = dict[str, Tensor]


class Adam:
    """Kingma and Ba 2015; a parameter without a gradient stays, and its moments with it."""

    def __init__(self, parameters: Iterable[Tensor], rate: float) -> None:
        self.parameters = list(parameters)
        self.rate = rate
        device = self.parameters[0].device if self.parameters else None
        self._steps = torch.zeros(len(self.parameters), device=device)
        self._moments: list[Moments] = [
            {
                "step": step,  # a part of them all, which are counted on at once
                "exp_avg": torch.zeros_like(own, requires_grad=False),
                "exp_avg_sq": torch.zeros_like(own, requires_grad=False),
            }
            for own, step in zip(self.parameters, self._steps.unbind(), strict=True)
        ]

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def shorten(self, longest: float) -> float:
        """Scale the gradients down to a norm of at most ``longest``; the norm before."""
        gradients = [own.grad for own in self.parameters if own.grad is not None]
        if not gradients:
            return 0.0
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        torch._foreach_mul_(gradients, (longest / (norm + NO_NORM)).clamp_(max=1.0))
        return float(norm.item())

    @torch.no_grad()
    def step(self) -> None:
        """One step down the gradients."""
        pairs = zip(self.parameters, self._moments, strict=True)
        moved = [(own, own.grad, known) for own, known in pairs if own.grad is not None]
        if not moved:
            return
        if len(moved) == len(self.parameters):
            self._steps += 1
        else:
            torch._foreach_add_([known["step"] for _, _, known in moved], 1)
        torch._fused_adam_(
            [own for own, _, _ in moved],
            [gradient for _, gradient, _ in moved],
            [known["exp_avg"] for _, _, known in moved],
            [known["exp_avg_sq"] for _, _, known in moved],
            [],
            [known["step"] for _, _, known in moved],
            lr=self.rate,
            beta1=BETAS[0],
            beta2=BETAS[1],
            weight_decay=0.0,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )

    def state(self) -> Iterator[tuple[str, Tensor]]:
        """Moments and steps by name."""
        for index, moments in enumerate(self._moments):
            for name, tensor in moments.items():
                yield f"{index}/{name}", tensor

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Put back what ``state`` gave; what is not in it starts afresh."""
        for name, tensor in self.state():
            found = state.get(name)
            tensor.zero_() if found is None else tensor.copy_(found.reshape(tensor.shape))
