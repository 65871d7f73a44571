"""Laws of a world that uses everything a scenario can say; the deep profile tries thousands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.both_engines import assert_same, close, replication, run_batch, run_event
from tests.changed_worlds import (
    LANE_FIELDS,
    halved,
    renamed,
    renamed_lane,
    scattered,
    serial_models,
)
from tests.profiles import laws
from tests.strategies import Decisions, amounts, sample_paths, seeds
from tests.strategies_world import rich_decisions, rich_models, rich_worlds
from twin.engine.event import EventEngine
from twin.engine.ledger import OF_NODES, PeriodLedger, Quantities
from twin.engine.shelf import Shelf
from twin.env.rules import default_rule
from twin.errors import UsageError
from twin.exogenous.path import SamplePath, draw_path
from twin.network.world import World, compile_world
from twin.scenario.loader import load
from twin.scenario.model import ScenarioModel
from twin.simulation import run_orders, run_rule

REFERENCE = Path(__file__).parent.parent / "scenarios" / "reference"
FIELDS = tuple(Quantities.__dataclass_fields__)
ENGINES = pytest.mark.parametrize("batch", [False, True], ids=["event", "batch"])


def event_ledger(world: World, path: SamplePath, chosen: Decisions) -> PeriodLedger:
    engine = EventEngine(world, path)
    while engine.advance():
        engine.decide(chosen.of(engine.t, 0))
    engine.ledger.check()
    return engine.ledger


def batch_ledger(world: World, path: SamplePath, chosen: Decisions) -> PeriodLedger:
    rows = replication(run_batch(world, [path], chosen), 0).quantities
    ledger = PeriodLedger(world, path.seed, rows)
    ledger.check()
    return ledger


def drawn_ledger(data: st.DataObject, world: World | None = None) -> tuple[PeriodLedger, Any]:
    """A run of any world, first-come queues included."""
    world = world or data.draw(rich_worlds(event_only=data.draw(st.booleans())))
    path = data.draw(sample_paths(world))
    return event_ledger(world, path, data.draw(rich_decisions(world, 1))), path


@laws(30)
@given(st.data())
def test_both_engines_agree_on_everything_that_both_know(data: st.DataObject) -> None:
    world = data.draw(rich_worlds())
    paths = [data.draw(sample_paths(world)) for _ in range(2)]
    chosen = data.draw(rich_decisions(world, len(paths)))
    batch = run_batch(world, paths, chosen)
    for index, path in enumerate(paths):
        assert_same(replication(batch, index), run_event(world, path, chosen, index))
    batch_ledger(world, paths[0], replace(chosen, **first(chosen)))


def first(chosen: Decisions) -> dict[str, Any]:
    return {name: values[..., :1] for name, values in vars(chosen).items()}


@laws(25)
@given(st.data())
def test_units_and_money_are_conserved_whatever_a_scenario_says(data: st.DataObject) -> None:
    ledger, _ = drawn_ledger(data)
    q = ledger.quantities
    assert all(np.isfinite(getattr(q, name)).all() for name in FIELDS)
    flows = (q.shipped, q.received, q.sold, q.wasted, q.scrapped, q.unmet, q.waiting, q.in_transit)
    assert min(flow.min(initial=0) for flow in flows) >= -1e-9


@laws(20)
@given(st.data())
def test_nothing_arrives_before_it_leaves(data: st.DataObject) -> None:
    ledger, path = drawn_ledger(data)
    world, q = ledger.world, ledger.quantities
    due = world.due_periods(path.lead_time) + np.arange(world.periods)[:, None]
    here = np.zeros_like(q.shipped)
    known = world.initial_transit[: world.periods]
    here[: len(known)] += known
    for t in range(world.periods):
        for lane in np.flatnonzero(due[t] < world.periods):
            here[due[t, lane], lane] += (q.shipped - q.scrapped)[t, lane]
    early = np.cumsum(q.received, axis=0) - np.cumsum(here, axis=0)
    assert early.max(initial=0) <= 1e-6


@laws(20)
@given(st.data())
def test_closed_nodes_neither_receive_ship_nor_serve(data: st.DataObject) -> None:
    ledger, path = drawn_ledger(data)
    world, q, shut = ledger.world, ledger.quantities, path.node_open == 0
    assert not q.shipped[shut[:, world.source]].any()
    assert not q.received[shut[:, world.destination]].any()
    assert not q.sold[shut].any()
    assert not q.shipped[path.lane_open == 0].any()


@laws(20)
@given(st.data())
def test_lanes_carry_only_their_products_and_no_more_than_they_can(data: st.DataObject) -> None:
    ledger, _ = drawn_ledger(data)
    world, q = ledger.world, ledger.quantities
    assert not (q.ordered * ~world.carries).any()
    load = np.einsum("dk,tlk->dtl", world.lane_limit.size, q.shipped)
    room = world.lane_limit.most[:, None, :]
    assert (load <= room * (1 + 1e-9) + 1e-6).all()


@laws(20)
@given(st.data())
def test_orders_keep_to_the_lots_of_their_lane(data: st.DataObject) -> None:
    ledger, _ = drawn_ledger(data)
    for j, lane in enumerate(ledger.world.transport):
        units = ledger.ordered[:, j]
        if lane.batch:
            np.testing.assert_allclose(units / lane.batch, np.rint(units / lane.batch), atol=1e-6)
        if lane.order_capacity:
            assert units.sum(axis=1).max() <= lane.order_capacity + (0.5 * units.shape[1]) + 1e-6
        elif lane.minimum_order:
            placed = units[units > 1e-6]
            assert (placed >= lane.minimum_order - 1e-6).all()


@laws(20)
@given(st.data())
def test_nothing_is_wasted_that_keeps_and_that_nobody_destroys(data: st.DataObject) -> None:
    ledger, _ = drawn_ledger(data)
    world = ledger.world
    kept = ~world.destroys[:, None] & (world.shelf_life == 0)
    assert not ledger.wasted[:, kept].any()


@laws(15)
@given(st.data())
def test_no_node_gives_a_fresher_unit_before_an_older_one(data: st.DataObject) -> None:
    model = data.draw(rich_models(event_only=True))
    perishable = {
        name: product.model_copy(update={"shelf_life": 3 * model.period})
        for name, product in model.products.items()
    }
    ageing = {"products": perishable, "independent_links": False}
    world = compile_world(model.model_copy(update=ageing))
    taken, take = [], Shelf.take

    def watched(shelf: Shelf, units: Any) -> Any:
        before = shelf._stock.copy()
        gone = take(shelf, units)
        taken.append((gone, before - gone))
        return gone

    with mock.patch.object(Shelf, "take", watched):
        drawn_ledger(data, world)
    for gone, left in taken:
        # Index 0 spoils first. Where a fresher unit goes, no older one is left.
        older_left = np.cumsum(left, axis=-1) - left
        assert not ((gone > 1e-9) & (older_left > 1e-9)).any()


@laws(15)
@given(st.data())
def test_names_and_the_order_of_nodes_change_nothing(data: st.DataObject) -> None:
    model = data.draw(rich_models(event_only=data.draw(st.booleans())))
    world = compile_world(model)
    path, chosen = data.draw(sample_paths(world)), data.draw(rich_decisions(world, 1))
    order = data.draw(st.permutations(range(len(world.nodes))))
    other = compile_world(renamed(model, [world.nodes[i] for i in order]))
    lanes = [other.lanes.index(renamed_lane(name)) for name in world.lanes]
    moved = replace(
        path,
        demand=path.demand[:, order],
        node_open=path.node_open[:, order],
        **{f: scattered(getattr(path, f), lanes) for f in LANE_FIELDS},
    )
    decided = Decisions(*(scattered(values, lanes) for values in vars(chosen).values()))
    ours, theirs = event_ledger(world, path, chosen), event_ledger(other, moved, decided)
    for name in FIELDS:
        mine, got = getattr(ours, name), getattr(theirs, name)
        close(
            got[:, lanes] if name not in OF_NODES else got,
            mine[:, order] if name in OF_NODES else mine,
            1e-9,
            name,
        )
    np.testing.assert_allclose(theirs.cost, ours.cost, rtol=1e-9, atol=1e-6)


@laws(15)
@given(st.data())
def test_a_node_that_nobody_uses_changes_nothing(data: st.DataObject) -> None:
    model, seed = data.draw(rich_models(event_only=data.draw(st.booleans()))), data.draw(seeds())
    idle = ScenarioModel.model_validate(
        {"name": "idle", "horizon": 1, "nodes": {"aside": {"kind": "warehouse"}}}
    ).nodes
    world = compile_world(model)
    larger = compile_world(model.model_copy(update={"nodes": {**idle, **model.nodes}}))
    chosen = data.draw(rich_decisions(world, 1))
    ours = event_ledger(world, draw_path(world, seed), chosen)
    theirs = event_ledger(larger, draw_path(larger, seed), chosen)
    for name in FIELDS:
        got = getattr(theirs, name)
        close(got[:, 1:] if name in OF_NODES else got, getattr(ours, name), 1e-9, name)
    np.testing.assert_allclose(theirs.cost, ours.cost, rtol=1e-9, atol=1e-6)


@laws(20)
@given(st.data())
def test_half_the_quantities_give_half_the_ledger(data: st.DataObject) -> None:
    model = data.draw(rich_models(event_only=data.draw(st.booleans())))
    model = model.model_copy(update={"integral": False})
    world = compile_world(model)
    small = compile_world(ScenarioModel.model_validate(halved(model.model_dump())))
    path, chosen = data.draw(sample_paths(world)), data.draw(rich_decisions(world, 1))
    ours = event_ledger(world, path, chosen)
    less = replace(chosen, orders=chosen.orders / 2)
    theirs = event_ledger(small, replace(path, demand=path.demand / 2), less)
    for name in FIELDS:
        counted = name in ("trips", "setups")
        close((1 if counted else 2) * getattr(theirs, name), getattr(ours, name), 1e-9, name)
    np.testing.assert_allclose(2 * theirs.cost, ours.cost, rtol=1e-9, atol=1e-6)


@laws(30)
@given(st.data(), st.sampled_from(["backlog", "lost"]), st.integers(1, 3), st.booleans())
def test_more_stock_never_serves_fewer(
    data: st.DataObject, unmet: str, place: int, batch: bool
) -> None:
    # The same orders meet more stock at one place of a serial network.
    model = data.draw(serial_models(unmet))
    world, seed = compile_world(model), data.draw(seeds())
    path = draw_path(world, seed)
    orders = np.random.default_rng(seed).uniform(5, 15, (world.periods, 3, 1))
    stock = world.initial_stock.copy()
    stock[place] += data.draw(amounts(30))
    richer = replace(world, initial_stock=stock)
    less = run_orders(world, path, orders, batch=batch).quantities
    more = run_orders(richer, path, orders, batch=batch).quantities
    assert (np.cumsum(more.sold, 0) >= np.cumsum(less.sold, 0) - 1e-6).all()


@laws(20)
@given(st.data(), st.integers(1, 3))
def test_a_higher_base_stock_level_never_serves_fewer(data: st.DataObject, place: int) -> None:
    model = data.draw(serial_models("backlog"))
    world, seed = compile_world(model), data.draw(seeds())
    level = world.order_up_to.copy()
    level[place] += data.draw(amounts(30))
    low = replace(world, initial_stock=world.order_up_to)
    high = replace(world, initial_stock=level, order_up_to=level)
    path = draw_path(world, seed)
    less, more = (run_rule(w, path, default_rule(w)).quantities for w in (low, high))
    assert (np.cumsum(more.sold, 0) >= np.cumsum(less.sold, 0) - 1e-6).all()


@laws(30)
@given(st.data())
def test_a_cross_dock_is_empty_at_the_end_of_every_period(data: st.DataObject) -> None:
    nodes: dict[str, Any] = {"supplier": {"kind": "supplier"}, "dock": {"kind": "crossdock"}}
    lanes: dict[str, Any] = {"supplier -> dock": {"batch": data.draw(st.sampled_from([None, 1]))}}
    for shop in ("east", "west"):
        nodes[shop] = {"kind": "store", "demand": {"model": "poisson", "mean": 9}}
        lag = data.draw(st.sampled_from([0, 2]))
        lanes[f"dock -> {shop}"] = {"lead_time": data.draw(amounts(3)), "order_lead_time": lag}
    convention = data.draw(st.sampled_from(["standard", "snyder"]))
    fixed = {"name": "dock", "horizon": 20, "convention": convention, "integral": True}
    world = compile_world(ScenarioModel.model_validate(fixed | {"nodes": nodes, "lanes": lanes}))
    chosen, path = data.draw(rich_decisions(world, 1)), draw_path(world, data.draw(seeds()))
    for ledger in (event_ledger(world, path, chosen), batch_ledger(world, path, chosen)):
        assert not ledger.on_hand[:, world.nodes.index("dock")].any()
        np.testing.assert_allclose(ledger.shipped[:, 0], ledger.shipped[:, 1:].sum(axis=1))


@ENGINES
@pytest.mark.parametrize("kind", ["backlog", "lost"])
def test_stock_falls_below_zero_only_with_independent_links(kind: str, batch: bool) -> None:
    file = REFERENCE / f"orgym_network_{kind}.yaml"
    lowest = {}
    for independent in (False, True):
        world = compile_world(load(file, [f"independent_links={str(independent).lower()}"]).model)
        orders = np.full((world.periods, *world.shape[1:3]), 150.0)
        orders[:, world.unlimited[world.source]] = 0.0
        ledger = run_orders(world, draw_path(world, 1), orders, batch=batch)
        lowest[independent] = ledger.on_hand.min()
    assert lowest[False] >= 0
    assert lowest[True] < -10


def test_the_batch_engine_says_what_it_does_not_know() -> None:
    shop = {"kind": "warehouse", "allocation": "fifo"}
    nodes = {"supplier": {"kind": "supplier"}, "shop": shop}
    lanes = {"supplier -> shop": {}}
    data = {"name": "fifo", "horizon": 3, "nodes": nodes, "lanes": lanes}
    world = compile_world(ScenarioModel.model_validate(data))
    with pytest.raises(UsageError, match="fifo"):
        run_orders(world, draw_path(world, 0), np.zeros((3, 1, 1)), batch=True)
