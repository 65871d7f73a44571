"""From a trained fleet to a verdict, stage by stage; each stage reads and writes the run folder.

stress_stage    cases.parquet, campaign.json     the campaign, and its rollback drill
judge_stage     verdict.json, manifest.json, playback.json, audit.json
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.progress import Progress

from agents.checkpoint.bundle import load_policy
from agents.credit.audit import LAZY_SHARE, audit
from agents.credit.estimate import Estimate
from agents.credit.record import Audit, write_audit
from agents.credit.replay import Game, affordable
from agents.credit.shapley import seeds_within
from agents.gateway.episode import run_through_tools
from agents.learn.metrics import read_rows
from agents.runs import current_commit
from agents.trace import write_traces
from stress.adversary.record import read_attack
from stress.campaign import CampaignReport, run_campaign
from stress.case import ScenarioRef, rule_text
from stress.contenders import compare
from stress.contestants import policy_of
from stress.drill import rollback_drill
from stress.evidence import BASELINE, CHAMPION, FLEET
from stress.executor import Executor
from stress.expand import Campaign
from stress.gate import Provenance, gate_digest, judge
from stress.playback import play_back
from stress.results import CaseResult, Contender, Manifest, Verdict
from stress.sharding import Shard
from stress.statistics import Interval
from stress.store import TABLE, read_journal, read_table
from stress.summary import figures
from stress.trial import (
    Trial,
    artifact_hash,
    sealed_artifact,
    suite_digest,
)
from twin.env.policy import Policy
from twin.env.rules import OrderingRule
from twin.errors import NothingSelectedError
from twin.exogenous.path import draw_path
from twin.progress import stage

AUDIT_EPISODES = 4_000
"""Budget of the Shapley audit: seconds on most networks."""
AUDIT_SEEDS = 8
"""A Shapley audit on fewer seeds says too little: leave-one-out is a better use of the time."""
SCREEN_SEEDS = 16
"""Seeds of the leave-one-out screen; the first of the nominal ones."""
CONTENDER_NAMES = {
    "constant": "constant order",
    "weekday_base_stock": "weekday base-stock",
    "s_s": "(s, S)",
    "r_q": "(r, Q)",
}


def campaign_of(trial: Trial) -> Campaign:
    """Everything the suite asks of the trial's policies."""
    scenarios = (ScenarioRef.of(trial.scenario),)
    fallback = rule_text(trial.world, trial.static)
    return Campaign(trial.terms.suite, scenarios, trial.policies, fallback)


def stress_stage(
    trial: Trial,
    display: Progress,
    executor: Executor | None = None,
    shard: Shard | None = None,
) -> CampaignReport:
    """Run what is missing of the campaign, or of one shard; by default on the trial's jobs."""
    campaign = campaign_of(trial)
    folder = replace(trial.folder, path=trial.campaign_folder)
    elsewhere = {} if folder == trial.folder else read_journal(trial.folder.path)
    with stage(display, "stress") as line:
        report = run_campaign(
            campaign,
            folder.path,
            executor or Executor(workers=trial.jobs),
            lambda done, total, bad: line(
                done / max(total, 1), f"{done} of {total} episodes, {bad} failed"
            ),
            shard,
            elsewhere,
        )
        if shard is None or shard.whole:
            report = _drilled(trial, campaign, report)
            folder.write_json("campaign.json", campaign_figures(trial, campaign, report))
    return report


def _drilled(trial: Trial, campaign: Campaign, report: CampaignReport) -> CampaignReport:
    """The report with a rollback drill, where there is a sound checkpoint to drill with."""
    if report.stopped or trial.sabotage or trial.fleet.kind != "bundle":
        return report
    drill = rollback_drill(campaign.scenarios[0], trial.fleet, campaign.fallback, report.results)
    happened = (*report.sometimes, drill.sometimes)
    return replace(report, sometimes=happened, rollback=drill.sentence)


def campaign_figures(trial: Trial, campaign: Campaign, report: CampaignReport) -> dict[str, Any]:
    """The figures of a trial's campaign."""
    origin = {
        "commit": current_commit(),
        "gate": trial.terms.gate_hash,
        "replay": f"twin replay {trial.folder.path} CASE {trial.terms.options}".rstrip(),
    }
    found = figures(campaign, report, origin)
    return {**found, "stopped": report.stopped, "never": list(report.never)}


def judge_stage(trial: Trial, display: Progress) -> Verdict:
    """Compare, screen the agents, judge, and write what reports read."""
    table = trial.campaign_folder / TABLE
    if not table.exists():
        raise NothingSelectedError(
            "the run has no stress cases", str(trial.folder.path), fix="Run `twin stress` first."
        )
    cases = read_table(table)
    fleet = policy_of(ScenarioRef.of(trial.scenario), trial.fleet)
    with stage(display, "compare") as line:
        contenders = compare(
            trial.world,
            _contenders(trial, fleet),
            trial.nominal_seeds(),
            trial.terms.gate.seed,
            trial.jobs,
            line,
        )
    with stage(display, "credit") as line:
        credit = _audited(trial, fleet, line)
        write_audit(trial.folder.path, credit)
    with stage(display, "judge"):
        verdict = _judge(trial, cases, credit)
        trial.folder.write_json("verdict.json", verdict.model_dump_json(indent=2))
        strongest = _strongest(contenders)
        shown: dict[str, OrderingRule | Policy] = {FLEET: fleet, BASELINE: trial.static}
        if strongest:
            shown[strongest] = trial.rules[_kind_of(strongest)]
        seed = trial.terms.suite.first_seed
        playback = play_back(trial.world, shown, seed)
        trial.folder.write_json("playback.json", playback.model_dump_json())
        _trace(trial, fleet, seed)
        write_manifest(trial, contenders)
    return verdict


