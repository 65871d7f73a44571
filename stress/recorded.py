"""What a run's folder knows of cases that were played: the campaign's, and those of attacks."""

from __future__ import annotations

from pathlib import Path

from stress.results import CaseResult
from stress.store import TABLE, read_journal, read_table

ATTACKS = "attack"
"""Folder of the journal of attacks, inside a run's."""


def recorded_cases(folder: Path) -> dict[str, CaseResult]:
    """Every recorded case by id.

    Raises UsageError where there is neither a campaign nor an attack, or one is damaged.
    """
    found = read_journal(folder / ATTACKS)
    if found and not (folder / TABLE).exists():
        return found
    return found | {result.case: result for result in read_table(folder / TABLE)}
