"""The command ``tune``: hyper-parameters for one network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agents.learn.algorithms import ALGORITHMS
from twin.options import (
    choice_option,
    count_option,
    json_option,
    out_option,
    overrides_option,
    path_option,
    print_json,
    scenario_argument,
    seed_option,
)

if TYPE_CHECKING:
    from agents.learn.config import TrainConfig
    from agents.learn.tuning import Trial, Tuned

PRUNERS = ("median", "hyperband")
SHOWN = 10
"""Rows of the printed table."""


@click.command()
@scenario_argument
@choice_option("--algorithm", tuple(ALGORITHMS), "How the fleet learns.")
@path_option("--training", text="Training file to search around [default: the defaults].")
@count_option("--trials", "Most trials.", default=24, most=10_000)
@count_option("--agent-steps", "Training budget of a trial.", default=600_000)
@choice_option("--pruner", PRUNERS, "Which trials are stopped early.", default=PRUNERS[0])
@seed_option()
@overrides_option
@out_option("Folder of the study [default: runs/tune-SCENARIO]; a study there goes on.")
@json_option
def tune(
    scenario: Path,
    algorithm: str | None,
    training: Path | None,
    trials: int,
    agent_steps: int,
    pruner: Any,
    seed: int,
    overrides: tuple[str, ...],
    out: Path | None,
    as_json: bool,
) -> None:
    """Search hyper-parameters for SCENARIO and write the best as a training file.

    Stop it at any time: the same command goes on where it was.
    """
    from agents.baselines import tune_baselines
    from agents.learn.config import train_config
    from agents.learn.tuning import tune as search
    from twin.network.world import compile_world
    from twin.progress import stage, stages
    from twin.scenario import load

    loaded = load(scenario, overrides)
    base = train_config(seed, agent_steps, algorithm, training)
    folder = out or Path("runs") / f"tune-{loaded.name}"
    _same_network(folder, loaded.digest)
    world = compile_world(loaded.model)
    with stages(quiet=as_json) as display:
        with stage(display, "static"):
            static = tune_baselines(world, seed, kinds=("base_stock",))["base_stock"].rule
        with stage(display, "trials") as line:
            found = search(world, static.level[0], base, trials, folder, pruner, line)
    target = _write(folder, loaded.name, found, base)
    if as_json:
        print_json(_document(found, target))
    else:
        _print(found, target)


def _same_network(folder: Path, digest: str) -> None:
    """Raise UsageError where the folder holds a study of another network."""
    from agents.checkpoint.files import write_file
    from twin.errors import UsageError

    note = folder / "scenario.sha256"
    known = note.read_text(encoding="utf-8").strip() if note.exists() else digest
    if known != digest:
        fix = "Choose another folder with --out."
        raise UsageError(
            "the study is of another network", str(folder), digest[:12], known[:12], fix
        )
    write_file(note, f"{digest}\n".encode())


def _write(folder: Path, name: str, found: Tuned, base: TrainConfig) -> Path:
    """The best configuration as a training file: what differs from the defaults."""
    import yaml

    from agents.checkpoint.files import write_file
    from agents.learn.config import TrainConfig

    content = found.best.model_copy(update={"seed": base.seed}).model_dump(mode="json")
    defaults = TrainConfig().model_dump(mode="json")
    changed = {"kind": "training", **_difference(content, defaults)}
    changed.pop("agent_steps", None)
    head = f"# Found by `twin tune` for {name}; what is not here is the default.\n"
    target = folder / "training.yaml"
    write_file(target, (head + yaml.safe_dump(changed, sort_keys=False)).encode())
    return target


def _difference(content: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            inner = _difference(value, defaults[key])
            found |= {key: inner} if inner else {}
        elif value != defaults[key]:
            found[key] = value
    return found


def _document(found: Tuned, target: Path) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "training_file": str(target),
        "static_cost": found.static_cost,
        "trials": [asdict(trial) for trial in found.trials],
        "best": found.best.model_dump(mode="json"),
    }


def _print(found: Tuned, target: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    complete = [t for t in found.trials if t.cost is not None]
    ranked = sorted(complete, key=lambda t: (t.cost, t.number))
    table = Table(box=None, pad_edge=False)
    for heading in ("trial", "cost", "held out", "parameters"):
        table.add_column(heading, no_wrap=heading != "parameters")
    shown = ranked[:SHOWN] + [t for t in ranked[SHOWN:] if t.number == 0]
    for trial in shown:
        table.add_row(*_row(trial))
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    pruned = sum(t.state == "pruned" for t in found.trials)
    console.print(
        f"{len(found.trials)} trials, {pruned} stopped early; trial 0 is the default. "
        f"The static policy costs {found.static_cost:.4g} on the held-out paths."
    )
    console.print(f"{target}\nnext: twin train SCENARIO --training {target}")


def _row(trial: Trial) -> tuple[str, ...]:
    parameters = ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in trial.parameters.items()
    )
    number = f"{trial.number} (default)" if trial.number == 0 else str(trial.number)
    held_out = "" if trial.held_out is None else f"{trial.held_out:.4g}"
    return number, f"{trial.cost:.4g}", held_out, parameters
