"""The PettingZoo environment with choices keeps PettingZoo's contract; its masks tell the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from pettingzoo.test import parallel_api_test, parallel_seed_test

import twin
from twin.env.discrete import DiscreteTwinEnv
from twin.env.parallel import TwinParallelEnv
from twin.errors import UsageError
from twin.network.world import compile_world
from twin.scenario import from_mapping

SCENARIOS = Path(__file__).parent.parent / "scenarios"


def quickstart(**options: Any) -> TwinParallelEnv:
    return twin.parallel_env(twin.load(SCENARIOS / "quickstart.yaml", ["horizon=20 d"]), **options)


@pytest.mark.parametrize("name", ["quickstart", "reference/orgym_network_backlog"])
def test_pettingzoo_finds_nothing_wrong(name: str, capsys: Any) -> None:
    scenario = twin.load(SCENARIOS / f"{name}.yaml", ["horizon=25 d"])
    parallel_api_test(twin.parallel_env(scenario, choices=5), num_cycles=60)
    parallel_seed_test(lambda: twin.parallel_env(scenario, choices=5), num_cycles=20)


def test_masks_are_what_the_spaces_sample_with() -> None:
    env = quickstart(choices=7)
    _, infos = env.reset(seed=3)
    kinds = set()
    while env.agents:
        actions = {}
        for name in env.agents:
            space, mask = env.action_space(name), infos[name]["action_mask"]
            kinds.add(type(space))
            actions[name] = space.sample(mask)
            masks = mask if isinstance(mask, tuple) else (mask,)
            for own, index in zip(masks, np.atleast_1d(actions[name]), strict=True):
                assert (own.dtype, own.shape) == (np.int8, (7,))
                assert own[index] == 1
        infos = env.step(actions)[-1]
    assert kinds == {spaces.Discrete, spaces.MultiDiscrete}
    assert set(infos) == set(env.possible_agents)


def test_the_middle_of_an_odd_number_of_choices_is_the_static_policy() -> None:
    totals = []
    for choices in (None, 9):
        env = quickstart(choices=choices, bend=3.0)
        env.reset(seed=5)
        total = 0.0
        while env.agents:
            zero = {a: 0 * env.action_space(a).sample() for a in env.agents}
            moved = {a: zero[a] + 4 for a in env.agents} if choices else zero
            total += sum(env.step(moved)[1].values())
        totals.append(total)
    assert totals[0] == totals[1]


def test_an_order_at_a_supplier_that_is_down_is_masked_and_possible_again_afterwards() -> None:
    store = {"kind": "store", "stock": 5, "demand": {"model": "poisson", "mean": 5}}
    down = {"targets": {"nodes": ["plant"]}, "windows": [{"start": "2 d", "end": "4 d"}]}
    world = compile_world(
        from_mapping(
            {
                "kind": "scenario",
                "name": "one store",
                "horizon": "6 d",
                "nodes": {"plant": {"kind": "supplier"}, "shop": store},
                "lanes": {"plant -> shop": {"lead_time": "1 d"}},
                "disruptions": {"strike": down},
                "agents": {"replenish": ["shop"], "action": {"form": "order_quantity"}},
            }
        ).model
    )
    env = DiscreteTwinEnv(world, 5)
    infos = env.reset(seed=1)[1]
    for t in range(6):
        mask = infos["replenish:shop"]["action_mask"]
        assert mask.tolist() == ([1, 0, 0, 0, 0] if 2 <= t < 4 else [1, 1, 1, 1, 1])
        infos = env.step({"replenish:shop": 0})[-1]


@pytest.mark.parametrize("wrong", [9, -1, 0.5, [1, 2], "all"])
def test_what_is_no_choice_is_refused_with_what_is(wrong: Any) -> None:
    env = quickstart(choices=9)
    env.reset(seed=1)
    with pytest.raises(UsageError, match="not a choice"):
        env.step({"replenish:dc": wrong})


def test_an_impossible_number_of_choices_and_an_unknown_agent_are_refused() -> None:
    with pytest.raises(UsageError, match="impossible number of choices"):
        quickstart(choices=1)
    env = quickstart(choices=3)
    env.reset(seed=1)
    with pytest.raises(UsageError, match="unknown agent"):
        env.step({"replenish:moon": 1})
