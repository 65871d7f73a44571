"""Failures as stress files: written once found, tried first the next time."""

from __future__ import annotations

import os
import re
from pathlib import Path

from stress.adversary.plan import Plan, hit_of, suite_of
from stress.adversary.referee import Attack, Outcome, Referee
from stress.case import Case
from stress.expand import Campaign, expand
from stress.results import NOMINAL
from stress.run_case import run_case
from stress.spec import StressSuite
from twin.scenario import load_document
from twin.scenario.dump import to_yaml

SCHEMA = Path("scenarios/schema/stress.schema.json")
MODELINE = "# yaml-language-server: $schema="
MOST = 1_000
"""Files of a folder that are read."""


def write_regression(
    folder: Path, attack: Attack, outcome: Outcome, case: str, sentence: str
) -> Path:
    """Write a failure as a stress file; the same failure always gets the same name."""
    from agents.checkpoint.files import write_file

    families = "-".join(hit.family for hit in outcome.plan.hits)
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{attack.scenario.name}-{families}")[:80]
    path = folder / f"{stem}-{case[:8]}.yaml"
    suite = suite_of(outcome.plan, attack.suite, attack.world, f"{stem}-{case[:8]}", sentence)
    head = f"{MODELINE}{_schema_from(folder)}\n# Found and shrunk by `twin attack`.\n"
    write_file(path, (head + to_yaml(suite)).encode())
    return path


def _schema_from(folder: Path) -> str:
    """The schema as a file in the folder names it."""
    return Path(os.path.relpath(SCHEMA.resolve(), folder.resolve())).as_posix()


def case_in(path: Path, attack: Attack) -> Case | None:
    """The challenger's first struck case of a stress file, as any campaign would play it.

    None where nothing in the file has a place in the scenario.
    """
    suite, _ = load_document(path, StressSuite)
    campaign = Campaign(suite, (attack.scenario,), (attack.challenger,), attack.fallback)
    return next((case for case in expand(campaign) if case.fault != NOMINAL), None)


def replays(path: Path, referee: Referee) -> bool:
    """Whether the file, played afresh, gives what was found to the last digit."""
    case = case_in(path, referee.attack)
    return case is not None and run_case(case) == referee.known.get(case.id)


def known_plans(folder: Path, attack: Attack) -> tuple[Plan, ...]:
    """The first struck case of every stress file in a folder, in the order of their names.

    Raises ScenarioError for a file that is no stress suite.
    """
    found: dict[Plan, None] = {}
    for path in sorted(folder.glob("*.yaml"))[:MOST]:
        case = case_in(path, attack)
        if case is not None:
            hits = tuple(hit_of(strike, attack.world) for strike in case.strikes)
            found[Plan(hits, case.seed)] = None
    return tuple(found)
