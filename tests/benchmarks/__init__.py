"""Benchmarks: print tables, assert nothing about time."""
