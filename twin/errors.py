"""Every error the project raises on purpose.

    TwinError
    ├── UsageError             a command or an API call was used wrongly         (exit 2)
    ├── NothingSelectedError   a selection matched nothing                       (exit 5)
    ├── ScenarioError          a YAML file is wrong; carries every problem found (exit 3)
    ├── SimulationError        a run broke                                       (exit 4)
    │   └── InvariantError     a law that holds in every run did not hold
    ├── ToolBoundaryError      a tool call failed; carries exactly one label     (exit 4)
    ├── TrainingError          training cannot start or go on                    (exit 4)
    │   └── DivergenceError    a number of the update is not finite
    ├── BundleError            a checkpoint is damaged or does not fit           (exit 3)
    └── RegistryError          the model registry refused                        (exit 4)

Every argument is positional, because SimPy re-raises as ``type(e)(*e.args)``, as pickle does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class TwinError(Exception):
    """Base of all errors: what happened, where, what was got, what was expected, how to fix it."""

    exit_code: ClassVar[int] = 4

    def __init__(
        self, what: str, where: str = "", got: str = "", expected: str = "", fix: str = ""
    ) -> None:
        super().__init__(what, where, got, expected, fix)
        self.what = what
        self.where = where
        self.got = got
        self.expected = expected
        self.fix = fix

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        details = [
            f"{label} {text}"
            for label, text in (("got", self.got), ("expected", self.expected))
            if text
        ]
        body = f"{head} ({', '.join(details)})" if details else head
        return f"{body}. {self.fix}" if self.fix else body


class UsageError(TwinError):
    """A command line or an API call that cannot be carried out as written."""

    exit_code = 2


class NothingSelectedError(TwinError):
    """A selection (cases, faults, runs) that matches nothing."""

    exit_code = 5


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in one file, with its place: ``file:line:column`` (both counted from 1)."""

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        subject = f" {self.path}:" if self.path else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}:{subject} {self.message}{hint}"


class ScenarioError(TwinError):
    """A YAML file that does not describe a runnable thing; ``problems`` holds all of them."""

    exit_code = 3

    def __init__(self, problems: tuple[Problem, ...], source: str = "") -> None:
        Exception.__init__(self, problems, source)
        self.problems = tuple(problems)
        self.source = source
        self.what = f"{len(self.problems)} problem(s) found"

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class SimulationError(TwinError):
    """A run that cannot go on."""


class InvariantError(SimulationError):
    """A law that must hold in every run (conservation, no time travel, ...) did not hold."""


class ToolBoundaryError(TwinError):
    """A tool call that failed; ``label`` names the failure, one label per failure."""

    def __init__(self, label: str, detail: str = "", tool: str = "") -> None:
        Exception.__init__(self, label, detail, tool)
        self.label = label
        self.detail = detail
        self.tool = tool
        self.what = f"{tool or 'tool call'} failed: {label}"

    def __str__(self) -> str:
        return f"{self.what} ({self.detail})" if self.detail else self.what


class TrainingError(TwinError):
    """Training cannot start or cannot go on."""


class DivergenceError(TrainingError):
    """A loss, a gradient or a figure of an update that is not a finite number."""


class BundleError(TwinError):
    """A checkpoint bundle that is damaged, tampered with, or made for another scenario."""

    exit_code = 3


class RegistryError(TwinError):
    """The model registry refused a registration, an alias or a rollback."""
