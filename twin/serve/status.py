"""HTTP status codes of tool answers; the answer's bytes say the same and more."""

from __future__ import annotations

import math

from pydantic import ValidationError

from twin.tools.catalogue import ErrorAnswer, ErrorCode

STATUS: dict[ErrorCode, int] = {
    "parse_error": 400,
    "invalid_request": 422,
    "unknown_entity": 404,
    "out_of_scope": 403,
    "implausible": 422,
    "approval_required": 403,
    "barred": 403,
    "duplicate_key": 409,
    "superseded": 409,
    "expired": 410,
    "rate_limited": 429,
    "account_locked": 423,
    "internal": 500,
}
# Quotes inside a text are escaped, so these bytes are a field wherever they stand.
_IS_ERROR = b'"is_error":true'


def status_of(answer: bytes) -> tuple[int, float | None]:
    """Status of a tool answer, and the seconds of its Retry-After where it names them.

    What is no error answer is 200: whatever a fault has made of it is for the gateway to judge.
    """
    if _IS_ERROR not in answer:
        return 200, None
    try:
        error = ErrorAnswer.model_validate_json(answer)
    except ValidationError:
        return 200, None
    return STATUS[error.code], error.retry_after_s


def retry_after(seconds: float) -> str:
    """Retry-After in whole seconds, rounded up (RFC 9110, section 10.2.3)."""
    return str(math.ceil(seconds))
