"""Stores that move together keep their own distributions."""

import numpy as np
import pytest

from twin.exogenous.copula import negative_binomial_quantile, poisson_quantile
from twin.exogenous.path import draw_path
from twin.network.world import compile_world
from twin.scenario.model import ScenarioModel

MODELS = {
    "poisson": {"model": "poisson", "mean": 7.0},
    "normal": {"model": "normal", "mean": 50.0, "sd": 6.0},
    "negative_binomial": {"model": "negative_binomial", "mean": 9.0, "size": 3.0},
    "gamma": {"model": "gamma", "mean": 12.0, "cv": 0.5},
    "uniform": {"model": "uniform", "low": 2.0, "high": 10.0},
    "compound_poisson": {"model": "compound_poisson", "rate": 2.0, "size": 3.0},
}


def world_of(demand, rho, stores=("a", "b"), grouped=("a", "b")):
    nodes = {"s": {"kind": "supplier"}}
    nodes |= {name: {"kind": "store", "demand": demand} for name in stores}
    model = {
        "name": "together",
        "horizon": 8000,
        "nodes": nodes,
        "lanes": {f"s -> {name}": {} for name in stores},
        "correlation": [{"nodes": list(grouped), "rho": rho}],
    }
    return compile_world(ScenarioModel.model_validate(model))


@pytest.mark.parametrize("name", list(MODELS))
def test_marginals_stay_and_stores_move_together(name):
    world = world_of(MODELS[name], 0.6)
    demand = draw_path(world, 3).demand[:, 1:, 0]
    mean = world.mean_demand[1, 0]
    spread = demand.std(axis=0)
    assert demand.mean(axis=0) == pytest.approx(mean, abs=4 * spread.max() / np.sqrt(8000))
    alone = draw_path(world_of(MODELS[name], 0.0), 3).demand[:, 1:, 0]
    np.testing.assert_allclose(spread, alone.std(axis=0), rtol=0.08)
    correlation = np.corrcoef(demand.T)[0, 1]
    assert abs(np.corrcoef(alone.T)[0, 1]) < 0.05
    # The number of customers moves together, what each of them wants does not.
    low = 0.25 if name == "compound_poisson" else 0.5
    assert low < correlation < 0.65


def test_gaussian_variates_have_the_correlation_that_was_asked_for():
    demand = draw_path(world_of(MODELS["normal"], 0.6), 5).demand[:, 1:, 0]
    assert np.corrcoef(demand.T)[0, 1] == pytest.approx(0.6, abs=0.03)


def test_a_store_that_joins_a_group_changes_nobody_else():
    two = draw_path(world_of(MODELS["gamma"], 0.4), 1).demand
    three = draw_path(world_of(MODELS["gamma"], 0.4, ("a", "b", "c"), ("a", "b", "c")), 1).demand
    np.testing.assert_array_equal(three[:, 1:3], two[:, 1:3])
    apart = draw_path(world_of(MODELS["gamma"], 0.4, ("a", "b", "c")), 1).demand
    np.testing.assert_array_equal(apart[:, 1:3], two[:, 1:3])
    assert (apart[:, 3] != three[:, 3]).any()


def test_quantiles_of_counts_are_the_smallest_counts():
    u = np.linspace(0.001, 0.999, 200)
    for counts in (poisson_quantile(u, 3.3), negative_binomial_quantile(u, 5.0, 2.5)):
        assert (np.diff(counts) >= 0).all()
        assert counts[0] == 0
    from scipy.stats import nbinom, poisson

    np.testing.assert_array_equal(poisson_quantile(u, 3.3), poisson.ppf(u, 3.3))
    np.testing.assert_array_equal(
        negative_binomial_quantile(u, 5.0, 2.5), nbinom.ppf(u, 2.5, 2.5 / 7.5)
    )
