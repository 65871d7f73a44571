"""A hardened run from its scenario to its bundle."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from agents.checkpoint.bundle import read_bundle
from agents.learn.config import TrainConfig
from stress.training import Plan, hardened, trained_trial

TINY_SCENARIO = """
kind: scenario
name: tiny
horizon: 10 d
nodes:
  plant: {kind: supplier}
  shop: {kind: store, stock: 12, holding: 0.5, unmet: lost, penalty: 8,
         demand: {model: poisson, mean: 5}}
lanes:
  plant -> shop: {lead_time: 1 d}
agents: {replenish: [shop]}
"""


def test_a_hardened_run_names_its_suite_and_what_it_leaves_to_campaigns(tmp_path: Path) -> None:
    suite, scenario = tmp_path / "suite.yaml", tmp_path / "tiny.yaml"
    suite.write_text("kind: stress\nname: mine\nfaults: {obs.noise: {}, act.delay: {}}\n")
    scenario.write_text(TINY_SCENARIO)
    told = Console(record=True, width=200, file=io.StringIO())
    plan = Plan(
        scenario=scenario,
        overrides=(),
        suite=Path("scenarios/stress/smoke.yaml"),
        gate=Path("scenarios/gates/default.yaml"),
        registry=tmp_path / "registry",
        seed=0,
        agent_steps=1,
        resume=False,
        from_scratch=True,
        runs=tmp_path / "runs",
        command="twin train",
        harden=suite,
    )
    folder = trained_trial(plan, Progress(console=told)).folder
    config = hardened(TrainConfig(), suite)[0]
    assert config.hardening is not None
    assert folder.record.settings["harden"] == config.hardening.digest
    assert read_bundle(folder.bundle)[0].sees_ages
    assert "not trained on act.delay" in told.export_text()
