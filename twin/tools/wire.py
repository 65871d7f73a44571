"""Bytes from outside: bounded, decoded and free of duplicate keys before any model sees them."""

from __future__ import annotations

from typing import Any

import jiter

from twin.errors import ToolBoundaryError


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
