"""An outside agent as a Policy: asked over its pipe, killed when it overruns."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from pydantic_core import to_json

import agents
from agents.outside.limits import Limits
from agents.outside.manifest import SCRIPT, read_manifest
from agents.outside.messages import Ready, decide, start, wish_of
from agents.outside.pipe import LinePipe
from twin.env.agents import agent_specs
from twin.errors import ToolBoundaryError, UsageError
from twin.network.world import World
from twin.tools.scope import capabilities
from twin.tools.wire import guarded

Floats = NDArray[np.float64]
MAX_FILES = 10_000
MAX_BYTES = 2**30
"""Of a folder, all files together."""
_HARMLESS = frozenset(
    {"echo_mismatch", "schema", "non_finite", "out_of_scope", "duplicate_key", "implausible"}
)
"""A line that says nothing usable costs its decision; what breaks the pipe costs the process."""


class OutsidePolicy:
    """A third party's ``agent.py``, in a process of its own.

    Deadlines are wall time: a run that was cut off by one is not reproducible, and ``failures``
    says so. With ``fresh`` every episode has a process and a copy of the folder of its own, so that
    no episode depends on those before it. Close it, or use it in a ``with``. Raises UsageError when
    there is no such script, when it does not get ready, or when ``strict`` and something is not
    enforced on this platform.
    """

    def __init__(
        self,
        folder: str | Path,
        world: World,
        limits: Limits | None = None,
        strict: bool = False,
        fresh: bool = False,
    ) -> None:
        self._folder = Path(folder).resolve()
        self._made_from = (self._folder, world, limits, strict, fresh)
        self.manifest = read_manifest(self._folder)
        self.limits = (limits or Limits()).granting(self.manifest.limits)
        self.digest = folder_digest(self._folder)
        self.enforced: dict[str, bool] = {}
        self.failures: Counter[str] = Counter()
        self.restarts = 0
        self.name = self.manifest.name
        self._fresh = fresh
        self._used = False
        self._begins: int | None = None  # seed of an episode that nobody was asked in yet
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._specs = {spec.name: spec for spec in agent_specs(world)}
        self._scope = capabilities(world, agent_specs(world))
        self._start = to_json(start(tuple(self._specs.values())))
        self._pipe: LinePipe | None = None
        self._launch()
        missing = [what for what, holds in self.enforced.items() if not holds]
        if strict and missing:
            self.close()
            raise UsageError("not enforced here", str(folder), ", ".join(missing))

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process starts its own."""
        return OutsidePolicy, self._made_from

    @property
    def alive(self) -> bool:
        """Whether the process is there to be asked."""
        return self._pipe is not None

    def reset(self, seed: int) -> None:
        """A new episode; whoever was killed in the last one is started again, a few times.

        The process hears of it with the first question.
        """
        self._begins = seed

    def act(self, observations: Mapping[str, Floats]) -> dict[str, Floats]:
        """Ask for each agent; no wish where it passes, says nothing usable, or is dead."""
        wishes = {}
        for name, observation in observations.items():
            wish = self._asked(name, observation)
            if wish is not None:
                wishes[name] = wish
        return wishes

    def close(self) -> None:
        """End the process."""
        if self._pipe is not None:
            self._pipe.end()
            self._pipe = None
        if self._copy is not None:
            self._copy.cleanup()
            self._copy = None

    def __enter__(self) -> OutsidePolicy:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _asked(self, name: str, observation: Floats) -> Floats | None:
        if self._begins is not None:
            self._begin(self._begins)
        if self._pipe is None:
            return None
        question = decide(self._specs[name], observation)
        until = time.monotonic() + self.limits.decision_s
        try:
            self._pipe.send(to_json(question), until)
            line = self._pipe.receive(until)
            wish = wish_of(self._specs[name], question["period"], line, self._longest)
            if wish is not None and bool((wish > self._scope[name].most).any()):
                raise ToolBoundaryError("implausible", "more than anybody may order or book")
            return wish
        except ToolBoundaryError as error:
            self._failed(error)
            return None

    def _begin(self, seed: int) -> None:
        """Begin an episode: with a living process, told about it."""
        self._begins = None
        if self._fresh and self._used:
            self.close()
            self._launch()
        elif self._pipe is None and self.restarts < self.limits.restarts:
            self.restarts += 1
            self._launch()
        self._used = True
        try:
            if self._pipe is not None:
                message = to_json({"type": "reset", "seed": seed})
                self._pipe.send(message, time.monotonic() + self.limits.decision_s)
        except ToolBoundaryError as error:
            self._failed(error)

    def _failed(self, error: ToolBoundaryError) -> None:
        self.failures[str(error.label)] += 1
        if error.label not in _HARMLESS:
            self.close()

    def _launch(self) -> None:
        root = Path(agents.__file__).resolve().parent.parent
        limits = self.limits.model_dump_json()
        command = [sys.executable, "-E", "-s", "-B", "-m", "agents.outside.launcher"]
        script = self._home() / SCRIPT
        until = time.monotonic() + self.limits.start_s
        self._pipe = LinePipe([*command, str(script), limits], root, self._longest)
        try:
            self.enforced = _enforced(self._pipe.receive(until))
            self._pipe.send(self._start, until)
            ready = Ready.model_validate_json(self._pipe.receive(until))
        except (ToolBoundaryError, ValidationError) as error:
            self.close()
            where = str(self._folder / SCRIPT)
            raise UsageError("the outside agent did not get ready", where, str(error)) from None
        self.name = ready.name

    def _home(self) -> Path:
        """Where the process lives: its folder, or a copy that only this episode sees."""
        if not self._fresh:
            return self._folder
        self._copy = tempfile.TemporaryDirectory(prefix="agent-")
        return Path(shutil.copytree(self._folder, Path(self._copy.name) / "agent"))

    @property
    def _longest(self) -> int:
        return self.limits.message_kb * 1_024


def _enforced(line: bytes) -> dict[str, bool]:
    """What the launcher says before the agent's first line of code has run."""
    value = guarded(line, 4_096)
    found = value.get("enforced") if isinstance(value, dict) else None
    if not isinstance(found, dict):
        raise ToolBoundaryError("schema", "no list of what is enforced")
    return {str(what): holds is True for what, holds in found.items()}


def folder_digest(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files.

    Raises UsageError for too much, and for a link, which could lead out of the folder.
    """
    found = sorted(folder.rglob("*"))
    links = [path for path in found if path.is_symlink()]
    if links:
        raise UsageError("a link in the folder of an agent", str(links[0]), "", "a file")
    files = [path for path in found if path.is_file()]
    if len(files) > MAX_FILES:
        raise UsageError("too many files", str(folder), str(len(files)), f"at most {MAX_FILES}")
    size = sum(path.stat().st_size for path in files)
    if size > MAX_BYTES:
        raise UsageError("too much in the folder", str(folder), f"{size:,} bytes", f"{MAX_BYTES:,}")
    sha = hashlib.sha256()
    for path in files:
        name = path.relative_to(folder).as_posix()
        sha.update(json.dumps([name, hashlib.sha256(path.read_bytes()).hexdigest()]).encode())
    return sha.hexdigest()
