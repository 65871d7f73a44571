"""Laws of what traces tell: latencies, words, spans, and the command."""

import dataclasses
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner

from agents.trace import read_traces, read_wall, write_traces
from agents.trace.latency import TRANSITIONS, Histogram, simulated
from agents.trace.spans import spans
from agents.trace.words import told
from agents.trace_commands import trace as trace_command
from tests.traced_run import traced, written
from twin.cli import run as twin
from twin.errors import UsageError
from twin.exogenous.streams import stream


@pytest.fixture(scope="module")
def outcome():
    return traced()


@pytest.fixture(scope="module")
def file(outcome, tmp_path_factory):
    return written(outcome, tmp_path_factory.mktemp("run"))


def test_the_latency_of_each_transition_is_measured_in_both_clocks(outcome):
    applied = [t for t in outcome.trace if t.effect == "applied"]
    for latencies in (outcome.simulated_latency, outcome.wall_latency):
        assert {name: h.total for name, h in latencies.of.items()} == dict.fromkeys(
            TRANSITIONS, len(applied)
        )
    seen = outcome.simulated_latency.of["changed to seen"]
    longest = max(t.seen - t.changed for t in applied) * 86_400
    assert seen.longest_s == pytest.approx(longest)
    assert longest > 86_400  # an old answer: the world it shows is a day old
    assert simulated(()).of["seen to acted"].quantile(0.5) == 0.0


def test_wall_times_are_kept_beside_the_traces_and_shown(outcome, tmp_path, capsys):
    path = tmp_path / "both.parquet"
    write_traces(path, outcome.trace, outcome.wall_latency)
    assert read_traces(path) == outcome.trace
    assert read_wall(path) == outcome.wall_latency
    assert twin(["trace", str(path)]) == 0
    assert capsys.readouterr().out.count("(wall)") == len(TRANSITIONS)
    assert twin(["trace", str(path), "--json"]) == 0
    clocks = json.loads(capsys.readouterr().out)["histograms"]
    for clock in ("simulated", "wall"):
        counts = {n: sum(r["count"] for r in rows) for n, rows in clocks[clock].items()}
        assert counts == dict.fromkeys(TRANSITIONS, outcome.wall_latency.of[TRANSITIONS[0]].total)
    write_traces(path, outcome.trace)
    assert read_wall(path) is None


def test_a_quantile_is_right_within_a_bucket():
    histogram, values = Histogram(), stream(0, "test/latency").lognormal(0, 3, 5000)
    for value in values:
        histogram.add(float(value))
    for share in (0.05, 0.5, 0.95):
        exact = float(np.quantile(values, share))
        assert exact / 1.01 <= histogram.quantile(share) <= exact * 10**0.1 * 1.01
    assert histogram.quantile(1.0) == max(values)
    assert sum(count for _, count in histogram.rows()) == 5000
    for extreme in (0.0, 1e300, math.ulp(0)):
        histogram.add(extreme)
    assert histogram.total == 5003


def test_a_decision_is_told_in_words(outcome):
    texts = {(t.agent, t.epoch): told(t, "EUR") for t in outcome.trace}
    assert "out of control (kill switch)" in texts["replenish:north", 7]
    assert "Nothing was ordered" in texts["replenish:south", 10]
    old = next(t for t in outcome.trace if t.verdict == "last_good")
    assert "1 period old" in told(old) or "2 periods old" in told(old)
    granted = next(t for t in outcome.trace if t.approval == "granted")
    assert "A person approved it." in told(granted)
    own = next(t for t in outcome.trace if t.agent == "replenish:dc" and t.wish)
    assert f"wished  plant->dc crate {own.wish[0]:.6g}" in told(own)
    assert " EUR" in texts["replenish:dc", 0]


def test_spans_carry_the_names_of_the_semantic_conventions(outcome):
    found = list(spans(outcome.trace, "run"))
    ids = [span["spanId"] for span in found]
    assert len(set(ids)) == len(ids)
    decisions = [s for s in found if s["name"].startswith("invoke_agent ")]
    assert len(decisions) == 100
    for span in found:
        names = {a["key"] for a in span["attributes"]}
        assert "gen_ai.operation.name" in names
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
        assert ("error.type" in names) == (span["status"]["code"] == 2)
        if span["name"].startswith("execute_tool "):
            assert span["parentSpanId"] in ids
            assert {"gen_ai.tool.name", "gen_ai.tool.call.id"} <= names


def test_the_command_tells_one_decision_of_a_run_or_of_a_file(file, capsys):
    for place in (file, file.parent.parent):
        assert twin(["trace", str(place), "--agent", "dc", "--period", "3"]) == 0
        text = capsys.readouterr().out
        assert text.startswith("replenish:dc, period 3 (decision 15)")
        assert "read    demand.read dc" in text
    assert twin(["trace", str(file)]) == 0
    overview = capsys.readouterr().out
    assert "changed to seen: p50" in overview
    assert "100 decisions in" in " ".join(overview.split())


def test_the_command_prints_json_and_writes_spans(file, tmp_path, capsys):
    out = tmp_path / "spans.jsonl"
    assert twin(["trace", str(file), "--agent", "dc", "--json", "--spans", str(out)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["decisions"]) == 20
    assert document["audit_chain"] == {"verifies": True, "problems": []}
    lines = out.read_text().splitlines()
    assert len(lines) > 20
    assert all(json.loads(line)["traceId"] for line in lines)


def test_the_command_says_what_is_wrong(file, outcome, tmp_path, capsys):
    assert twin(["trace", str(file), "--agent", "dcc"]) == 2
    assert twin(["trace", str(file), "--period", "99"]) == 5
    assert twin(["trace", str(tmp_path)]) == 2
    forged = [dataclasses.replace(t, reward=1.0) for t in outcome.trace]
    write_traces(tmp_path / "forged.parquet", forged)
    capsys.readouterr()
    assert twin(["trace", str(tmp_path / "forged.parquet")]) == 1
    assert "audit chain: 24 decision 0" in capsys.readouterr().err
    odd = [dataclasses.replace(outcome.trace[0], verdict="whim")]
    write_traces(tmp_path / "odd.parquet", odd)
    with pytest.raises(UsageError, match="unknown verdict"):
        read_traces(tmp_path / "odd.parquet")


def test_help_says_what_the_command_does():
    assert "audit" in CliRunner().invoke(trace_command, ["--help"]).output
