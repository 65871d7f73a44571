"""Laws of paths drawn for many runs at once: the distributions are those of paths drawn by seed."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from agents.checkpoint.bundle import read_bundle
from agents.learn.config import TrainConfig
from agents.learn.device_draws import TorchDraws, host_path
from agents.learn.metrics import read_rows
from agents.learn.ranks import Share
from tests.draw_tables import CALENDARS, MODELS, TIMES
from tests.learning_world import TINY, tiny_world, trained
from twin.engine.batch import stack_paths
from twin.engine.batch_drawn import drawn_by_seed, drawn_path
from twin.engine.batch_run import run_rule_batch
from twin.env.rules import OrderingRule
from twin.exogenous.demand import draw_demand
from twin.exogenous.lead_time import draw_times
from twin.exogenous.moments import demand_moments
from twin.exogenous.path import draw_path
from twin.exogenous.shares import draw_shares
from twin.exogenous.streams import stream
from twin.exogenous.variates import Draws, NumpyDraws
from twin.exogenous.wide import wide_demand, wide_shares, wide_times
from twin.network.world import World, compile_world
from twin.scenario import load
from twin.scenario.quantities import Demand
from twin.scenario.shares import RandomShare
from twin.scenario.times import RandomTime

pytestmark = pytest.mark.usefixtures("one_thread")
ROOT = Path(__file__).parent.parent
CPU = torch.device("cpu")
NAMESPACES: dict[str, type[NumpyDraws] | Any] = {
    "numpy": NumpyDraws,
    "torch": lambda seed: TorchDraws(seed, CPU),
}
RUNS, PERIODS = 400, 60
SHARES = {
    "constant": 0.1,
    "uniform": {"model": "uniform", "low": 0, "high": 0.2},
    "triangular": {"model": "triangular", "low": 0, "mode": 0.05, "high": 0.3},
    "beta": {"model": "beta", "mean": 0.05, "size": 12},
    "empirical": {"model": "empirical", "values": [0, 0.1, 0.5], "weights": [6, 3, 1]},
}
demand_of = TypeAdapter(Demand).validate_python
time_of = TypeAdapter(RandomTime).validate_python
share_of = TypeAdapter(RandomShare).validate_python
Floats = NDArray[np.float64]


@pytest.fixture(params=NAMESPACES)
def draws(request: pytest.FixtureRequest) -> Draws:
    made: Draws = NAMESPACES[request.param](11)
    return made


def assert_same_distribution(found: Any, expected: Floats) -> None:
    """A two-sample Kolmogorov-Smirnov test at 0.1 %; for counts it asks for more than it needs."""
    a, b = np.sort(np.asarray(found).ravel()), np.sort(expected.ravel())
    points = np.concatenate([a, b])
    below = [np.searchsorted(x, points, side="right") / len(x) for x in (a, b)]
    apart = np.abs(below[0] - below[1]).max()
    assert apart <= 1.95 * np.sqrt(1 / len(a) + 1 / len(b))


@pytest.mark.parametrize("pattern", ["plain", "weekly", "trend and event"])
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_demand_is_distributed_as_that_of_a_seed(
    model: dict[str, Any], pattern: str, draws: Draws
) -> None:
    spec = demand_of(model | CALENDARS[pattern])
    found = np.asarray(wide_demand(spec, PERIODS, 0.5, RUNS, draws, "a store"))
    assert found.shape == (PERIODS, RUNS)
    expected = [draw_demand(spec, PERIODS, 0.5, stream(s, "demand")) for s in range(RUNS)]
    assert_same_distribution(found, np.array(expected))
    mean, variance = demand_moments(spec, PERIODS, 0.5)
    if pattern == "plain":
        assert abs(found.mean() - mean) <= 5 * np.sqrt(variance / found.size) + 1e-3 * mean


def test_a_trace_is_itself_or_a_mean(draws: Draws) -> None:
    trace = {"model": "trace", "file": "units.csv", "values": [3.0, 8.0, 0.0]}
    spec = demand_of(trace)
    found = np.asarray(wide_demand(spec, 7, 1.0, 5, draws, "a store"))
    expected = draw_demand(spec, 7, 1.0, stream(0, "demand"))
    np.testing.assert_array_equal(found, np.repeat(expected[:, None], 5, axis=1))
    means = demand_of({**trace, "use": "mean"})
    counts = np.asarray(wide_demand(means, 3, 1.0, 4_000, draws, "a store"))
    np.testing.assert_allclose(counts.mean(axis=1), [3, 8, 0], atol=0.2)
    np.testing.assert_allclose(counts.var(axis=1), [3, 8, 0], atol=0.8)


@pytest.mark.parametrize("model", TIMES.values(), ids=TIMES)
def test_durations_are_distributed_as_those_of_a_seed(model: Any, draws: Draws) -> None:
    spec, shape = time_of(model), (PERIODS, RUNS)
    found = np.asarray(wide_times(spec, shape, draws, draws.named("a lane")))
    found = np.broadcast_to(found, shape)
    assert_same_distribution(found, draw_times(spec, shape, stream(3, "lead_time")))


@pytest.mark.parametrize("model", SHARES.values(), ids=SHARES)
def test_shares_are_distributed_as_those_of_a_seed(model: Any, draws: Draws) -> None:
    spec, shape = share_of(model), (PERIODS, RUNS)
    found = np.asarray(wide_shares(spec, shape, draws, draws.named("a lane")))
    found = np.broadcast_to(found, shape)
    assert_same_distribution(found, draw_shares(spec, PERIODS * RUNS, stream(3, "loss")))


def world_of(name: str, *changes: str) -> World:
    return compile_world(load(ROOT / f"scenarios/{name}.yaml", changes).model)


@pytest.mark.parametrize(
    "name", ["quickstart", "library/grocery_fresh", "library/ecommerce_trucks"]
)
def test_a_network_costs_the_same_on_average(name: str) -> None:
    world = world_of(name, "horizon=42 d")
    rule = OrderingRule("base_stock", world.order_up_to[None])
    by_seed = stack_paths(world, [draw_path(world, seed) for seed in range(64)])
    expected = run_rule_batch(world, by_seed, rule)[0]
    for path in (
        drawn_path(world, NumpyDraws(5), range(64)),
        host_path(world, range(64), slice(None), "cpu"),
    ):
        cost = run_rule_batch(world, path, rule)[0]
        error = np.sqrt((cost.var() + expected.var()) / len(cost))
        assert abs(cost.mean() - expected.mean()) <= 4 * error


def test_shipments_wait_behind_earlier_ones_where_they_cannot_overtake(draws: Draws) -> None:
    times = 'lanes."plant -> dc".lead_time={model: uniform, low: 1, high: 9}'
    behind = 'lanes."plant -> dc".crossover=false'
    world = world_of("quickstart", times, behind, "horizon=40 d")
    due = np.asarray(drawn_path(world, draws, range(50)).due)
    arrives = due + np.arange(len(due))[:, None, None]
    assert (np.diff(arrives, axis=0) >= 0).all()
    assert np.unique(due[:, world.random_leads[0]]).size > 3


@pytest.mark.parametrize(
    "name",
    ["library/grocery_fresh", "library/port_disruption", "library/apparel_promotions"],
)
def test_a_run_has_the_same_path_whoever_draws_it(name: str, draws: Draws) -> None:
    world = world_of(name, "horizon=20 d")
    whole = drawn_path(world, draws, range(7, 14))
    share = Share(1, 3)
    part = drawn_path(world, draws, range(7, 14), share.columns)
    assert part.replications == share.count(7)
    for field in fields(whole):
        everything, own = getattr(whole, field.name), getattr(part, field.name)
        assert (everything is None) == (own is None)
        if own is not None:
            np.testing.assert_array_equal(own, everything[..., share.columns])


def test_what_cannot_be_drawn_together_is_that_of_the_seeds(draws: Draws) -> None:
    world = world_of(
        "library/port_disruption",
        "horizon=60 d",
        "forecasts={model: perfect, horizon: 3, error: 0.2}",
    )
    assert drawn_by_seed(world) == ("disruptions", "forecasts")
    by_seed = stack_paths(world, [draw_path(world, seed) for seed in range(3)])
    found = drawn_path(world, draws, range(3))
    for name in ("node_open", "lane_open", "fleet_up", "price_factor"):
        of_seeds, of_draws = getattr(by_seed, name), getattr(found, name)
        assert (of_seeds is None) == (of_draws is None)
        if of_seeds is not None:
            np.testing.assert_array_equal(of_draws, of_seeds)
    assert found.forecast is not None
    assert found.forecast.shape == by_seed.forecast.shape


def test_correlated_demand_is_that_of_the_seeds(draws: Draws) -> None:
    world = world_of("quickstart", "correlation=[{nodes: [north, south], rho: 0.7}]")
    assert drawn_by_seed(world) == ("correlated demand",)
    together = [world.nodes.index(name) for name in ("north", "south")]
    by_seed = stack_paths(world, [draw_path(world, seed) for seed in range(3)]).demand
    found = np.asarray(drawn_path(world, draws, range(3)).demand)
    np.testing.assert_array_equal(found[:, together], by_seed[:, together])
    others = [i for i, _, _ in world.demand_specs if i not in together]
    assert (found[:, others] != by_seed[:, others]).any()


def test_torch_draws_leave_its_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    host_path(tiny_world(), range(4), slice(None), "cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_training_on_drawn_paths_resumes_bit_for_bit_and_says_what_is_slow(tmp_path: Path) -> None:
    config = TrainConfig.model_validate({**TINY.model_dump(), "paths": "device"})
    expected = read_bundle(trained(tmp_path / "whole", config))[1]
    assert read_rows(tmp_path / "whole")[0].events == ()

    def stop(row: Any) -> None:
        if row.update == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "parts", config, report=stop)
    found = read_bundle(trained(tmp_path / "parts", config, resume=True))[1]
    by_seed = read_bundle(trained(tmp_path / "seeds", TINY))[1]
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert any((by_seed[name] != array).any() for name, array in expected.items())


def test_event_engines_and_hardening_need_paths_by_seed() -> None:
    for changes in (
        {"engine": "event"},
        {"hardening": {"suite": "scenarios/stress/standard.yaml"}},
    ):
        with pytest.raises(ValidationError, match="by seed"):
            TrainConfig.model_validate({**TINY.model_dump(), "paths": "device", **changes})
