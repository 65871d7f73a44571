"""Laws of audits while training: they see the fleet as it is, and training does not see them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.checkpoint.bundle import read_bundle
from agents.credit.record import AUDITS, read_audits
from agents.credit.replay import Game, coalition_costs
from agents.credit.training import learnt_policy
from agents.learn.config import TrainConfig
from agents.learn.evaluation import evaluate, evaluate_static
from agents.learn.learner import make_learner
from agents.learn.setup import Setup
from tests.learning_world import TINY, tiny_world, trained
from twin.env.rules import OrderingRule

AUDITED = TINY.model_copy(update={"audit_every": 2, "audit_episodes": 64})


@pytest.mark.parametrize("algorithm", ["mappo", "vdn"])
def test_an_audit_replays_the_fleet_that_evaluation_sees(tmp_path: Path, algorithm: str) -> None:
    config = TrainConfig.model_validate({**TINY.model_dump(), "algorithm": algorithm})
    world = tiny_world()
    setup = Setup.of(world, world.order_up_to, config)
    weights = make_learner(setup, config, tmp_path).weights()
    rule = OrderingRule("base_stock", world.order_up_to[None])
    game = Game(world, learnt_policy(setup, weights), rule)
    team, nobody = (np.full((3, 4), plays) for plays in (True, False))
    np.testing.assert_allclose(
        coalition_costs(game, team, (1, 2, 3)),
        evaluate(setup, weights.layers, (1, 2, 3), weights.grids),
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        coalition_costs(game, nobody, (1, 2, 3)), evaluate_static(setup, (1, 2, 3)), rtol=1e-9
    )


def test_audits_are_written_every_so_often_and_change_nothing_that_is_learnt(
    tmp_path: Path,
) -> None:
    watched = trained(tmp_path / "watched", AUDITED)
    alone = trained(tmp_path / "alone", AUDITED.model_copy(update={"audit_every": 0}))
    rows = read_audits(watched.parent)
    assert [row.update for row in rows] == [2, 4]
    for row in rows:
        assert sum(e.value for e in row.shapley.values()) == pytest.approx(row.gain.value, abs=1e-9)
        assert 0 < row.time_share <= 1
    assert not (alone.parent / AUDITS).exists()
    ours, theirs = read_bundle(watched)[1], read_bundle(alone)[1]
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


def test_resumed_training_makes_the_lost_audits_again(tmp_path: Path) -> None:
    whole = read_audits(trained(tmp_path / "whole", AUDITED).parent)

    def stop_after_three(row: object) -> None:
        if getattr(row, "update", 0) == 3:
            raise KeyboardInterrupt

    folder = tmp_path / "halves"
    with pytest.raises(KeyboardInterrupt):
        trained(folder, AUDITED, report=stop_after_three)
    with (folder / AUDITS).open("a", encoding="utf-8") as file:
        file.write('{"update": 4, "cut off')
    resumed = read_audits(trained(folder, AUDITED, resume=True).parent)
    assert [row.shapley for row in resumed] == [row.shapley for row in whole]
