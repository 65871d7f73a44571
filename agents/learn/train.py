"""Training from the first update to the bundle, resumable at every checkpoint.

A run that was interrupted, even by a kill, and resumed ends with the same weights, bit for bit, as
one that was not: everything random is a stream keyed by the seed and the number of the update, and
a checkpoint holds the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.learn.config import TrainConfig
from agents.learn.device import usable_device
from agents.learn.disturbance import Disturbance
from agents.learn.export import BUNDLE, write_bundle
from agents.learn.metrics import TrainingRow
from agents.learn.parent import read_parent
from agents.learn.ranks import ALONE, Ranks
from agents.learn.run import TrainingRun
from agents.learn.tensors import torch_threads
from twin.network.world import World

Floats = NDArray[np.float64]
Report = Callable[[TrainingRow], None]


def train(
    world: World,
    scenario_name: str,
    scenario_digest: str,
    levels: Floats,
    config: TrainConfig,
    folder: Path,
    report: Report | None = None,
    resume: bool = False,
    parent: Path | None = None,
    disturbance: Disturbance | None = None,
    ranks: Ranks = ALONE,
) -> Path:
    """Train a fleet as a correction to the static ``levels`` (node, product); returns the bundle.

    With a ``parent`` bundle training goes on from its actors, which correct the parent's own
    levels; the result is never worse than the parent on the evaluation seeds, because the best
    actors seen are kept. A configuration with ``hardening`` needs the ``disturbance`` that its
    suite describes.

    Writes metrics.jsonl, audits.jsonl, checkpoints/ and bundle/ into ``folder``. On Ctrl-C it
    writes a checkpoint of the last whole update and lets the interrupt pass. Past a limit of
    ``config.guard`` the run is rolled back; every event is in metrics.jsonl. Raises TrainingError
    when the checkpoint to resume from is damaged or of another configuration, and DivergenceError,
    without a guard, when a number is not finite.

    Several ``ranks`` call it with the same arguments and on the same folder, which the first one
    writes; the result is that of one process to rounding.
    """
    usable_device(config.device)
    with torch_threads(config.threads):
        origin = read_parent(parent, world) if parent is not None else None
        run = TrainingRun(world, levels, config, folder, origin, disturbance, ranks)
        with closing(run):
            run.start(resume)
            try:
                while not run.over:
                    row = run.advance()
                    if report is not None:
                        report(row)
            finally:
                run.save()
        if ranks.first:
            write_bundle(run, scenario_name, scenario_digest)
        ranks.told_text("written")
        return folder / BUNDLE
