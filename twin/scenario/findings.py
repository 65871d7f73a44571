"""What a check found, before it has a place in a file, and the words all checks share."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice

Path = tuple[str | int, ...]
MAX_SHOWN = 60
MAX_LISTED = 12
MAX_NAME = 200
CLOSE = 0.6
"""How alike two names are, from 0 to 1, that are taken for each other."""
MAX_COMPARED = 2_000
"""Names that a misspelt one is compared with; comparing is slow and a file may hold 100,000."""
_PLAIN_KEY = re.compile(r"[^\s.\"'=\[\]](?:[^.\"'=\[\]]*[^\s.\"'=\[\]])?\Z")


@dataclass(frozen=True)
class Finding:
    """One thing wrong at ``path`` of the data; ``at_key`` points at the key, not at its value."""

    path: Path
    message: str
    hint: str = ""
    at_key: bool = False


def dotted(path: Path) -> str:
    """Write a path as a person would.

    >>> dotted(("lanes", "dc -> north", "weekly", 2))
    'lanes.dc -> north.weekly[2]'
    >>> dotted(("nodes", "a.b"))
    'nodes."a.b"'
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            word = part if _PLAIN_KEY.match(part) else json.dumps(part, ensure_ascii=False)
            text += f".{clip(word)}" if text else clip(word)
    return text


def clip(text: str, limit: int = MAX_SHOWN) -> str:
    """``text``, cut with an ellipsis where it is longer than ``limit``."""
    return text if len(text) <= limit else text[: limit - 3] + "..."


def shown(value: object) -> str:
    """A short, printable form of a value, in YAML's words rather than Python's."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return clip(repr(value))
        case dict():
            return "a map"
        case list() | tuple():
            return "a list"
        case int() if abs(value) >= 10**MAX_SHOWN:
            return "a number of very many digits"
        case _:
            return clip(repr(value))


def either(words: Collection[str], last: str = "or") -> str:
    """Join words as in a sentence.

    >>> either(["a", "b", "c"])
    'a, b or c'
    """
    listed = list(islice(words, MAX_LISTED))
    if len(words) > len(listed):
        return f"{', '.join(listed)} and {len(words) - len(listed)} more"
    return f" {last} ".join([", ".join(listed[:-1]), listed[-1]] if listed[1:] else listed)


def closest(name: str, known: Collection[str]) -> str | None:
    """The known name that ``name`` most likely stands for, if any is close."""
    word = clip(name, MAX_NAME).casefold()
    matcher = SequenceMatcher(b=word)
    best, near = CLOSE, None
    for other in islice(known, MAX_COMPARED):
        folded = other.casefold()
        if 2 * min(len(folded), len(word)) < best * (len(folded) + len(word)):
            continue
        matcher.set_seq1(folded)
        # The quick ratio is an upper bound, and cheap: most names end here.
        if matcher.quick_ratio() > best and (ratio := matcher.ratio()) > best:
            best, near = ratio, other
    return near


def did_you_mean(name: str, known: Collection[str]) -> str:
    """A hint: the closest known name, or the known names, or nothing where there are none.

    >>> did_you_mean("nrth", ["dc", "north"])
    "did you mean 'north'?"
    """
    near = closest(name, known)
    if near is not None:
        return f"did you mean {shown(near)}?"
    return f"known: {either(known, 'and')}" if known else ""
