"""How a source shares what it has among its lanes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.profiles import laws
from tests.strategies import decisions, sample_paths, scenario_models
from twin.engine.event import EventEngine
from twin.engine.ledger import PeriodLedger
from twin.exogenous.path import draw_path
from twin.network.world import World, compile_world
from twin.scenario.model import ScenarioModel
from twin.simulation import run_orders


def drawn_run(data: st.DataObject, independent: bool) -> PeriodLedger:
    model = data.draw(scenario_models())
    world = compile_world(model.model_copy(update={"independent_links": independent}))
    path, chosen = data.draw(sample_paths(world)), data.draw(decisions(world, 1))
    engine = EventEngine(world, path)
    while engine.advance():
        engine.decide(chosen.of(engine.t, 0))
    return engine.ledger


@laws(60)
@given(st.data())
def test_stock_is_never_negative_by_default(data: st.DataObject) -> None:
    ledger = drawn_run(data, independent=False)
    world, q = ledger.world, ledger.quantities
    shipped = world.outbound.matrix @ q.shipped
    made_within = shipped.sum(axis=2) <= world.make_capacity + 1e-6
    assert q.on_hand.min() >= 0
    assert made_within.all()
    # The stock that the flows leave, rather than the number the engine keeps, which it cuts at 0.
    used = shipped / world.make_output[:, None]
    received = world.inbound.matrix @ q.received
    left = world.initial_stock + np.cumsum(received - used - q.sold, axis=0)
    assert left[:, ~world.unlimited].min(initial=0) >= -1e-6


@laws(60)
@given(st.data())
def test_independent_links_keep_every_law_but_that_one(data: st.DataObject) -> None:
    ledger = drawn_run(data, independent=True)
    ledger.check()
    assert ledger.quantities.shipped.min(initial=0) >= 0
    assert ledger.quantities.sold.min(initial=0) >= 0


def shared_source(**fields: Any) -> World:
    production = {"capacity": 10, "output": 0.5}
    nodes = {
        "raw": {"kind": "supplier"},
        "plant": {"kind": "factory", "stock": 12, "production": production},
        "east": {"kind": "warehouse"},
        "west": {"kind": "warehouse"},
    }
    nodes["plant"] |= fields.pop("plant", {})
    lanes = {"raw -> plant": {}, "plant -> east": {}, "plant -> west": {}}
    given = {"name": "shared", "horizon": 3, "convention": "orgym", "integral": True}
    network = {"nodes": nodes, "lanes": lanes}
    return compile_world(ScenarioModel.model_validate(given | fields | network))


def ledger_of(world: World, batch: bool) -> PeriodLedger:
    orders = np.zeros((3, 3, 1))
    orders[0, 1:] = 8
    return run_orders(world, draw_path(world, 0), orders, batch)


@pytest.mark.parametrize("batch", [False, True])
def test_lanes_share_the_stock_of_their_source_and_independent_links_do_not(batch: bool) -> None:
    shared = ledger_of(shared_source(), batch)
    np.testing.assert_array_equal(shared.shipped[0, :, 0], [0, 3, 3])
    alone = ledger_of(shared_source(independent_links=True), batch)
    np.testing.assert_array_equal(alone.shipped[0, :, 0], [0, 6, 6])
    plant = shared.nodes.index("plant")
    assert (shared.on_hand[0, plant, 0], alone.on_hand[0, plant, 0]) == (0, -12)
    # A node that has nothing ships nothing, even where it has less than nothing.
    np.testing.assert_array_equal(alone.shipped[1:], 0)


@pytest.mark.parametrize("batch", [False, True])
def test_lanes_share_the_capacity_of_a_factory_and_independent_links_do_not(batch: bool) -> None:
    plenty = {"stock": 100, "production": {"capacity": 6}}
    shared = ledger_of(shared_source(plant=plenty), batch)
    np.testing.assert_array_equal(shared.shipped[0, :, 0], [0, 3, 3])
    alone = ledger_of(shared_source(plant=plenty, independent_links=True), batch)
    np.testing.assert_array_equal(alone.shipped[0, :, 0], [0, 6, 6])


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize(("unfilled", "waiting"), [("backlog", 5), ("lost", 0), (None, 5)])
def test_unfilled_orders_go_their_own_way(
    unfilled: str | None, waiting: float, batch: bool
) -> None:
    ledger = ledger_of(shared_source(plant={"unfilled": unfilled, "penalty": 2}), batch)
    np.testing.assert_array_equal(ledger.unfilled[0, 1:, 0], 5)
    np.testing.assert_array_equal(ledger.waiting[0, 1:, 0], waiting)
    plant = ledger.nodes.index("plant")
    assert ledger.accounts.penalty[0, plant] == 2 * 10
    assert ledger.accounts.penalty[1, plant] == 2 * 2 * waiting


def test_a_lost_order_costs_its_penalty_once_and_a_backlogged_one_by_the_day() -> None:
    fields: dict[str, Any] = {"period": 7, "horizon": 21}
    for unfilled, scale in (("lost", 1), ("backlog", 7)):
        plant = {"unmet": "backlog", "unfilled": unfilled, "penalty": 2}
        prices = shared_source(plant=plant, **fields).prices
        assert prices.unfilled[1, 0] == 2 * scale
        assert prices.penalty[1, 0] == 2 * 7
