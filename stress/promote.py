"""Promotion: only a run whose verdict is PASS, for exactly the checkpoint that was judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from agents.checkpoint.bundle import read_bundle_hash
from agents.checkpoint.registry import ChampionRecord, Registry
from agents.learn.metrics import read_rows
from agents.runs import RunFolder
from stress.results import Manifest, Verdict
from stress.trial import sealed_artifact
from twin.errors import RegistryError, UsageError


def promote_run(folder: RunFolder, registry: Registry, reason: str = "") -> ChampionRecord:
    """Make the fleet of a judged run the champion of its scenario.

    Doing it again changes nothing. Raises UsageError where the run was not judged, RegistryError
    naming the gate that caught it where the run may not be promoted, or where another fleet became
    champion after the verdict.
    """
    verdict, manifest = _judgement(folder.path)
    _refuse_unless_passed(verdict, folder)
    if folder.agent.is_dir():
        expected = "a trained fleet: the registry keeps checkpoints"
        raise RegistryError("an agent of a third party", str(folder.path), "", expected)
    judged = _judged_hash(folder, verdict, manifest)
    record = registry.register(
        folder.record.scenario,
        folder.bundle,
        judged,
        folder.record.run,
        tags={"verdict": verdict.status, "gate": verdict.gate_hash},
        params=_params(folder, manifest),
        metrics=_metrics(folder, verdict, manifest),
    )
    _same("checkpoint", folder, read_bundle_hash(record.bundle), judged)
    why = reason or f"PASS by {verdict.gate_file}"
    return registry.set_champion(record.model, record.version, verdict.champion, why)


def record_refused(folder: RunFolder, registry: Registry) -> None:
    """Log a judged run that is not promoted, so that failures can be compared too."""
    verdict, manifest = _judgement(folder.path)
    params = {**_params(folder, manifest), "verdict": verdict.status}
    registry.log_run(folder.record.run, params, _metrics(folder, verdict, manifest))


def _judgement(path: Path) -> tuple[Verdict, Manifest]:
    try:
        verdict = Verdict.model_validate_json((path / "verdict.json").read_bytes())
        return verdict, Manifest.model_validate_json((path / "manifest.json").read_bytes())
    except OSError:
        fix = "Run `twin stress` and `twin judge` first."
        raise UsageError("the run has no verdict", str(path), fix=fix) from None
    except ValidationError as error:
        text = str(error.errors()[0]["msg"])
        raise UsageError("the verdict or the manifest is damaged", str(path), text) from None


def _refuse_unless_passed(verdict: Verdict, folder: RunFolder) -> None:
    """Believe the criteria, not only the word above them."""
    if verdict.status == "PASS" and verdict.criteria and not verdict.failed:
        return
    caught = sorted(verdict.failed, key=lambda c: c.status != "FAIL")
    names = ", ".join(f"{c.gate} {c.title} ({c.status})" for c in caught) or "no criterion judged"
    evidence = caught[0].sentence if caught else ""
    raise RegistryError(f"not promoted, caught by {names}", str(folder.path), "", "PASS", evidence)


def _judged_hash(folder: RunFolder, verdict: Verdict, manifest: Manifest) -> str:
    """The hash of the checkpoint in the run folder, once it is known to be the judged one."""
    found = read_bundle_hash(folder.bundle)
    _same("checkpoint", folder, found, manifest.bundle)
    _same("checkpoint", folder, found, sealed_artifact(folder))
    _same("gate", folder, verdict.gate_hash, folder.record.settings.get("gate", ""))
    return found


def _same(thing: str, folder: RunFolder, found: str, recorded: str) -> None:
    if found != recorded:
        raise RegistryError(
            f"not promoted, caught by G0 Provenance: the {thing} is not the recorded one",
            str(folder.path),
            found[:12] or "nothing",
            recorded[:12] or "nothing recorded",
            "Start a new run.",
        )


def _params(folder: RunFolder, manifest: Manifest) -> dict[str, object]:
    return {
        "scenario": manifest.scenario,
        "scenario_digest": manifest.scenario_digest,
        "seed": manifest.seed,
        "commit": manifest.commit,
        **folder.record.settings,
    }


def _metrics(
    folder: RunFolder, verdict: Verdict, manifest: Manifest
) -> dict[str, float | Sequence[float]]:
    """What the run is compared by, and the curves of its training, one number per update."""
    found: dict[str, float | Sequence[float]] = {
        f"cost/{contender.name}": contender.cost for contender in manifest.contenders
    }
    found |= {f"gate/{c.gate}": c.value for c in verdict.criteria if c.value is not None}
    rows = [row.model_dump() for row in read_rows(folder.path)]
    names = [name for name in (rows[0] if rows else ()) if name not in ("update", "events")]
    return found | {f"training/{name}": [float(row[name]) for row in rows] for name in names}
