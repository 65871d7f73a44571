"""Files of other programs, read as drafts, written as scenarios, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from twin.errors import ScenarioError
from twin.importers import Draft, ImportOptions, Written, read_draft, write_scenario
from twin.importers.writing import with_overrides
from twin.scenario import Scenario

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "data" / "import"
STOCKPYL = DATA / "stockpyl_instances.json"


def draft_of(name: str, *files: str | Path, **options: Any) -> Draft:
    return read_draft(name, tuple(DATA / file for file in files), ImportOptions(**options))


def imported(draft: Draft, *overrides: str) -> Scenario:
    with_overrides(draft, overrides)
    return write_scenario(draft, None).scenario


def into(folder: Path, draft: Draft, name: str = "made.yaml") -> Written:
    return write_scenario(draft, folder / name)


def refused(name: str, path: Path, **options: Any) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        read_draft(name, (path,), ImportOptions(**options))
    return [f"{p.line}: {p.message}" for p in caught.value.problems]


def warned(draft: Draft) -> str:
    return "\n".join(draft.warnings)


WILLEMS = ("willems_links.csv", "willems_stages.csv")
