"""Data-parallel training: ranks that play a share of the networks each and learn as one.

Sums over ranks stand where one process has sums over replications: gradients, statistics, costs.
So every rank takes the same steps from the same weights, and the result is that of one process to
rounding. ``torchrun`` starts the ranks and tells each its place in the environment.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from agents.learn.device import usable_device
from agents.learn.launched import Place
from agents.learn.ranks import Ranks
from twin.errors import TrainingError

PATIENCE = timedelta(hours=1)
"""Bound on every wait for another rank; the others wait while the first tunes the baselines."""


class Team(Ranks):
    """One rank of several."""

    def __init__(self, place: Place, device: torch.device) -> None:
        self.rank, self.size = place.rank, place.size
        self.device = device

    def total(self, values: NDArray[Any]) -> NDArray[Any]:
        """The sum over all ranks, of the same shape and kind."""
        return self._exchanged(values, dist.all_reduce)

    def told(self, values: NDArray[Any]) -> NDArray[Any]:
        """What the first rank holds; the others pass an array of the same shape and kind."""
        return self._exchanged(values, lambda tensor: dist.broadcast(tensor, 0))

    def told_text(self, text: str) -> str:
        """What the first rank says."""
        data = np.frombuffer(text.encode(), dtype=np.uint8)
        length = int(self.told(np.array([len(data)]))[0])
        held = data if self.first else np.zeros(length, dtype=np.uint8)
        return self.told(held).tobytes().decode()

    def sum_gradients(self, parameters: Iterable[Any], loss: Any) -> float:
        """Replace all gradients by their sums over the ranks; the sum of the losses.

        One vector holds them all: a message per layer would cost more than what it carries.
        """
        gradients: list[Tensor] = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([loss.detach().reshape(1), *(g.reshape(-1) for g in gradients)])
        self._talk(lambda: dist.all_reduce(flat))
        parts = torch.split(flat[1:], [g.numel() for g in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))
        return float(flat[0].item())

    def mean(self, values: NDArray[Any], axes: int | tuple[int, ...] | None = None) -> Any:
        """Mean over some axes (by default all), over the values of all ranks together."""
        summed = values.sum(axis=axes, dtype=np.float64)
        count = values.size / max(summed.size, 1)
        both = self.total(np.append(np.ravel(summed), count))
        return (both[:-1] / max(both[-1], 1.0)).reshape(np.shape(summed)).astype(values.dtype)

    def _exchanged(
        self, values: NDArray[Any], exchange: Callable[[Tensor], object]
    ) -> NDArray[Any]:
        tensor = torch.from_numpy(np.array(values)).to(self.device)
        self._talk(lambda: exchange(tensor))
        found: NDArray[Any] = tensor.cpu().numpy()
        return found

    def _talk(self, exchange: Callable[[], object]) -> None:
        try:
            exchange()
        except RuntimeError as error:
            raise TrainingError(
                "another rank of the run has gone",
                f"rank {self.rank} of {self.size}",
                str(error).splitlines()[0],
                fix="Its own message says why; resume the run once that is mended.",
            ) from None


@contextmanager
def joined(place: Place, device: str) -> Iterator[Team]:
    """Join the other ranks, by NCCL on CUDA and else by gloo; leave them at the end.

    Raises UsageError where the device is not there, TrainingError when the others do not come.
    """
    own = usable_device(device, place.local_rank)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    if _is_loopback(place.host):
        # gloo would listen on the address that the machine's name stands for.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", _loopback_interface())
    backend = "nccl" if own.type == "cuda" else "gloo"
    try:
        dist.init_process_group(
            backend, store=_store(place), rank=place.rank, world_size=place.size, timeout=PATIENCE
        )
    except (RuntimeError, OSError) as error:
        raise TrainingError(
            "the ranks of the run do not find each other",
            f"rank {place.rank} of {place.size}",
            str(error).splitlines()[0],
            f"all of them at {place.host}:{place.port}",
        ) from None
    team = Team(place, own)
    try:
        yield team
        team.told_text("over")  # together: a launcher ends all ranks when one leaves badly
    finally:
        dist.destroy_process_group()


def _store(place: Place) -> Any:
    """Where the ranks find each other: kept by torchrun, or else by the first rank."""
    keeps = place.rank == 0 and not place.kept_by_launcher
    listening = None
    if keeps:
        # On its own torch would listen on every address of the machine.
        listening = socket.create_server((place.host, place.port)).detach()
    return dist.TCPStore(  # type: ignore[attr-defined]
        place.host, place.port, place.size, keeps, PATIENCE, master_listen_fd=listening
    )


def _is_loopback(host: str) -> bool:
    return host in ("127.0.0.1", "localhost", "::1")


def _loopback_interface() -> str:
    """``lo`` on Linux, ``lo0`` elsewhere."""
    return next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
