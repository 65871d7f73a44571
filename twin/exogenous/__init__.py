"""Everything nobody decides: random streams, demand, lead times, sample paths."""
