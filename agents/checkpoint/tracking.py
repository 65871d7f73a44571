"""The MLflow side of the registry: runs, model versions and the champion alias in one SQLite file.

MLflow is loaded only when something is written, without telemetry, logs or warnings.
"""

from __future__ import annotations

import logging
import os
import re
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twin.errors import RegistryError

ALIAS = "champion"
EXPERIMENT = "logistics-twin"
INSTALL = "pip install 'mlflow-skinny>=3' 'sqlalchemy>=2' 'alembic>=1.13'"
Metrics = Mapping[str, float | Sequence[float]]
"""A number, or a curve: one number per step."""
BATCH = 1_000
"""Most numbers that MLflow takes at once."""
MAX_TEXT = 5_000
"""Most characters of a tag or a parameter that MLflow's tables hold."""
QUIET_LOGGERS = ("mlflow", "alembic", "sqlalchemy")
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}


class Tracking:
    """An MLflow store in ``folder``; nothing is created before the first write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._client: Any = None

    def log_run(self, name: str, params: Mapping[str, object], metrics: Metrics) -> str:
        """Record one finished run; returns its MLflow id."""
        with self._quietly() as client:
            run = client.create_run(self._experiment(client), run_name=name).info.run_id
            for key, value in params.items():
                client.log_param(run, _key(key), str(value)[:MAX_TEXT])
            points = _points(metrics)
            for first in range(0, len(points), BATCH):
                client.log_batch(run, metrics=points[first : first + BATCH])
            client.set_terminated(run)
            return str(run)

    def add_version(self, model: str, source: Path, run: str, tags: Mapping[str, str]) -> str:
        """Create the next version of a model, whose files are at ``source``."""
        with self._quietly() as client:
            _ensure_model(client, model)
            texts = {_key(key): str(value)[:MAX_TEXT] for key, value in tags.items()}
            place = source.resolve().as_uri()
            version = client.create_model_version(
                model, place, run_id=run, tags=texts, await_creation_for=0
            )
            return str(version.version)

    def point_champion(self, model: str, version: str) -> None:
        """Move the champion alias."""
        with self._quietly() as client:
            client.set_registered_model_alias(model, ALIAS, version)

    def _experiment(self, client: Any) -> str:
        known = client.get_experiment_by_name(EXPERIMENT)
        if known is not None:
            return str(known.experiment_id)
        place = (self.folder / "artifacts").resolve().as_uri()
        return str(client.create_experiment(EXPERIMENT, artifact_location=place))

    @contextmanager
    def _quietly(self) -> Iterator[Any]:
        """The MLflow client, in a scope in which MLflow neither speaks nor reports home.

        Raises RegistryError for whatever MLflow refuses.
        """
        with _settings(), _silence(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self._client = self._client or _open(self.folder)
                yield self._client
            except RegistryError:
                raise
            except Exception as error:
                text = (str(error).splitlines() or [""])[0]
                got = f"{type(error).__name__}: {text}"
                raise RegistryError("MLflow refused", str(self.folder), got) from error


class Untracked(Tracking):
    """No MLflow: the ledger of promotions alone, for a registry that is thrown away."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._versions = 0

    def log_run(self, name: str, params: Mapping[str, object], metrics: Metrics) -> str:
        """Record nothing."""
        return ""

    def add_version(self, model: str, source: Path, run: str, tags: Mapping[str, str]) -> str:
        """The next number."""
        self._versions += 1
        return str(self._versions)

    def point_champion(self, model: str, version: str) -> None:
        """There is no alias to move."""


def _open(folder: Path) -> Any:
    try:
        import alembic  # noqa: F401  MLflow needs it for its tables and would fail later
        from mlflow import MlflowClient
        from sqlalchemy.engine import URL
    except ImportError as error:
        what = "the model registry needs MLflow"
        raise RegistryError(what, "", f"no module {error.name}", "", f"Run: {INSTALL}") from error
    folder.mkdir(parents=True, exist_ok=True)
    store = URL.create("sqlite", database=str((folder / "mlflow.db").resolve()))
    address = store.render_as_string(hide_password=False)
    return MlflowClient(tracking_uri=address, registry_uri=address)


def _points(metrics: Metrics) -> list[Any]:
    """Every number of every metric as MLflow's Metric; a curve counts its steps from zero."""
    from mlflow.entities import Metric

    at = int(time.time() * 1000)
    return [
        Metric(_key(name), float(number), at, step)
        for name, value in metrics.items()
        for step, number in enumerate(value if isinstance(value, Sequence) else (value,))
    ]


def _ensure_model(client: Any, model: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _key(text: str) -> str:
    """A name that MLflow accepts."""
    return re.sub(r"[^\w\-. /]", "_", text)[:250]


@contextmanager
def _settings() -> Iterator[None]:
    """MLflow's settings in the environment, for the time of a call."""
    before = {name: os.environ.get(name) for name in SETTINGS}
    os.environ.update(SETTINGS)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _silence() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in QUIET_LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
