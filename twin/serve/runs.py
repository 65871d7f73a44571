"""The runs of one server: one per session, few at a time, each with an owner."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from twin.errors import UsageError
from twin.serve.metronome import Metronome
from twin.serve.run import ToolRun

MAX_RUNS = 8
"""Runs that are held at once; one that is over, or given up, makes room."""
Make = Callable[[int], ToolRun]
"""A new run of a seed."""


@dataclass(frozen=True)
class Session:
    """One run and the key of its owner, who alone opens and closes windows and approves."""

    name: str
    run: ToolRun
    key: str = field(repr=False)
    metronome: Metronome | None = None
    """What opens and closes the windows, where it is not the owner."""

    def is_owner(self, key: str) -> bool:
        """Whether this is the owner's key; takes the same time for every wrong one."""
        return hmac.compare_digest(self.key.encode(), key.encode())


class Runs:
    """The sessions of a server; with ``window_s`` every window lasts so long by the wall clock."""

    def __init__(self, make: Make, seed: int, window_s: float | None = None) -> None:
        self._make = make
        self._window_s = window_s
        self._seed = seed
        self._sessions: dict[str, Session] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._sessions)

    def start(self, seed: int | None = None) -> Session:
        """Begin a run of a seed (default: the server's); raises UsageError when all are taken."""
        with self._lock:
            self._make_room()
            run = self._make(self._seed if seed is None else seed)
            beat = None if self._window_s is None else Metronome(run, self._window_s)
            session = Session(secrets.token_hex(8), run, secrets.token_hex(16), beat)
            self._sessions[session.name] = session
        if beat is not None:
            beat.start()
        return session

    def get(self, name: str) -> Session | None:
        """The session of a name, if there is one."""
        return self._sessions.get(name)

    def end(self, name: str) -> None:
        """Forget a session."""
        with self._lock:
            session = self._sessions.pop(name, None)
        if session is not None and session.metronome is not None:
            session.metronome.stop()

    def stop(self) -> None:
        """End every session."""
        for name in list(self._sessions):
            self.end(name)

    def _make_room(self) -> None:
        for name in [n for n, s in self._sessions.items() if s.run.standing.state == "over"]:
            if len(self._sessions) >= MAX_RUNS:
                del self._sessions[name]
        if len(self._sessions) >= MAX_RUNS:
            raise UsageError("too many runs", "runs", "", f"at most {MAX_RUNS}", "End one.")
