"""The place of this process among the ranks of a run, as ``torchrun`` writes it down for each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from agents.learn.ranks import ALONE, Ranks
from twin.errors import UsageError

MOST_RANKS = 4_096
HOW = "Start ranks with: torchrun --nproc-per-node 2 -m twin.cli train SCENARIO"


@dataclass(frozen=True)
class Place:
    """Which rank of how many, and where they meet."""

    rank: int
    size: int
    local_rank: int
    host: str
    port: int
    kept_by_launcher: bool
    """True where the launcher, not the first rank, keeps the meeting point."""


def place_of(environment: Mapping[str, str]) -> Place | None:
    """The place that the environment names; None for a process alone.

    Raises UsageError where it is contradictory.
    """
    size = _whole(environment, "WORLD_SIZE", 1, 1, MOST_RANKS)
    if size == 1:
        return None
    rank = _whole(environment, "RANK", None, 0, size - 1)
    return Place(
        rank,
        size,
        _whole(environment, "LOCAL_RANK", rank, 0, size - 1),
        environment.get("MASTER_ADDR", "127.0.0.1"),
        _whole(environment, "MASTER_PORT", None, 1, 65_535),
        environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
    )


def check_device(name: str) -> None:
    """Raise UsageError for a device that is not here; for the CPU, without loading torch."""
    if name != "cpu":
        from agents.learn.device import usable_device

        usable_device(name)


def refuse_ranks(command: str) -> None:
    """Raise UsageError where a command that runs in one process was started as several."""
    if place_of(os.environ) is not None:
        raise UsageError(f"{command} runs in one process", "WORLD_SIZE", fix=HOW)


@contextmanager
def launched_ranks(device: str) -> Iterator[Ranks]:
    """The ranks that this process was started among; alone it loads no torch."""
    place = place_of(os.environ)
    if place is None:
        yield ALONE
        return
    from agents.learn.distributed import joined

    with joined(place, device) as ranks:
        yield ranks


def _whole(
    environment: Mapping[str, str], name: str, default: int | None, low: int, high: int
) -> int:
    text = environment.get(name, "" if default is None else str(default))
    if text.isdecimal() and low <= int(text) <= high:
        return int(text)
    raise UsageError(
        "not a place among ranks", name, repr(text), f"a whole number from {low} to {high}", HOW
    )
