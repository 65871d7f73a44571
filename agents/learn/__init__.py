"""Training fleets; torch is imported only by the modules that need it."""
