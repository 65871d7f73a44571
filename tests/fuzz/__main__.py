"""Fuzzed answers through every tool's answer path: ``python -m tests.fuzz``.

Prints what became of them, by Hypothesis and, where atheris is installed (Linux:
``pip install -e '.[fuzz]'``), guided by coverage. Ends with 1 where an answer was executed, nobody
caught what was raised, or a failure has not exactly one label.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from tests.fuzz.doors import Outcome, read_outcome
from tests.fuzz.generated import fuzz

ANSWERS, MINUTES = 100_000, 15
NO_ATHERIS = "not run: atheris is not installed (Linux: pip install -e '.[fuzz]')"


def by_hypothesis(count: int, seconds: int) -> Outcome:
    """Generated answers, in this process."""
    start = time.process_time()
    found = fuzz(count, seconds)
    told("generated (Hypothesis)", found, time.process_time() - start)
    return found


def by_coverage(count: int, seconds: int) -> Outcome | None:
    """Answers guided by coverage, in a process of their own; None without atheris."""
    if importlib.util.find_spec("atheris") is None:
        print(f"\nguided by coverage (atheris)\n{NO_ATHERIS}")
        return None
    before = getrusage(RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "outcome.json"
        command = [sys.executable, "-m", "tests.fuzz.coverage_guided", str(count), str(out)]
        ran = subprocess.run(
            [*command, str(seconds)], capture_output=True, timeout=2 * seconds + 60, check=False
        )
        if ran.returncode or not out.exists():
            raise SystemExit(ran.stderr.decode(errors="replace"))
        found = read_outcome(out.read_text(encoding="utf-8"))
    after = getrusage(RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    told("guided by coverage (atheris)", found, cpu_s)
    return found


def told(title: str, found: Outcome, cpu_s: float) -> None:
    """Print a table."""
    print(f"\n{title}")
    print("\n".join(found.lines(cpu_s)), flush=True)


def main() -> int:
    """Fuzz with both."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--answers", type=int, default=ANSWERS, help="of each kind")
    parser.add_argument("--minutes", type=int, default=MINUTES, help="at most, for each kind")
    options = parser.parse_args()
    budget = options.answers, 60 * options.minutes
    found = [by_hypothesis(*budget), by_coverage(*budget)]
    return 0 if all(one.sound for one in found if one is not None) else 1


if __name__ == "__main__":
    sys.exit(main())
