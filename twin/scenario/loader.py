"""Reads scenario files: composed, validated, checked for meaning; every problem has its place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar, runtime_checkable

from pydantic import ValidationError

from twin.errors import Problem, ScenarioError
from twin.scenario import dump
from twin.scenario.checks import check
from twin.scenario.compose import Composer
from twin.scenario.explain import MAX_ERRORS, validation_findings
from twin.scenario.files import FileHash
from twin.scenario.findings import Finding, Path
from twin.scenario.lanes import normal_lane
from twin.scenario.model import ScenarioModel
from twin.scenario.nodes import (
    MEMORY,
    Mark,
    Node,
    collector_held_off,
    entry_at,
    from_data,
    place,
    to_data,
)
from twin.scenario.overrides import apply_overrides
from twin.scenario.quantities import Model
from twin.scenario.salvage import salvage
from twin.scenario.shape import most_entries
from twin.scenario.subject import Subject
from twin.scenario.traces import TraceReader, traces, with_values

MAX_PROBLEMS = 250
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Scenario:
    """One scenario, resolved: composed from its files, traces filled in."""

    model: ScenarioModel
    source: str
    """Path as given, or ``<memory>``."""
    files: tuple[FileHash, ...]
    """The YAML files and every data file that was read."""
    digest: str
    """SHA-256 of the resolved content: a changed trace changes it, a comment does not."""

    @property
    def name(self) -> str:
        """Name of the scenario."""
        return self.model.name


def load(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Scenario:
    """Read a scenario file; ``overrides`` are ``path=value`` as on the command line.

    Raises ScenarioError with every problem found, sorted by place.
    """
    source = os.fspath(path)
    reading = _Reading(source, os.path.dirname(source), Composer(most_entries(ScenarioModel)))
    with collector_held_off():
        return reading.scenario(reading.read(overrides, ScenarioModel))


def from_mapping(
    data: Mapping[str, object], base: os.PathLike[str] | str | None = None
) -> Scenario:
    """Build a scenario from plain data, with the same checks; traces are looked up in ``base``.

    Raises ScenarioError; its problems have paths, and stand at line 1 of ``<memory>``.
    """
    reading = _Reading(MEMORY, os.fspath(base or ""))
    root = from_data(data, Mark(MEMORY, 1, 1))
    extended = reading.composer.extend(root, os.path.join(reading.folder, MEMORY))
    return reading.scenario(reading.need(extended))


def load_document(
    path: str | os.PathLike[str], model: type[M], overrides: Sequence[str] = ()
) -> tuple[M, tuple[FileHash, ...]]:
    """Read a file of another kind by the same rules: a stress suite, a gate file.

    Raises ScenarioError with every problem found, sorted by place.
    """
    source = os.fspath(path)
    reading = _Reading(source, os.path.dirname(source), Composer(most_entries(model)))
    root = reading.read(overrides, model)
    valid = reading.validate(root, model)
    if isinstance(valid, Checked):
        reading.problems.extend(place(root, finding) for finding in valid.findings())
    reading.stop_at_problems()
    assert valid is not None
    return valid, reading.composer.reader.files


def dump_yaml(scenario: Scenario) -> str:
    """The resolved scenario as YAML; loading it gives the same digest."""
    return dump.to_yaml(scenario.model)


@runtime_checkable
class Checked(Protocol):
    """A kind of file that knows more about itself than its fields can say."""

    def findings(self) -> Iterable[Finding]:
        """What is wrong with a file whose fields are all right."""


@dataclass
class _Reading:
    """One file being read, and the problems found so far."""

    source: str
    folder: str
    composer: Composer = field(default_factory=Composer)
    wrong: list[Path] = field(default_factory=list)
    """Paths of what does not fit the schema."""
    untold: int = 0
    """How much more does not fit it, which is counted and not explained."""

    @property
    def problems(self) -> list[Problem]:
        return self.composer.problems

    @property
    def damaged(self) -> frozenset[str]:
        """Sections of the file in which something does not fit the schema."""
        return frozenset(str(path[0]) for path in self.wrong if path)

    def read(self, overrides: Sequence[str], model: type[Model]) -> Node:
        """The composed tree with the overrides in place; raises where there is no tree."""
        root = self.need(self.composer.read(self.source))
        root, problems = apply_overrides(root, tuple(overrides), model)
        self.problems.extend(problems)
        return root

    def need(self, root: Node | None) -> Node:
        if root is None:
            self.stop_at_problems()
        assert root is not None
        return root

    def validate(self, root: Node, model: type[M]) -> M | None:
        data = to_data(root)
        try:
            return model.model_validate(data)
        except ValidationError as error:
            found = validation_findings(error, model, data)
            self.untold = max(0, error.error_count() - MAX_ERRORS)
            self.problems.extend(place(root, finding) for finding in found)
            self.wrong = [finding.path for finding in found]
            return None

    def scenario(self, root: Node) -> Scenario:
        valid = self.validate(root, ScenarioModel)
        model = valid or (None if self.untold else salvage(to_data(root), self.wrong))
        if model is not None:
            findings = check(model, root, self.damaged)
            self.problems.extend(place(root, finding) for finding in findings)
            model = self.fill_traces(model, root)
        self.stop_at_problems()
        assert model is not None
        model = _with_normal_lanes(model)
        return Scenario(model, self.source, self.composer.reader.files, dump.digest(model))

    def fill_traces(self, model: ScenarioModel, root: Node) -> ScenarioModel:
        known = not self.damaged & {"horizon", "period"}
        periods = Subject(model, root).periods if known else None
        reader = TraceReader(self.composer.reader, periods)
        yaml_files = set(self.composer.reader.hashes)
        values = {}
        for path, spec in traces(model):
            mark = entry_at(root, (*path, "file")).node.mark
            folder = os.path.dirname(mark.file) if mark.file in yaml_files else self.folder
            values[path] = reader.values(spec, mark, (*path, "file"), folder)
        self.problems.extend(reader.problems)
        return with_values(model, values) if values else model

    def stop_at_problems(self) -> None:
        if self.problems:
            files = list(self.composer.reader.hashes)
            raise ScenarioError(_sorted(self.problems, files, self.untold), self.source)


def _sorted(problems: list[Problem], files: list[str], untold: int) -> tuple[Problem, ...]:
    """Each problem once, by place, files in the order they were read; the list has a bound."""
    rank = {file: index for index, file in enumerate(files)}
    ordered = sorted(set(problems), key=lambda p: (rank.get(p.file, len(rank)), p))
    if len(ordered) <= MAX_PROBLEMS:
        return tuple(ordered)
    message = f"and {len(ordered) - MAX_PROBLEMS + untold:,} more problems from here on"
    rest = replace(ordered[MAX_PROBLEMS], path="", message=message, hint="")
    return (*ordered[:MAX_PROBLEMS], rest)


def _with_normal_lanes(model: ScenarioModel) -> ScenarioModel:
    lanes = {normal_lane(key): lane for key, lane in model.lanes.items()}
    return model.model_copy(update={"lanes": lanes})
