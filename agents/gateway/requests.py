"""Requests as bytes: everything that does not change between epochs is encoded once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic_core import to_json

from twin.env.agents import AgentSpec
from twin.tools.catalogue import CATALOGUE, VERSION


@dataclass(frozen=True)
class Template:
    """The requests of one agent to one tool about one entity."""

    tool: str
    entity: str
    number: int  # of the call within an epoch
    agent: str
    _head: str
    _tail: str

    @classmethod
    def of(cls, agent: str, tool: str, entity: str, number: int) -> Template:
        """Encode the parts that stay the same."""
        escaped = to_json(agent).decode()[1:-1]
        head = f'{{"version":"{VERSION}","call":"{escaped}/'
        rest = {"tool": tool, "agent": agent, "entity": entity}
        tail = f'/{number}",{to_json(rest).decode()[1:-1]}'
        return cls(tool, entity, number, agent, head, tail)

    def call(self, t: int) -> str:
        """The name of the call in period ``t``: the same for every attempt."""
        return f"{self.agent}/{t}/{self.number}"

    def read(self, t: int) -> bytes:
        """The request of a read."""
        return f"{self._head}{t}{self._tail}}}".encode()

    def key(self, t: int) -> str:
        """The idempotency key of a write in period ``t``."""
        return f"{t}/{self.agent}"

    def write(self, t: int, wish: list[float]) -> bytes:
        """The request of a write."""
        fields = CATALOGUE[self.tool].fields
        width = len(wish) // len(fields)
        parts = {name: wish[i * width : (i + 1) * width] for i, name in enumerate(fields)}
        rest = to_json({"key": self.key(t), "period": t, **parts})
        return f"{self._head}{t}{self._tail},".encode() + rest[1:]


def wish_size(spec: AgentSpec) -> int:
    """How many numbers an agent's wish holds."""
    return len(spec.lanes) * (spec.products if spec.role == "replenish" else 2)


def valid_wish(spec: AgentSpec, wish: Any) -> list[float] | None:
    """A policy's wish as numbers that may be sent; None when it is no valid request."""
    try:
        values: list[float] = np.asarray(wish, dtype=np.float64).ravel().tolist()
    except (TypeError, ValueError):
        return None
    # NaN fails every comparison.
    if len(values) != wish_size(spec) or not all(0.0 <= x < math.inf for x in values):
        return None
    if spec.role == "dispatch" and any(load > 1.0 for load in values[len(spec.lanes) :]):
        return None
    return values
