"""Where tensors live: a torch device by name, refused with a reason where it is not there."""

from __future__ import annotations

import torch

from twin.errors import UsageError

KINDS = ("cpu", "cuda")


def usable_device(name: str, local_rank: int | None = None) -> torch.device:
    """The device ``cpu``, ``cuda`` or ``cuda:1``; plain ``cuda`` is each local rank's own.

    Raises UsageError for another kind of device, and for one that this machine does not have.
    """
    kind, _, number = name.partition(":")
    if kind not in KINDS or (number and not (kind == "cuda" and number.isdecimal())):
        raise UsageError("unknown device", "device", repr(name), "cpu, cuda, or cuda:0 and so on")
    if kind == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = int(number) if number else (local_rank or 0)
    if index >= count:
        raise UsageError(
            "there is no such CUDA device here",
            "device",
            repr(name),
            f"one of {count}" if count else "a GPU that torch can use; torch finds none",
            "Use --device cpu, or install torch with CUDA on a machine with a GPU.",
        )
    return torch.device("cuda", index)
