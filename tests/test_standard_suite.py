"""Laws of the standard suite: what is in it, more seeds of it, several runs, a rollback drill."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents.checkpoint.bundle import (
    read_bundle,
    read_bundle_hash,
    save_bundle,
)
from agents.checkpoint.registry import Registry
from agents.checkpoint.tracking import Untracked
from agents.runs import create_run
from stress import drill as drills
from stress.campaign import run_campaign
from stress.case import PolicyRef, ScenarioRef
from stress.catalogue import FAMILIES
from stress.drill import ROLLED_BACK, rollback_drill
from stress.expand import Campaign, expand
from stress.recorded import recorded_cases
from stress.spec import FaultPlan, StressSuite
from stress.store import write_table
from stress.summary import figures, joined, line
from stress.trial import GATE, SUITE, SUITES, Trial, read_terms, suite_digest
from tests.stressed_world import drawn_bundle
from twin.cli import run
from twin.env.rules import default_rule
from twin.errors import UsageError
from twin.network.world import compile_world
from twin.scenario import Scenario, load_document
from twin.scenario.loader import load

SCENARIO = """
kind: scenario
name: pair
horizon: 20 d
nodes:
  plant: {kind: supplier}
  shop:  {kind: store, stock: 20, holding: 0.5, unmet: lost, penalty: 9,
          demand: {model: poisson, mean: 10}}
lanes:
  plant -> shop: {lead_time: 1 d}
