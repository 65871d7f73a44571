"""Simulation speed beside other simulators: one run, in turns, CPU time of one core.

``python -m tests.benchmarks.engine.peers`` (``make bench-peers``). Every simulator runs in its own
process and environment; the rows are asked one after the other, round after round, so that a busy
machine slows all of them alike. The first round is not counted; the median of the others is.
Nothing is fetched once the environments exist.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.engine.environments import python_of
from tests.benchmarks.engine.rows import OURS, PEERS, ROWS, Row
from tests.benchmarks.engine.workers import Worker

ROOT = Path(__file__).parents[3]


def main() -> None:
    """Install what is missing, time every row, print the table and write the numbers."""
    options = _options()
    workers, missing = _start(options.cache)
    load = os.getloadavg()
    try:
        answers = _rounds(workers, options.repeats)
    finally:
        for worker in workers.values():
            worker.close()
    results = [_result(row, answers.get(row, []), missing.get(row.who)) for row in ROWS]
    _compare(results)
    facts = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.python_version()}",
        "load_before": load,
        "load_after": os.getloadavg(),
        "repeats": options.repeats,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({**facts, "rows": results}, indent=1) + "\n")
    _show(results, facts)
    print(f"written to {options.out}", file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="rounds that are counted")
    parser.add_argument("--cache", type=Path, default=ROOT / ".bench")
    parser.add_argument("--out", type=Path, default=ROOT / ".bench" / "peers.json")
    return parser.parse_args()


def _start(cache: Path) -> tuple[dict[str, Worker], dict[str, str]]:
    """A worker of each simulator, and the reason where there is none."""
    logs = cache / "logs"
    ours = Worker(Path(sys.executable), "twin_engines.py", logs / "twin.log", ROOT)
    workers, missing = {OURS: ours}, {}
    for peer in PEERS:
        try:
            python = python_of(peer, cache)
        except RuntimeError as error:
            missing[peer.name] = f"not installed: {error}"
        else:
            workers[peer.name] = Worker(python, peer.driver, logs / f"{peer.name.lower()}.log")
    return workers, missing


def _rounds(workers: dict[str, Worker], repeats: int) -> dict[Row, list[dict[str, Any]]]:
    """The answers of every row, without those of the first round."""
    answers: dict[Row, list[dict[str, Any]]] = {row: [] for row in ROWS}
    for round_ in range(repeats + 1):
        print(f"round {round_} of {repeats}", file=sys.stderr)
        for row in ROWS:
            failed = any("error" in answer for answer in answers[row])
            if row.who in workers and not failed:
                answer = workers[row.who].ask(row.workload)
                if round_ or "error" in answer:
                    answers[row].append(answer)
    return answers


def _result(row: Row, answers: list[dict[str, Any]], missing: str | None) -> dict[str, Any]:
    """One line of the result file."""
    errors = [answer["error"] for answer in answers if "error" in answer]
    found = {"group": row.group, "simulator": row.label, "nodes": row.nodes, "counted": row.counted}
    if missing or errors:
        return {**found, "error": missing or errors[0]}
    seconds = [answer["cpu_s"] for answer in answers]
    periods = answers[0]["periods"] / statistics.median(seconds)
    return {
        **found,
        "cpu_s": seconds,
        "periods": answers[0]["periods"],
        "periods_per_s": periods,
        "node_periods_per_s": periods * row.nodes,
        "baseline": row.baseline,
    }


def _compare(results: list[dict[str, Any]]) -> None:
    """Add each row's speed relative to the baseline of its group."""
    base = {r["group"]: r["periods_per_s"] for r in results if r.get("baseline")}
    for result in results:
        if "periods_per_s" in result and result["group"] in base:
            result["x_baseline"] = result["periods_per_s"] / base[result["group"]]


def _show(results: list[dict[str, Any]], facts: dict[str, Any]) -> None:
    table = Table(title="Simulation speed, CPU time of one core", title_justify="left")
    for heading in ("workload", "simulator"):
        table.add_column(heading)
    for heading in ("periods/s", "node-periods/s", "ratio"):
        table.add_column(heading, justify="right")
    table.add_column("what is counted")
    group = None
    for result in results:
        if result["group"] != group:
            table.add_section()
        first = result["group"] if result["group"] != group else ""
        group = result["group"]
        table.add_row(first, result["simulator"], *_figures(result))
    width = None if sys.stdout.isatty() else 150
    console = Console(width=width)
    console.print(table)
    load = ", ".join(f"{facts[key][0]:.1f}" for key in ("load_before", "load_after"))
    console.print(
        f"{facts['machine']}; median of {facts['repeats']}, in turns; load before, after: {load}. "
        "Ratio: to the first simulator of the workload."
    )


def _figures(result: dict[str, Any]) -> tuple[str, str, str, str]:
    if "error" in result:
        return "-", "-", "-", result["error"]
    ratio = f"{result['x_baseline']:.3g}" if "x_baseline" in result else "-"
    rates = f"{result['periods_per_s']:,.0f}", f"{result['node_periods_per_s']:,.0f}"
    return *rates, ratio, result["counted"]


if __name__ == "__main__":
    main()
