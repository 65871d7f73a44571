"""Laws of faults of the world, and of whom and when a fault strikes."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from stress.catalogue import Window, WorldFault, build_fault
from stress.catalogue.spells import draw_spells
from stress.catalogue.targets import Region, Targets, distances
from tests.struck_world import SHOP, WINDOW, layer, struck_world, transit
from twin.exogenous.path import draw_path
from twin.exogenous.streams import stream
from twin.network.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return struck_world()


def test_lead_times_are_longer_by_the_factor_and_never_shorter(world) -> None:
    calm = draw_path(world, 1)
    for cv in (0.0, 0.5):
        fault = build_fault("world.lead_time", {"cv": cv})
        assert isinstance(fault, WorldFault)
        factor = fault.transform(world, calm, 4, 1, WINDOW).lead_time / calm.lead_time
        assert (factor[:5] == 1).all()
        assert (factor[15:] == 1).all()
        assert (factor[5:15] >= 1).all()
        assert factor[5:11].mean() == pytest.approx(2.0, rel=0.2 if cv else 1e-12)


def test_a_late_shipment_is_healed_with_the_window(world) -> None:
    calm = draw_path(world, 1)
    fault = build_fault("world.lead_time")
    assert isinstance(fault, WorldFault)
    path = fault.transform(world, calm, 5, 1, WINDOW)
    arrival = np.arange(world.periods)[:, None] + path.lead_time
    assert (arrival[5:15] <= WINDOW.end_d + calm.lead_time[5:15]).all()


def test_an_outage_spreads_within_its_radius(world) -> None:
    only, wide = (
        build_fault("world.outage", {"blast_radius": radius, "correlation": 1.0})
        for radius in (0, 1)
    )
    assert isinstance(only, WorldFault)
    assert isinstance(wide, WorldFault)
    closed = [
        (fault.transform(world, draw_path(world, 1), 3, 1, WINDOW).node_open < 1).any(axis=0).sum()
        for fault in (only, wide)
    ]
    assert closed == [1, 2]


def test_capacity_price_yield_and_vehicles_change_by_the_ladder(world) -> None:
    calm = draw_path(world, 1)
    changed = {}
    for family, field in (
        ("world.capacity", "node_open"),
        ("world.price", "price_factor"),
        ("world.yield", "good"),
    ):
        fault = build_fault(family)
        assert isinstance(fault, WorldFault)
        path = fault.transform(world, calm, 4, 1, WINDOW)
        changed[field] = set(np.unique(np.round(getattr(path, field), 12)))
    assert changed["node_open"] == {0.65, 1.0}
    assert changed["price_factor"] == {1.0, 2.0}
    assert changed["good"] == {0.65, 1.0}


def test_a_fault_says_what_a_scenario_lacks_for_it(world) -> None:
    assert build_fault("world.vehicle_breakdown").lacks(world) == "there are no vehicles"
    assert build_fault("actor.approver").lacks(world) == "no order needs an approval"
    assert build_fault("world.yield").lacks(world) == ""


@pytest.mark.parametrize(
    ("mode", "value", "hit"),
    [("one", 1, 1), ("all", 1, 8), ("fixed", 3, 3), ("fixed", 99, 8), ("fixed-percent", 30, 3)],
)
def test_a_mode_says_how_many_are_hit(mode, value, hit) -> None:
    rng = stream(1, "targets")
    chosen = Targets(mode=mode, value=value).chosen("abcdefgh", rng)
    assert len(chosen) == len(set(chosen)) == hit
    assert sorted(chosen) == list(chosen)


def test_more_targets_include_fewer() -> None:
    few, many = (
        set(Targets(mode="fixed", value=n).chosen(range(20), stream(5, "t"))) for n in (4, 9)
    )
    assert few < many


def test_only_targets_are_hit(world) -> None:
    made = layer(world, "channel.loss", 5, mode="one", r=0.1)
    lost = {
        agent
        for agent in ("replenish:dc", SHOP, "replenish:kiosk")
        for k in range(200)
        if made.delay(transit(k, agent=agent), 1.0) == math.inf
    }
    assert lost == set(made.agents)
    assert len(lost) == 1


def test_distances_count_lanes_either_way(world) -> None:
    assert distances(world, {0}) == {0: 0, 1: 1, 2: 2, 3: 2}
    near = Region(blast_radius=1, correlation=1.0).hit(world, [2], stream(1, "r"))
    assert near.tolist() == [1, 2]


def test_spells_fill_their_share_of_the_window() -> None:
    window = Window(10.0, 1_010.0)
    spells = draw_spells(stream(2, "spells"), window, 0.2, 1.5)
    pairs = list(zip(spells.starts, spells.ends, strict=True))
    assert sum(b - a for a, b in pairs) == pytest.approx(200.0, rel=0.2)
    assert all(a < b for a, b in pairs)
    assert all(b <= a for (_, b), (a, _) in pairwise(pairs))
    assert window.start_d <= spells.starts[0]
    assert spells.ends[-1] <= window.end_d
    first, end = pairs[0]
    assert spells.end_of((first + end) / 2) == end
    assert spells.end_of(0.0) is None
