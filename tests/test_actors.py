"""Laws of actor processes: whoever plays the networks, and on whichever engine, sees the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from agents.checkpoint.bundle import read_bundle
from agents.learn.actors import ActorPool, EventSampler, make_sampler
from agents.learn.config import TrainConfig
from agents.learn.horizon import paths
from agents.learn.learner import make_learner
from agents.learn.rollout import Sampler, Segment
from agents.learn.setup import Setup
from tests.learning_world import tiny, tiny_world, trained
from twin.engine.batch import BatchPath
from twin.errors import TrainingError
from twin.network.world import World, compile_world
from twin.scenario import load

pytestmark = pytest.mark.usefixtures("one_thread")
ROOT = Path(__file__).parent.parent


class Doubled(Sampler):
    """The batch engine in double precision."""

    def _paths(self, world: World, seeds: range) -> BatchPath:
        return paths(world, seeds)


def configured(**changes: Any) -> TrainConfig:
    return tiny(**{"engine": "event", **changes})


def prepared(config: TrainConfig, world: World, folder: Path) -> tuple[Setup, Any]:
    setup = Setup.of(world, world.order_up_to, config)
    return setup, make_learner(setup, config, folder).weights()


def assert_same(found: Segment, expected: Segment) -> None:
    assert found.cost == pytest.approx(expected.cost, rel=1e-9)
    assert found.baseline_cost == pytest.approx(expected.baseline_cost, rel=1e-9)
    np.testing.assert_allclose(found.batch.rewards, expected.batch.rewards, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.batch.states, expected.batch.states, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("changes", [{}, {"reward": {"mode": "difference", "shaping": 0.1}}])
def test_networks_on_event_engines_cost_what_those_on_the_batch_engine_cost(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    config = configured(**changes)
    setup, weights = prepared(config, tiny_world(), tmp_path)
    event, batch = EventSampler(setup, config), Doubled(setup, config)
    for update in range(4):  # the third segment ends in the next horizon
        assert_same(event.collect(weights, update), batch.collect(weights, update))


def test_a_scenario_with_everything_costs_the_same_too(tmp_path: Path) -> None:
    config = configured(replications=2)
    scenario = load(ROOT / "scenarios/library/grocery_fresh.yaml", ["horizon=14 d"])
    setup, weights = prepared(config, compile_world(scenario.model), tmp_path)
    event, batch = EventSampler(setup, config), Doubled(setup, config)
    assert_same(event.collect(weights, 0), batch.collect(weights, 0))


@pytest.mark.parametrize("algorithm", ["mappo", "vdn"])
def test_the_number_of_actors_changes_nothing(algorithm: str, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"algorithm": algorithm}
    if algorithm == "mappo":
        changes |= {"reward": {"mode": "difference"}, "absence": {"kill": 0.3, "spell": 3}}
    expected = read_bundle(trained(tmp_path / "one", configured(**changes)))[1]

    def stop(row: Any) -> None:
        if row.update == 3:
            raise KeyboardInterrupt

    several = configured(actors=3 if algorithm == "mappo" else 2, **changes)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "several", several, report=stop)
    found = read_bundle(trained(tmp_path / "several", several, resume=True))[1]
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_an_actor_that_dies_is_an_error_that_says_which(tmp_path: Path) -> None:
    config = configured(actors=2)
    setup, weights = prepared(config, tiny_world(), tmp_path)
    pool = make_sampler(setup, config)
    assert isinstance(pool, ActorPool)
    try:
        pool.start_horizon(0)
        process = pool._actors[1][0]
        process.kill()
        process.join()
        with pytest.raises(TrainingError, match="actor 1: an actor process has died"):
            pool.collect(weights, 0)
    finally:
        pool.close()
    assert not any(process.is_alive() for process, _ in pool._actors)


PLAY = """
import sys

if __name__ == "__main__":
    from agents.learn.actors import ActorPool
    from agents.learn.config import TrainConfig
    from agents.learn.setup import Setup
    from twin.network.world import compile_world
    from twin.scenario import load

    config = TrainConfig(engine="event", actors=2, replications=2)
    world = compile_world(load("scenarios/quickstart.yaml").model)
    pool = ActorPool(Setup.of(world, world.order_up_to, config), config)
    pool.start_horizon(0)
    print(*(process.pid for process, _ in pool._actors), flush=True)
    sys.stdin.read()
"""


def test_actors_end_with_the_process_that_started_them_however_it_ends(tmp_path: Path) -> None:
    script = tmp_path / "play.py"
    script.write_text(PLAY, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        env=environment,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        actors = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(actors) == 2
        assert all(map(is_running, actors))
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 30
    while any(map(is_running, actors)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, actors))


def is_running(pid: int) -> bool:
    """True unless a process has gone, or is only waiting to be noticed."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_actors_load_no_torch() -> None:
    code = "import sys, agents.learn.actors; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"engine": "batch", "actors": 2}, "engine: event"),
        ({"actors": 5}, "at most one per replication, 4"),
        ({"algorithm": "pathwise"}, "needs batch"),
        ({"warm_start": 0.5}, "needs batch"),
    ],
)
def test_what_actors_cannot_do_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        configured(**changes)
