"""Start from an earlier fleet: its order-up-to levels, its actors and their exploration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from agents.checkpoint.bundle import actor_layers, bundle_hash, load_policy, read_bundle
from agents.checkpoint.groups import Layers
from agents.learn.mappo import Learner
from agents.learn.networks import Mlp
from agents.learn.setup import Setup
from twin.errors import TrainingError
from twin.network.world import World


@dataclass(frozen=True)
class Parent:
    """What a fleet hands down; by group of agents."""

    digest: str
    levels: NDArray[np.float64]  # (node, product)
    layers: dict[str, Layers]
    log_std: dict[str, NDArray[np.float32]]  # (agent, action)


def read_parent(folder: Path, world: World) -> Parent:
    """Read a bundle to start from; raises BundleError when it does not fit the world."""
    load_policy(folder, world)
    manifest, arrays = read_bundle(folder)
    named = [[manifest.levels[n][p] for p in world.products] for n in world.nodes]
    return Parent(
        bundle_hash(manifest),
        np.array(named),
        {group: actor_layers(arrays, group) for group in manifest.groups},
        {group: arrays[f"actor/{group}/log_std"] for group in manifest.groups},
    )


def adopt(learner: Learner, setup: Setup, parent: Parent) -> None:
    """Give the learner's actors the parent's weights; the critic starts afresh.

    Raises TrainingError when the networks are of another shape.
    """
    for actor, group in zip(learner.actors, setup.groups, strict=True):
        name = group.group.name
        if name not in parent.layers:
            known = ", ".join(parent.layers)
            raise TrainingError("the parent groups its agents otherwise", name, known, name)
        _copy(actor.mean, parent.layers[name], name)
        with torch.no_grad():
            actor.log_std.copy_(torch.from_numpy(parent.log_std[name]))


def _copy(network: Mlp, layers: Layers, name: str) -> None:
    mine = [tuple(weight.shape) for weight, _ in network.arrays()]
    theirs = [weight.shape for weight, _ in layers]
    if mine != theirs:
        raise TrainingError(
            "the parent has networks of another shape", name, str(theirs), str(mine)
        )
    with torch.no_grad():
        for linear, (weight, bias) in zip(network.linear, layers, strict=True):
            linear.weight.copy_(torch.from_numpy(weight))
            linear.bias.copy_(torch.from_numpy(bias))
