"""A believable run folder made of the contract's models, without running anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agents.credit.estimate import Estimate
from agents.credit.record import (
    AUDITS,
    AgentAudit,
    Audit,
    Standing,
    TrainingAudit,
    write_audit,
)
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
from twin.exogenous.streams import stream

FAULTS = (
    "channel.bandwidth",
    "channel.latency",
    "channel.loss",
    "tool.malformed",
    "tool.schema_drift",
    "world.demand_surge",
    "world.lead_time",
    "world.outage",
)
LABELS = ("timeout", "invalid_json", "schema", "wrong_entity", "rate_limited")
POLICIES = ("fleet", "baseline")
NODES = ("plant", "dc", "north", "east", "south")
KINDS = ("supplier", "warehouse", "store", "store", "store")
LANES = (("plant", "dc"), ("dc", "north"), ("dc", "east"), ("dc", "south"))
WEEK = np.array([0.6, 0.7, 0.8, 1.0, 1.3, 1.6, 1.0])


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


def training(updates: int = 160) -> tuple[TrainingRow, ...]:
    rng = stream(7, "report_sample/training")
    rows = []
    for n in range(1, updates + 1):
        weekly = 9 * rng.standard_normal()
        cost = 172 + 190 * np.exp(-n / 22) + weekly + 5 * rng.standard_normal()
        rows.append(
            TrainingRow(
                update=n,
                agent_steps=n * 9600,
                seconds=n * 1.9,
                steps_per_second=9600 / 1.9,
                cost=float(cost),
                baseline_cost=float(232 + weekly),
                policy_loss=-0.01,
                value_loss=0.4,
                entropy=float(1.4 * np.exp(-n / 120)),
                kl=float(0.011 + 0.003 * rng.random()),
                clip_share=0.1,
                explained_variance=float(0.93 - 0.9 * np.exp(-n / 15)),
            )
        )
    return tuple(rows)


def case(policy: str, fault: str, severity: int, seed: int, broken: bool = False) -> CaseResult:
    rng = stream(seed, f"report_sample/{fault}/{severity}")
    luck = float(rng.normal(1.0, 0.05))
    harm = _harm(policy, fault, severity)
    calls = 0 if policy == "baseline" else 1080
    failed = {name: int(rng.poisson(severity * 9 / (n + 1))) for n, name in enumerate(LABELS)}
    labels = failed if fault.startswith(("tool", "channel")) and calls else {}
    retries = sum(labels.values())
    operating = (171.0 if policy == "fleet" else 232.0) * luck * harm
    return CaseResult(
        case=f"{policy}-{fault}-{severity}-{seed}",
        scenario="quickstart",
        policy=policy,
        policy_hash="77e0aa41c2d9",
        fault=fault,
        severity=severity,
        seed=seed,
        cost=operating + calls * 0.0008,
        operating_cost=operating,
        fill_rate=min(1.0, 0.99 / harm),
        calls=calls,
        attempts=calls + retries,
        retries=retries,
        bytes=calls * 640,
        tokens=calls * 12,
        control_cost=calls * 0.0008 * 120,
        decisions=600 if calls else 0,
        fallbacks=severity * 4 if labels else 0,
        labels={name: n for name, n in labels.items() if n},
        fired=severity * 11,
        seen=severity * 9 if fault != "world.lead_time" else 0,
        breaker_opened=severity if labels else 0,
        breaker_closed=severity if labels else 0,
        violations=("stock below zero",) if broken else (),
        ledger_digest="d1",
    )


def _harm(policy: str, fault: str, severity: int) -> float:
    if fault.startswith("world"):
        return 1 + (0.075 if policy == "fleet" else 0.09) * severity**1.3
    return 1.0 if policy == "baseline" else 1 + 0.012 * severity**2


def cases(
    faults: Sequence[str] = FAULTS, seeds: int = 5, severities: Sequence[int] = (1, 2, 3, 4, 5)
) -> tuple[CaseResult, ...]:
    calm = [case(p, "none", 0, s) for p in POLICIES for s in range(seeds)]
    harsh = [
        case(p, f, v, s) for p in POLICIES for f in faults for v in severities for s in range(seeds)
    ]
    return (*calm, *harsh)


def playback(stores: int = 0, periods: int = 120, policies: Sequence[str] = POLICIES) -> Playback:
    """The quickstart network, or one with three plants, four warehouses and many stores."""
    nodes, kinds, lanes = _network(stores)
    rng = stream(7, "report_sample/playback")
    selling = np.array([kind == "store" for kind in kinds])
    means = np.where(selling, rng.uniform(15, 45, len(nodes)), 0.0)
    season = WEEK[np.arange(periods) % 7]
    demand = rng.poisson(season[:, None] * means).astype(float)
    stock, unmet, cost = {}, {}, {}
    for policy in policies:
        stock[policy], unmet[policy] = _stock(demand, season, policy == "fleet")
        cost[policy] = (0.5 * stock[policy] + 8 * unmet[policy]).sum(axis=1) + 12
    return Playback(
        seed=7,
        nodes=nodes,
        kinds=kinds,
        lanes=lanes,
        fleets=("trucks",),
        on_hand={p: table.tolist() for p, table in stock.items()},
        demand=demand.tolist(),
        unmet={p: table.tolist() for p, table in unmet.items()},
        cost={p: series.tolist() for p, series in cost.items()},
        shipped={p: _flows(lanes, nodes, means) for p in policies},
    )


Network = tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, str], ...]]


def _network(stores: int) -> Network:
    if not stores:
        return NODES, KINDS, LANES
    plants = tuple(f"plant {n}" for n in range(3))
    depots = tuple(f"depot {n}" for n in range(4))
    shops = tuple(f"store {n:02d}" for n in range(stores))
    lanes = [(plants[n % 3], depot) for n, depot in enumerate(depots)]
    lanes += [(depots[n * 7 % 4], shop) for n, shop in enumerate(shops)]
    lanes += [(plants[0], shops[-1]), (plants[2], shops[0])]
    kinds = ("factory",) * 3 + ("warehouse",) * 4 + ("store",) * stores
    return plants + depots + shops, kinds, tuple(lanes)


def _stock(demand: np.ndarray, season: np.ndarray, adaptive: bool) -> tuple[np.ndarray, np.ndarray]:
    """Order-up-to every period: by weekday for the fleet, at one level for the baseline."""
    mean = demand.mean(axis=0)
    stock, unmet = np.zeros_like(demand), np.zeros_like(demand)
    for t in range(len(demand)):
        level = mean * (1.25 * season[t] if adaptive else 1.45) + 4 * (mean > 0)
        unmet[t] = np.maximum(demand[t] - level, 0)
        depot = 190 + 45 * ((t * (3 if adaptive else 2)) % 7) / 7 + (0 if adaptive else 60)
        stock[t] = np.maximum(level - demand[t], 0) + depot * (mean == 0)
    return stock, unmet


def _flows(
    lanes: Sequence[tuple[str, str]], nodes: Sequence[str], means: np.ndarray
) -> list[float]:
    def below(node: str) -> float:
        return float(means[nodes.index(node)]) + sum(below(b) for a, b in lanes if a == node)

    inbound = [sum(1 for _, b in lanes if b == end) for _, end in lanes]
    return [below(end) / n for (_, end), n in zip(lanes, inbound, strict=True)]


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
