"""What goes wrong, and the judgement: faults, campaigns, statistics, gates, promotion."""
