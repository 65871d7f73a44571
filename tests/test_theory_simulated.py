"""The twin, simulated, lands on what theory says: optima, queues, bullwhip, the beer game."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import twin
from agents.baselines.theory import clark_scarf, r_q_poisson, s_s_poisson
from twin.engine.batch import BatchEngine, stack_paths
from twin.engine.batch_run import run_rule_batch
from twin.engine.decision import Decision
from twin.engine.event import EventEngine
from twin.env.rules import OrderingRule
from twin.exogenous.path import draw_path
from twin.network.world import World, compile_world
from twin.scenario.model import ScenarioModel
from twin.simulation import run_orders, run_rule

SCENARIOS = Path(__file__).parent.parent / "scenarios"
Floats = NDArray[np.float64]


def compiled(**fields: Any) -> World:
    return compile_world(ScenarioModel.model_validate({"name": "theory", **fields}))


def costs(world: World, rule: OrderingRule, seeds: int) -> Floats:
    """Mean cost per period of each seed, on the batch engine."""
    paths = stack_paths(world, [draw_path(world, seed) for seed in range(seeds)])
    cost: Floats = run_rule_batch(world, paths, rule)[0]
    return cost


def assert_lands_on(cost: Floats, theory: float) -> None:
    """The mean lies within 0.5 % of theory, and its 95 % interval covers it."""
    assert cost.mean() == pytest.approx(theory, rel=0.005)
    assert abs(cost.mean() - theory) <= 1.96 * cost.std(ddof=1) / math.sqrt(len(cost))


def test_clark_scarfs_serial_optimum_costs_what_theory_says() -> None:
    overrides = ["horizon=2000 d"]
    world = compile_world(twin.load(SCENARIOS / "reference" / "snyder_6_1.yaml", overrides).model)
    theory = clark_scarf([7, 4, 2], [1, 1, 2], penalty=37.12, mean=5, sd=1)
    rule = OrderingRule("base_stock", world.order_up_to[None])
    cost = costs(world, rule, seeds=100)
    assert theory.cost == pytest.approx(47.665, rel=1e-3)
    assert_lands_on(cost, 47.665)


def shop(
    period: float = 1.0, horizon: float = 2000.0, lead_time: float = 0.0, **money: Any
) -> World:
    node = {"kind": "store", "stock": money.pop("stock"), "demand": money.pop("demand")}
    order_cost = money.pop("order_cost")
    return compiled(
        horizon=horizon,
        period=period,
        convention="orgym",
        nodes={"source": {"kind": "supplier"}, "shop": node | money},
        lanes={"source -> shop": {"order_cost": order_cost, "lead_time": lead_time}},
    )


def reordering(kind: Any, reorder: float, level: float) -> OrderingRule:
    return OrderingRule(kind, np.array([[[0.0], [level]]]), np.array([[[0.0], [reorder]]]))


def test_the_s_s_optimum_costs_what_theory_says() -> None:
    demand = {"model": "poisson", "mean": 6}
    world = shop(stock=10, holding=1, penalty=4, order_cost=5, demand=demand)
    policy = s_s_poisson(holding=1, penalty=4, order_cost=5, mean=6)
    cost = costs(world, reordering("s_s", policy.reorder, policy.order_up_to), seeds=200)
    assert policy.cost == pytest.approx(8.03411, abs=1e-5)
    assert_lands_on(cost, policy.cost)


def test_the_r_q_optimum_costs_what_theory_says() -> None:
    # (r,Q) looks all the time; a period of 1/50 in which 0.03 customers come is close to it. In
    # this convention an order follows the demand it answers by one period, so that the way takes
    # one period less, and costs are per unit of time.
    period, lead_time = 0.02, 2.0
    demand = {"model": "poisson", "mean": 1.5}
    money = {"holding": 20, "penalty": 150, "order_cost": 100, "demand": demand}
    world = shop(period, 300.0, lead_time - period, stock=6, **money)
    policy = r_q_poisson(holding=20, penalty=150, order_cost=100, rate=1.5, lead_time=lead_time)
    rule = reordering("r_q", policy.reorder, policy.reorder + policy.batch)
    cost = costs(world, rule, seeds=100) / period
    assert policy.cost == pytest.approx(107.9236, abs=1e-4)
    assert_lands_on(cost, policy.cost)
    short = compile_world(world.model.model_copy(update={"horizon": 20.0}))
    path = draw_path(short, 1)
    event, batch = (run_rule(short, path, rule, batch=b) for b in (False, True))
    np.testing.assert_allclose(event.cost, batch.cost, atol=1e-9)
    orders = event.ordered[:, 0, 0]
    np.testing.assert_array_equal(orders % policy.batch, 0)


def waits(world: World, rate: float, seeds: int) -> float:
    """Mean time that full loads wait for a truck: by Little's law, from the freight that waits."""
    paths = [draw_path(world, seed) for seed in range(seeds)]
    loads = np.random.default_rng(1).poisson(rate * world.period_d, (world.periods, seeds))
    engine = BatchEngine(world, stack_paths(world, paths), keep_rows=False)
    booked = np.broadcast_to(world.fleet_vehicles[:, None], (1, seeds))
    waiting, start = 0.0, world.periods // 10
    while engine.advance():
        engine.decide(loads[engine.t][None, None].astype(float), booked, 0.0 * booked)
        waiting += float(engine.book.mean()) if engine.t >= start else 0.0
    return waiting / (world.periods - start) / rate


