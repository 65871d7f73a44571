"""The PettingZoo environment keeps PettingZoo's contract on every shipped scenario."""

from pathlib import Path

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test

import twin
from twin.errors import UsageError

SCENARIOS = Path(__file__).parent.parent / "scenarios"
SHIPPED = [
    path
    for folder in (".", "reference", "library")
    for path in sorted((SCENARIOS / folder).glob("*.yaml"))
]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_pettingzoo_finds_nothing_wrong(path, capsys):
    scenario = twin.load(path, ["horizon=25 d"])
    parallel_api_test(twin.parallel_env(scenario), num_cycles=60)
    parallel_seed_test(lambda: twin.parallel_env(scenario), num_cycles=20)


def quickstart(**options):
    return twin.parallel_env(twin.load(SCENARIOS / "quickstart.yaml", ["horizon=20 d"]), **options)


def test_zero_actions_are_the_static_policy():
    scenario = twin.load(SCENARIOS / "quickstart.yaml", ["horizon=20 d"])
    env = twin.parallel_env(scenario)
    env.reset(seed=5)
    total = 0.0
    while env.agents:
        zeros = {a: np.zeros(env.action_space(a).shape, np.float32) for a in env.agents}
        total += sum(env.step(zeros)[1].values())
    assert total == pytest.approx(twin.simulate(scenario, seed=5).reward.sum())


def test_the_horizon_truncates_and_never_terminates():
    env = quickstart()
    env.reset(seed=1)
    steps = 0
    while env.agents:
        _, _, terminations, truncations, _ = env.step({})
        steps += 1
        assert not any(terminations.values())
    assert steps == 20
    assert all(truncations.values())


def test_the_state_holds_every_agents_stock():
    env = quickstart()
    env.reset(seed=1)
    assert env.state().shape == env.state_space.shape
    assert env.state_space.contains(env.state())


def test_render_draws_a_picture():
    env = quickstart(render_mode="rgb_array")
    env.reset(seed=1)
    picture = env.render()
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 2


def test_stepping_before_reset_says_so():
    with pytest.raises(UsageError, match="reset"):
        quickstart().step({})
