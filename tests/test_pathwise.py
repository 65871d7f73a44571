"""Laws of the gradient through the batch engine: values stay, slopes are those of differences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from agents.checkpoint.groups import forward
from agents.learn.differentiable import Run, columns, layers_of
from agents.learn.horizon import Horizon, paths
from agents.learn.pathwise import Pathwise
from agents.learn.rollout import Sampler
from agents.learn.setup import Setup
from agents.learn.straight_through import StraightThrough
from tests.learning_world import tiny_world
from tests.pathwise_world import CPU, chain, configured, prepared
from tests.profiles import laws
from tests.strategies import Decisions, decisions, sample_paths, worlds
from twin.engine.batch import BatchEngine, stack_paths
from twin.engine.batch_carry import carry_over
from twin.engine.fleet import vehicles_for
from twin.errors import UsageError
from twin.exogenous.path import SamplePath, draw_path
from twin.network.world import World, compile_world
from twin.scenario import from_mapping, load

pytestmark = pytest.mark.usefixtures("one_thread")
ROOT = Path(__file__).parent.parent


def means(learner: Pathwise, vector: Tensor) -> list[Tensor]:
    return [
        columns(layers_of(actor.mean), gather.inputs(vector))
        for actor, gather in zip(learner.actors, learner.gather, strict=True)
    ]


def ledger(world: World, drawn: Sequence[SamplePath], chosen: Decisions, xp: Any) -> Any:
    engine = BatchEngine(world, stack_paths(world, drawn, xp), xp)
    while engine.advance():
        rows = (chosen.orders, chosen.vehicles, chosen.min_load)
        engine.decide(*(torch.from_numpy(values[engine.t]) for values in rows))
    return engine.quantities()


@laws(15)
@given(st.data())
def test_no_value_changes_when_whole_numbers_get_a_slope(data: st.DataObject) -> None:
    world = data.draw(worlds())
    drawn = [data.draw(sample_paths(world)) for _ in range(2)]
    chosen = data.draw(decisions(world, 2))
    plain, sloped = (ledger(world, drawn, chosen, xp) for xp in (torch, StraightThrough(3.0)))
    for name, values in vars(plain).items():
        np.testing.assert_array_equal(getattr(sloped, name), values, err_msg=name)


@laws(30)
@given(st.data())
def test_an_engine_that_takes_over_in_mid_run_goes_on_alike(data: st.DataObject) -> None:
    world = data.draw(worlds())
    path = stack_paths(world, [data.draw(sample_paths(world)) for _ in range(2)])
    chosen = data.draw(decisions(world, 2))
    first, second = BatchEngine(world, path, keep_rows=False), None
    while first.advance():
        if first.t == world.periods // 2:
            second = BatchEngine(world, path, keep_rows=False)
            carry_over(first, second, np.copy)
        for engine in (first,) if second is None else (first, second):
            assert engine.advance()
            rows = (chosen.orders, chosen.vehicles, chosen.min_load)
            engine.decide(*(values[engine.t] for values in rows))
        if second is not None:
            np.testing.assert_array_equal(second.profit_row(), first.profit_row())
            np.testing.assert_array_equal(second.on_hand, first.on_hand)
    assert second is not None


def horizon_cost(
    learner: Pathwise, setup: Setup, seeds: Sequence[int], shift: Sequence[Tensor]
) -> Tensor:
    """Cost of the whole horizon in float64, all actions of a group moved by ``shift``."""
    world = setup.world
    engine = BatchEngine(world, paths(world, seeds), keep_rows=False)
    engine.advance()
    run = Run(setup, engine, learner.xp, CPU)
    total = torch.zeros(())
    for _ in range(world.periods):
        acts = means(learner, run.vector.float())
        total = total + run.step([a.double() + s for a, s in zip(acts, shift, strict=True)]).sum()
    return total


@pytest.mark.parametrize("form", ["base_stock_correction", "order_quantity"])
def test_the_gradient_is_that_of_finite_differences_where_the_twin_is_smooth(form: str) -> None:
    world = chain(agents={"replenish": ["dc", "north", "south"], "action": {"form": form}})
    setup, learner = prepared(world, configured())
    shift = [torch.full((3, 1, 1), 0.013, dtype=torch.float64, requires_grad=True)]
    for parameter in learner.means.parameters():
        parameter.requires_grad_(False)
    # The actors see the state in single precision; alone it would drown a difference this small.
    for actor in learner.actors:
        actor.mean.linear[0].weight.data[:, : setup.groups[0].group.observation_size] = 0.0
    horizon_cost(learner, setup, range(6), shift).backward()
    step = 1e-6
    for i in range(3):
        costs = []
        for sign in (1, -1):
            moved = shift[0].detach().clone()
            moved[i] += sign * step
            costs.append(horizon_cost(learner, setup, range(6), [moved]).item())
        difference = (costs[0] - costs[1]) / (2 * step)
        assert shift[0].grad is not None
        assert abs(difference) > 1.0
        assert shift[0].grad[i].item() == pytest.approx(difference, rel=1e-5)


@pytest.mark.parametrize("sharing", ["role", "all", "none"])
@pytest.mark.parametrize("form", ["base_stock_correction", "order_quantity"])
def test_a_run_goes_on_where_the_sampled_network_stands_and_costs_the_same(
    form: str, sharing: str
) -> None:
    config = configured(sharing=sharing)
    setup, learner = prepared(tiny_world(action={"form": form}), config)
    layers = learner.weights().layers
    horizon = Horizon(setup, setup.world, paths(setup.world, range(3), np.float32))

    def act() -> NDArray[Any]:
        acts = [
            forward(of_group, group.inputs(horizon.vector))
            for group, of_group in zip(setup.groups, layers, strict=True)
        ]
        return horizon.step(horizon.decision(acts)).sum(axis=1)

    for _ in range(4):
        act()
    run = Run(setup, horizon.engine, learner.xp, CPU)
    while not horizon.over:
        cost = run.step(means(learner, run.vector)).detach().numpy()
        np.testing.assert_allclose(cost, -act(), rtol=1e-3, atol=1e-2)


def test_the_segments_gradients_add_up_to_that_of_the_whole_horizon() -> None:
    """Where each segment answers for all that comes after it."""
    config = configured(pathwise={"tail": 100, "sharpness": 2.0})
    setup, learner = prepared(chain(), config)
    layers = learner.weights().layers
    horizon = Horizon(setup, setup.world, paths(setup.world, range(4), np.float32))

    def gradient(count: int) -> NDArray[Any]:
        learner.adam.zero_grad()
        run = Run(setup, horizon.engine, learner.xp, CPU)
        learner._cost(run, count).backward()  # type: ignore[no-untyped-call]
        parts = [p.grad.ravel() for p in learner.means.parameters() if p.grad is not None]
        found: NDArray[Any] = torch.cat(parts).numpy().copy()
        return found

    whole = gradient(12)
    total = np.zeros_like(whole)
    for count in (5, 4, 3):
        total += gradient(count)
        for _ in range(count):
            acts = [
                forward(of_group, group.inputs(horizon.vector))
                for group, of_group in zip(setup.groups, layers, strict=True)
            ]
            horizon.step(horizon.decision(acts))
    assert np.abs(whole).max() > 0.1
    np.testing.assert_allclose(total, whole, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("sharpness", [0.0, 3.0])
def test_on_average_over_loads_vehicles_have_the_slope_of_a_straight_line(sharpness: float) -> None:
    load = torch.linspace(0.005, 19.995, 2000, dtype=torch.float64).reshape(1, -1)
    load.requires_grad_(True)
    least = torch.full_like(load, 0.35, requires_grad=True)
    allowed, idle = torch.full_like(load, 9.0), torch.full_like(load[0], 9.0)
    xp = StraightThrough(sharpness)
    leaving = vehicles_for(load / 10, allowed, least, idle, xp)
    plain = vehicles_for(load.detach().numpy() / 10, allowed.numpy(), 0.35, idle.numpy(), np)
    np.testing.assert_array_equal(leaving.detach().numpy(), plain)
    leaving.sum().backward()
    assert load.grad is not None
    assert least.grad is not None
    assert load.grad.mean().item() == pytest.approx(1 / 10, rel=1e-3)
    assert least.grad.mean().item() == pytest.approx(-1.0, rel=1e-3)
    at_step, far = load.grad[0, 349].item(), load.grad[0, 849].item()
    assert at_step > 3 * far if sharpness else at_step == pytest.approx(far)


def test_a_vehicle_that_leaves_comes_back_in_the_gradient_too() -> None:
    world = tiny_world()
    trips = {"model": "uniform", "low": "1 d", "high": "3 d"}
    changed = world.model.model_dump(mode="json", exclude_unset=True)
    changed["fleets"]["trucks"]["round_trip"] = trips
    world = compile_world(from_mapping(changed).model)
    path = stack_paths(world, [draw_path(world, seed) for seed in range(5)], torch)
    engine = BatchEngine(world, path, StraightThrough())
    assert engine._returns is not None
    assert not engine._returns._fixed
    left = torch.full((1, 5), 2.0, dtype=torch.float64, requires_grad=True)
    engine._returns.leave(0, left)
    back = torch.stack([engine._returns.row(t) for t in range(1, 5)]).sum()
    assert back.item() == 10.0
    back.backward()
    np.testing.assert_allclose(left.grad, 1.0)


def test_outside_its_bounds_an_action_is_only_led_back_in() -> None:
    x = torch.tensor([-3.0, -3.0, 0.5, 3.0, 3.0], requires_grad=True)
    uphill = torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0])
    bounded = StraightThrough.bounded(x, -2.0, 2.0)
    np.testing.assert_array_equal(bounded.detach(), [-2.0, -2.0, 0.5, 2.0, 2.0])
    (bounded * uphill).sum().backward()
    np.testing.assert_array_equal(x.grad, [0.0, -1.0, 1.0, 1.0, 0.0])


@pytest.mark.parametrize("name", ["orgym_inv_backlog", "orgym_network_lost"])
def test_whole_units_have_a_gradient(name: str) -> None:
    loaded = load(ROOT / f"scenarios/reference/{name}.yaml", ("agents.action.form=order_quantity",))
    config = configured(segment=30, pathwise={"tail": 0})
    setup, learner = prepared(compile_world(loaded.model), config)
    before = [p.detach().clone() for p in learner.means.parameters()]
    segment = learner.collect(Sampler(setup, config), 0)
    learner.update(segment.batch, 0, 0.0)
    moved = [not torch.equal(a, b) for a, b in zip(before, learner.means.parameters(), strict=True)]
    assert all(moved)


def finite_gradient(file: Path) -> bool:
    """Whether a few periods in the middle of a run have a gradient that is a number."""
    world = compile_world(load(file).model)
    setup, learner = prepared(world, configured(replications=2, pathwise={"tail": 1}))
    sampler = Sampler(setup, learner.config)
    segment = learner.collect(sampler, 0)
    loss = learner.update(segment.batch, 0, 0.0).policy_loss
    parameters = list(learner.means.parameters())
    return np.isfinite(loss) and all(bool(torch.isfinite(p).all()) for p in parameters)


LARGE = {"warehouses_3x2000", "apparel_promotions", "pharma_cold_chain", "national_50"}
"""They take most of a minute."""
SHIPPED = [
    file
    for folder in ("library", "reference")
    for file in sorted((ROOT / "scenarios" / folder).glob("*.yaml"))
    if file.stem not in LARGE
]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_the_gradient_is_finite_on_every_shipped_scenario(file: Path) -> None:
    try:
        world = compile_world(load(file).model)
        BatchEngine(world, stack_paths(world, [draw_path(world, 0)]))
    except UsageError:
        pytest.skip("only the event engine knows this scenario")
    assert finite_gradient(file)


def test_a_run_takes_over_in_the_middle_of_a_network_whose_numbers_are_wider() -> None:
    file = ROOT / "scenarios/library/port_disruption.yaml"
    world = compile_world(load(file, ("horizon=20 d",)).model)
    setup, learner = prepared(world, configured(replications=2, segment=3, pathwise={"tail": 1}))
    sampler = Sampler(setup, learner.config)
    learner.collect(sampler, 0)
    segment = learner.collect(sampler, 1)
    assert np.isfinite(learner.update(segment.batch, 1, 0.0).policy_loss)
