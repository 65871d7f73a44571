"""A driver as a process that waits for workloads, so that many can be timed in turns."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

DRIVERS = Path(__file__).parent / "drivers"
REPLY_LIMIT_S = 120.0


class Worker:
    """One process; it works only between a request and its reply."""

    def __init__(self, python: Path, driver: str, log: Path, path: Path | None = None) -> None:
        settings = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        settings |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        if path is not None:
            settings["PYTHONPATH"] = str(path)
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log
        with log.open("w") as told:
            self._process = subprocess.Popen(
                [str(python), str(DRIVERS / driver)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=told,
                env=settings,
                text=True,
            )

    def ask(self, workload: str) -> dict[str, Any]:
        """Run a workload once: periods and cpu_s, or error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watch = threading.Timer(REPLY_LIMIT_S, self._process.kill)
        watch.start()
        try:
            self._process.stdin.write(workload + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            watch.cancel()
        return dict(json.loads(line)) if line else {"error": self._last_words()}

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _last_words(self) -> str:
        said = [line for line in self._log.read_text().splitlines() if line.strip()]
        return f"stopped: {said[-1]}" if said else f"no reply within {REPLY_LIMIT_S:g} s"
