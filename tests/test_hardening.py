"""Laws of hardening: training meets what the gateway would show, and stays a pure function."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from agents.checkpoint.bundle import load_policy, read_bundle
from agents.gateway.episode import run_through_tools
from agents.learn.config import TrainConfig
from agents.learn.config_parts import Hardening as Asked
from agents.learn.differentiable import Run
from agents.learn.disturbance import Shown
from agents.learn.hardening import Hardening
from agents.learn.horizon import Horizon, paths, static_profit
from agents.learn.metrics import read_rows
from agents.learn.pathwise import Pathwise
from agents.learn.rollout import Sampler
from agents.learn.setup import Setup
from agents.learn.sight import Numbers, Sight, own_eyes
from agents.learn.state import CHECKPOINTS
from agents.learn.storage import Disk, Storage
from agents.learn.train import train
from stress.case import Strike
from stress.catalogue import ChannelFault, build_fault
from stress.disturbed import Disturbed
from stress.hardening import SuiteDisturbance, SuiteTrouble
from stress.recording import record
from stress.sensing import is_sensor
from stress.spec import StressSuite
from stress.training import hardened
from tests.learning_world import TINY, tiny_world
from twin.engine.batch import stack_paths
from twin.env.rules import OrderingRule
from twin.errors import TrainingError, UsageError
from twin.exogenous.path import SamplePath
from twin.network.world import World, compile_world

Floats = NDArray[np.float64]
SEED = 11


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def patient_world(max_age: int = 3) -> World:
    """The tiny world with agents that may act on old answers."""
    model = tiny_world().model
    tools = model.tools.model_copy(update={"max_age": max_age})
    return compile_world(model.model_copy(update={"tools": tools}))


def suite_of(**faults: Any) -> StressSuite:
    named = {name.replace("_", ".", 1): plan for name, plan in faults.items()}
    return StressSuite.model_validate({"name": "test", "faults": named})


def rule_of(world: World) -> OrderingRule:
    return OrderingRule("base_stock", world.order_up_to[None])


def config_of(**changes: Any) -> TrainConfig:
    asked = Asked(suite="test", **changes.pop("hardening", {}))
    return TINY.model_copy(update={"hardening": asked, **changes})


def disturbance_of(world: World, suite: StressSuite, config: TrainConfig) -> SuiteDisturbance:
    return SuiteDisturbance(suite, world, rule_of(world), config)


class Constant:
    """Asks for the same every day, and notes what it was shown."""

    name = "constant"

    def __init__(self, world: World) -> None:
        self.numbers = Numbers.of(world)
        self.seen: dict[str, dict[int, Floats]] = {s.name: {} for s in self.numbers.specs}

    def reset(self, seed: int) -> None:
        pass

    def act(self, observations: Mapping[str, Floats]) -> dict[str, Floats]:
        wishes = {}
        for spec in self.numbers.specs:
            if spec.name in observations:
                observation = observations[spec.name]
                self.seen[spec.name][round(float(spec.period(observation)))] = observation
                wishes[spec.name] = wish_of(spec)
        return wishes


def wish_of(spec: Any) -> Floats:
    if spec.role == "replenish":
        return np.full(len(spec.lanes) * spec.products, 4.0 + spec.index)
    return np.concatenate([np.full(len(spec.lanes), 1.0), np.zeros(len(spec.lanes))])


def through_horizon(world: World, path: SamplePath, sight: Sight) -> list[Floats]:
    """What the batch engine's agents see while they ask for the same every day."""
    config = config_of()
    setup = own_eyes(Setup.of(world, world.order_up_to, config))
    horizon = Horizon(setup, world, stack_paths(world, [path]), sight=sight)
    seen = []
    while not horizon.over:
        seen.append(horizon.vector[len(setup.state_scale) + 1 :, 0])
        static = horizon.static_decision()
        own = tuple(part.copy() for part in static)
        for spec in sight.numbers.specs:
            wish = wish_of(spec)
            if spec.role == "replenish":
                own[0][spec.lanes] = wish.reshape(len(spec.lanes), -1, 1)
            else:
                own[1][spec.lanes], own[2][spec.lanes] = np.split(wish[:, None], 2)
        horizon.step(sight.held(own, static))
    return seen


