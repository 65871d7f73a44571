"""Simulation speed: our engines by size (``scaling``), and beside other simulators (``peers``)."""
