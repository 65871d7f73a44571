"""storage.throttle: the disk that training keeps its experience on takes only so much a second."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

from agents.learn.storage import Storage
from stress.catalogue.base import TrainingFault

MEGABYTE = 1e6


class StorageThrottle(TrainingFault):
    """Make every write last as long as a disk of the ladder's speed would need for it."""

    family: ClassVar[str] = "storage.throttle"
    ladder: ClassVar[tuple[float, ...]] = (1_000.0, 100.0, 30.0, 10.0, 3.0, 1.0)
    unit: ClassVar[str] = "megabytes a second"

    def storage(self, disk: Storage, severity: int) -> Storage:
        """The disk behind the throttle; the disk itself at severity 0."""
        return disk if severity == 0 else _Throttled(disk, self.at(severity) * MEGABYTE)


class _Throttled:
    def __init__(self, disk: Storage, bytes_s: float) -> None:
        self._disk = disk
        self._bytes_s = bytes_s

    def reserve(self, path: Path, size: int) -> None:
        """Take room, which writes nothing and so costs no time."""
        self._disk.reserve(path, size)

    def write(self, target: NDArray[Any], values: NDArray[Any]) -> None:
        """Write, and wait until a slow disk would be done."""
        start = time.monotonic()
        self._disk.write(target, values)
        left = values.nbytes / self._bytes_s - (time.monotonic() - start)
        time.sleep(max(left, 0.0))
