"""A scenario in the making: its data, what was lost on the way, and the files that go with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twin.scenario.files import FileHash
from twin.scenario.findings import clip, shown
from twin.scenario.lanes import VIA

MAX_NAME = 80


@dataclass(frozen=True)
class ImportOptions:
    """What a user may say about an import besides the files."""

    instance: str = ""
    """Which of several instances in one file."""
    into: Path | None = None
    """Scenario that the imported demand is laid over."""
    gaps: str = "refuse"
    """What a missing day of demand means: ``refuse``, ``zero`` or ``previous``."""
    stem: str = "imported"
    """File name of the scenario to come, without its suffix; companions are named after it."""
    folder: Path = Path()
    """Folder of the scenario to come."""


@dataclass
class Draft:
    """What an importer found: scenario data, and what the scenario cannot say."""

    data: dict[str, Any]
    """A scenario as plain data, in the order it is to be written."""
    origin: str
    """The format, in words."""
    files: list[FileHash] = field(default_factory=list)
    """Every file that was read."""
    warnings: list[str] = field(default_factory=list)
    """What was left out or changed, by name."""
    comments: dict[tuple[str, str], str] = field(default_factory=dict)
    """Remarks on entries, by section and name."""
    companions: dict[str, str] = field(default_factory=dict)
    """Texts of the data files that the scenario reads, by file name."""

    def warn(self, subject: str, message: str) -> None:
        """Say once what was left out or changed at ``subject``."""
        text = f"{subject}: {message}" if subject else message
        if text not in self.warnings:
            self.warnings.append(text)


class Names:
    """Gives every foreign name a name that scenarios allow, each one once."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.taken: set[str] = set()
        self.next: dict[str, int] = {}
        """The number that tells the next name like this one apart."""

    def allowed(self, text: object) -> str:
        """A name without ``>``, control characters or outer spaces, at most 80 characters long."""
        raw = str(text)
        plain = raw.replace(">", "-").replace(VIA, " by way of ")
        name = "".join(c if c.isprintable() else " " for c in plain)
        name = " ".join(name.split())[:MAX_NAME].strip() or "unnamed"
        unique = name
        while unique in self.taken:
            self.next[name] = self.next.get(name, 1) + 1
            unique = f"{name[: MAX_NAME - 8]} {self.next[name]}"
        self.taken.add(unique)
        if unique != raw:
            self.draft.warn(shown(clip(raw)), f"is not a name the twin allows; it is {unique!r}")
        return unique


def number(value: float) -> int | float:
    """A whole number without its decimal point, as a person would write it."""
    whole = float(value)
    return int(whole) if whole.is_integer() and abs(whole) < 1e15 else whole


def days(value: float) -> str:
    """A duration as text.

    >>> days(2.0), days(0.25)
    ('2 d', '0.25 d')
    """
    return f"{number(value)} d"
