"""Carry the state of a running batch engine over to another one on the same sample paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twin.engine.batch import BatchEngine
from twin.engine.batch_pipeline import Returns
from twin.engine.batch_shelf import BatchShelf

KEEP_STATE = Returns | BatchShelf
"""The parts of an engine that remember something themselves."""


def carry_over(engine: BatchEngine, other: BatchEngine, of: Callable[[Any], Any]) -> None:
    """Bring ``other``, which has just been built, to the epoch and the state of ``engine``.

    ``of`` turns an array of the one into an array of the other. Nothing is written in place, so
    arrays may be shared, and the two go their own ways from here. State is what stands in numbers,
    arrays and dictionaries; all else is constant and stays ``other``'s own.
    """
    _carry(engine, other, of)


def _carry(source: Any, target: Any, of: Callable[[Any], Any]) -> None:
    for name, value in vars(source).items():
        if isinstance(value, KEEP_STATE):
            _carry(value, getattr(target, name), of)
        elif isinstance(value, dict | int | None) or _is_array(value):
            setattr(target, name, _converted(value, of))


def _converted(value: Any, of: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {key: _converted(part, of) for key, part in value.items()}
    if isinstance(value, list):
        return [_converted(part, of) for part in value]
    return of(value) if _is_array(value) else value


def _is_array(value: Any) -> bool:
    """An array of numpy or torch, and not the namespace, nor a world."""
    return isinstance(getattr(value, "shape", None), tuple) and hasattr(value, "dtype")
