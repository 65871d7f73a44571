"""Demand and lead time models draw what their moments promise."""

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from tests.draw_tables import CALENDARS, MODELS, TIMES
from twin.errors import ScenarioError
from twin.exogenous.calendar import calendar
from twin.exogenous.demand import draw_demand
from twin.exogenous.lead_time import draw_times
from twin.exogenous.moments import demand_moments, mean_time
from twin.exogenous.path import draw_path
from twin.exogenous.streams import stream
from twin.network.world import compile_world
from twin.scenario.loader import from_mapping
from twin.scenario.model import ScenarioModel
from twin.scenario.quantities import Demand
from twin.scenario.times import RandomTime

PERIODS = 100_000
demand_of = TypeAdapter(Demand).validate_python
time_of = TypeAdapter(RandomTime).validate_python


def drawn(spec, periods=PERIODS, period_d=1.0):
    return draw_demand(spec, periods, period_d, stream(5, "demand/north/unit"))


# Periods of a week all begin on the same day: a weekly pattern has no long run there.
@pytest.mark.parametrize(
    ("pattern", "period_d"),
    [(p, d) for p in CALENDARS for d in (1.0, 0.5, 7.0) if (p, d) != ("weekly", 7.0)],
)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_demand_has_the_mean_and_variance_that_the_moments_say(model, pattern, period_d):
    spec = demand_of(model | CALENDARS[pattern])
    units = drawn(spec, period_d=period_d)
    mean, variance = demand_moments(spec, PERIODS, period_d)
    fourth = np.mean((units - units.mean()) ** 4)
    assert units.min() >= 0
    assert abs(units.mean() - mean) <= 5 * np.sqrt(variance / PERIODS) + 1e-3 * mean
    assert abs(units.var() - variance) <= 5 * np.sqrt(fourth / PERIODS) + 3e-3 * variance


@pytest.mark.parametrize(
    "model",
    [
        {"model": "poisson", "mean": 0},
        {"model": "normal", "mean": 0, "sd": 0},
        {"model": "negative_binomial", "mean": 0, "size": 1},
        {"model": "gamma", "mean": 0, "cv": 1},
        {"model": "uniform", "low": 0, "high": 0},
        {"model": "compound_poisson", "rate": 0, "size": 3},
        {"model": "compound_poisson", "rate": 0, "size": 3, "size_cv": 1},
    ],
)
def test_a_zero_mean_gives_zeros(model):
    spec = demand_of(model)
    assert not drawn(spec, 100).any()
    assert demand_moments(spec, 100, 1.0) == (0.0, 0.0)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_an_event_with_factor_zero_stops_demand_while_it_lasts(model):
    spec = demand_of(model | {"events": [{"start": 20, "end": 60, "factor": 0}]})
    assert not drawn(spec, 100)[20:60].any()
    assert drawn(spec, 100)[60:].any()


def test_a_period_takes_the_part_of_an_event_that_lies_in_it():
    event = {"start": "36 h", "end": "3 d", "factor": 3}
    spec = demand_of({"model": "constant", "mean": 10, "events": [event, event]})
    np.testing.assert_allclose(drawn(spec, 5), [10, 40, 90, 10, 10])


def test_demand_grows_by_the_trend_in_a_year():
    spec = demand_of({"model": "constant", "mean": 10, "trend": "-20 %"})
    np.testing.assert_allclose(drawn(spec, 731)[[0, 365, 730]], [10, 8, 6.4])


def test_a_demand_without_calendar_has_factor_one_exactly():
    assert (calendar(demand_of(MODELS["poisson"]), 3000, 0.1) == 1.0).all()


def test_sizes_are_whole_where_they_are_geometric():
    units = drawn(demand_of(MODELS["compound, geometric"]))
    assert (units == np.rint(units)).all()
    none = np.exp(-0.3)
    assert np.mean(units == 0) == pytest.approx(none, abs=5 * np.sqrt(none / PERIODS))


