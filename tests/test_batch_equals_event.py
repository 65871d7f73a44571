"""Two engines, one meaning: the batch engine gives what the event engine gives."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.both_engines import SHIPPED, assert_same, replication, run_batch, run_event, shipped_case
from tests.profiles import laws
from tests.strategies import Decisions, decisions, sample_paths, worlds
from twin.engine.batch import BatchEngine, stack_paths
from twin.engine.batch_run import run_rule_batch
from twin.env.rules import default_rule
from twin.errors import SimulationError
from twin.exogenous.path import draw_path
from twin.network.world import World, compile_world
from twin.scenario.loader import load
from twin.simulation import run_rule


@laws(40)
@given(st.data())
def test_both_engines_give_the_same_ledger_profit_and_observations(data: st.DataObject) -> None:
    world = data.draw(worlds())
    paths = [data.draw(sample_paths(world)) for _ in range(2)]
    chosen = data.draw(decisions(world, len(paths)))
    batch = run_batch(world, paths, chosen)
    for index, path in enumerate(paths):
        assert_same(replication(batch, index), run_event(world, path, chosen, index))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda path: path.stem)
def test_both_engines_agree_on_every_shipped_scenario(file: Path) -> None:
    world, paths, chosen = shipped_case(file)
    batch = run_batch(world, paths, chosen)
    for index, path in enumerate(paths):
        assert_same(replication(batch, index), run_event(world, path, chosen, index))


@laws(15)
@given(st.data())
def test_torch_gives_what_numpy_gives(data: st.DataObject) -> None:
    torch = pytest.importorskip("torch")
    world = data.draw(worlds())
    paths = [data.draw(sample_paths(world)) for _ in range(2)]
    chosen = data.draw(decisions(world, len(paths)))
    of_torch = run_batch(world, paths, chosen, torch, torch.float64)
    assert_same(of_torch, run_batch(world, paths, chosen))


@laws(15)
@given(st.data())
def test_a_replication_does_not_depend_on_its_neighbours(data: st.DataObject) -> None:
    world = data.draw(worlds())
    paths = [data.draw(sample_paths(world)) for _ in range(2)]
    chosen = data.draw(decisions(world, len(paths)))
    both = run_batch(world, paths, chosen)
    alone = run_batch(world, paths[:1], chosen_first(chosen))
    assert_same(replication(both, 0), replication(alone, 0))


def chosen_first(chosen: Decisions) -> Decisions:
    return Decisions(*(getattr(chosen, field.name)[..., :1] for field in fields(Decisions)))


@laws(25)
@given(st.data())
def test_a_rule_costs_the_same_in_both_engines(data: st.DataObject) -> None:
    # A fixed cost per order would turn an order of 1e-15 units, a rounding error, into money.
    world = without_order_costs(data.draw(worlds()))
    path = data.draw(sample_paths(world))
    rule = default_rule(world)
    cost, fill = run_rule_batch(world, stack_paths(world, [path]), rule)
    ledger = run_rule(world, path, rule)
    np.testing.assert_allclose(cost[0], ledger.cost.mean(), rtol=1e-9, atol=1e-9)
    assert 0 <= fill[0] <= 1


def without_order_costs(world: World) -> World:
    return replace(world, prices=replace(world.prices, order=0 * world.prices.order))


@laws(15)
@given(st.data())
def test_profit_by_table_is_profit_part_by_part(data: st.DataObject) -> None:
    world = data.draw(worlds())
    paths = [data.draw(sample_paths(world))]
    chosen = data.draw(decisions(world, 1))
    by_table = run_batch(world, paths, chosen)
    with mock.patch("twin.engine.batch_money.LARGEST_TABLE", 0):
        assert_same(by_table, run_batch(world, paths, chosen))


def test_the_cost_of_stock_can_be_differentiated_by_the_order_up_to_level() -> None:
    torch = pytest.importorskip("torch")
    world = compile_world(load(SHIPPED[[p.stem for p in SHIPPED].index("quickstart")]).model)
    engine = BatchEngine(world, stack_paths(world, [draw_path(world, 1)], torch), torch)
    level = torch.tensor(world.order_up_to[..., None], requires_grad=True)
    vehicles = torch.tensor(world.fleet_vehicles[:, None])
    profit = torch.zeros(())
    while engine.advance():
        gap = torch.clip(level - engine.inventory_position(), 0, None)
        engine.decide(gap[engine.arrays.destination], vehicles, 0 * vehicles)
        profit = profit + engine.profit_row().sum()
    (slope,) = torch.autograd.grad(profit, level)
    assert torch.isfinite(slope).all()
    assert slope.abs().sum() > 0


def test_decisions_outside_an_epoch_are_refused() -> None:
    world = compile_world(load(SHIPPED[0]).model)
    engine = BatchEngine(world, stack_paths(world, [draw_path(world, 0)]))
    with pytest.raises(SimulationError, match="decision epoch"):
        engine.decide(engine.book, engine.book[:, 0], engine.book[:, 0])


def test_a_run_that_keeps_no_rows_has_no_ledger_but_the_same_profit() -> None:
    world = compile_world(load(SHIPPED[0]).model)
    path = stack_paths(world, [draw_path(world, 0)])
    forgetful, full = BatchEngine(world, path, keep_rows=False), BatchEngine(world, path)
    booked = world.fleet_vehicles[:, None]
    while forgetful.advance() and full.advance():
        for engine in (forgetful, full):
            orders = np.broadcast_to(world.throughput[world.destination], engine.book.shape[:2])
            engine.decide(orders[..., None].copy(), booked, 0 * booked)
        np.testing.assert_array_equal(forgetful.profit_row(), full.profit_row())
    with pytest.raises(SimulationError, match="not kept"):
        forgetful.quantities()


def test_the_ledger_of_a_batch_run_obeys_the_laws_of_conservation() -> None:
    for file in SHIPPED:
        world = compile_world(load(file).model)
        ledger = run_rule(world, draw_path(world, 5), default_rule(world), batch=True)
        assert len(ledger.cost) == world.periods
