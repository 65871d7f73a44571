"""Who acts: baselines, learning, checkpoints, the gateway to the tools, traces."""
