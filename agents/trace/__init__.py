"""Decision traces: what an agent saw, what it did, and what came of it."""

from agents.trace.record import DecisionTrace, ReadTrace, read_traces, write_traces

__all__ = ["DecisionTrace", "ReadTrace", "read_traces", "write_traces"]