agents: {replenish: [shop]}
"""
SMALL = StressSuite(
    name="small",
    nominal_seeds=2,
    seeds=2,
    faults={"tool.malformed": FaultPlan(severities=(4,)), "obs.stale": FaultPlan(seeds=1)},
)


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    file = tmp_path_factory.mktemp("scenario") / "pair.yaml"
    file.write_text(SCENARIO)
    return load(file)


def bundle(folder: Path, scenario: Scenario, scale: float = 1.0) -> PolicyRef:
    """A checkpoint whose weights are drawn."""
    return PolicyRef.of_bundle("fleet", drawn_bundle(folder, scenario, scale))


@pytest.fixture(scope="module")
def campaign(scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    world = compile_world(scenario.model)
    static = PolicyRef.of_rule("baseline", world, default_rule(world))
    fleet = bundle(tmp_path_factory.mktemp("fleet") / "bundle", scenario)
    return Campaign(SMALL, (ScenarioRef.of(scenario),), (fleet, static), static.source)


def test_the_standard_suite_has_a_member_of_every_layer_and_300_stressed_episodes() -> None:
    suite, _ = load_document(SUITE, StressSuite)
    assert suite.cases_per_policy == suite.nominal_seeds + 300
    assert suite.swarm is not None
    struck = {family.partition(".")[0] for family in (*suite.faults, *suite.swarm.kinds)}
    assert struck == {family.partition(".")[0] for family in FAMILIES}


def test_more_seeds_are_further_ones_and_undisturbed_episodes_stay(campaign: Campaign) -> None:
    thrice = replace(campaign, suite=SMALL.on_more_seeds(3))
    few, many = expand(campaign), expand(thrice)
    assert {case.id for case in few} < {case.id for case in many}
    stressed = [sum(case.fault != "none" for case in cases) for cases in (few, many)]
    assert stressed[1] == 3 * stressed[0]
    assert len(many) - stressed[1] == len(few) - stressed[0]
    assert SMALL.on_more_seeds(1) is SMALL
    with pytest.raises(UsageError, match="too many"):
        SMALL.on_more_seeds(10_000_000)


def test_a_swarm_is_drawn_further_too() -> None:
    suite, _ = load_document(SUITE, StressSuite)
    assert suite.on_more_seeds(2).cases_per_policy == suite.nominal_seeds + 600


def test_after_a_rollback_the_champion_plays_what_is_on_record(
    campaign: Campaign, tmp_path: Path
) -> None:
    report = run_campaign(campaign, tmp_path)
    (pair,), fleet = campaign.scenarios, campaign.policies[0]
    drill = rollback_drill(pair, fleet, campaign.fallback, report.results)
    assert drill.worked, drill.sentence
    assert (drill.sometimes.what, drill.sometimes.happened) == (ROLLED_BACK, True)
    other = [r.model_copy(update={"cost": r.cost + 1.0}) for r in report.results]
    assert not rollback_drill(pair, fleet, campaign.fallback, other).worked


def renamed(bundle: Path, folder: Path) -> str:
    """Another checkpoint with the same weights."""
    manifest, arrays = read_bundle(bundle)
    return save_bundle(folder, manifest.model_copy(update={"seed": manifest.seed + 1}), arrays)


@pytest.mark.parametrize(("scale", "worked"), [(0.0, True), (1.0, False)])
def test_a_drill_proves_something_about_every_fleet_but_one_that_plays_like_the_spoilt_one(
    campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scale: float, worked: bool
) -> None:
    manifest, arrays = read_bundle(Path(campaign.policies[0].source))
    scaled = {name: np.float32(scale) * array for name, array in arrays.items()}
    save_bundle(tmp_path / "scaled", manifest, scaled)
    fleet = PolicyRef.of_bundle("fleet", tmp_path / "scaled")
    report = run_campaign(replace(campaign, policies=(fleet,)), tmp_path)
    if not worked:
        monkeypatch.setattr(drills, "_spoilt", renamed)
    drill = rollback_drill(campaign.scenarios[0], fleet, campaign.fallback, report.results)
    assert drill.worked is worked
    assert ("proves nothing" in drill.sentence) is not worked


def test_an_untracked_registry_keeps_its_ledger_without_mlflow(
    campaign: Campaign, tmp_path: Path
) -> None:
    registry = Registry(tmp_path / "registry", Untracked)
    fleet = campaign.policies[0]
    record = registry.register("pair", fleet.source, fleet.hash)
    registry.set_champion("pair", record.version, "")
    assert Registry(tmp_path / "registry").champion("pair") == record
    assert not (tmp_path / "registry" / "mlflow.db").exists()


def trial(scenario: Scenario, campaign: Campaign, folder: Path, suite: StressSuite) -> Trial:
    made = create_run(folder, scenario, 0, (), "test", {"suite": suite_digest(SMALL)})
    shutil.copytree(campaign.policies[0].source, made.bundle)
    world = compile_world(scenario.model)
    terms = replace(read_terms(SUITE, GATE), suite=suite)
    return Trial(made, scenario, world, {"base_stock": default_rule(world)}, terms)


def test_the_campaign_of_another_suite_has_a_folder_of_its_own(
    scenario: Scenario, campaign: Campaign, tmp_path: Path
) -> None:
    sealed = trial(scenario, campaign, tmp_path, SMALL)
    assert sealed.campaign_folder == sealed.folder.path
    other = replace(sealed, terms=replace(sealed.terms, suite=SMALL.on_more_seeds(2)))
    assert other.campaign_folder.parent == sealed.folder.path / SUITES
    report = run_campaign(campaign, tmp_path / "cases")
    first, second = report.results[:2]
    write_table(sealed.campaign_folder, [first])
    other.campaign_folder.mkdir(parents=True)
    write_table(other.campaign_folder, [second])
    assert recorded_cases(sealed.folder.path) == {first.case: first, second.case: second}


def test_several_campaigns_come_together_in_one_line(campaign: Campaign, tmp_path: Path) -> None:
    report = run_campaign(campaign, tmp_path)
    origin = {"commit": "abc", "gate": "def", "replay": "twin replay"}
    found = figures(campaign, report, origin)
    happened = dict.fromkeys(found["sometimes"], 0) | {"a kill was used": 3}
    together = joined([found, {**found, "digest": "0" * 64, "sometimes": happened}])
    assert together["stressed"] == 2 * found["stressed"] == 4 * found["of_fleet"]
    assert together["bound"] < found["bound"]
    assert together["sometimes"]["a kill was used"] == 3
    assert together["never_happened"] == found["never_happened"]
    assert together["digest"] != found["digest"]
    text = line(together)
    assert "\n" not in text
    assert f"({together['of_fleet']} of the fleet)" in text


def test_stress_over_several_runs_prints_a_line_each_and_one_for_all(
    scenario: Scenario, campaign: Campaign, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "small.yaml"
    file.write_text("kind: stress\nname: small\nnominal_seeds: 1\nseeds: 1\n" + FAULTS)
    runs = []
    for name in ("a", "b"):
        made = trial(scenario, campaign, tmp_path / name, SMALL).folder
        assert read_bundle_hash(made.bundle) == campaign.policies[0].hash
        rule = json.loads(campaign.fallback)
        row = {"cost": 1.0, "low": 1.0, "high": 1.0, "fill_rate": 1.0}
        tuned = {**row, "seeds": 1, "evaluations": 1, "rule": rule}
        made.write_json("baselines.json", {"base_stock": tuned})
        runs.append(str(made.path))
    options = ["--suite", str(file), "--gate", str(GATE), "--registry", str(tmp_path / "none")]
    assert run(["stress", *runs, *options]) == 0
    told = capsys.readouterr().out
    assert told.count("rollback drill: ") == 2
    assert told.count(f"files: {runs[0]}/{SUITES}/small-") == 1
    assert "together: pair; commit" in told
    assert run(["stress", *runs, *options, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["joined"]["stressed"] == sum(one["stressed"] for one in document["runs"]) == 4
    assert not (Path(runs[0]) / "cases.parquet").exists()


FAULTS = "faults: {tool.malformed: {severities: [4]}}\n"
