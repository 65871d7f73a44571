"""Large arrays on disk, memory-mapped: room is taken at once, writes are waited for, with a bound.

A file that is mapped without its room reserved kills the process when the disk fills up. Here all
room is reserved when the file is made, so that a full disk is an error with a name.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from twin.errors import TrainingError

Arrays = Mapping[str, NDArray[Any]]
ROOM = "Make room, or lower value_learning.replay.megabytes."


class Storage(Protocol):
    """Where arrays are kept; a seam at which tests put a slow or a full disk."""

    def reserve(self, path: Path, size: int) -> None:
        """Make a file of ``size`` bytes, all of them really there; raises OSError."""

    def write(self, target: NDArray[Any], values: NDArray[Any]) -> None:
        """Copy values to their place in a mapped file."""


class Disk:
    """The file system."""

    def reserve(self, path: Path, size: int) -> None:
        """Make a file of ``size`` bytes, all of them really there."""
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)

    def write(self, target: NDArray[Any], values: NDArray[Any]) -> None:
        """Copy values to their place in a mapped file."""
        target[...] = values


def mapped(
    folder: Path, name: str, shape: tuple[int, ...], dtype: Any, storage: Storage
) -> np.memmap[Any, Any]:
    """An array in a file of the folder; an existing file of the right size is kept.

    Raises TrainingError where the disk has no room.
    """
    path = folder / f"{name}.bin"
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if not path.exists() or path.stat().st_size != size:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            storage.reserve(path, size)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise TrainingError(
                "no room on the disk for the replay",
                str(path),
                str(error.strerror or error),
                f"{size / 1e6:.0f} MB",
                ROOM,
            ) from None
    return np.memmap(path, dtype=dtype, mode="r+", shape=shape)


def wait_for(work: Callable[[], None], patience: float, where: Path) -> float:
    """Do disk work in a thread and wait for it; the seconds it took.

    Raises TrainingError when it takes longer than ``patience`` seconds, or fails.
    """
    failed: list[OSError] = []

    def guarded() -> None:
        try:
            work()
        except OSError as error:
            failed.append(error)

    start = time.monotonic()
    thread = threading.Thread(target=guarded, name="replay", daemon=True)
    thread.start()
    thread.join(patience)
    seconds = time.monotonic() - start
    if thread.is_alive():
        raise TrainingError(
            "the disk is too slow for the replay",
            str(where),
            f"no answer in {seconds:.1f} s",
            f"at most {patience:g} s per segment",
            "Resume on a faster disk, or raise value_learning.replay.patience.",
        )
    if failed:
        error = str(failed[0].strerror or failed[0])
        raise TrainingError("the replay cannot be written", str(where), error, fix=ROOM)
    return seconds
