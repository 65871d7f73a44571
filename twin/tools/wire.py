"""Bytes from outside: bounded, decoded and free of duplicate keys before any model sees them.

An answer ends with a digest of all that stands before it, so that what was damaged on the way is
told from what was said. It is no signature: whoever writes an answer can seal it.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import jiter

from twin.errors import ToolBoundaryError

DIGEST_BYTES = 8
_BEFORE, _AFTER = b',"digest":"', b'"}'
_SEAL_BYTES = len(_BEFORE) + 2 * DIGEST_BYTES + len(_AFTER)


def digest_of(body: bytes) -> str:
    """The digest of an answer without its seal."""
    return blake2b(body, digest_size=DIGEST_BYTES).hexdigest()


def sealed(body: bytes) -> bytes:
    """A JSON object with its digest as its last field; an older seal is replaced."""
    return new_sealed(unsealed(body))


def new_sealed(body: bytes) -> bytes:
    """The same for an object that is known to have no seal."""
    head = body[:-1]
    digest = blake2b(head, digest_size=DIGEST_BYTES).hexdigest()
    return b'%b,"digest":"%b"}' % (head, digest.encode())


def unsealed(body: bytes) -> bytes:
    """A JSON object without its seal, if it has one."""
    seal = body[-_SEAL_BYTES:]
    has_one = seal.startswith(_BEFORE) and seal.endswith(_AFTER)
    return body[:-_SEAL_BYTES] + b"}" if has_one else body


def is_sealed(body: bytes) -> bool:
    """Whether the last field is the digest of everything before it."""
    digest = blake2b(body[:-_SEAL_BYTES], digest_size=DIGEST_BYTES).hexdigest()
    return body.endswith(b',"digest":"%b"}' % digest.encode())


def guarded(body: bytes, cap: int) -> Any:
    """The JSON value of ``body``; nesting beyond 200 levels counts as malformed.

    Raises ToolBoundaryError with the label ``oversize``, ``not_utf8``, ``duplicate_key`` or
    ``malformed_json``. Bare NaN and Infinity are not JSON and therefore malformed.
    """
    if len(body) > cap:
        raise ToolBoundaryError("oversize", f"{len(body)} bytes, at most {cap}")
    try:
        body.decode()
        return jiter.from_json(body, allow_inf_nan=False, catch_duplicate_keys=True)
    except UnicodeDecodeError as error:
        raise ToolBoundaryError("not_utf8", str(error)) from None
    except ValueError as error:
        duplicate = "duplicate key" in str(error)
        label = "duplicate_key" if duplicate else "malformed_json"
        raise ToolBoundaryError(label, str(error)) from None
