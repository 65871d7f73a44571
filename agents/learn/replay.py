"""The replay: the newest segments in memory-mapped files of bounded size, resumed exactly.

A segment lies in slot ``number % slots``. There are more slots than segments to learn from, by as
many as may be collected between the checkpoint that a run resumes from and its end: a resumed run
finds what the checkpoint's run saw, not what was written over it later.

    inputs_<g>     (slot, replication, step + cut, agent, in)   what agents saw; cuts come last
    choices_<g>    (slot, replication, step, agent, action)     index of the choice
    rewards        (slot, replication, step, stream)            money
    following      (slot, step)                                 place of the next state's inputs;
                                                                -1 where nothing follows
    alive          (slot, replication, step + cut, agent)       who is in control, if that changes
    possible_<g>   (slot, replication, step + cut, agent, action, choice)  if states forbid choices
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.learn.batch import Array, Batch, Flags
from agents.learn.config import TrainConfig
from agents.learn.setup import Setup
from agents.learn.storage import Disk, Storage, mapped, wait_for
from twin.errors import TrainingError

FOLDER = "replay"
FEWEST = 2
Shapes = dict[str, tuple[tuple[int, ...], Any]]


@dataclass(frozen=True)
class Sequences:
    """Networks followed through one segment each."""

    inputs: list[Array]  # per group: (sequence, step + cut, agent, in)
    choices: list[NDArray[np.int64]]  # per group: (sequence, step, agent, action)
    rewards: Array  # (sequence, step, stream)
    following: NDArray[np.int64]  # (sequence, step) place of the next state among the inputs, or -1
    alive: Flags | None = None  # (sequence, step + cut, agent) in control; None: everybody
    possible: list[Flags] | None = None  # per group: (sequence, step + cut, agent, action, choice)
    weight: float = 1.0  # share of the sequences that all ranks learn from in this step


class Replay:
    """Segments by number, the oldest forgotten."""

    def __init__(
        self, setup: Setup, config: TrainConfig, folder: Path, storage: Storage | None = None
    ) -> None:
        self.config = config.value_learning.replay
        self.replications = config.replications
        self.ranks, self.share = setup.ranks, setup.share
        self.folder = folder / (FOLDER if self.ranks.first else f"{FOLDER}-{self.ranks.rank}")
        self.storage = storage or Disk()
        self.cuts = config.segment // setup.world.periods + 2
        shapes = _record(setup, config, self.cuts, self.replications)
        spare = config.keep_checkpoints * config.checkpoint_every
        self.window = self._window(shapes, spare)
        self.slots = self.window + spare
        shapes = _record(setup, config, self.cuts, self.share.count(self.replications))
        self.fields = {
            name: mapped(self.folder, name, (self.slots, *shape), dtype, self.storage)
            for name, (shape, dtype) in shapes.items()
        }
        self.groups = len(setup.groups)
        self.digests: dict[int, int] = {}  # segment -> CRC-32 of its record

    def append(self, number: int, batch: Batch) -> float:
        """Write segment ``number`` through; the seconds that collection had to wait for the disk.

        Raises TrainingError where the disk is full or too slow.
        """
        record = self._of(batch)
        slot = number % self.slots

        def write() -> None:
            for name, values in record.items():
                self.storage.write(self.fields[name][slot], values)
                self.fields[name].flush()

        seconds = wait_for(write, self.config.patience, self.folder)
        self.digests[number] = _crc(record)
        self.digests = {n: crc for n, crc in self.digests.items() if n > number - self.window}
        return seconds

    def sample(self, count: int, rng: np.random.Generator) -> Sequences:
        """Sequences drawn with equal chances from the newest segments: of them, this rank's."""
        numbers = np.array(sorted(self.digests))
        slots = numbers[rng.integers(len(numbers), size=count)] % self.slots
        replications = rng.integers(self.replications, size=count)
        mine = self.share.holds(replications)
        weight = float(mine.mean())
        if not mine.any():
            mine[0] = True  # it still takes part in the step, with what counts for nothing
        slots = slots[mine]
        chosen = slots, replications[mine] // self.share.step
        fields = self.fields
        return Sequences(
            [np.array(fields[f"inputs_{g}"][chosen]) for g in range(self.groups)],
            [fields[f"choices_{g}"][chosen].astype(np.int64) for g in range(self.groups)],
            np.array(fields["rewards"][chosen]),
            fields["following"][slots].astype(np.int64),
            fields["alive"][chosen].astype(np.bool_) if "alive" in fields else None,
            self._possible(chosen) if "possible_0" in fields else None,
            weight,
        )

    def _possible(self, chosen: Any) -> list[Flags]:
        fields = [self.fields[f"possible_{g}"] for g in range(self.groups)]
        return [field[chosen].astype(np.bool_) for field in fields]

    def state(self) -> dict[str, NDArray[Any]]:
        """What a checkpoint says of the replay: which segments, and their digests, rank by rank."""
        numbers = sorted(self.digests)
        digests = np.zeros((self.ranks.size, len(numbers)), dtype=np.int64)
        digests[self.ranks.rank] = [self.digests[n] for n in numbers]
        return {
            "numbers": np.array(numbers, dtype=np.int64),
            "digests": self.ranks.total(digests),
        }

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go back to a checkpoint; raises TrainingError where a segment is not what it was."""
        ranks = len(state["digests"])
        if ranks != self.ranks.size:
            raise TrainingError(
                "the replay lies with another number of ranks",
                str(self.folder),
                f"{self.ranks.size} ranks",
                str(ranks),
                "Resume with as many ranks as the run was started with.",
            )
        own = state["digests"][self.ranks.rank].tolist()
        pairs = zip(state["numbers"].tolist(), own, strict=True)
        self.digests = dict(pairs)
        for number, expected in self.digests.items():
            slot = number % self.slots
            found = _crc({name: field[slot] for name, field in self.fields.items()})
            if found != expected:
                raise TrainingError(
                    "the replay is damaged",
                    f"{self.folder}, segment {number}",
                    f"{found:08x}",
                    f"{expected:08x}",
                    "Restore the run folder as it was, or start a new run.",
                )

    def _window(self, shapes: Shapes, spare: int) -> int:
        size = sum(int(np.prod(s)) * np.dtype(dtype).itemsize for s, dtype in shapes.values())
        fits = int(self.config.megabytes * 1e6 / size) - spare
        if fits < FEWEST:
            raise TrainingError(
                "the replay does not fit into its bound",
                "value_learning.replay.megabytes",
                f"{self.config.megabytes} MB",
                f"at least {(spare + FEWEST) * size / 1e6:.0f} MB",
                "Raise it, or lower replications, segment or checkpoint_every.",
            )
        return min(self.config.segments, fits)

    def _of(self, batch: Batch) -> dict[str, NDArray[Any]]:
        """One segment as it is written, replications first."""
        record: dict[str, NDArray[Any]] = {}
        for g, group in enumerate(batch.groups):
            missing = self.cuts - len(group.cut_inputs)
            padding = np.zeros((missing, *group.cut_inputs.shape[1:]), dtype=np.float32)
            inputs = np.concatenate([group.inputs, group.cut_inputs, padding])
            record[f"inputs_{g}"] = _replications_first(inputs)
            record[f"choices_{g}"] = _replications_first(group.actions.astype(np.int8))
            if group.possible is not None and group.cut_possible is not None:
                known = np.concatenate([group.possible, group.cut_possible])
                padded = np.ones((len(inputs), *known.shape[1:]), dtype=np.int8)
                padded[: len(known)] = known
                record[f"possible_{g}"] = _replications_first(padded)
        record["rewards"] = _replications_first(batch.rewards)
        steps = len(batch.cut)
        following = np.arange(1, steps + 1, dtype=np.int32)
        places = steps + np.arange(batch.cut.sum())
        following[batch.cut] = places if batch.ended is None else np.where(batch.ended, -1, places)
        record["following"] = following
        if "alive" in self.fields:
            record["alive"] = self._alive(batch)
        return record

    def _alive(self, batch: Batch) -> NDArray[np.int8]:
        """Who was in control in each step and after each cut: (replication, place, agent)."""
        everybody = np.ones(self.fields["alive"].shape[1:], dtype=np.int8)
        if batch.alive is not None and batch.cut_alive is not None:
            known = np.concatenate([batch.alive, batch.cut_alive])
            everybody[:, : len(known)] = known.swapaxes(0, 1)
        return everybody


def _record(setup: Setup, config: TrainConfig, cuts: int, b: int) -> Shapes:
    """Shape and type of each field of one segment of ``b`` replications."""
    t = config.segment
    shapes: Shapes = {
        "rewards": ((b, t, setup.streams), np.float32),
        "following": ((t,), np.int32),
    }
    if setup.some_absent:
        shapes["alive"] = ((b, t + cuts, setup.agents), np.int8)
    for g, group in enumerate(setup.groups):
        agents, actions = group.used.shape
        shapes[f"inputs_{g}"] = ((b, t + cuts, agents, group.group.input_size), np.float32)
        shapes[f"choices_{g}"] = ((b, t, agents, actions), np.int8)
        if setup.masks:
            choices = config.value_learning.choices
            shapes[f"possible_{g}"] = ((b, t + cuts, agents, actions, choices), np.int8)
    return shapes


def _replications_first(values: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(values.swapaxes(0, 1))


def _crc(record: dict[str, NDArray[Any]]) -> int:
    found = 0
    for _, values in sorted(record.items()):
        found = zlib.crc32(np.ascontiguousarray(values).tobytes(), found)
    return found
