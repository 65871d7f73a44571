"""Trained fleets as immutable bundles, and the registry that says which one reigns."""
