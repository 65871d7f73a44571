"""Case results for other tools: JUnit XML for test reports, JSON for scripts.

cases.junit.xml   a suite per scenario and fault, a test per case
cases.json        the results as in cases.parquet, as a list
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import quoteattr

from stress.results import CaseResult
from stress.store import by_id, canonical

JUNIT = "cases.junit.xml"
JSON = "cases.json"
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 does not allow, even escaped."""


def write_exports(folder: Path, name: str, results: Sequence[CaseResult]) -> None:
    """Write both files, each in one step: it is there as a whole or not at all."""
    _write(folder / JUNIT, junit_lines(name, results))
    _write(folder / JSON, _json_lines(results))


def _write(path: Path, lines: Iterable[str]) -> None:
    unfinished = path.with_name(f"{path.name}.part")
    with unfinished.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
    os.replace(unfinished, path)


def _json_lines(results: Sequence[CaseResult]) -> Iterator[str]:
    last = len(results) - 1
    yield "["
    for index, result in enumerate(by_id(results)):
        yield canonical(result).decode() + ("," if index < last else "")
    yield "]"


def junit_lines(name: str, results: Sequence[CaseResult]) -> Iterator[str]:
    """A JUnit report: a violation is a failure, a crash an error."""
    ordered = sorted(results, key=lambda r: (r.scenario, r.fault, r.severity, r.policy, r.seed))
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f"<testsuites {_attributes(name=name, **_counts(ordered))}>"
    for (scenario, fault), group in groupby(ordered, key=lambda r: (r.scenario, r.fault)):
        cases = list(group)
        title = f"{scenario}.{fault}"
        yield f" <testsuite {_attributes(name=title, **_counts(cases))}>"
        for case in cases:
            yield from _testcase(title, case)
        yield " </testsuite>"
    yield "</testsuites>"


def _counts(results: Sequence[CaseResult]) -> dict[str, str]:
    errors = sum(bool(r.error) for r in results)
    failures = sum(bool(r.violations) and not r.error for r in results)
    return {"tests": str(len(results)), "failures": str(failures), "errors": str(errors)}


def _testcase(title: str, result: CaseResult) -> Iterator[str]:
    label = f"{result.policy} {result.fault}/{result.severity}#{result.seed}"
    head = f"  <testcase {_attributes(name=label, classname=title, id=result.case)}"
    if result.error:
        kind = result.error.partition(":")[0]
        told = f"   <error {_attributes(message=result.error, type=kind)}/>"
    elif result.violations:
        message = "; ".join(result.violations)
        told = f"   <failure {_attributes(message=message, type='invariant')}/>"
    else:
        yield f"{head}/>"
        return
    yield f"{head}>"
    yield told
    yield "  </testcase>"


def _attributes(**values: str) -> str:
    return " ".join(
        f"{name}={quoteattr(_UNPRINTABLE.sub('?', text))}" for name, text in values.items()
    )
