"""The DecisionTrace: every action traces to an observation, a policy and the gateway's verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

MAX_TRACES = 100_000
"""Traces kept of one episode; beyond it the oldest are dropped."""
TraceVerdict = Literal["agent", "last_good", "fallback", "killed"]
Effect = Literal["applied", "late", "static", "stopped"]


@dataclass(frozen=True)
class ReadTrace:
    """One read of a decision: where its numbers come from."""

    tool: str
    entity: str
    call: str
    attempts: int  # that left the agent
    age: int | None  # periods, of the answer that was used; none when there was none
    label: str  # of the last failure; empty when the read succeeded
    failures: tuple[str, ...] = ()  # the label of every failed attempt, in order
    asked: float = 0.0  # simulated days
    answered: float = 0.0  # or given up
    numbers: tuple[float, ...] = ()  # as used; empty when there were none


@dataclass(frozen=True)
class Odds:
    """What a policy might have done with one action, in units of the action."""

    mean: float  # what it does when it does not explore, before it is cut to the action's range
    std: float | None  # none where the checkpoint carries no spread, or where it chooses
    choices: tuple[float, ...] = ()  # where it chooses from a few; forbidden ones left out
    probabilities: tuple[float, ...] = ()  # of the choices
    worth: tuple[float, ...] = ()  # of the choices, as it judges them


@dataclass(frozen=True)
class Part:
    """One part of a period's money, of the node the agent acts for; costs are negative."""

    name: str
    money: float


@dataclass(frozen=True)
class DecisionTrace:
    """One decision of one agent; times are simulated days."""

    epoch: int
    agent: str
    reads: tuple[ReadTrace, ...]
    observation_hash: str  # empty when the agent could not observe
    policy_hash: str
    odds: tuple[Odds, ...]
    """The policy's own distribution, an entry per action; empty where it has none (a static rule),
    tells none (an outside agent), or was not asked."""
    wish: tuple[float, ...]  # what the agent asked for; empty when it did not
    verdict: TraceVerdict
    """agent: its own decision on fresh answers; last_good: on older ones; fallback: static rule;
    killed: it was out of control."""
    effect: Effect
    """applied: the wish; late: a wish that came late for the last period; static: the rule's;
    stopped: nothing."""
    asked: float  # first read sent
    seen: float  # observation complete, or given up
    acted: float  # write confirmed, or given up
    effective: float  # the epoch at which the decision counts
    changed: float = 0.0  # the world that was seen is of this time
    settled: float = 0.0  # the window closed: the decision took effect
    approval: str = ""  # granted, denied, timeout, killed, spend_stop; empty where none was needed
    write_attempts: int = 0
    write_failures: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # of the numbers of a wish, and of ``done``
    done: tuple[float, ...] = ()  # ordered per lane and product, or vehicles that left per lane
    reward: float = 0.0  # the agent's, of the period
    parts: tuple[Part, ...] = ()
    sequence: int = 0  # of the decision in its episode, without gaps
    previous: str = ""  # link of the decision before; empty for the first one kept
    link: str = ""  # hash of all of this and of ``previous``


def odds_of(policy: object, agent: str) -> tuple[Odds, ...]:
    """The distribution behind an agent's last decision, whatever stands around its policy."""
    within: object | None = policy
    while within is not None:
        told = getattr(within, "odds", None)
        if callable(told):
            odds: tuple[Odds, ...] = told(agent)
            return odds
        within = getattr(within, "inner", None)
    return ()


def digest(array: NDArray[Any]) -> str:
    """Short hash of an array's bytes."""
    return blake2b(np.ascontiguousarray(array).tobytes(), digest_size=8).hexdigest()