@pytest.mark.parametrize(
    ("family", "severity", "parameters"),
    [
        ("obs.stale", 2, {}),
        ("obs.stale", 4, {"mode": "fixed", "value": 2}),
        ("obs.freeze", 2, {}),
        ("obs.bias", 4, {}),
        ("tool.malformed", 5, {}),
        ("channel.loss", 5, {}),
        ("network.partition", 4, {}),
        ("world.demand_surge", 4, {}),
        ("world.outage", 4, {"target": "node"}),
    ],
)
def test_training_shows_what_the_gateway_shows(
    family: str, severity: int, parameters: dict[str, Any]
) -> None:
    world = patient_world()
    suite = suite_of(**{family.replace(".", "_", 1): {"parameters": parameters}})
    disturbance = disturbance_of(world, suite, config_of())
    strikes = disturbance.ladders[family][severity - 1]
    watched = Constant(world)
    disturbed = Disturbed(world, watched, SEED, strikes)
    run_through_tools(world, disturbed.path, watched, rule_of(world), SEED, disturbed.layers)

    numbers, fault = Numbers.of(world), build_fault(family, parameters)
    recording = None
    if isinstance(fault, ChannelFault) and not is_sensor(fault):
        struck = [(fault, severity, strikes[0].window)]
        recording = record(world, rule_of(world), numbers, struck, SEED)
    trouble = SuiteTrouble(world, numbers, strikes, SEED, recording)
    sight = Sight(numbers, [trouble], disturbance.memory)
    found = through_horizon(world, disturbed.path, sight)
    moved = False
    for spec in numbers.specs:
        part = slice(numbers.first[spec.name], numbers.first[spec.name] + spec.size)
        for t, expected in watched.seen[spec.name].items():
            np.testing.assert_allclose(found[t][part], expected, atol=1e-9)
        moved |= any(trouble.shown(t) is not None for t in range(world.periods))
    assert moved or family.startswith("world.")


def test_noise_and_holes_have_the_catalogues_distribution() -> None:
    world = patient_world()
    numbers, truth = Numbers.of(world), np.full(1, 100.0)
    suite = suite_of(obs_noise={"severities": [5]}, obs_dropout={"severities": [4]})
    disturbance = disturbance_of(world, suite, config_of())
    factors: dict[str, list[Floats]] = {"obs.noise": [], "obs.dropout": []}
    for name, ladder in disturbance.ladders.items():
        for seed in range(40):
            shown = SuiteTrouble(world, numbers, ladder[0], seed, None).shown(5)
            assert shown is not None
            factors[name].append(shown.factor[numbers.read >= 0] * truth / 100)
    noise = np.concatenate(factors["obs.noise"])
    assert noise.mean() == pytest.approx(1, abs=0.02)
    assert noise.std() == pytest.approx(0.20, rel=0.1)
    holes = np.concatenate(factors["obs.dropout"])
    assert set(np.unique(holes)) == {0.0, 1.0}
    assert (holes == 0).mean() == pytest.approx(0.25, abs=0.03)


class Blind:
    """Shows everybody zeros, and lets the first agent decide nothing."""

    memory = 0

    def trouble(self, seed: int, reach: float) -> Blind:
        return self

    def path(self, world: World, path: SamplePath) -> SamplePath:
        return path

    def shown(self, t: int) -> Shown | None:
        numbers = Numbers.of(tiny_world())
        acts = np.ones(len(numbers.specs), dtype=np.bool_)
        acts[0] = False
        factor = np.where(numbers.read >= 0, 0.0, 1.0)
        nothing = np.zeros(len(factor), dtype=np.intp)
        return Shown(factor, nothing, np.full(len(numbers.ages), 2.0), acts)

    def storage(self, disk: Storage) -> Storage:
        return disk


class Harmless(Blind):
    def shown(self, t: int) -> Shown | None:
        return None


def test_where_nothing_goes_wrong_hardened_experience_is_the_same_bit_for_bit() -> None:
    world = tiny_world()
    plain, hard = (Setup.of(world, world.order_up_to, c) for c in (TINY, config_of()))
    learner = Pathwise(plain, TINY)
    expected = Sampler(plain, TINY).collect(learner.weights(), 0)
    found = Sampler(hard, config_of(), Harmless()).collect(learner.weights(), 0)
    np.testing.assert_array_equal(found.batch.rewards, expected.batch.rewards)
    size = expected.batch.states.shape[-1]  # a hardened critic also sees who is in control
    np.testing.assert_array_equal(found.batch.states[..., :size], expected.batch.states)
    for one, other in zip(found.batch.groups, expected.batch.groups, strict=True):
        np.testing.assert_array_equal(one.inputs, other.inputs)
        np.testing.assert_array_equal(one.cut_inputs, other.cut_inputs)


