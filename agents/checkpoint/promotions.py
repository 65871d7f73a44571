"""The ledger of promotions: which versions exist, which was champion when, in one SQLite file.

A change is one transaction that also holds the lock of the registry, so two promotions at the same
time happen one after the other, and one that dies leaves nothing behind.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from twin.errors import RegistryError

Action = Literal["promote", "rollback"]
LOCK_SECONDS = 120.0
"""How long one promotion waits for another; creating MLflow's tables may take several seconds."""
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS versions (model TEXT NOT NULL, version TEXT NOT NULL,"
    " digest TEXT NOT NULL, bundle_hash TEXT NOT NULL, run TEXT NOT NULL,"
    " registered TEXT NOT NULL,"
    " PRIMARY KEY (model, version), UNIQUE (model, digest))",
    "CREATE TABLE IF NOT EXISTS moves (number INTEGER PRIMARY KEY, model TEXT NOT NULL,"
    " at TEXT NOT NULL, action TEXT NOT NULL, version TEXT NOT NULL, previous TEXT NOT NULL,"
    " reason TEXT NOT NULL)",
)


@dataclass(frozen=True)
class Version:
    """A registered checkpoint."""

    model: str
    version: str
    digest: str
    """Of every byte of the immutable copy."""
    bundle_hash: str
    """What the checkpoint calls itself."""
    run: str
    registered: str
    """UTC, ISO 8601."""


@dataclass(frozen=True)
class Move:
    """One move of the champion alias."""

    model: str
    at: str
    """UTC, ISO 8601."""
    action: Action
    version: str
    previous: str
    """Version that reigned before; empty for the first champion."""
    reason: str


def now() -> str:
    """This moment in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def reign(moves: tuple[Move, ...]) -> list[str]:
    """Champions that a rollback can go through, the reigning one last.

    A rollback drops the versions above the one it returns to, so that two rollbacks in a row go
    back two champions.
    """
    stack: list[str] = []
    for move in moves:
        if move.action == "rollback" and move.version in stack:
            del stack[stack.index(move.version) + 1 :]
        else:
            stack.append(move.version)
    return stack


class Ledger:
    """Versions and moves of one model inside an open connection."""

    def __init__(self, connection: sqlite3.Connection, model: str) -> None:
        self._connection = connection
        self._model = model

    def versions(self) -> dict[str, Version]:
        """Registered versions by name, oldest first."""
        rows = self._rows("versions", "rowid", Version.__dataclass_fields__)
        return {row[1]: Version(*row) for row in rows}

    def moves(self) -> tuple[Move, ...]:
        """Moves of the champion alias, oldest first."""
        return tuple(Move(*row) for row in self._rows("moves", "number", Move.__dataclass_fields__))

    def _rows(self, table: str, order: str, columns: Iterable[str]) -> list[tuple[Any, ...]]:
        query = f"SELECT {', '.join(columns)} FROM {table} WHERE model = ? ORDER BY {order}"
        return list(self._connection.execute(query, (self._model,)))

    def add(self, row: Version | Move) -> None:
        """Append a version or a move."""
        table = "versions" if isinstance(row, Version) else "moves"
        names = [field.name for field in fields(row)]
        marks = ", ".join("?" * len(names))
        query = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"
        self._connection.execute(query, astuple(row))


@contextmanager
def changing(path: Path, model: str) -> Iterator[Ledger]:
    """Change the ledger under its lock; an exception undoes everything.

    Raises RegistryError when the lock is not free in time or the file is damaged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(_connect(path)) as connection:
        _begin(connection, path)
        try:
            yield Ledger(connection, model)
            connection.commit()
        except sqlite3.Error as error:
            raise _unusable(path, error) from error
        finally:
            connection.rollback()


def _begin(connection: sqlite3.Connection, path: Path) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA:
            connection.execute(statement)
    except sqlite3.Error as error:
        raise _unusable(path, error) from error


@contextmanager
def reading(path: Path, model: str) -> Iterator[Ledger | None]:
    """Read the ledger; None where nothing was ever registered. Raises RegistryError."""
    if not path.is_file():
        yield None
        return
    with closing(_connect(path)) as connection:
        try:
            yield Ledger(connection, model) if _has_tables(connection) else None
        except sqlite3.Error as error:
            raise _unusable(path, error) from error


def _has_tables(connection: sqlite3.Connection) -> bool:
    """Whether a change was ever completed; the first one also creates the tables."""
    query = "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
    return bool(connection.execute(query).fetchone()[0])


def _connect(path: Path) -> sqlite3.Connection:
    try:
        return sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)
    except sqlite3.Error as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: sqlite3.Error) -> RegistryError:
    fix = "If another promotion is running, wait for it; else restore the file from a backup."
    return RegistryError("the ledger of promotions cannot be used", str(path), str(error), "", fix)
