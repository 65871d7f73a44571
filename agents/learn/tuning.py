"""Hyper-parameters for one network: a bounded, resumable search with early stopping.

Published defaults are tuned for benchmarks. Here each trial is one training run on the network at
hand, stopped early where it lags behind the others (median rule, or Hyperband: Li et al. 2018).
Three sets of sample paths are kept apart: those trained on, those trials are compared by, and those
held out, on which the table reports. The first trial is the default configuration.

The study is a SQLite file: a search that was stopped goes on where it was, and suggests what it
would have suggested, because each suggestion's seed belongs to the number of the trial.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from agents.learn.config import TrainConfig, training_digest
from agents.learn.evaluation import TRAINING_SEEDS, evaluate, evaluate_static
from agents.learn.run import TrainingRun
from agents.learn.setup import Setup
from agents.learn.tensors import torch_threads
from twin.errors import TrainingError, UsageError
from twin.network.world import World

Floats = NDArray[np.float64]
Notify = Callable[[float, str], None]
Pruner = Literal["median", "hyperband"]
STUDY = "study.db"
STARTUP_TRIALS = 4
"""Trials that run to their end before any is stopped early."""
HELD_OUT = range(TRAINING_SEEDS // 2 + 1_000_000, TRAINING_SEEDS // 2 + 1_000_064)
SHARED: dict[str, tuple[Any, ...]] = {
    "gamma": ("choice", 0.9, 0.95, 0.97, 0.99),
    "control_variate": ("choice", False, True),
    "width": ("choice", 32, 64, 128),
}
GRADIENT: dict[str, tuple[Any, ...]] = {
    "actor_rate": ("log", 3e-4, 1e-2),
    "critic_rate": ("log", 3e-4, 1e-2),
    "clip_range": ("float", 0.1, 0.3),
    "initial_log_std": ("float", -1.6, -0.2),
    "lam": ("choice", 0.8, 0.9, 0.95),
    "epochs": ("choice", 4, 8, 12),
    "minibatches": ("choice", 1, 2, 4, 8),
}
VALUE: dict[str, tuple[Any, ...]] = {
    "value_learning.rate": ("log", 2e-4, 5e-3),
    "value_learning.epsilon": ("float", 0.02, 0.3),
    "value_learning.lam": ("choice", 0.5, 0.8, 0.9, 0.95),
    "value_learning.target_pull": ("log", 3e-3, 1e-1),
    "value_learning.choices": ("choice", 5, 9, 13),
}


@dataclass(frozen=True)
class Trial:
    """One training run of a search."""

    number: int
    state: str
    """``complete``, ``pruned`` or ``failed``."""
    cost: float | None
    """On the paths that trials are compared by."""
    held_out: float | None
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Tuned:
    """The outcome of a search."""

    best: TrainConfig
    trials: tuple[Trial, ...]
    static_cost: float
    """The static policy's on the held-out paths."""


def tune(
    world: World,
    levels: Floats,
    base: TrainConfig,
    trials: int,
    folder: Path,
    pruner: Pruner = "median",
    progress: Notify | None = None,
) -> Tuned:
    """Search around ``base`` until ``trials`` are done; what is there already counts.

    Raises UsageError where optuna is not installed, TrainingError where the study in the folder is
    of another configuration.
    """
    optuna = _optuna()
    notify = progress or (lambda share, text: None)
    study = _study(optuna, folder, base, pruner)
    _bury(optuna, study)
    while len(_finished(study)) < trials:
        number = len(study.trials)
        study.sampler = optuna.samplers.TPESampler(seed=1 + number, n_startup_trials=STARTUP_TRIALS)
        if number == 0:
            study.enqueue_trial(_defaults(base))
        study.optimize(
            lambda trial: _run(optuna, trial, world, levels, base, folder),
            n_trials=1,
            catch=(TrainingError,),
        )
        done = len(_finished(study))
        notify(done / trials, f"trial {done} of {trials}, best {_best(study)}")
    return _outcome(study, world, levels, base)


