"""Fuzzed answers as Hypothesis strategies: from noise to answers that are wrong in one place.

Half of what is made of a sound answer is sealed again, as a server that lies would do, so that the
checks behind the seal are reached too.
"""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import strategies as st

from stress.catalogue.luck import Draw
from stress.catalogue.mutations import MUTATIONS, mutated
from tests.fuzz.answer_path import DOORS, sound
from twin.tools.catalogue import error_answer
from twin.tools.wire import sealed, unsealed

CORPUS = sorted((Path(__file__).parent.parent / "data" / "json").glob("*.json"))
FILES = [path.read_bytes() for path in CORPUS]
PER_EXAMPLE = 20
"""Answers in one example: Hypothesis takes longer to think of one than the gateway to judge it."""
CODES = ("rate_limited", "account_locked", "internal", "expired", "parse_error")
TOKENS = (
    *(b"NaN", b"-Infinity", b"1e400", b"-1", b"-0.0", b"1e6", b"1e-400", b"null", b"true", b'"1"'),
    *(b"[]", b"{}", b"[[1]]", b"9" * 400, b'"\\ud800"', b"\xff", b"\xef\xbb\xbf", b"\x00", b"//"),
    *(b",", b'"', b"{", b"}", b"[", b"]", b":", b" ", b"\n", b'"unit":"pallet"', b'"as_of":2'),
)
"""Pieces that a damaged or a lying answer may have anywhere."""
NUMBERS = (b"1.5", b"40.0", b"3", b"1", b"0")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def spliced(draw: st.DrawFn, body: bytes) -> bytes:
    """An answer with some slices of it replaced by pieces, noise or other slices."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(body)))
        stop = min(start + draw(st.integers(0, 12)), len(body))
        piece = draw(
            st.sampled_from(TOKENS) | st.binary(max_size=6) | st.just(body[stop : stop + 9])
        )
        body = body[:start] + piece + body[stop:]
    return body


@st.composite
def wrong_in_one_field(draw: st.DrawFn, body: bytes) -> bytes:
    """An answer with one field gone, renamed, new, or of any other value."""
    document = json.loads(unsealed(body))
    name = draw(st.sampled_from(sorted(document)))
    how = draw(st.sampled_from(("gone", "renamed", "new", "other")))
    value = draw(values) if how in ("new", "other") else document[name]
    if how in ("gone", "renamed"):
        del document[name]
    if how != "gone":
        document[name if how == "other" else draw(st.text(max_size=8))] = value
    return json.dumps(document, separators=(",", ":")).encode()


@st.composite
def other_numbers(draw: st.DrawFn, body: bytes) -> bytes:
    """An answer with a number written as something else."""
    old = draw(st.sampled_from([token for token in NUMBERS if token in body]))
    number = st.floats().map(repr) | st.integers().map(str) | st.floats(0, 2e6).map(repr)
    return body.replace(old, draw(number.map(str.encode) | st.sampled_from(TOKENS)), 1)


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, bytes]:
    """A tool and the bytes of an answer to it."""
    door = draw(st.sampled_from(DOORS))
    truth = sound(door)
    refused = error_answer("c", door, draw(st.sampled_from(CODES)), "later", 3.0)
    base = draw(st.sampled_from((truth, truth, truth, refused, sound(door, "d"))))
    made = draw(
        st.sampled_from(("splice", "field", "number", "mutation", "two", "noise", "json", "file"))
    )
    if made == "splice":
        body = draw(spliced(base))
    elif made == "field":
        body = draw(wrong_in_one_field(base))
    elif made == "number":
        body = draw(other_numbers(base))
    elif made == "mutation":
        name = draw(st.sampled_from(sorted(MUTATIONS)))
        luck = Draw(b"fuzz", str(draw(st.integers(0, 2**20))))
        return door, mutated(base, MUTATIONS[name], luck)
    elif made == "two":
        return door, base + draw(st.sampled_from((b"\n", b" ", b""))) + draw(
            st.sampled_from((truth, sealed(draw(other_numbers(truth)))))
        )
    elif made == "noise":
        return door, draw(st.binary(max_size=64))
    elif made == "json":
        return door, json.dumps(draw(values)).encode()
    else:
        file = draw(st.sampled_from(FILES))
        body = base.replace(draw(st.sampled_from([t for t in NUMBERS if t in base])), file, 1)
    return door, sealed(body) if draw(st.booleans()) and body else body