def _trace(trial: Trial, fleet: Policy, seed: int) -> None:
    """Write the trace of every decision of one undisturbed episode behind the tools."""
    outcome = run_through_tools(
        trial.world, draw_path(trial.world, seed), fleet, trial.static, seed, trace=True
    )
    folder = trial.folder.path / "traces"
    folder.mkdir(exist_ok=True)
    write_traces(folder / f"fleet-seed{seed}.parquet", outcome.trace, outcome.wall_latency)


def _contenders(trial: Trial, fleet: Policy) -> dict[str, OrderingRule | Policy]:
    found: dict[str, OrderingRule | Policy] = {FLEET: fleet, BASELINE: trial.static}
    for kind, name in CONTENDER_NAMES.items():
        if kind in trial.rules:
            found[name] = trial.rules[kind]
    if trial.champion is not None:
        found[CHAMPION] = load_policy(trial.champion.bundle, trial.world, CHAMPION)
    return found


def _kind_of(name: str) -> str:
    return next(kind for kind, shown in CONTENDER_NAMES.items() if shown == name)


def _strongest(contenders: Sequence[Contender]) -> str:
    """The cheapest heuristic besides the baseline; empty when none was tuned."""
    others = [c for c in contenders if c.name in CONTENDER_NAMES.values()]
    return min(others, key=lambda c: c.cost).name if others else ""


def _audited(trial: Trial, fleet: Policy, line: Callable[[float], None]) -> Audit:
    """Shapley values on as many nominal seeds as the budget allows, or else leave-one-out."""
    game = Game(trial.world, fleet, trial.static)
    most = max(len(trial.nominal_seeds()), 2)
    count = seeds_within(len(game.agents), affordable(game, AUDIT_EPISODES), most)
    screen = count < min(AUDIT_SEEDS, most)
    first = trial.terms.suite.first_seed
    seeds = range(first, first + (min(SCREEN_SEEDS, most) if screen else count))
    rule = trial.terms.gate.criteria.work_share
    share = LAZY_SHARE if rule is None or rule.max_idle is None else rule.max_idle
    return audit(game, seeds, share, screen, line)


def _interval(found: Estimate, seeds: int) -> Interval:
    return Interval(found.value, found.low, found.high, seeds)


def _judge(trial: Trial, cases: Sequence[CaseResult], credit: Audit) -> Verdict:
    recorded = dict(trial.folder.record.settings)
    found = {
        "gate": gate_digest(trial.terms.gate),
        "suite": suite_digest(trial.terms.suite),
        "scenario": trial.scenario.digest,
        "artifact": artifact_hash(trial.folder),
    }
    expected = {name: recorded.get(name, "") for name in ("gate", "suite")}
    expected["scenario"] = trial.folder.record.scenario_digest
    expected["artifact"] = sealed_artifact(trial.folder)
    return judge(
        trial.terms.gate,
        recorded.get("gate", trial.terms.gate_hash),
        cases,
        Provenance(expected, found),
        gate_file=trial.terms.gate_file,
        credit={row.agent: _interval(row.leave_one_out, credit.seeds) for row in credit.agents},
        audit=credit,
        training=read_rows(trial.folder.path),
        attack=read_attack(trial.folder.path),
        champion=trial.champion.version if trial.champion else "",
        baseline_name="the tuned static base-stock",
        currency=trial.scenario.model.currency,
    )


def write_manifest(
    trial: Trial, contenders: Sequence[Contender] | None = None, promoted: str = ""
) -> Manifest:
    """Write manifest.json from the run's record and what the stages found."""
    record, folder = trial.folder.record, trial.folder
    if contenders is None:
        contenders = read_manifest(folder.path).contenders
    campaign = folder.read_json("campaign.json") or {"steady_state": "not run"}
    manifest = Manifest(
        run=record.run,
        scenario=record.scenario,
        scenario_path=record.scenario_path,
        scenario_digest=record.scenario_digest,
        files=record.files,
        overrides=record.overrides,
        seed=record.seed,
        command=record.command,
        versions=record.versions,
        commit=record.commit,
        started=record.started,
        machine=record.machine,
        stages=folder.stage_seconds(),
        currency=trial.scenario.model.currency,
        periods=trial.world.periods,
        baseline=_levels(trial),
        contenders=tuple(contenders),
        bundle=artifact_hash(folder),
        promoted=promoted,
        steady_state=campaign["steady_state"],
    )
    folder.write_json("manifest.json", manifest.model_dump_json(indent=2))
    return manifest


def read_manifest(path: Path) -> Manifest:
    """Read manifest.json of a run folder."""
    return Manifest.model_validate_json((path / "manifest.json").read_bytes())


def _levels(trial: Trial) -> dict[str, float]:
    world, level = trial.world, trial.static.level[0]
    single = len(world.products) == 1
    return {
        world.nodes[i] if single else f"{world.nodes[i]}/{product}": float(level[i, k])
        for i in world.ordering_nodes
        for k, product in enumerate(world.products)
    }
