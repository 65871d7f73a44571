"""The model registry: immutable copies of checkpoints, one champion per model, a way back.

    <folder>/bundles/<digest>/     copies, named by the hash of their content, read-only
    <folder>/promotions.sqlite     versions and every move of the champion: the truth
    <folder>/mlflow.db             the same versions, alias and runs, for MLflow's own tools

The alias in MLflow follows the ledger: one moved by hand is not believed, and is put back by the
next promotion or rollback.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from agents.checkpoint.promotions import (
    Action,
    Ledger,
    Move,
    Version,
    changing,
    now,
    reading,
    reign,
)
from agents.checkpoint.tracking import Metrics, Tracking
from twin.errors import RegistryError
from twin.scenario.findings import did_you_mean

MAX_FILES = 1_000


@dataclass(frozen=True)
class ChampionRecord:
    """A registered version and where its immutable copy lies."""

    model: str
    version: str
    bundle: Path
    """Folder of the immutable copy."""
    bundle_hash: str
    """What the checkpoint calls itself, as given at registration."""
    digest: str
    """SHA-256 over the copy's content, see :func:`folder_digest`."""
    run: str
    registered: str
    """UTC, ISO 8601."""


class Registry:
    """The models (fleets, named after their scenario) in one folder.

    Reading needs no MLflow; writing raises RegistryError where MLflow is not installed, unless the
    registry is not tracked there (``Untracked``).
    """

    def __init__(
        self, folder: str | os.PathLike[str], tracking: Callable[[Path], Tracking] = Tracking
    ) -> None:
        self.folder = Path(folder)
        self._tracking = tracking(self.folder)
        self._ledger = self.folder / "promotions.sqlite"

    def register(
        self,
        model: str,
        bundle_dir: str | os.PathLike[str],
        bundle_hash: str,
        run: str = "",
        tags: Mapping[str, str] | None = None,
        params: Mapping[str, object] | None = None,
        metrics: Metrics | None = None,
    ) -> ChampionRecord:
        """Copy a checkpoint into the registry as the next version; it is not champion yet.

        A checkpoint of the same content is registered once: its record is returned again.
        """
        with changing(self._ledger, model) as ledger:
            digest = self._keep(Path(bundle_dir))
            for version in ledger.versions().values():
                if version.digest == digest:
                    return self._record(version)
            mlflow_run = self._tracking.log_run(run or model, params or {}, metrics or {})
            every_tag = {**(tags or {}), "digest": digest, "bundle": bundle_hash, "run": run}
            source = self._copy(digest)
            name = self._tracking.add_version(model, source, mlflow_run, every_tag)
            version = Version(model, name, digest, bundle_hash, run, now())
            ledger.add(version)
            return self._record(version)

    def set_champion(
        self, model: str, version: str, expected: str, reason: str = ""
    ) -> ChampionRecord:
        """Make a version champion, provided that ``expected`` still reigns (empty: nobody does).

        Raises RegistryError when somebody else was promoted in between: the comparison with the
        champion is then out of date.
        """
        with changing(self._ledger, model) as ledger:
            target = _known(ledger, model, version)
            champion = _reigning(ledger)
            if champion == version:
                return self._verified(target)
            if champion != expected:
                raise _overtaken(target, champion, expected)
            return self._crown(ledger, "promote", target, champion, reason)

    def champion(self, model: str) -> ChampionRecord | None:
        """The reigning version, its copy verified; None before the first promotion."""
        with reading(self._ledger, model) as ledger:
            version = _reigning(ledger) if ledger else ""
            return self._verified(_known(ledger, model, version)) if ledger and version else None

    def history(self, model: str) -> tuple[Move, ...]:
        """Every move of the champion, oldest first."""
        with reading(self._ledger, model) as ledger:
            return ledger.moves() if ledger else ()

    def rollback(self, model: str, to: str | None = None, reason: str = "") -> ChampionRecord:
        """Return to the previous champion, or to the former champion ``to``; returns who reigns.

        Raises RegistryError when there is none to return to.
        """
        with changing(self._ledger, model) as ledger:
            moves = ledger.moves()
            stack = reign(moves)
            former = {move.version for move in moves} - set(stack[-1:])
            target = to if to is not None else next(iter(stack[-2:-1]), "")
            if target not in former:
                raise _no_way_back(model, to, former)
            version = _known(ledger, model, target)
            return self._crown(ledger, "rollback", version, stack[-1], reason)

    def log_run(self, name: str, params: Mapping[str, object], metrics: Metrics) -> str:
        """Record a run that registers nothing (one that failed its gate); returns its id."""
        with changing(self._ledger, name):
            return self._tracking.log_run(name, params, metrics)

    def _crown(
        self, ledger: Ledger, action: Action, target: Version, previous: str, reason: str
    ) -> ChampionRecord:
        record = self._verified(target)
        ledger.add(Move(target.model, now(), action, target.version, previous, reason))
        self._tracking.point_champion(target.model, target.version)
        return record

    def _copy(self, digest: str) -> Path:
        return self.folder / "bundles" / digest

    def _record(self, version: Version) -> ChampionRecord:
        return ChampionRecord(bundle=self._copy(version.digest), **asdict(version))

    def _verified(self, version: Version) -> ChampionRecord:
        _verify(self._copy(version.digest), version.digest)
        return self._record(version)

    def _keep(self, source: Path) -> str:
        """Copy a bundle under the hash of its content; a copy that is there is verified."""
        partial = self._copy(".part")
        shutil.rmtree(partial, ignore_errors=True)
        folder_digest(source)
        shutil.copytree(source, partial)
        digest = folder_digest(partial)
        if self._copy(digest).exists():
            shutil.rmtree(partial)
            _verify(self._copy(digest), digest)
            return digest
        for file in partial.rglob("*"):
            if file.is_file():
                file.chmod(0o444)
        partial.replace(self._copy(digest))
        return digest


