"""``make bench``: simulation speed by size of the network."""

from tests.benchmarks.engine.scaling import main

main()
