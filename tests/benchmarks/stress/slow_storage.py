"""Prints what a slow disk does to training: ``python -m tests.benchmarks.stress.slow_storage``.

VDN on the quickstart, its replay behind ``storage.throttle`` rung by rung. Training has to wait as
long as the disk needs, say so, and end with the same weights, bit for bit.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from pathlib import Path

import torch

from agents.checkpoint.bundle import read_bundle
from agents.learn.config import TrainConfig
from agents.learn.metrics import read_rows
from agents.learn.train import train
from stress.catalogue.storage_throttle import StorageThrottle
from stress.hardening import SuiteDisturbance
from stress.spec import StressSuite
from twin.env.rules import default_rule
from twin.network.world import compile_world
from twin.scenario import load


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'severity':<10}{'MB/s':>8}{'s / update':>12}{'said so':>9}  weights")
    for severity in range(len(StorageThrottle.ladder)):
        seconds, said, weights = _trained(severity, asked.updates)
        speed = f"{StorageThrottle.ladder[severity]:g}" if severity else "as it is"
        print(f"{severity:<10}{speed:>8}{seconds / asked.updates:>12.2f}{said:>9}  {weights[:16]}")


def _trained(severity: int, updates: int) -> tuple[float, int, str]:
    """Seconds of training, updates that said that they waited, and the digest of the weights."""
    world = compile_world(load(Path("scenarios/quickstart.yaml")).model)
    plan = {"storage.throttle": {"severity": severity}}
    suite = StressSuite.model_validate({"name": "disk", "training": plan})
    config = TrainConfig.model_validate(
        {
            "algorithm": "vdn",
            "updates": updates,
            "audit_every": 0,
            "hardening": {"suite": "storage.throttle"},
            "value_learning": {"replay": {"slow_after": 0.1}},
        }
    )
    disturbance = SuiteDisturbance(suite, world, default_rule(world), config)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        bundle = train(
            world, "disk", "0" * 64, world.order_up_to, config, folder, disturbance=disturbance
        )
        rows = read_rows(folder)
        arrays = read_bundle(bundle)[1]
        digest = hashlib.sha256(b"".join(arrays[name].tobytes() for name in sorted(arrays)))
        said = sum(any("waited" in event for event in row.events) for row in rows)
    return rows[-1].seconds, said, digest.hexdigest()


if __name__ == "__main__":
    main()
