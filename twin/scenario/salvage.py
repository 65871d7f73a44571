"""Keeps what fits the schema of a file that has mistakes, so that its meaning is checked too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from twin.scenario.explain import validation_findings
from twin.scenario.findings import Path
from twin.scenario.model import ScenarioModel

PLACEHOLDERS = {"name": "unnamed", "horizon": 1.0}


def salvage(data: Any, wrong: Iterable[Path]) -> ScenarioModel | None:
    """A model of ``data`` (which is changed) without its wrong parts, or None where none is left.

    First the wrong values are dropped, then, where those were required, the entries they are in.
    """
    if not isinstance(data, dict):
        return None
    for length in (None, 2, 1):
        for path in wrong:
            _drop(data, _up_to_list(path)[:length])
        try:
            return ScenarioModel.model_validate(PLACEHOLDERS | data)
        except ValidationError as error:
            findings = validation_findings(error, ScenarioModel, data)
            wrong = [finding.path for finding in findings]
    return None


def _up_to_list(path: Path) -> Path:
    """Dropping one item would move the others, so the whole list goes."""
    return next((path[:i] for i, part in enumerate(path) if isinstance(part, int)), path)


def _drop(data: Any, path: Path) -> None:
    for part in path[:-1]:
        data = data.get(part) if isinstance(data, dict) else None
    if path and isinstance(data, dict):
        data.pop(path[-1], None)