def test_the_model_of_one_store_never_changes_the_draws_of_another():
    def path(model):
        stores = {"north": model, "south": MODELS["compound, geometric"]}
        return draw_path(compile_world(two_stores(stores)), 3)

    first, second = path(MODELS["poisson"]), path(MODELS["gamma"] | CALENDARS["weekly"])
    south = 2
    np.testing.assert_array_equal(first.demand[:, south], second.demand[:, south])
    np.testing.assert_array_equal(first.lead_time, second.lead_time)
    assert (first.demand[:, 1] != second.demand[:, 1]).any()


@pytest.mark.parametrize(
    "calendar_factors",
    [
        {"weekly": [1e9] * 7},
        {"trend": 10},
        {"events": [{"start": 0, "end": 9, "factor": 1000}] * 5},
    ],
)
def test_a_demand_beyond_exact_counting_is_refused_with_its_place(calendar_factors):
    data = two_stores({"north": {"model": "poisson", "mean": 1e8} | calendar_factors})
    assert problems_of(data.model_dump() | {"horizon": 10_000}) == ["nodes.north.demand"]
    assert problems_of(two_stores({"north": MODELS["gamma"]}).model_dump()) == []


def problems_of(data):
    try:
        from_mapping(data)
    except ScenarioError as error:
        return [problem.path for problem in error.problems]
    return []


def two_stores(stores):
    lead = TIMES["triangular"]
    return ScenarioModel.model_validate(
        {
            "name": "two stores",
            "horizon": "60 d",
            "nodes": {"plant": {"kind": "supplier"}}
            | {name: {"kind": "store", "demand": model} for name, model in stores.items()},
            "lanes": {f"plant -> {name}": {"lead_time": lead} for name in stores},
        }
    )


@pytest.mark.parametrize("model", TIMES.values(), ids=TIMES)
def test_a_duration_has_the_mean_that_the_network_plans_with(model):
    spec = time_of(model)
    days = draw_times(spec, (400, 500), stream(5, "lead_time/a->b"))
    assert days.shape == (400, 500)
    assert days.min() >= 0
    assert days.mean() == pytest.approx(mean_time(spec), abs=5 * days.std() / np.sqrt(days.size))


def test_a_triangular_time_peaks_at_its_mode():
    days = draw_times(time_of(TIMES["triangular"]), (PERIODS,), stream(5, "lead_time/a->b"))
    assert days.min() >= 1
    assert days.max() <= 6
    # The variance of a triangle: (a^2 + b^2 + c^2 - ab - ac - bc) / 18.
    assert days.var() == pytest.approx((1 + 4 + 36 - 2 - 6 - 12) / 18, rel=0.02)


def test_an_empirical_time_draws_its_values_as_often_as_they_weigh():
    days = draw_times(time_of(TIMES["empirical, weighted"]), (PERIODS,), stream(5, "lead_time/a"))
    assert set(np.unique(days)) == {2.0, 7.0}
    assert np.mean(days == 7) == pytest.approx(0.25, abs=0.005)


@pytest.mark.parametrize(
    "model",
    [
        {"model": "uniform", "low": 3, "high": 2},
        {"model": "compound_poisson", "rate": 1, "size": 0.5},
        {"model": "gamma", "mean": 3, "cv": 0},
        {"model": "poisson", "mean": 3, "trend": -1},
        {"model": "poisson", "mean": 3, "events": [{"start": 5, "end": 5, "factor": 2}]},
        {"model": "poisson", "mean": 3, "events": [{"start": 5, "end": 6, "factor": -1}]},
    ],
)
def test_a_demand_that_makes_no_sense_is_refused(model):
    with pytest.raises(ValidationError):
        demand_of(model)


@pytest.mark.parametrize(
    "model",
    [
        {"model": "triangular", "low": 1, "mode": 7, "high": 6},
        {"model": "empirical", "values": []},
        {"model": "empirical", "values": [1, 2], "weights": [1]},
        {"model": "empirical", "values": [1, 2], "weights": [0, 0]},
    ],
)
def test_a_duration_that_makes_no_sense_is_refused(model):
    with pytest.raises(ValidationError):
        time_of(model)
