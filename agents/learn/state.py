"""Checkpoints to resume from: everything that a training run is, between two updates.

checkpoints/update_000125/state.safetensors   weights, optimisers, normaliser, decisions so far
checkpoints/update_000125/state.json          counters and the configuration
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from agents.checkpoint.files import sha256, write_folder
from agents.checkpoint.memory import Cell
from agents.learn.batch import Weights
from agents.learn.config import TrainConfig
from agents.learn.decided import Decision
from agents.learn.learner import Learner
from agents.learn.memory import own_memory, whole_memory
from agents.learn.rollout import Sampler
from agents.stability.guard import Guard
from twin.errors import TrainingError

CHECKPOINTS = "checkpoints"
ARRAYS, COUNTERS = "state.safetensors", "state.json"
Arrays = dict[str, NDArray[Any]]


@dataclass
class Progress:
    """Counters of a run and the best actors so far."""

    best: Weights
    best_cost: float
    update: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class State:
    """A copy of everything a run is between two updates."""

    arrays: Arrays
    counters: dict[str, Any]


def capture(
    learner: Learner, sampler: Sampler, progress: Progress, guard: Guard, config: TrainConfig
) -> State:
    """Copy the state, so that what is written later is not half an update ahead."""
    good, guarded = guard.state()
    arrays = {**_under("learner", learner.state()), **_weight_arrays(progress.best)}
    arrays |= _under("good", good)
    played, twins = sampler.decided()
    ranks, count = sampler.setup.ranks, config.replications
    for place, memory, copies in sampler.memories():
        remembered = whole_memory(memory, ranks, count, copies)
        arrays |= {f"memory/{place}/{g}": state for g, state in enumerate(remembered)}
    for place, decisions in (("decision", played), ("twins", twins)):
        for k, decision in enumerate(decisions):
            arrays |= {f"{place}/{k}/{i}": part for i, part in enumerate(decision)}
    counters = {
        "update": progress.update,
        "seconds": progress.seconds,
        "best_cost": progress.best_cost,
        "horizon": sampler.number,
        "guard": guarded,
        "config": config.model_dump(mode="json"),
    }
    return State(arrays, counters)


def write_state(folder: Path, state: State, keep: int) -> Path:
    """Write one checkpoint, whole or not at all, and drop all but the newest ``keep``."""
    arrays = save_arrays({k: np.ascontiguousarray(a) for k, a in sorted(state.arrays.items())})
    counters = {**state.counters, "arrays_sha256": sha256(arrays)}
    target = folder / CHECKPOINTS / f"update_{state.counters['update']:06d}"
    text = json.dumps(counters, indent=2).encode()
    write_folder(target, {ARRAYS: arrays, COUNTERS: text})
    for old in _checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    return target


def load_latest(
    folder: Path, learner: Learner, sampler: Sampler, guard: Guard, config: TrainConfig
) -> Progress | None:
    """Put learner, sampler and guard back to the newest checkpoint; None where there is none.

    Raises TrainingError when the checkpoint is damaged or was made with another configuration.
    """
    found = _checkpoints(folder)
    if not found:
        return None
    newest = found[-1]
    counters, arrays = _read(newest)
    if counters["config"] != config.model_dump(mode="json"):
        raise TrainingError(
            "the run was started with another configuration",
            str(newest),
            fix="Resume with the same options, or start a new run.",
        )
    learner.restore(_below("learner", arrays))
    guard.restore(_below("good", arrays), counters["guard"], learner)
    decided = (_decisions(arrays, place) for place in ("decision", "twins"))
    sampler.start_horizon(counters["horizon"], *decided)
    for place, memory, copies in sampler.memories():
        whole = [arrays[f"memory/{place}/{g}"] for g in range(len(memory.state))]
        memory.state = own_memory(whole, sampler.setup.share, copies)
    return Progress(
        _weights(arrays, learner.weights()),
        counters["best_cost"],
        counters["update"],
        counters["seconds"],
    )


def _decisions(arrays: Arrays, place: str) -> list[Decision]:
    count = sum(name.startswith(f"{place}/") for name in arrays)
    return [
        (arrays[f"{place}/{k}/0"], arrays[f"{place}/{k}/1"], arrays[f"{place}/{k}/2"])
        for k in range(count // 3)
    ]


def _read(checkpoint: Path) -> tuple[dict[str, Any], Arrays]:
    try:
        counters = json.loads((checkpoint / COUNTERS).read_bytes())
        data = (checkpoint / ARRAYS).read_bytes()
        expected = counters["arrays_sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError("the checkpoint is damaged", str(checkpoint), str(error)) from None
    if sha256(data) != expected:
        raise TrainingError(
            "the checkpoint is damaged",
            str(checkpoint / ARRAYS),
            sha256(data)[:12],
            expected[:12],
            "Delete it to resume from the one before.",
        )
    return counters, load_arrays(data)


def _checkpoints(folder: Path) -> list[Path]:
    return sorted((folder / CHECKPOINTS).glob("update_[0-9]*"))


def _under(place: str, arrays: Arrays) -> Arrays:
    return {f"{place}/{name}": array for name, array in arrays.items()}


def _below(place: str, arrays: Arrays) -> Arrays:
    prefix = f"{place}/"
    return {k.removeprefix(prefix): array for k, array in arrays.items() if k.startswith(prefix)}


def _weight_arrays(best: Weights) -> Arrays:
    arrays: Arrays = {}
    for g, log_std in enumerate(best.log_std):
        arrays[f"best/{g}/log_std"] = log_std
    for g, cell in enumerate(best.cells):
        arrays |= {f"best/{g}/cell/{part}": array for part, array in cell._asdict().items()}
    for g, layers in enumerate(best.layers):
        for i, (weight, bias) in enumerate(layers):
            arrays |= {f"best/{g}/{i}/weight": weight, f"best/{g}/{i}/bias": bias}
    return arrays


def _weights(arrays: Arrays, now: Weights) -> Weights:
    """The best actors; what does not change in training is as it is now."""
    layers = tuple(
        tuple(
            (arrays[f"best/{g}/{i}/weight"], arrays[f"best/{g}/{i}/bias"])
            for i in range(len(of_group))
        )
        for g, of_group in enumerate(now.layers)
    )
    log_std = tuple(arrays[f"best/{g}/log_std"] for g in range(len(now.log_std)))
    cells = tuple(
        Cell(*(arrays[f"best/{g}/cell/{part}"] for part in Cell._fields))
        for g in range(len(now.cells))
    )
    return replace(now, layers=layers, log_std=log_std, cells=cells)
