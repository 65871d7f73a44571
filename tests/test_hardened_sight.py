"""Laws of hardened sight: training meets what the gateway would show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from agents.gateway.episode import run_through_tools
from agents.learn.differentiable import Run
from agents.learn.disturbance import Shown
from agents.learn.hardening import Hardening
from agents.learn.horizon import Horizon, paths, static_profit
from agents.learn.pathwise import Pathwise
from agents.learn.rollout import Sampler
from agents.learn.setup import Setup
from agents.learn.sight import Numbers, Sight, own_eyes
from agents.learn.storage import Storage
from stress.catalogue import ChannelFault, build_fault
from stress.disturbed import Disturbed
from stress.hardening import SuiteTrouble
from stress.recording import record
from stress.sensing import is_sensor
from tests.hardened_world import config_of, disturbance_of, patient_world, rule_of, suite_of
from tests.learning_world import TINY, tiny_world
from twin.engine.batch import stack_paths
from twin.exogenous.path import SamplePath
from twin.network.world import World

pytestmark = pytest.mark.usefixtures("one_thread")
Floats = NDArray[np.float64]
SEED = 11


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
