"""Laws of hardened training: suites, severities and resuming; it stays a pure function."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from agents.checkpoint.bundle import load_policy, read_bundle
from agents.learn.config import TrainConfig
from agents.learn.hardening import Hardening
from agents.learn.metrics import read_rows
from agents.learn.rollout import Sampler
from agents.learn.setup import Setup
from agents.learn.state import CHECKPOINTS
from agents.learn.storage import Disk
from agents.learn.train import train
from stress.case import Strike
from stress.spec import StressSuite
from stress.training import hardened
from tests.hardened_world import config_of, disturbance_of, patient_world, suite_of
from tests.learning_world import TINY, tiny_world
from twin.errors import TrainingError, UsageError

pytestmark = pytest.mark.usefixtures("one_thread")


def test_severities_widen_from_the_mildest_rung_to_all() -> None:
    world = tiny_world()
    suite = suite_of(world_yield={}, world_demand_surge={"severities": [2, 4]})
    disturbance = disturbance_of(world, suite, config_of())

    def drawn(reach: float) -> set[tuple[str, int]]:
        troubles = [disturbance.trouble(seed, reach) for seed in range(200)]
        return {(s.family, s.severity) for trouble in troubles for s in trouble.strikes}

    assert drawn(0.0) == {("world.yield", 1), ("world.demand_surge", 2)}
    assert drawn(0.5) == {
        *(("world.yield", k) for k in (1, 2, 3)),
        *(("world.demand_surge", k) for k in (2, 4)),
    }
    assert len(drawn(1.0)) == 7
    mild = disturbance_of(world, suite, config_of(hardening={"severity": 3}))
    assert {len(ladder) for ladder in mild.ladders.values()} == {1, 3}
    config = config_of(hardening={"warmup": 0.5}, updates=24, segment=5)
    hardening = Hardening(Setup.of(world, world.order_up_to, config), config, disturbance)
    assert [hardening.reach(k) for k in (0, 1, 5, 9)] == pytest.approx([0, 0.2, 1, 1])


def test_what_training_cannot_meet_is_named_and_a_suite_of_nothing_else_refused() -> None:
    world = tiny_world()
    suite = suite_of(world_yield={}, act_delay={}, tool_semantic={}, world_price={})
    disturbance = disturbance_of(world, suite, config_of())
    assert list(disturbance.ladders) == ["world.yield"]
    assert disturbance.left_out.keys() == {"act.delay", "tool.semantic", "world.price"}
    with pytest.raises(UsageError, match="none of the suite's faults"):
        disturbance_of(world, suite_of(act_delay={}), config_of())


def test_a_hardened_run_without_its_suite_is_refused() -> None:
    world, config = tiny_world(), config_of()
    with pytest.raises(TrainingError, match="needs its stress suite"):
        Sampler(Setup.of(world, world.order_up_to, config), config)


@pytest.mark.parametrize("algorithm", ["mappo", "pathwise", "vdn"])
def test_a_resumed_hardened_run_is_the_same_run_bit_for_bit(tmp_path: Path, algorithm: str) -> None:
    world = patient_world()
    suite = suite_of(obs_noise={}, obs_stale={}, channel_loss={"severities": [5]}, world_yield={})
    config = config_of(algorithm=algorithm, updates=4)
    config = TrainConfig.model_validate(config.model_dump())

    def run(folder: Path, resume: bool) -> Path:
        disturbance = disturbance_of(world, suite, config)
        levels = world.order_up_to
        return train(
            world, "tiny", "0" * 64, levels, config, folder, resume=resume, disturbance=disturbance
        )

    expected = read_bundle(run(tmp_path, False))[1]
    for newest in sorted((tmp_path / CHECKPOINTS).iterdir())[1:]:
        shutil.rmtree(newest)
    shutil.rmtree(tmp_path / "bundle")
    bundle = run(tmp_path, True)
    manifest, found = read_bundle(bundle)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert manifest.sees_ages
    policy = load_policy(bundle, world)
    for codec in policy.codecs.values():
        np.testing.assert_allclose(codec.scale[codec.spec.slices["ages"]], 1 / 3)


def test_the_suites_digest_is_part_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "suite.yaml"
    text = "kind: stress\nname: mine\nfaults: {world.yield: {}}\n"
    file.write_text(text)
    config, suite = hardened(TINY, file)
    assert suite is not None
    assert config.hardening is not None
    assert len(config.hardening.digest) == 64
    assert hardened(config, None)[0] == config
    file.write_text(text.replace("world.yield", "world.price"))
    with pytest.raises(UsageError, match="the suite has changed"):
        hardened(config, None)
    assert hardened(config, file)[0] != config
    assert hardened(TINY, None) == (TINY, None)


def test_strikes_keep_the_suites_windows() -> None:
    suite = suite_of(world_yield={"window": {"start": "50 %", "end": "60 %"}})
    disturbance = disturbance_of(tiny_world(), suite, config_of())
    strike: Strike = disturbance.ladders["world.yield"][0][0]
    assert (strike.window.start_d, strike.window.end_d) == pytest.approx((6.0, 7.2))


def test_training_on_a_throttled_disk_waits_says_so_and_loses_nothing(tmp_path: Path) -> None:
    world, found = tiny_world(), []
    for severity in (0, 5):
        plan = {"storage.throttle": {"severity": severity}}
        suite = StressSuite.model_validate({"name": "disk", "training": plan})
        config = config_of(algorithm="vdn", updates=3)
        content = config.model_dump()
        content["value_learning"]["replay"]["slow_after"] = 0.004
        config = TrainConfig.model_validate(content)
        folder = tmp_path / str(severity)
        folder.mkdir()
        disturbance = disturbance_of(world, suite, config)
        levels = world.order_up_to
        bundle = train(world, "tiny", "0" * 64, levels, config, folder, disturbance=disturbance)
        rows = read_rows(folder)
        found.append((read_bundle(bundle)[1], [row.events for row in rows]))
    (fast, _), (slow, told) = found
    for name, array in fast.items():
        np.testing.assert_array_equal(slow[name], array, err_msg=name)
    assert all(any("collection waited" in event for event in events) for events in told)


def test_a_slow_disk_is_nothing_to_those_who_keep_nothing_on_it() -> None:
    suite = StressSuite.model_validate(
        {"name": "disk", "training": {"storage.throttle": {}}, "faults": {"world.yield": {}}}
    )
    disturbance = disturbance_of(tiny_world(), suite, config_of())
    assert disturbance.left_out == {"storage.throttle": "mappo keeps no experience on the disk"}
    assert isinstance(disturbance.storage(Disk()), Disk)
    with pytest.raises(ValueError, match=r"did you mean 'storage\.throttle'"):
        StressSuite.model_validate({"name": "disk", "training": {"storage.throtle": {}}})
