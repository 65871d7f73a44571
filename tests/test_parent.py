"""Laws of a fleet that goes on from a parent: it starts as the parent, and is not spoiled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.learn.happo import Happo
from agents.learn.mappo import Mappo
from agents.learn.parent import read_parent
from agents.learn.rollout import Sampler
from tests.learning_world import setup_of, tiny, tiny_world, trained


def test_a_child_explores_no_more_than_its_parent_nor_than_it_is_told_to(tmp_path: Path) -> None:
    parent = read_parent(trained(tmp_path), tiny_world())
    for told in (-4.0, 3.0):
        config = tiny(initial_log_std=told)
        child = Mappo(setup_of(config), config)
        child.adopt(parent)
        for name, spread in zip(child.names, child.weights().log_std, strict=True):
            np.testing.assert_array_equal(
                spread, np.minimum(parent.log_std[name], np.float32(told))
            )


@pytest.mark.parametrize("kind", [Mappo, Happo])
def test_while_only_the_critic_learns_the_actors_stay_as_they_were(kind: type[Mappo]) -> None:
    config = tiny(critic_first=2)
    setup = setup_of(config)
    learner, sampler = kind(setup, config), Sampler(setup, config)
    moved, judged = [], []
    for update in range(3):
        before, values = learner.weights(), learner.judges()
        learner.update(sampler.collect(before, update).batch, update, 0.0)
        after, now = learner.weights(), learner.judges()
        moved.append(np.abs(after.layers[0][0][0] - before.layers[0][0][0]).max() > 0)
        judged.append(all(np.abs(now[name] - values[name]).max() > 0 for name in values))
    assert moved == [False, False, True]
    assert judged == [True, True, True]
