"""From a training run to a bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from agents.checkpoint.bundle import (
    FORMAT,
    BundleManifest,
    actor_arrays,
    levels_by_name,
    save_bundle,
    spaces_of,
)
from agents.checkpoint.memory import cell_arrays
from agents.learn.batch import Array
from agents.learn.run import TrainingRun
from twin.env.act import codecs

BUNDLE = "bundle"


def write_bundle(run: TrainingRun, scenario_name: str, scenario_digest: str) -> Path:
    """The bundle of the best actors seen, with the critic as it is now."""
    world, config = run.setup.world, run.config
    action = world.model.agents.action
    groups = {group.group.name: group.group.agents for group in run.setup.groups}
    arrays = {**_best_actors(run, tuple(groups)), **run.learner.judges()}
    manifest = BundleManifest(
        format=FORMAT,
        algorithm=config.algorithm,
        scenario=scenario_name,
        scenario_digest=scenario_digest,
        groups=groups,
        agents=spaces_of({c.spec.name: c for c in codecs(world)}),
        form=action.form,
        range=action.range,
        levels=levels_by_name(world, run.setup.start),
        seed=config.seed,
        agent_steps=run.progress.update * run.steps_per_update,
        config=config.model_dump(mode="json"),
        versions={"torch": torch.__version__, "numpy": np.__version__},
        parent=run.parent.digest if run.parent else "",
        weights_sha256="",
    )
    save_bundle(run.folder / BUNDLE, manifest, arrays)
    return run.folder / BUNDLE


def _best_actors(run: TrainingRun, groups: tuple[str, ...]) -> dict[str, Array]:
    """The best actors by name, with their exploration, or with the grid that they choose from."""
    best = run.progress.best
    arrays: dict[str, Array] = {}
    for name, layers in zip(groups, best.layers, strict=True):
        arrays |= actor_arrays(name, layers)
    for kind, of_groups in (("log_std", best.log_std), ("grid", best.grids)):
        arrays |= {f"actor/{n}/{kind}": part for n, part in zip(groups, of_groups, strict=False)}
    for name, cell in zip(groups, best.cells, strict=False):
        arrays |= cell_arrays(name, cell)
    return arrays
