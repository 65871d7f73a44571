"""Reads the files a scenario is made of, within bounds, and keeps their hashes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

MAX_YAML_BYTES = 4 * 1024**2
MAX_CSV_BYTES = 16 * 1024**2


@dataclass(frozen=True)
class FileHash:
    """A file that was read, with the SHA-256 of its bytes."""

    path: str
    sha256: str


class UnreadableError(Exception):
    """A file that cannot be read; the message is in plain words."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message, line)
        self.message = message
        self.line = line


@dataclass
class Reader:
    """Reads files once each and remembers what was read, in order."""

    hashes: dict[str, FileHash] = field(default_factory=dict)

    def text(self, path: str, limit: int) -> str:
        """The text of a UTF-8 file of at most ``limit`` bytes, without a byte-order mark.

        Raises UnreadableError.
        """
        content = _bounded(path, limit)
        self.hashes[path] = FileHash(path, hashlib.sha256(content).hexdigest())
        return _decoded(content)

    @property
    def files(self) -> tuple[FileHash, ...]:
        """Every file read so far."""
        return tuple(self.hashes.values())


def _bounded(path: str, limit: int) -> bytes:
    try:
        if Path(path).is_dir():
            raise UnreadableError("this is a directory, not a file")
        if Path(path).exists() and not Path(path).is_file():
            raise UnreadableError("this is not a regular file")
        with open(path, "rb") as stream:
            content = stream.read(limit + 1)
    except FileNotFoundError:
        raise UnreadableError("there is no such file") from None
    except PermissionError:
        raise UnreadableError("no permission to read this file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnreadableError(f"this file cannot be read: {reason}") from None
    if len(content) > limit:
        raise UnreadableError(f"this file is larger than {limit // 1024**2} MiB")
    return content


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableError("this file is UTF-16; save it as UTF-8")
    if b"\0" in content:
        raise UnreadableError("this is a binary file, not text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableError(f"this is not UTF-8 text (byte {error.start})", line) from None
