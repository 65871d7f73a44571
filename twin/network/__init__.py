"""A scenario compiled into arrays, its conventions and its graph."""
