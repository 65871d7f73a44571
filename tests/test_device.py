"""Laws of devices: nothing assumes the CPU, and a device that is not there is refused.

No GPU is needed: ``tests.another_device`` keeps tensors apart as a GPU would.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.learn.algorithms import ALGORITHMS
from agents.learn.central import Central
from agents.learn.config import TrainConfig
from agents.learn.device import usable_device
from agents.learn.learner import make_learner
from agents.learn.rollout import Sampler
from agents.learn.setup import Setup
from tests.another_device import AWAY, another_device
from tests.learning_world import tiny, tiny_world, trained
from twin.engine.batch import stack_paths
from twin.engine.batch_run import run_rule_batch
from twin.env.rules import OrderingRule
from twin.errors import UsageError
from twin.exogenous.path import draw_path
from twin.network.world import compile_world
from twin.scenario import load

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _prepared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One thread, and an optimiser that does not know the other device by name."""
    adam = importlib.import_module("torch.optim.adam")
    monkeypatch.setattr(adam, "_device_dtype_check_for_fused", lambda parameter: None)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def elsewhere(config: TrainConfig) -> TrainConfig:
    return config.model_copy(update={"device": AWAY.type})


def learnt(config: TrainConfig, folder: Path) -> dict[str, Any]:
    """What a learner knows after two updates."""
    world = tiny_world()
    setup = Setup.of(world, world.order_up_to, config)
    learner, sampler = make_learner(setup, config, folder), Sampler(setup, config)
    for number in range(2):
        learner.update(learner.collect(sampler, number).batch, number, number / 4)
    return learner.state()


CASES: list[dict[str, Any]] = [
    *({"algorithm": name} for name in ALGORITHMS),
    {"warm_start": 0.25, "reward": {"mode": "difference"}},
    {"absence": {"kill": 0.3, "spell": 3}},
    {"recurrent": {"hidden": 4}},
    {"algorithm": "vdn", "absence": {"kill": 0.3, "spell": 3}},
]


@pytest.mark.parametrize("changes", CASES, ids=str)
def test_a_learner_learns_the_same_on_another_device(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    config = tiny(**changes)
    expected = learnt(config, tmp_path / "here")
    with another_device():
        found = learnt(elsewhere(config), tmp_path / "there")
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-4, atol=1e-6, err_msg=name)


def test_a_central_policy_learns_the_same_on_another_device() -> None:
    config = tiny(algorithm="pathwise")
    world = tiny_world()
    setup = Setup.of(world, world.order_up_to, config)
    central = Central(setup, config)
    expected = [central.learn(number, 0.0) for number in range(2)]
    with another_device():
        central = Central(setup, elsewhere(config))
        assert [central.learn(number, 0.0) for number in range(2)] == expected


@pytest.mark.parametrize("name", ["grocery_fresh", "ecommerce_trucks", "automotive_bom"])
def test_the_batch_engine_costs_the_same_on_another_device(name: str) -> None:
    world = compile_world(load(ROOT / f"scenarios/library/{name}.yaml", ["horizon=21 d"]).model)
    drawn = [draw_path(world, seed) for seed in range(3)]
    rule = OrderingRule("base_stock", world.order_up_to[None])
    expected = run_rule_batch(world, stack_paths(world, drawn, torch), rule, torch)
    with another_device():
        path = stack_paths(world, drawn, torch, device=AWAY)
        found = run_rule_batch(world, path, rule, torch)
        for one, other in zip(found, expected, strict=True):
            assert one.device == AWAY
            np.testing.assert_array_equal(one.cpu().numpy(), other.numpy())


def test_tensors_of_two_devices_do_not_mix() -> None:
    with another_device():
        away = torch.ones(3, device=AWAY)
        with pytest.raises(RuntimeError, match="two devices"):
            away + torch.ones(3)
        with pytest.raises(TypeError, match="to numpy"):
            away.numpy()
        assert (away + 1).sum().item() == 6.0


@pytest.mark.parametrize("name", ["tpu", "cpu:0", "cuda:x", "cuda:4096"])
def test_a_device_that_is_not_there_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="device"):
        usable_device(name)
    with pytest.raises(UsageError, match="device"):
        trained(tmp_path, tiny(device=name))
    assert not any(tmp_path.iterdir())


def test_the_refusal_of_a_gpu_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"torch finds none.*Use --device cpu"):
        usable_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert usable_device("cuda", local_rank=1) == torch.device("cuda", 1)
    with pytest.raises(UsageError, match="one of 2"):
        usable_device("cuda", local_rank=2)
