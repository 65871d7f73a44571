"""Start from an earlier fleet: its order-up-to levels, its actors and their exploration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.checkpoint.bundle import actor_layers, bundle_hash, load_policy, read_bundle
from agents.checkpoint.groups import Layers
from agents.checkpoint.memory import Cell, actor_cell
from agents.learn.networks import Mlp, RecurrentMlp
from twin.errors import TrainingError
from twin.network.world import World

T = TypeVar("T")


@dataclass(frozen=True)
class Parent:
    """What a fleet hands down; by group of agents."""

    digest: str
    levels: NDArray[np.float64]  # (node, product)
    layers: dict[str, Layers]
    log_std: dict[str, NDArray[np.float32]]  # (agent, action); none where it chose from a grid
    cells: dict[str, Cell]  # of actors that remember


def read_parent(folder: Path, world: World) -> Parent:
    """Read a bundle to start from; raises BundleError when it does not fit the world."""
    load_policy(folder, world)
    manifest, arrays = read_bundle(folder)
    named = [[manifest.levels[n][p] for p in world.products] for n in world.nodes]
    return Parent(
        bundle_hash(manifest),
        np.array(named),
        {group: actor_layers(arrays, group) for group in manifest.groups},
        {
            group: arrays[f"actor/{group}/log_std"]
            for group in manifest.groups
            if f"actor/{group}/log_std" in arrays
        },
        {group: cell for group in manifest.groups if (cell := actor_cell(arrays, group))},
    )


def copy_layers(network: Mlp, parent: Parent, group: str) -> None:
    """Give a group's network the parent's weights.

    Raises TrainingError when the parent groups its agents otherwise, or has other shapes.
    """
    theirs = _of_group(parent.layers, group)
    _same_shape([weight.shape for weight, _ in theirs], network, group)
    with torch.no_grad():
        for linear, (weight, bias) in zip(network.linear, theirs, strict=True):
            linear.weight.copy_(torch.from_numpy(weight))
            linear.bias.copy_(torch.from_numpy(bias))


def copy_cell(network: Mlp, parent: Parent, group: str) -> None:
    """Give a group's network what the parent remembers with.

    Raises TrainingError where only one of them remembers, or with another number of units.
    """
    theirs = parent.cells.get(group)
    units = network.cell().units if isinstance(network, RecurrentMlp) else 0
    if units != (theirs.units if theirs else 0):
        raise TrainingError(
            "the parent remembers with another number of units",
            f"recurrent.hidden of {group}",
            str(theirs.units if theirs else 0),
            str(units),
            "Train with the parent's recurrent setting, or from scratch.",
        )
    if theirs is not None and isinstance(network, RecurrentMlp):
        network.adopt(theirs)


def copy_spread(log_std: Tensor, parent: Parent, group: str) -> None:
    """Give a group's exploration the parent's spread, but no more than it has."""
    with torch.no_grad():
        theirs = torch.from_numpy(_of_group(parent.log_std, group)).to(log_std.device)
        log_std.copy_(torch.minimum(log_std, theirs))


def _of_group(found: dict[str, T], group: str) -> T:
    if group not in found:
        raise TrainingError(
            "the parent's agents are grouped otherwise, or choose from a grid",
            group,
            ", ".join(found) or "no Gaussian actors",
            group,
            "Train with the parent's algorithm and sharing, or from scratch.",
        )
    return found[group]


def _same_shape(theirs: list[tuple[int, ...]], network: Mlp, group: str) -> None:
    mine = [tuple(weight.shape) for weight, _ in network.arrays()]
    if mine != theirs:
        raise TrainingError(
            "the parent has networks of another shape", group, str(theirs), str(mine)
        )
