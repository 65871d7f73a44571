"""Laws of what a campaign leaves on disk: journal, table, and files for other tools."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from stress.campaign import CampaignReport, run_campaign
from stress.export import JSON, JUNIT, junit_lines
from stress.results import CaseResult
from stress.store import (
    JOURNAL,
    TABLE,
    Journal,
    campaign_digest,
    canonical,
    read_journal,
    read_table,
    write_table,
)
from tests.small_campaign import CAMPAIGN, made_up
from twin.errors import UsageError


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> tuple[CampaignReport, Path]:
    folder = tmp_path_factory.mktemp("serial")
    return run_campaign(CAMPAIGN, folder), folder


def test_the_journal_and_the_table_give_back_what_was_stored(serial) -> None:
    report, folder = serial
    assert tuple(read_table(folder)) == report.results
    assert campaign_digest(read_journal(folder).values()) == report.digest


def test_results_are_written_for_other_tools_too(serial) -> None:
    report, folder = serial
    listed = json.loads((folder / JSON).read_text())
    assert [CaseResult.model_validate(row) for row in listed] == list(report.results)
    suites = ElementTree.parse(folder / JUNIT).getroot()
    assert suites.get("tests") == str(len(report.results))
    assert suites.get("errors") == suites.get("failures") == "0"
    assert {case.get("id") for case in suites.iter("testcase")} == {
        result.case for result in report.results
    }


def test_violations_are_failures_and_crashes_errors_in_junit() -> None:
    odd = [
        made_up(case="a", violations=('9 no "effect" <&>\x00',)),
        made_up(case="b", error="ValueError: \ud800 boom", violations=("12 uncaught",)),
        made_up(case="c"),
    ]
    root = ElementTree.fromstring("\n".join(junit_lines("odd", odd)).encode())
    (failure,), (error,) = list(root.iter("failure")), list(root.iter("error"))
    assert failure.get("message") == '9 no "effect" <&>?'
    assert error.get("type") == "ValueError"
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "1", "1")


def test_a_damaged_journal_is_refused_with_its_line(tmp_path) -> None:
    (tmp_path / JOURNAL).write_bytes(canonical(made_up()) + b"\n{}\n")
    with pytest.raises(UsageError, match=r"cases\.jsonl:2"):
        read_journal(tmp_path)


def test_a_table_from_before_a_column_came_can_still_be_read(tmp_path) -> None:
    import pyarrow.parquet as parquet

    file = write_table(tmp_path, [made_up()])
    parquet.write_table(parquet.read_table(file).drop_columns(["agent_failures"]), file)
    assert read_table(file) == [made_up()]


def test_a_file_that_is_no_table_is_refused(tmp_path) -> None:
    (tmp_path / TABLE).write_bytes(b"PAR1 not really")
    with pytest.raises(UsageError, match="not a table of case results"):
        read_table(tmp_path)
    with pytest.raises(UsageError, match="Run the campaign first"):
        read_table(tmp_path / "elsewhere")


def test_results_survive_the_journal_and_the_table(tmp_path) -> None:
    odd = [
        made_up(case="b", labels={"schema": 2}, violations=("x", 'y"z'), cost=0.1 + 0.2),
        made_up(case="a", error="boom\nboom", cost=-0.0),
    ]
    with Journal(tmp_path) as journal:
        for one in odd:
            journal.append(one)
    write_table(tmp_path, odd)
    assert list(read_journal(tmp_path).values()) == odd
    assert read_table(tmp_path) == odd[::-1]
    assert campaign_digest(odd) == campaign_digest(odd[::-1])