def test_a_share_stays_clean_and_the_critic_sees_the_truth() -> None:
    config = config_of(hardening={"share": 0.5})
    setup = Setup.of(tiny_world(), tiny_world().order_up_to, config)
    sampler = Sampler(setup, config, Blind())
    batch = sampler.collect(Pathwise(setup, config).weights(), 0).batch
    answers = slice(0, 2)  # stock and what is owed, of every replenishing agent
    inputs = batch.groups[0].inputs[..., answers]
    assert (inputs[:, :2] == 0).all()
    assert (inputs[:, 2:] != 0).any()
    assert batch.alive is not None
    assert not batch.alive[:, :2, 0].any()
    assert batch.alive[:, 2:].all()
    assert (batch.states[:, :2, : len(setup.state_scale)] != 0).any(axis=-1).all()


def test_an_agent_whose_decision_does_not_arrive_follows_the_static_policy() -> None:
    world, config = tiny_world(), config_of()
    setup = own_eyes(Setup.of(world, world.order_up_to, config))
    numbers = Numbers.of(world)
    sight = Sight(numbers, [Blind(), None], 0)
    horizon = Horizon(setup, world, paths(world, [1, 2]), sight=sight)
    acts = [np.full((*group.used.shape, 2), 1.5) for group in setup.groups]
    decided, static = horizon.decision(acts), horizon.static_decision()
    first = numbers.specs[0].lanes
    np.testing.assert_array_equal(decided[0][first, :, 0], static[0][first, :, 0])
    assert (decided[0][first, :, 1] != static[0][first, :, 1]).all()
    second = numbers.specs[1].lanes
    assert (decided[0][second, :, 0] > static[0][second, :, 0]).all()  # it sees empty shelves


def test_the_baseline_follows_the_static_policy_by_what_it_is_shown() -> None:
    world, config = tiny_world(), config_of()
    setup = own_eyes(Setup.of(world, world.order_up_to, config))
    path, numbers = paths(world, [1, 1]), Numbers.of(world)
    truth = static_profit(setup, world, path)
    calm = static_profit(setup, world, path, Sight(numbers, [Harmless(), None], 0))
    np.testing.assert_array_equal(calm, truth)
    blind = static_profit(setup, world, path, Sight(numbers, [Blind(), None], 0))
    np.testing.assert_array_equal(blind[:, 1], truth[:, 1])
    assert blind[:, 0].sum() < truth[:, 0].sum()  # it fills shelves that are full


def test_a_differentiable_run_sees_and_decides_the_same() -> None:
    world = patient_world()
    suite = suite_of(
        obs_stale={"severities": [2]},
        obs_noise={"severities": [5]},
        channel_loss={},
        world_yield={},
    )
    config = config_of(hardening={"share": 1.0}, algorithm="pathwise", replications=8)
    setup = Setup.of(world, world.order_up_to, config)
    hardening = Hardening(setup, config, disturbance_of(world, suite, config))
    path, sight = hardening.networks(world, range(8), 1.0, np.float32)
    horizon = Horizon(hardening.setup, world, path, sight=sight)
    learner = Pathwise(setup, config)
    rng = np.random.Generator(np.random.Philox(3))
    acts = [rng.normal(size=(*g.used.shape, 8)).astype(np.float32) for g in setup.groups]
    for _ in range(3):
        horizon.step(horizon.decision(acts))
    run = Run(learner.setup, horizon.engine, learner.xp, torch.device("cpu"), sight)
    spent, struck = [], 0
    while not horizon.over:
        np.testing.assert_allclose(run.vector.numpy(), horizon.vector, rtol=1e-5, atol=1e-4)
        struck += sight.now is not None
        run.step([torch.from_numpy(a) for a in acts])
        spent.append(horizon.step(horizon.decision(acts)).sum())
    assert struck > 3


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
