"""The command ``trace``: what an agent saw, what it decided, and what came of it, in words."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twin.errors import NothingSelectedError, UsageError
from twin.options import count_option, json_option, path_option, print_json

if TYPE_CHECKING:
    from agents.trace import DecisionTrace
    from agents.trace.latency import Latencies

MAX_TOLD = 20
"""Decisions that are told at a time."""
MAX_BROKEN = 10


@click.command()
@click.argument("run_or_file", type=click.Path(path_type=Path))
@click.option("--agent", default="", help="Only this agent, such as replenish:dc or just dc.")
@count_option("--period", "Only this period.", least=0)
@path_option("--spans", text="Write OpenTelemetry spans here.")
@json_option
def trace(
    run_or_file: Path, agent: str, period: int | None, spans: Path | None, as_json: bool
) -> int:
    """Tell the decisions of RUN_OR_FILE: a run folder, or a Parquet file of traces.

    Without --agent or --period: an overview, the latency of each transition, and whether the audit
    chain verifies. Exit code 1 when it does not.
    """
    from itertools import islice

    from agents.trace import broken_links, read_traces, read_wall

    file = trace_file(run_or_file)
    traces, wall = read_traces(file), read_wall(file)
    broken = list(islice(broken_links(traces), MAX_BROKEN))
    chosen = selected(traces, agent, period)
    if spans is not None:
        from agents.trace.spans import write_spans

        written = write_spans(spans, chosen, file.stem)
        click.echo(f"wrote {written:,} spans to {spans}", err=True)
    if as_json:
        print_json(_document(file, chosen, broken, wall))
    elif agent or period is not None:
        _tell(chosen)
    else:
        _overview(file, chosen, wall)
    for text in broken:
        click.echo(f"audit chain: {text}", err=True)
    return 1 if broken else 0


def trace_file(path: Path) -> Path:
    """The file of traces that a path means; raises UsageError when there is none, or several."""
    if path.is_file():
        return path
    files = sorted((path / "traces").glob("*.parquet"))
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or "none"
        fix = "Name one of the files." if files else "`twin judge` writes one."
        raise UsageError("no single file of traces", str(path / "traces"), found, "one", fix)
    return files[0]


def selected(
    traces: tuple[DecisionTrace, ...], agent: str, period: int | None
) -> tuple[DecisionTrace, ...]:
    """The decisions of an agent (by its name or its entity's) and a period.

    Raises UsageError for an unknown agent and NothingSelectedError when nothing is left.
    """
    from twin.scenario.findings import did_you_mean

    names = dict.fromkeys(t.agent for t in traces)
    meant = {name for name in names if agent in ("", name, name.partition(":")[2])}
    if agent and not meant:
        raise UsageError("unknown agent", "--agent", repr(agent), "", did_you_mean(agent, names))
    chosen = tuple(t for t in traces if t.agent in meant and period in (None, t.epoch))
    if not chosen:
        last = max((t.epoch for t in traces), default=None)
        kept = "the file holds no traces" if last is None else f"periods up to {last}"
        raise NothingSelectedError("no such decision", "--period", str(period), kept)
    return chosen


def _tell(chosen: tuple[DecisionTrace, ...]) -> None:
    from agents.trace.words import told

    click.echo("\n\n".join(told(one) for one in chosen[:MAX_TOLD]))
    if len(chosen) > MAX_TOLD:
        more = len(chosen) - MAX_TOLD
        click.echo(f"\n... and {more:,} more decisions; --period or --agent narrows them down.")


def _overview(file: Path, chosen: tuple[DecisionTrace, ...], wall: Latencies | None) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("agent", "decisions", "own", "older answers", "static", "killed", "reads failed")
    table.box = None
    for name in dict.fromkeys(one.agent for one in chosen):
        own = [one for one in chosen if one.agent == name]
        verdicts = Counter(one.verdict for one in own)
        failed = sum(len(read.failures) for one in own for read in one.reads)
        counts = (verdicts[v] for v in ("agent", "last_good", "fallback", "killed"))
        table.add_row(name, str(len(own)), *(str(count) for count in counts), str(failed))
    console.print(table)
    for clock, latencies in (("simulated", _simulated(chosen)), ("wall", wall)):
        for name, quantiles in ({} if latencies is None else _quantiles(latencies)).items():
            text = ", ".join(f"{key} {value:.3g} s" for key, value in quantiles.items())
            console.print(f"{name}: {text} ({clock})", highlight=False)
    console.print(f"{len(chosen):,} decisions in {file}", highlight=False)


def _simulated(chosen: tuple[DecisionTrace, ...]) -> Latencies:
    from agents.trace.latency import simulated

    return simulated(chosen)


def _quantiles(latencies: Latencies) -> dict[str, dict[str, float]]:
    return {
        name: {
            "p50": histogram.quantile(0.5),
            "p95": histogram.quantile(0.95),
            "longest": histogram.longest_s,
        }
        for name, histogram in latencies.of.items()
    }


def _histograms(latencies: Latencies) -> dict[str, list[dict[str, float]]]:
    """Every bucket that is not empty, with its upper edge."""
    return {
        name: [{"up_to_s": edge, "count": count} for edge, count in histogram.rows()]
        for name, histogram in latencies.of.items()
    }


def _document(
    file: Path, chosen: tuple[DecisionTrace, ...], broken: list[str], wall: Latencies | None
) -> dict[str, Any]:
    clocks = {"simulated": _simulated(chosen)} | ({} if wall is None else {"wall": wall})
    return {
        "file": str(file),
        "decisions": [dataclasses.asdict(one) for one in chosen],
        "latency_s": _quantiles(_simulated(chosen)),
        "histograms": {clock: _histograms(one) for clock, one in clocks.items()},
        "audit_chain": {"verifies": not broken, "problems": broken},
    }
