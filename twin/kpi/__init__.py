"""Key performance indicators, one definition each."""
