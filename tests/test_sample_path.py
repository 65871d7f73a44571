"""A sample path is drawn from named streams, whatever way they are made."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from twin.exogenous.calendar import calendar, shared_calendar
from twin.exogenous.demand import draw_demand
from twin.exogenous.path import draw_path
from twin.exogenous.streams import Streams, stream
from twin.network.world import compile_world
from twin.scenario.loader import from_mapping
from twin.scenario.quantities import Demand

WEEKLY = [0.5, 1, 1, 1, 1, 2, 1]


def shelf(products, **changed):
    """Two stores with a Poisson demand per product, of different means and calendars."""
    models = {name: {"model": "poisson", "mean": 1 + 7 * i} for i, name in enumerate(products)}
    models |= changed
    nodes = {
        "plant": {"kind": "supplier"},
        "north": {"kind": "store", "stock": 9, "demand": models},
        "south": {"kind": "store", "stock": 9, "demand": models},
    }
    lanes = {"plant -> north": {"lead_time": "1 d"}, "plant -> south": {"lead_time": "1 d"}}
    goods = {name: {"value": 1} for name in products}
    data = {"name": "shelf", "horizon": "30 d", "products": goods, "nodes": nodes, "lanes": lanes}
    return compile_world(from_mapping(data).model)


@pytest.mark.parametrize("seed", [0, 7, 2**63])
def test_a_moved_generator_draws_what_a_generator_of_its_own_draws(seed):
    streams = Streams(seed)
    for name in ("demand/a", "demand/b", "demand/a"):
        moved, own = streams.named(name), stream(seed, name)
        # A whole number of 32 bits leaves half a word behind, which must not reach the next stream.
        assert moved.integers(2**31, dtype=np.int32) == own.integers(2**31, dtype=np.int32)
        np.testing.assert_array_equal(moved.poisson(3.5, 5), own.poisson(3.5, 5))


def test_a_path_holds_what_the_stream_of_each_node_and_product_draws_alone():
    world = shelf(["bread", "milk"], milk={"model": "gamma", "mean": 5, "cv": 1, "weekly": WEEKLY})
    demand = draw_path(world, 11).demand
    for i, k, spec in world.demand_specs:
        rng = stream(11, f"demand/{world.nodes[i]}/{world.products[k]}")
        np.testing.assert_array_equal(demand[:, i, k], draw_demand(spec, 30, 1.0, rng))


def test_a_product_more_never_changes_what_others_draw():
    few, more = shelf(["bread", "milk"]), shelf(["bread", "milk", "tea"])
    np.testing.assert_array_equal(draw_path(more, 3).demand[..., :2], draw_path(few, 3).demand)


def test_models_of_one_pattern_share_its_calendar_and_nobody_can_change_it():
    world = shelf(
        ["a", "b"],
        a={"model": "poisson", "mean": 5, "weekly": WEEKLY, "trend": 0.5},
        b={"model": "gamma", "mean": 2, "cv": 1, "weekly": WEEKLY, "trend": 0.5},
    )
    first, second = (spec for i, _, spec in world.demand_specs if i == 1)
    shared = shared_calendar(first, 30, 1.0)
    assert shared is shared_calendar(second, 30, 1.0)
    np.testing.assert_array_equal(shared, calendar(second, 30, 1.0))
    with pytest.raises(ValueError, match="read-only"):
        shared[0] = 2.0


@pytest.mark.parametrize("rate", [0.02, 0.3, 4.0])
def test_sizes_of_orders_are_drawn_as_numpy_draws_them_all_at_once(rate):
    spec = TypeAdapter(Demand).validate_python(
        {"model": "compound_poisson", "rate": rate, "size": 5}
    )
    for seed in range(20):
        units = draw_demand(spec, 56, 1.0, stream(seed, "sizes"))
        rng = stream(seed, "sizes")
        customers = rng.poisson(rate, 56)
        more = rng.negative_binomial(np.maximum(customers, 1), 1 / 5)
        np.testing.assert_array_equal(units, np.where(customers > 0, customers + more, 0))