def _verify(copy: Path, digest: str) -> None:
    found = folder_digest(copy)
    if found != digest:
        fix = "Restore the folder from a backup, or roll back to another version."
        raise RegistryError("a registered checkpoint was changed", str(copy), found, digest, fix)


def _known(ledger: Ledger, model: str, version: str) -> Version:
    versions = ledger.versions()
    if version not in versions:
        hint = did_you_mean(version, list(versions))
        raise RegistryError("no such version", model, repr(version), "", hint)
    return versions[version]


def _overtaken(target: Version, champion: str, expected: str) -> RegistryError:
    return RegistryError(
        "the champion has changed since the verdict",
        f"{target.model} version {target.version}",
        f"version {champion or 'none'} reigns",
        f"version {expected or 'none'}",
        "Judge the checkpoint again, against the champion of now.",
    )


def _no_way_back(model: str, to: str | None, former: set[str]) -> RegistryError:
    got = f"version {to}" if to is not None else "no earlier champion"
    hint = did_you_mean(to or "", sorted(former))
    return RegistryError("nothing to roll back to", model, got, "a former champion", hint)


def _reigning(ledger: Ledger) -> str:
    moves = ledger.moves()
    return moves[-1].version if moves else ""


def folder_digest(folder: Path) -> str:
    """SHA-256 over the names and SHA-256 hashes of all files in a folder.

    Raises RegistryError for a missing or empty folder, for links and for special files.
    """
    entries = sorted(folder.rglob("*")) if folder.is_dir() else []
    odd = [path for path in entries if path.is_symlink() or not (path.is_file() or path.is_dir())]
    files = [path for path in entries if path.is_file()]
    if odd or not 0 < len(files) <= MAX_FILES:
        got = f"{odd[0].name} is not a plain file" if odd else f"{len(files):,} files"
        raise RegistryError("not a checkpoint", str(folder), got, f"1 to {MAX_FILES:,} plain files")
    content = [[path.relative_to(folder).as_posix(), _file_digest(path)] for path in files]
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
