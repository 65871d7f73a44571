"""What keeps a fleet from getting worse: guard, drift, forgetting."""
