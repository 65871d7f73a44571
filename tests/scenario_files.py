"""A small scenario as text, ways to write and change it, and what a person is told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from twin.errors import Problem, ScenarioError
from twin.scenario import from_mapping, load
from twin.scenario.nodes import to_data
from twin.scenario.yaml12 import parse

BAD = Path(__file__).parent / "data" / "bad"
GOOD = """\
kind: scenario
name: small
horizon: 4 d
nodes:
  plant: {kind: supplier}
  dc: {kind: warehouse, stock: 300}
  north:
    kind: store
    demand: {model: poisson, mean: 20}
lanes:
  plant -> dc: {lead_time: 3 d}
  dc -> north: {lead_time: 1 d}
"""
Write = Callable[[str, str], Path]


def problems_of(path: Path, *overrides: str) -> tuple[Problem, ...]:
    with pytest.raises(ScenarioError) as caught:
        load(path, overrides)
    return caught.value.problems


def told(problems: tuple[Problem, ...], folder: Path) -> list[str]:
    lines = (str(problem).removeprefix(f"{problem.file}:") for problem in problems)
    return [line.replace(str(folder), "<folder>") for line in lines]


def data(text: str) -> Any:
    parsed = parse(text, "text")
    assert parsed.root is not None
    assert not parsed.problems
    return to_data(parsed.root)


def mapping(**changes: Any) -> dict[str, Any]:
    nodes = {
        "plant": {"kind": "supplier"},
        "dc": {"kind": "warehouse"},
        "north": {"kind": "store", "demand": {"model": "constant", "mean": 2}},
    }
    lanes: dict[str, Any] = {"plant -> dc": {}, "dc -> north": {}}
    return {"name": "m", "horizon": 4, "nodes": nodes, "lanes": lanes, **changes}


def complaints(scenario: Mapping[str, object]) -> str:
    with pytest.raises(ScenarioError) as caught:
        from_mapping(scenario)
    return str(caught.value)
