"""What one rank of a test does: train the tiny world as it is told, beside the others.

Run as a module with a folder and the configurations as JSON, by name; each is trained in a folder
of its own. A name that ends in ``-parts`` stops after two updates and then resumes. After them
come a port and the command that is run last.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from agents.learn.config import TrainConfig
from agents.learn.launched import launched_ranks
from agents.learn.metrics import TrainingRow
from agents.learn.ranks import Ranks
from tests.learning_world import trained
from twin.cli import run


def _stop(row: TrainingRow) -> None:
    if row.update == 2:
        raise InterruptedError


def _train(name: str, folder: Path, config: TrainConfig, ranks: Ranks) -> None:
    if not name.endswith("-parts"):
        trained(folder, config, ranks=ranks)
        return
    try:
        trained(folder, config, ranks=ranks, report=_stop)
    except InterruptedError:
        ranks.told_text("stopped")
        trained(folder, config, ranks=ranks, resume=True)


def main(out: str, configurations: str, next_port: str, *command: str) -> int:
    """Train them all, one after the other; then meet again at another port, as a command does."""
    given: dict[str, Any] = json.loads(configurations)
    with launched_ranks("cpu") as ranks:
        for name, fields in given.items():
            _train(name, Path(out) / name, TrainConfig.model_validate(fields), ranks)
    os.environ["MASTER_PORT"] = next_port
    return run(list(command))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
