"""Laws of ``twin tune``: bounded, resumable, honest about what it was selected on."""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from agents.learn.config import TrainConfig, train_config
from agents.learn.evaluation import TRAINING_SEEDS, evaluation_seeds
from agents.learn.rollout import SEEDS_PER_RUN
from agents.learn.tuning import HELD_OUT, Tuned, space, with_parameters
from agents.learn.tuning import tune as search
from tests.learning_world import TINY, tiny, tiny_world
from tests.saved_fleet import SCENARIO
from twin.cli import run
from twin.errors import TrainingError, UsageError

needs_optuna = pytest.mark.skipif(
    importlib.util.find_spec("optuna") is None, reason="optuna is an extra"
)
# optuna's own wrapping of SQLAlchemy and of what it calls experimental.
pytestmark = pytest.mark.filterwarnings("ignore::Warning:optuna")


def configured(**changes: Any) -> TrainConfig:
    return tiny(**{"updates": 4, **changes})


def searched(folder: Path, trials: int, **changes: Any) -> Tuned:
    world = tiny_world()
    return search(world, world.order_up_to, configured(**changes), trials, folder)


def test_without_optuna_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    original = importlib.import_module

    def missing(name: str, package: str | None = None) -> Any:
        if name == "optuna":
            raise ImportError(name)
        return original(name, package)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(UsageError, match="tune"):
        searched(tmp_path, 1)


def test_parameters_change_what_they_name_and_nothing_else() -> None:
    found = with_parameters(configured(), {"width": 16, "gamma": 0.9, "value_learning.rate": 1e-4})
    assert (found.hidden, found.critic_hidden) == ((16, 16), (16, 16))
    assert (found.gamma, found.value_learning.rate) == (0.9, 1e-4)
    back = found.model_copy(
        update={
            "hidden": (8, 8),
            "critic_hidden": (8, 8),
            "gamma": TINY.gamma,
            "value_learning": TINY.value_learning,
        }
    )
    assert back == configured()


@pytest.mark.parametrize("algorithm", ["mappo", "vdn"])
def test_everything_that_is_searched_is_a_valid_configuration(algorithm: str) -> None:
    base = configured(algorithm=algorithm)
    for name, (kind, *ends) in space(base).items():
        for value in ends:
            assert with_parameters(base, {name: value}) is not None, (name, kind)


def test_the_held_out_paths_are_none_of_the_others() -> None:
    compared = evaluation_seeds(10_000)
    assert not set(HELD_OUT) & set(compared)
    assert max(HELD_OUT) < TRAINING_SEEDS
    assert min(HELD_OUT) > 2**24 > SEEDS_PER_RUN


@needs_optuna
def test_a_search_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole = searched(tmp_path / "whole", 3)
    searched(tmp_path / "parts", 1)
    parts = searched(tmp_path / "parts", 3)
    assert parts == whole
    assert len(whole.trials) == 3
    assert whole.trials[0].parameters["actor_rate"] == TINY.actor_rate
    assert all(t.held_out is not None for t in whole.trials if t.state == "complete")
    complete = [t for t in whole.trials if t.cost is not None]
    assert min(t.cost for t in complete if t.cost is not None) <= complete[0].cost


@needs_optuna
def test_a_study_of_another_configuration_is_refused(tmp_path: Path) -> None:
    searched(tmp_path, 1)
    with pytest.raises(TrainingError, match="another configuration"):
        searched(tmp_path, 1, seed=4)


@needs_optuna
def test_the_command_writes_a_training_file_that_trains(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "tiny.yaml", tmp_path / "study"
    path.write_text(SCENARIO)
    training = tmp_path / "base.yaml"
    small = "replications: 2\nsegment: 4\nupdates: 2\neval_every: 1\neval_seeds: 2\nepochs: 1\n"
    training.write_text(f"kind: training\n{small}")
    arguments = ["tune", str(path), "--training", str(training), "--out", str(out)]
    assert run([*arguments, "--trials", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["trials"]) == 2
    config = train_config(0, file=out / "training.yaml")
    assert config.model_dump(exclude={"agent_steps"}) == TrainConfig.model_validate(
        found["best"]
    ).model_dump(exclude={"agent_steps"})
    assert run([*arguments, "--trials", "2"]) == 0
    assert "trial 0 is the default" in capsys.readouterr().out
    path.write_text(SCENARIO.replace("stock: 60", "stock: 50"))
    assert run([*arguments, "--trials", "2"]) == 2
    assert "another network" in capsys.readouterr().err
