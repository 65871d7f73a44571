"""The rollback drill of a campaign: the way back is taken once, with the fleet on trial.

In a registry of its own, which is thrown away afterwards: the fleet becomes champion, then the
same fleet with weights drawn at random does, as if a training gone wrong had been promoted. Both
play one episode behind the tools. After the rollback the champion has to play what the campaign has
on record of the fleet, number by number.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agents.checkpoint.bundle import read_bundle, save_bundle
from agents.checkpoint.registry import ChampionRecord, Registry
from agents.checkpoint.tracking import Untracked
from stress.case import Case, PolicyRef, ScenarioRef
from stress.invariants import Sometimes
from stress.results import NOMINAL, CaseResult
from stress.run_case import run_case
from twin.exogenous.streams import stream

ROLLED_BACK = "a rollback happened"


@dataclass(frozen=True)
class Drill:
    """How the drill went."""

    worked: bool
    sentence: str

    @property
    def sometimes(self) -> Sometimes:
        """The same as one of the things that have to happen in a campaign."""
        return Sometimes(ROLLED_BACK, int(self.worked))


def rollback_drill(
    scenario: ScenarioRef, fleet: PolicyRef, fallback: str, results: Iterable[CaseResult]
) -> Drill:
    """Promote the fleet, promote a worse one, roll back, and compare with the record.

    ``results`` holds an undisturbed episode of the fleet.
    """
    recorded = next(r for r in results if (r.policy, r.fault) == (fleet.name, NOMINAL))
    with tempfile.TemporaryDirectory(prefix="drill-") as name:
        folder = Path(name)
        registry = Registry(folder / "registry", Untracked)
        _promoted(registry, scenario.name, Path(fleet.source), fleet.hash, "")
        worse = _spoilt(Path(fleet.source), folder / "worse")
        reigning = _promoted(registry, scenario.name, folder / "worse", worse, "1")
        spoilt = _plays(scenario, fleet.name, reigning, fallback, recorded.seed)
        again = _plays(
            scenario, fleet.name, registry.rollback(scenario.name), fallback, recorded.seed
        )
    if again != recorded:
        return Drill(False, "after a rollback the champion did not play as the fleet had.")
    if spoilt.ledger_digest == recorded.ledger_digest:
        return Drill(False, "a spoilt fleet plays the same: a rollback proves nothing.")
    return Drill(True, "a worse fleet was promoted and rolled back; the fleet plays as before.")


def _promoted(
    registry: Registry, model: str, bundle: Path, digest: str, expected: str
) -> ChampionRecord:
    version = registry.register(model, bundle, digest).version
    return registry.set_champion(model, version, expected, "drill")


def _spoilt(bundle: Path, folder: Path) -> str:
    """The same fleet with weights drawn at random; returns its hash."""
    manifest, arrays = read_bundle(bundle)
    drawn = {name: _drawn(name, array) for name, array in arrays.items()}
    return save_bundle(folder, manifest, drawn)


def _drawn(name: str, array: NDArray[np.float32]) -> NDArray[np.float32]:
    draws = stream(0, f"drill/{name}").standard_normal(array.shape)
    return draws.astype(np.float32)


def _plays(
    scenario: ScenarioRef, name: str, record: ChampionRecord, fallback: str, seed: int
) -> CaseResult:
    """One undisturbed episode of whoever reigns."""
    return run_case(Case(scenario, PolicyRef.of_bundle(name, record.bundle), fallback, seed))
