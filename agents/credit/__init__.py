"""Who contributes what to the fleet."""