def depot(trucks: int, round_trip: Any, period: float, horizon: float) -> World:
    """A depot whose loads fill one truck each."""
    fleet = {"depot": "depot", "vehicles": trucks, "capacity": 1, "round_trip": round_trip}
    return compiled(
        horizon=horizon,
        period=period,
        nodes={"depot": {"kind": "supplier"}, "site": {"kind": "warehouse"}},
        lanes={"depot -> site": {"fleet": "trucks"}},
        fleets={"trucks": fleet | {"load": "full"}},
    )


def test_loads_wait_for_one_truck_as_in_m_d_1() -> None:
    # Trips that last whole periods keep the mean wait of M/D/1 exactly, however long a period is.
    rate, trip = 0.7, 1.0
    theory = rate * trip**2 / (2 * (1 - rate * trip))
    assert waits(depot(1, trip, 0.25, 600.0), rate, seeds=500) == pytest.approx(theory, rel=0.02)


def pollaczek_khinchine(rate: float, mean: float, square: float) -> float:
    """Mean wait of M/G/1."""
    return rate * square / (2 * (1 - rate * mean))


def test_loads_wait_for_one_truck_as_in_m_g_1() -> None:
    # A truck is back at the epoch after its trip: what counts is the trip in whole periods.
    period, rate = 0.25, 0.65
    world = depot(1, {"model": "uniform", "low": 0.25, "high": 1.5}, period, 600.0)
    trips = np.arange(0.5, 1.51, 0.25)
    theory = pollaczek_khinchine(rate, float(trips.mean()), float((trips**2).mean()))
    assert waits(world, rate, seeds=500) == pytest.approx(theory, rel=0.02)


def erlang_wait(rate: float, service: float, servers: int) -> float:
    """Mean wait of M/M/c, by Erlang's C."""
    offered = rate * service
    terms = [offered**k / math.factorial(k) for k in range(servers)]
    last = offered**servers / math.factorial(servers) * servers / (servers - offered)
    return last / (sum(terms) + last) * service / (servers - offered)


def test_erlangs_formula_knows_m_m_1() -> None:
    assert erlang_wait(0.5, 1.0, 1) == pytest.approx(1.0)