def _optuna() -> Any:
    try:
        optuna = importlib.import_module("optuna")
    except ImportError:
        fix = "Install it: pip install 'logistics-twin[train]'."
        raise UsageError("the search needs optuna", "twin tune", fix=fix) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _study(optuna: Any, folder: Path, base: TrainConfig, pruner: Pruner) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=f"sqlite:///{(folder / STUDY).resolve()}",
        study_name="tune",
        load_if_exists=True,
        pruner=_pruner(optuna, pruner),
    )
    digest = training_digest(base)
    known = study.user_attrs.get("base", digest)
    if known != digest:
        fix = "Search with the same options, or choose another folder."
        raise TrainingError(
            "the study was started from another configuration",
            str(folder),
            digest[:12],
            str(known)[:12],
            fix,
        )
    study.set_user_attr("base", digest)
    return study


def _pruner(optuna: Any, name: Pruner) -> Any:
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner()
    return optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=1)


def _bury(optuna: Any, study: Any) -> None:
    """A trial that was running when the search was killed has failed."""
    for trial in study.trials:
        if trial.state == optuna.trial.TrialState.RUNNING:
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)


def _finished(study: Any) -> list[Any]:
    return [trial for trial in study.trials if trial.state.is_finished()]


def _best(study: Any) -> str:
    costs = [t.value for t in study.trials if t.state.name == "COMPLETE"]
    return f"{min(costs):.4g}" if costs else "none yet"


def _run(
    optuna: Any, trial: Any, world: World, levels: Floats, base: TrainConfig, folder: Path
) -> float:
    """One trial: train, report every evaluation, stop where it lags behind."""
    config = with_parameters(base, _suggested(trial, space(base)))
    place_of_trial = tempfile.TemporaryDirectory(dir=folder, prefix="trial-")
    with place_of_trial as place, torch_threads(config.threads):
        run = TrainingRun(world, levels, config, Path(place))
        run.start(resume=False)
        while not run.over:
            row = run.advance()
            if row.update % config.eval_every == 0:
                trial.report(run.progress.best_cost, row.update // config.eval_every)
                if trial.should_prune():
                    raise optuna.TrialPruned
    best = run.progress.best
    held_out = evaluate(run.setup, best.layers, HELD_OUT, best.grids, cells=best.cells)
    trial.set_user_attr("held_out", float(held_out.mean()))
    return run.progress.best_cost


def space(base: TrainConfig) -> dict[str, tuple[Any, ...]]:
    """What is searched: ``(choice, ...)``, ``(float, low, high)`` or ``(log, low, high)``."""
    own = VALUE if base.algorithm in ("vdn", "iql") else GRADIENT
    return {**SHARED, **own}


def _suggested(trial: Any, wanted: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
    found = {}
    for name, (kind, *ends) in wanted.items():
        if kind == "choice":
            found[name] = trial.suggest_categorical(name, ends)
        else:
            found[name] = trial.suggest_float(name, *ends, log=kind == "log")
    return found


def _defaults(base: TrainConfig) -> dict[str, Any]:
    """The parameters of the base configuration that lie within the space."""
    content = {**base.model_dump(), "width": base.hidden[0]}
    found = {}
    for name, (kind, *ends) in space(base).items():
        value: Any = content
        for part in name.split("."):
            value = value[part]
        inside = value in ends if kind == "choice" else ends[0] <= value <= ends[1]
        if inside:
            found[name] = value
    return found


def with_parameters(base: TrainConfig, parameters: Mapping[str, Any]) -> TrainConfig:
    """The base configuration with some parameters replaced; ``width`` is of all hidden layers."""
    content = base.model_dump()
    for name, value in parameters.items():
        if name == "width":
            content["hidden"] = (value,) * len(base.hidden)
            content["critic_hidden"] = (value,) * len(base.critic_hidden)
            continue
        *place, last = name.split(".")
        target = content
        for part in place:
            target = target[part]
        target[last] = value
    return TrainConfig.model_validate(content)


def _outcome(study: Any, world: World, levels: Floats, base: TrainConfig) -> Tuned:
    names = {"COMPLETE": "complete", "PRUNED": "pruned"}
    trials = tuple(
        Trial(
            t.number,
            names.get(t.state.name, "failed"),
            t.value if t.state.name == "COMPLETE" else None,
            t.user_attrs.get("held_out"),
            dict(t.params),
        )
        for t in _finished(study)
    )
    complete = [t for t in trials if t.cost is not None]
    if not complete:
        raise TrainingError("no trial came to its end", STUDY, f"{len(trials)} trials")
    best = min(complete, key=lambda t: (t.cost, t.number))
    static = evaluate_static(Setup.of(world, levels, base), HELD_OUT)
    return Tuned(with_parameters(base, best.parameters), trials, float(static.mean()))
