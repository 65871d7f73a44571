"""Decision traces: what an agent saw, what it did, and what came of it."""

from agents.trace.chain import broken_links, chained
from agents.trace.files import read_traces, read_wall, write_traces
from agents.trace.record import DecisionTrace, Part, ReadTrace

__all__ = [
    "DecisionTrace",
    "Part",
    "ReadTrace",
    "broken_links",
    "chained",
    "read_traces",
    "read_wall",
    "write_traces",
]
