"""What kind of file a file says it is, found out without reading it as one."""

from __future__ import annotations

import re
from pathlib import Path

LOOKED_AT = 65_536
"""Bytes at the start of a file in which its kind is looked for."""
_KIND = re.compile(rb"""^kind:\s*["']?([a-z_]{1,40})["']?\s*(?:#.*)?$""", re.MULTILINE)


def kind_of(path: Path) -> str:
    """The kind on a line ``kind: ...``; ``scenario`` where there is none, or no such file."""
    try:
        with path.open("rb") as file:
            found = _KIND.search(file.read(LOOKED_AT))
    except OSError:
        return "scenario"
    return found[1].decode() if found else "scenario"
