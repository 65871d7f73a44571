"""Benchmarks of learning: print tables, assert nothing."""
