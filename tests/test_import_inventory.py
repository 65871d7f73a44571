"""Laws of importing inventory models: stockpyl's instances and the layout of Willems."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import twin
from tests.foreign_files import DATA, STOCKPYL, WILLEMS, draft_of, imported, refused, warned
from twin.env.rules import default_rule
from twin.errors import ScenarioError
from twin.exogenous.path import path_with_demand
from twin.importers import ImportOptions, read_draft
from twin.network.world import compile_world
from twin.simulation import run_rule

COSTS = json.loads((DATA / "stockpyl_costs.json").read_text(encoding="utf-8"))
SERIAL = [name for name in COSTS if not name.startswith("assembly")]
OPTIMA = {
    "example_6_1": 47.66539,
    "shang_song_1": 12.68694,
    "shang_song_9": 53.00644,
    "shang_song_17": 16.19788,
    "shang_song_25": 74.55429,
}
"""Expected cost per day that stockpyl's ``optimize_base_stock_levels`` gives."""


@pytest.mark.parametrize("batch", [False, True], ids=["event", "batch"])
@pytest.mark.parametrize("name", SERIAL)
def test_an_imported_instance_costs_what_stockpyl_simulated(name: str, batch: bool) -> None:
    recorded = COSTS[name]
    demand = {f"stage {index}": units for index, units in recorded["demand"].items()}
    draft = draft_of("stockpyl", STOCKPYL, instance=name)
    world = compile_world(imported(draft, f"horizon={len(recorded['cost'])} d").model)
    ledger = run_rule(world, path_with_demand(world, demand), default_rule(world), batch=batch)
    np.testing.assert_allclose(ledger.cost, recorded["cost"], rtol=0, atol=1e-6)


def test_an_imported_assembly_holds_and_costs_what_stockpyl_simulated() -> None:
    recorded = COSTS["assembly_3_stage"]
    draft = draft_of("stockpyl", STOCKPYL, instance="assembly_3_stage")
    world = compile_world(imported(draft, "horizon=40 d").model)
    units = [[u if p == "stage 0" else 0 for p in world.products] for u in recorded["demand"]["0"]]
    ledger = run_rule(world, path_with_demand(world, {"stage 0": units}), default_rule(world))
    for index, levels in recorded["inventory_level"].items():
        node, product = (names.index(f"stage {index}") for names in (world.nodes, world.products))
        held = ledger.on_hand[:, node, product] - ledger.unmet[:, node, product]
        ends = zip(world.source, world.destination, strict=True)
        sent = [k for k, (source, to) in enumerate(ends) if source == node != to]
        held = held - ledger.unfilled[:, sent, product].sum(axis=1)
        np.testing.assert_allclose(held, levels, rtol=0, atol=1e-9)
    np.testing.assert_allclose(ledger.cost, recorded["cost"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", OPTIMA)
def test_an_imported_optimum_costs_on_average_what_theory_says(name: str) -> None:
    draft = draft_of("stockpyl", STOCKPYL, instance=name)
    scenario = imported(draft)
    runs = [twin.simulate(scenario, seed=seed, engine="batch").cost[50:] for seed in range(5)]
    blocks = np.concatenate(runs).reshape(50, -1).mean(axis=1) / scenario.model.period
    error = blocks.std(ddof=1) / np.sqrt(len(blocks))
    assert error < 0.04 * OPTIMA[name]
    assert abs(blocks.mean() - OPTIMA[name]) < 4 * error


def test_fractions_of_a_period_become_whole_periods() -> None:
    scenario = imported(draft_of("stockpyl", STOCKPYL, instance="shang_song_9"))
    model = scenario.model
    assert (model.period, model.convention) == (0.25, "snyder")
    assert [node.holding for node in model.nodes.values()] == [0, 0.25, 2.75, 5.25, 5.5]
    assert model.nodes["stage 1"].penalty == 9


def test_what_stockpyl_says_and_the_twin_cannot_is_warned_of_by_name() -> None:
    told = warned(draft_of("stockpyl", STOCKPYL, instance="problem_6_7"))
    assert "Glazing: demand_bound_constant is not used" in told
    assert "Forming: external_inbound_cst is not used" in told
    assert "Firing: processing_time became the lead time of the lanes into it" in told


@pytest.mark.parametrize(
    ("instance", "words"),
    [
        ("", "the file holds 10 networks"),
        ("example_6_2", "there is no instance 'example_6_2'"),
    ],
)
def test_an_instance_that_cannot_be_chosen_is_refused(instance: str, words: str) -> None:
    assert words in " ".join(refused("stockpyl", STOCKPYL, instance=instance))


def test_a_willems_chain_assembles_products_and_takes_its_stage_times() -> None:
    model = imported(draft_of("willems", *WILLEMS, stem="chain")).model
    assert list(model.products) == ["Part_Motor", "Part_Housing", "Manuf_Pump"]
    assert model.products["Manuf_Pump"].value == 35 + 12.5 + 18
    pump = model.nodes["Manuf_Pump"].production
    assert pump is not None
    assert (pump.mode, pump.lead_time) == ("to_stock", 4)
    assert pump.bom == {"Manuf_Pump": {"Part_Motor": 1, "Part_Housing": 1}}
    housing = model.lanes["external supplier -> Part_Housing"].lead_time
    assert housing.model == "empirical"
    assert housing.values == (10, 15.333333)
    assert model.lanes["Manuf_Pump -> Retail_West"].lead_time.value == 5


def test_a_willems_chain_runs_and_makes_its_service_level_the_best_one() -> None:
    scenario = imported(draft_of("willems", *WILLEMS, stem="chain"), "horizon=60 d")
    node = scenario.model.nodes["Retail_West"]
    assert node.penalty / (node.penalty + node.holding) == pytest.approx(0.97)
    assert twin.simulate(scenario, seed=1).sold.sum() > 0


def test_what_the_willems_layout_leaves_open_is_warned_of() -> None:
    told = warned(draft_of("willems", *WILLEMS))
    assert "columns: xPosition, yPosition and relDepth are not used" in told
    assert "Retail_West: customers wait up to 2 d" in told
    assert "Manuf_Pump: its time varies" in told


def test_willems_links_that_form_a_cycle_are_refused_with_the_cycle(tmp_path: Path) -> None:
    links = tmp_path / "links.csv"
    text = (DATA / "willems_links.csv").read_text(encoding="utf-8")
    links.write_text(text + "Dist_East,Part_Motor\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"form a cycle: .*Manuf_Pump -> Dist_East"):
        read_draft("willems", (DATA / "willems_stages.csv", links), ImportOptions())
