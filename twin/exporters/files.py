"""Writes files so that they are never seen half-written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from twin.errors import UsageError


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """A text file that gets its name when the block has ended well; raises UsageError."""
    with _part(path) as part, open(part, "w", encoding="utf-8", newline="") as stream:
        yield stream


@contextmanager
def whole_binary(path: Path) -> Iterator[BinaryIO]:
    """A binary file that gets its name when the block has ended well; raises UsageError."""
    with _part(path) as part, open(part, "wb") as stream:
        yield cast(BinaryIO, stream)


@contextmanager
def _part(path: Path) -> Iterator[Path]:
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, path)
    except OSError as error:
        raise UsageError("cannot write the file", str(path), str(error.strerror)) from None
    finally:
        part.unlink(missing_ok=True)
