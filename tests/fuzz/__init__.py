"""Fuzzed answers through the answer path of every tool: ``python -m tests.fuzz``."""
