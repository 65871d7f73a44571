"""The audit chain: each trace carries a hash of itself and of the one before it.

Changing, dropping or reordering a trace breaks the chain at that place. It is evidence against
accidents and careless edits; whoever can rewrite the whole file can rewrite the chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from hashlib import blake2b

from pydantic_core import to_json

from agents.trace.record import DecisionTrace

LINK_BYTES = 16
_CONTENT = tuple(f.name for f in fields(DecisionTrace) if f.name not in ("previous", "link"))


def link_of(trace: DecisionTrace, previous: str) -> str:
    """The hash of everything a trace says and of the link before it."""
    content = to_json([previous, *(getattr(trace, name) for name in _CONTENT)])
    return blake2b(content, digest_size=LINK_BYTES).hexdigest()


def chained(traces: Iterable[DecisionTrace]) -> Iterator[DecisionTrace]:
    """Traces in order, each linked to the one before."""
    previous = ""
    for trace in traces:
        link = link_of(trace, previous)
        yield replace(trace, previous=previous, link=link)
        previous = link


def broken_links(traces: Iterable[DecisionTrace]) -> Iterator[str]:
    """What is wrong with a chain; nothing when it verifies and has no gaps."""
    previous: DecisionTrace | None = None
    for trace in traces:
        where = f"decision {trace.sequence}, {trace.agent} in period {trace.epoch}"
        if trace.link != link_of(trace, trace.previous):
            yield f"24 {where}: what it says is not what was linked"
        expected = "" if previous is None else previous.link
        if trace.previous != expected:
            yield f"24 {where}: it does not follow the one before"
        if previous is not None and trace.sequence != previous.sequence + 1:
            yield f"24 {where}: follows decision {previous.sequence}, so there is a gap"
        if not _accounted(trace):
            yield f"25 {where}: an action without observation, policy or verdict"
        previous = trace


def _accounted(trace: DecisionTrace) -> bool:
    """Whether an action that took effect traces back to what was seen and who decided."""
    if trace.effect != "applied":
        return True
    own = trace.verdict in ("agent", "last_good") and trace.approval in ("", "granted")
    return bool(own and trace.observation_hash and trace.policy_hash and trace.wish)
