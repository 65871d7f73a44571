"""Learners of other projects in the waiting environment, each in an environment of its own.

BenchMARL is installed from a package index, once, under .bench. on-policy, by the authors of MAPPO,
is on none: its checkout is given as a folder, only what it imports is installed.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.engine.environments import python_of
from tests.benchmarks.engine.rows import Peer

TORCH = "torch==2.13.0"
PETTINGZOO = "pettingzoo==1.27.0"
BENCHMARL = Peer(
    "BenchMARL",
    "1.5.2",
    "benchmarl_waiting.py",
    ((TORCH,), (TORCH, "benchmarl==1.5.2", PETTINGZOO)),
)
ON_POLICY = Peer(
    "on-policy",
    "0.1.0",
    "onpolicy_waiting.py",
    (
        (TORCH,),
        (
            TORCH,
            PETTINGZOO,
            "tensorboardX==2.6.5",
            "wandb==0.31.0",
            "absl-py==2.5.1",
            "imageio==2.38.1",
        ),
    ),
)
ON_POLICY_SOURCE = "https://github.com/marlbenchmark/on-policy"
HERE = Path(__file__).parent
CACHE = Path(".bench")
LIMIT_S = 900


@dataclass(frozen=True)
class Spent:
    """CPU time of one batch, microseconds a joint step."""

    collect_us: float
    learn_us: float

    @property
    def whole_us(self) -> float:
        """Both."""
        return self.collect_us + self.learn_us


def benchmarl(batches: int) -> list[Spent]:
    """What BenchMARL spent. Raises RuntimeError with the reason when there is nothing to say."""
    return _driven(BENCHMARL, batches, ())


def on_policy(batches: int, checkout: Path | None) -> list[Spent]:
    """What on-policy spent, run from its checkout. Raises RuntimeError as ``benchmarl`` does."""
    if checkout is None:
        raise RuntimeError(f"git clone {ON_POLICY_SOURCE}, then --on-policy FOLDER")
    if not (checkout / "onpolicy" / "config.py").is_file():
        raise RuntimeError(f"{checkout} holds no onpolicy/config.py: git clone {ON_POLICY_SOURCE}")
    return _driven(ON_POLICY, batches, (checkout.resolve(),))


def _driven(peer: Peer, batches: int, sources: tuple[Path, ...]) -> list[Spent]:
    """The last line that a driver printed, in the peer's environment."""
    driver = HERE / "drivers" / peer.driver
    try:
        done = subprocess.run(
            [str(python_of(peer, CACHE)), "-W", "ignore", str(driver), str(batches)],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(map(str, (HERE, *sources))),
                "OMP_NUM_THREADS": "1",
            },
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise RuntimeError(str(error)) from error
    lines = done.stderr.splitlines() if done.returncode else done.stdout.splitlines()
    said = lines[-1] if lines else ""
    if done.returncode:
        raise RuntimeError(said or f"exit status {done.returncode}")
    try:
        return [Spent(*both) for both in json.loads(said)]
    except (ValueError, TypeError) as error:
        raise RuntimeError(f"{peer.driver} printed {said!r}: {error}") from error
