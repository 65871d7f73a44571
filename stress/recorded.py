"""What a run's folder knows of cases that were played: in campaigns, and in attacks."""

from __future__ import annotations

from pathlib import Path

from stress.results import CaseResult
from stress.store import TABLE, read_journal, read_table
from stress.trial import SUITES

ATTACKS = "attack"
"""Folder of the journal of attacks, inside a run's."""


def recorded_cases(folder: Path) -> dict[str, CaseResult]:
    """Every recorded case by id.

    Raises UsageError where there is neither a campaign nor an attack, or one is damaged.
    """
    found = read_journal(folder / ATTACKS)
    tables = sorted(folder.glob(f"{SUITES}/*/{TABLE}"))
    if (folder / TABLE).exists() or not (found or tables):
        tables.append(folder / TABLE)
    for table in tables:
        found |= {result.case: result for result in read_table(table)}
    return found
