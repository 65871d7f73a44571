"""Laws of the horizon's end: a time limit is a break in what goes on, a termination is the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.learn.config import TrainConfig
from agents.learn.evaluation import evaluate
from agents.learn.happo import Happo
from agents.learn.mappo import Mappo
from agents.learn.replay import Replay
from agents.learn.rollout import Sampler
from agents.learn.run import TrainingRun
from agents.learn.value_learner import lambda_returns
from agents.learn.vdn import Vdn
from tests.learning_world import TINY, setup_of
from twin.exogenous.streams import stream
from twin.network.world import compile_world
from twin.scenario import load

ENDING = TINY.model_copy(update={"horizon_end": "termination"})
ORGYM = Path(__file__).parents[1] / "scenarios/reference/orgym_inv_backlog.yaml"


def test_only_the_horizon_ends_a_segment_is_merely_cut() -> None:
    setup = setup_of(ENDING)
    sampler, weights = Sampler(setup, ENDING), Mappo(setup, ENDING).weights()
    first, _, third = (sampler.collect(weights, update).batch for update in range(3))
    assert first.ended is None
    assert third.ended is not None
    assert np.flatnonzero(third.cut).tolist() == [1, 4]
    assert third.ended.tolist() == [True, False]


@pytest.mark.parametrize("kind", [Mappo, Happo])
def test_after_a_termination_nothing_is_expected_after_a_time_limit_much(kind: type[Mappo]) -> None:
    last = {}
    for config in (ENDING, TINY):
        setup = setup_of(config)
        learner, sampler = kind(setup, config), Sampler(setup, config)
        for update in range(3):
            batch = sampler.collect(learner.weights(), update).batch
            learner.judge(batch, update, 0.0, stream(update, "test"))
        last[config.horizon_end] = (learner._targets(batch, None)[2] - batch.rewards)[1]
    np.testing.assert_allclose(last["termination"], 0.0, atol=1e-4)
    assert np.abs(last["truncation"]).min() > 1e-2


def test_returns_by_lambda_stop_where_nothing_follows(tmp_path: Path) -> None:
    config = TrainConfig.model_validate(
        {**ENDING.model_dump(), "algorithm": "vdn", "value_learning": {"steps": 2, "sequences": 4}}
    )
    setup = setup_of(config)
    sampler, learner = Sampler(setup, config), Vdn(setup, config, tmp_path / "learner")
    batch = [sampler.collect(learner.weights(), update).batch for update in range(3)][2]
    replay = Replay(setup, config, tmp_path)
    replay.append(0, batch)
    found = replay.sample(8, stream(0, "test"))
    assert found.following[0].tolist() == [1, -1, 3, 4, 6]
    learner.update(batch, 0, 0.0)
    worth = np.full((8, found.inputs[0].shape[1], 1), 7.0, dtype=np.float32)
    assert learner.scale is not None
    rewards = (learner.column_rewards(found.rewards) - learner.mean) / learner.scale
    returns = learner._returns(found, worth, None)
    np.testing.assert_allclose(returns[:, 1], rewards[:, 1], rtol=1e-5)
    known = lambda_returns(
        rewards.astype(np.float32),
        np.where((np.arange(5) == 1)[None, :, None], np.float32(0), np.float32(7)),
        np.broadcast_to(np.isin(np.arange(5), (1, 4)), (8, 5)),
        config.gamma,
        config.value_learning.lam,
    )
    np.testing.assert_allclose(returns, known, rtol=1e-5)


def test_shaping_adds_up_to_the_same_for_every_policy_also_where_the_world_ends() -> None:
    content = {**ENDING.model_dump(), "segment": 12, "gamma": 1.0, "control_variate": False}
    sums = []
    for std in (-2.0, 0.5):
        shaped, plain = (
            TrainConfig.model_validate(
                {**content, "initial_log_std": std, "reward": {"mode": "team", "shaping": weight}}
            )
            for weight in (3.0, 0.0)
        )
        rewards = [
            Sampler(setup_of(c), c).collect(Mappo(setup_of(c), c).weights(), 0).batch.rewards
            for c in (shaped, plain)
        ]
        sums.append((rewards[0] - rewards[1]).sum(0))
    np.testing.assert_allclose(sums[0], sums[1], rtol=1e-3)
    assert np.abs(sums[0]).min() > 0


def test_a_fleet_that_knows_of_the_end_stops_ordering_what_comes_too_late(tmp_path: Path) -> None:
    world = compile_world(load(ORGYM).model)
    earned = {}
    for end in ("truncation", "termination"):
        config = TrainConfig(
            horizon_end=end,
            updates=30,
            segment=30,
            replications=32,
            lam=0.97,
            initial_log_std=-2.0,
            eval_every=30,
            audit_every=0,
        )
        run = TrainingRun(world, world.order_up_to, config, tmp_path / end)
        run.start(resume=False)
        while not run.over:
            run.advance()
        costs = evaluate(run.setup, run.learner.weights().layers, range(64), (), 0.97)
        earned[end] = -30 * float(costs.mean())
    assert earned["termination"] > earned["truncation"] + 10