@pytest.mark.slow
@pytest.mark.parametrize(("trucks", "seeds"), [(2, 1600), (3, 1000)])
def test_loads_wait_for_a_pool_as_in_m_m_c(trucks: int, seeds: int) -> None:
    # Trips end at epochs: geometric in whole periods, and drawn shorter so that their mean is one.
    # Their squared cv is 1 - period, which takes half a period's share off the wait.
    period, rate = 0.025, 0.6 * trucks
    mean = -period / math.log(1 - period)
    trip = {"model": "gamma", "mean": mean, "cv": 1.0}
    wait = waits(depot(trucks, trip, period, 200.0), rate, seeds=seeds)
    assert wait == pytest.approx(erlang_wait(rate, 1.0, trucks), rel=0.02)


@pytest.mark.parametrize(("lead", "window"), [(4, 5), (2, 10)])
def test_a_moving_average_makes_the_bullwhip_that_chen_et_al_prove(lead: int, window: int) -> None:
    # Order up to L times the mean of the last p demands; the bound is tight for independent demand
    # (Chen, Drezner, Ryan and Simchi-Levi 2000, with a safety factor of zero).
    world = compiled(
        horizon=8_000.0,
        convention="snyder",
        nodes={
            "source": {"kind": "supplier"},
            "shop": {
                "kind": "store",
                "stock": 100.0 * lead,
                "demand": {"model": "normal", "mean": 100, "sd": 10},
            },
        },
        lanes={"source -> shop": {"lead_time": lead}},
    )
    engine = EventEngine(world, draw_path(world, 1))
    while engine.advance():
        seen = engine.path.demand[max(engine.t - window + 1, 0) : engine.t + 1, 1, 0]
        gap = lead * seen.mean() - engine.inventory_position()[1, 0]
        engine.decide(Decision.of_orders(world, np.array([[max(gap, 0.0)]])))
    ledger = engine.ledger
    ledger.check()
    calm = slice(5 * window, None)
    ratio = ledger.ordered[calm, 0, 0].var() / ledger.demand[calm, 1, 0].var()
    assert ratio == pytest.approx(1 + 2 * lead / window + 2 * (lead / window) ** 2, rel=0.03)


@pytest.mark.parametrize("batch", [False, True], ids=["event", "batch"])
def test_the_best_rule_of_the_beer_game_costs_180_and_204_with_the_first_week(batch: bool) -> None:
    world = compile_world(twin.load(SCENARIOS / "library" / "beer_game.yaml").model)
    rule = OrderingRule("base_stock", world.order_up_to[None])
    ledger = run_rule(world, draw_path(world, 0), rule, batch=batch)
    setting_out = float((world.prices.holding * world.initial_stock).sum())
    assert ledger.cost.sum() == 180.0
    assert setting_out + ledger.cost.sum() == 204.0


def test_no_full_adjustment_rule_near_it_does_better_in_the_beer_game() -> None:
    world = compile_world(twin.load(SCENARIOS / "library" / "beer_game.yaml").model)
    steps = np.stack(np.meshgrid(*[[-4, -1, 0, 1, 4]] * 4), 0).reshape(4, -1)
    level = np.repeat(world.order_up_to[None, ..., None], steps.shape[1], axis=3)
    level[0, 1:, 0] += steps
    paths = stack_paths(world, [draw_path(world, 0)] * steps.shape[1])
    cost = run_rule_batch(world, paths, OrderingRule("base_stock", level))[0]
    assert cost.min() * world.periods == pytest.approx(180.0)


def test_a_beer_game_that_keeps_its_orders_stays_calm_until_week_five() -> None:
    world = compile_world(twin.load(SCENARIOS / "library" / "beer_game.yaml").model)
    orders = np.full((world.periods, *world.shape[1:3]), 4.0)
    ledger = run_orders(world, draw_path(world, 0), orders)
    assert (ledger.on_hand[:4, 1:] == 12).all()
    np.testing.assert_array_equal(ledger.cost[:4], 24.0)
