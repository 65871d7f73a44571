"""One virtual environment per peer, kept in a cache folder; nothing is fetched twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.engine.rows import Peer

INSTALL_LIMIT_S = 900


def python_of(peer: Peer, cache: Path) -> Path:
    """The interpreter of a peer's environment, installed on first use.

    Raises RuntimeError with pip's last line when the peer cannot be installed.
    """
    home = cache / "venvs" / peer.name.lower()
    python, stamp = home / "bin" / "python", home / "installed.txt"
    wanted = "\n".join(" ".join(arguments) for arguments in peer.installs)
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    print(f"installing {peer.name} {peer.version}", file=sys.stderr)
    _run([sys.executable, "-m", "venv", "--clear", str(home)])
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for arguments in peer.installs:
        _run([*pip, *arguments])
    stamp.write_text(wanted)
    return python


def _run(command: list[str]) -> None:
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    try:
        done = subprocess.run(
            command, env=clean, capture_output=True, text=True, timeout=INSTALL_LIMIT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(str(error)) from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise RuntimeError(said[-1] if said else f"exit status {done.returncode}")
