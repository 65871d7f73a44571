"""A believable run folder made of the contract's models, without running anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agents.credit.estimate import Estimate
from agents.credit.record import AUDITS, AgentAudit, Audit, Standing, TrainingAudit, write_audit
from stress.results import (
    CaseResult,
    Contender,
    Criterion,
    Figure,
    FileRecord,
    Manifest,
    Playback,
    Status,
    TrainingRow,
    Verdict,
)
from stress.store import write_table
from tests.report_cases import case, cases, training
from tests.report_playback import playback


def contender(name: str, cost: float, half: float, ratio: float) -> Contender:
    return Contender(
        name=name,
        cost=cost,
        low=cost - half,
        high=cost + half,
        fill_rate=min(0.995, 0.97 + (1 - ratio) * 0.07),
        p5=cost * 0.86,
        p95=cost * 1.17,
        cvar=cost * 1.22,
        ratio=ratio,
        ratio_low=ratio - 0.018,
        ratio_high=ratio + 0.018,
        seeds=100,
    )


def manifest(scenario: str = "quickstart", run: str = "20260304-050607-quickstart") -> Manifest:
    return Manifest(
        run=run,
        scenario=scenario,
        scenario_path="scenarios/quickstart.yaml",
        scenario_digest="sha256:4f0c2b7d9a6e1835c0de7b12aa90ff43",
        files=(
            FileRecord(path="scenarios/quickstart.yaml", sha256="a1" * 32),
            FileRecord(path="scenarios/data/south_daily_sales.csv", sha256="b2" * 32),
        ),
        overrides=("nodes.dc.stock=400",),
        seed=7,
        command="twin prove scenarios/quickstart.yaml --seed 7 --set nodes.dc.stock=400",
        versions={"python": "3.11.9", "numpy": "2.2.1", "simpy": "4.1.1", "torch": "2.6.0"},
        commit="9b1c2d3e4f5061728394a5b6c7d8e9f001122334",
        started="2026-03-04T05:06:07Z",
        machine="Linux x86_64, 8 cores, 16 GiB",
        stages={"check": 0.4, "tune baseline": 22.0, "train": 312.0, "stress": 148.0, "gate": 2.1},
        periods=120,
        baseline={"dc": 412.0, "north": 54.0, "east": 78.5, "south": 66.0},
        contenders=(
            contender("base_stock", 239.4, 3.1, 1.031),
            contender("fleet", 171.2, 2.4, 0.737),
            contender("baseline", 232.2, 2.9, 1.0),
            contender("seasonal_base_stock", 204.8, 2.6, 0.882),
            contender("reorder_point", 251.9, 3.6, 1.085),
        ),
        bundle="sha256:77e0aa41c2d9",
        promoted="3",
        steady_state="The clean run met every hypothesis: fill rate 97.9 %, no breaker open.",
    )


def criterion(gate: str, title: str, status: Status, value: float, limit: float) -> Criterion:
    return Criterion(
        gate=gate,
        title=title,
        status=status,
        value=value,
        low=value - 0.017,
        high=value + 0.017,
        threshold=limit,
        margin=limit - (value + 0.017),
        sentence=f"Upper bound {value + 0.017:.3f} against a limit of {limit:.2f}, 100 pairs.",
    )


def verdict(status: Status = "PASS") -> Verdict:
    safe: Status = "FAIL" if status == "FAIL" else "PASS"
    tail: Status = "INCONCLUSIVE" if status == "INCONCLUSIVE" else "PASS"
    return Verdict(
        status=status,
        criteria=(
            Criterion(
                gate="G0", title="Provenance", status="PASS", sentence="All 4 digests match."
            ),
            Criterion(
                gate="G1",
                title="No invariant broken",
                status=safe,
                value=2.0 if safe == "FAIL" else 0.0,
                threshold=0.0,
                margin=-2.0 if safe == "FAIL" else 0.0,
                sentence="2 violations in 400 stress episodes."
                if safe == "FAIL"
                else "0 violations in 400 stress episodes: below 0.75 % at 95 % confidence.",
            ),
            criterion("G3", "Beats the tuned baseline", "PASS", 0.737, 1.0),
            criterion("G4", "Tail cost (CVaR)", tail, 1.041 if tail != "PASS" else 0.781, 1.05),
            criterion("G6", "Call amplification", "PASS", 1.034, 1.2),
        ),
        gate_file="stress/gates/default.yaml",
        gate_hash="sha256:c0ffee12",
        figures=(
            Figure(label="cost against the tuned baseline", value="\u221226.3 %"),
            Figure(
                label="invariants broken in 400 stress episodes",
                value="2" if safe == "FAIL" else "0",
            ),
            Figure(label="fill rate, baseline 97.0 %", value="98.8 %"),
        ),
        champion="2",
    )


def agent_audit(name: str, value: float, verdict: Standing, sentence: str) -> AgentAudit:
    return AgentAudit(
        agent=name,
        shapley=Estimate(value=value, low=value - 1.5, high=value + 1.5),
        share=value / 61.0,
        leave_one_out=Estimate(value=1.2 * value, low=1.2 * value - 2, high=1.2 * value + 2),
        variance_ratio=None if verdict == "harmful" else 7.5,
        spread=0.0 if verdict == "harmful" else 0.42,
        deviation=0.4,
        bias=-0.1,
        cost=34.0,
        parts={"holding": 30.0, "trips": 4.0},
        verdict=verdict,
        reason="frozen" if verdict == "harmful" else "",
        sentence=sentence,
    )


def audit() -> Audit:
    helps = "It saves a good part of what the team saves."
    return Audit(
        scenario="quickstart",
        policy="77e0aa41c2d9",
        method="exact",
        seeds=60,
        first_seed=1_000_000,
        episodes=1_920,
        seconds=1.4,
        currency="EUR",
        cost=171.2,
        default_cost=232.2,
        gain=Estimate(value=61.0, low=57.0, high=65.0),
        lazy_share=0.01,
        unassigned=1.2,
        agents=(
            agent_audit("replenish:dc", 40.0, "works", helps),
            agent_audit("replenish:north", 12.0, "redundant", helps),
            agent_audit("replenish:east", -8.0, "harmful", "It costs: its action never changes."),
            agent_audit("replenish:south", 9.0, "works", helps),
            agent_audit("dispatch:trucks", 8.0, "dependent", helps),
        ),
    )


def audits() -> tuple[TrainingAudit, ...]:
    return tuple(
        TrainingAudit(
            update=update,
            agent_steps=6_400 * update,
            gain=Estimate(value=update / 3, low=update / 3 - 4, high=update / 3 + 4),
            shapley={a.agent: a.shapley for a in audit().agents if a.shapley},
            verdicts={a.agent: a.verdict for a in audit().agents},
            seconds=0.2,
            time_share=0.013,
        )
        for update in (50, 100, 150)
    )


def write_run(
    folder: Path,
    head: Manifest | None = None,
    judged: Verdict | None = None,
    trained: Sequence[TrainingRow] = (),
    stressed: Sequence[CaseResult] = (),
    played: Playback | None = None,
    audited: Audit | None = None,
    audits: Sequence[TrainingAudit] = (),
) -> Path:
    """Write only the given parts (and always a manifest) as a run folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text((head or manifest()).model_dump_json(indent=1))
    if judged:
        (folder / "verdict.json").write_text(judged.model_dump_json(indent=1))
    if trained:
        (folder / "metrics.jsonl").write_text(
            "".join(row.model_dump_json() + "\n" for row in trained)
        )
    if stressed:
        write_table(folder, stressed)
    if played:
        (folder / "playback.json").write_text(played.model_dump_json())
    if audited:
        write_audit(folder, audited)
    if audits:
        (folder / AUDITS).write_text("".join(row.model_dump_json() + "\n" for row in audits))
    return folder


def full_run(folder: Path, status: Status = "PASS") -> Path:
    """A complete run of the quickstart network."""
    broken = [case("fleet", "tool.malformed", 5, seed, broken=True) for seed in (90, 91)]
    extra = broken if status == "FAIL" else []
    head = manifest().model_copy(update={} if status == "PASS" else {"promoted": ""})
    stressed = [*cases(), *extra]
    return write_run(
        folder, head, verdict(status), training(), stressed, playback(), audit(), audits()
    )


def large_run(folder: Path) -> Path:
    """Fifty nodes, a year, many faults."""
    faults = tuple(f"family{n:02d}.fault_with_a_long_name" for n in range(40))
    return write_run(
        folder,
        manifest("a year of fifty nodes"),
        verdict(),
        training(800),
        cases(faults, seeds=2),
        playback(43, 365, ("fleet", "baseline", "seasonal_base_stock")),
    )
