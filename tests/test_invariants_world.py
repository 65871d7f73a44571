"""Laws of the invariants of the world: sound ledgers keep them, tampered ones do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stress.catalogue import Window, WorldFault, build_fault
from stress.invariants import LAWS, world_violations
from tests.profiles import laws
from tests.strategies import sample_paths, worlds
from tests.stressed_world import tiny_scenario
from twin.engine.ledger import PeriodLedger
from twin.env.rules import default_rule
from twin.exogenous.path import draw_path
from twin.network.world import compile_world
from twin.simulation import run_rule

WORLD = compile_world(tiny_scenario().model)


@laws(25)
@given(st.data())
def test_random_networks_keep_the_laws_of_the_world(data) -> None:
    world = data.draw(worlds())
    path = data.draw(sample_paths(world))
    ledger = run_rule(world, path, default_rule(world))
    assert world_violations(ledger, path) == ()


def ledger(seed: int = 3) -> tuple[PeriodLedger, Any]:
    fault = build_fault("world.outage", {"target": "lane"})
    assert isinstance(fault, WorldFault)
    path = fault.transform(WORLD, draw_path(WORLD, seed), 3, seed, Window(5.0, 15.0))
    return run_rule(WORLD, path, default_rule(WORLD)), path


TAMPERINGS = {
    "1 units conserved": ("received", (4, 0, 0), 1.0),
    "2 stock never negative": ("on_hand", (4, 1, 0), -500.0),
    "3 capacity respected": ("on_hand", (4, 1, 0), 500.0),
    "6 nothing arrives before it leaves": ("received", (0, 0, 0), 1.0),
    "7 each order ends exactly once": ("waiting", (4, 0, 0), 1.0),
    "8 every number finite": ("trips", (4, 1), np.nan),
}


def test_sound_ledgers_keep_the_laws_of_the_world() -> None:
    assert [world_violations(*ledger(seed)) for seed in range(3)] == [()] * 3


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_tampered_ledger_breaks_the_invariant(name: str) -> None:
    field, place, by = TAMPERINGS[name]
    sound, path = ledger()
    array = getattr(sound.quantities, field).copy()
    array[place] += by
    tampered = replace(sound, quantities=replace(sound.quantities, **{field: array}))
    broken = world_violations(tampered, path)
    assert any(text.startswith(f"{name}: period {place[0]}, ") for text in broken), broken


def test_time_and_money_are_watched_as_well() -> None:
    sound, path = ledger()
    short = replace(sound.quantities, trips=sound.quantities.trips[:-1])
    assert _names(world_violations(replace(sound, quantities=short), path)) >= {
        "5 time runs forward"
    }
    lied = replace(sound)
    lied.__dict__["profit"] = sound.profit + 1.0
    assert "4 money balances" in _names(world_violations(lied, path))


def _names(texts: tuple[str, ...]) -> set[str]:
    assert all(text.partition(":")[0] in {law.title for law in LAWS} for text in texts)
    return {text.partition(":")[0] for text in texts}
