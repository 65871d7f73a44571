"""How soon each way to search finds a planted weakness.

Run it with ``python -m tests.benchmarks.stress.adversary``.

The policy trusts stale stock: where an answer is old, it orders what is on the road again. Searched
is the whole catalogue, on four seeds of a small world, with 500 cases: a plan is played by both the
policy and the static one, and each seed adds two undisturbed cases. `cheapest` is the
effort (severity times periods) of the cheapest failure found, `shrunk` what is left of it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from stress.adversary.attack import Attacker, Options
from stress.adversary.searchers import METHODS
from tests.planted import MADE, planted
from twin.errors import UsageError

CASES, SEEDS = 500, 4
PLANS = CASES // 2 - SEEDS
COLUMNS = (
    f"{'method':<15}{'found':>7}{'median':>8}{'worst':>7}{'cheapest':>10}{'shrunk':>8}"
    f"{'faults':>8}{'parameters':>12}{'CPU s':>7}"
)


@dataclass(frozen=True)
class Search:
    """One search: the cases to the first failure (0: none), and what shrinking left."""

    cases: int
    faults: int
    parameters: int
    cheapest: int
    shrunk: int


def search(method: str, seed: int) -> Search:
    """One attack, to the end of its budget; the cheapest failure is shrunk."""
    options = Options(budget=PLANS, seed=seed, method=method, seeds=SEEDS)
    with tempfile.TemporaryDirectory() as folder:
        command = "twin replay RUN {case} --suite {file}"
        record = Attacker(MADE, Path(folder), options, command=command).run()
    if record.minimal is None or record.found is None:
        return Search(0, 0, 0, 0, 0)
    faults = record.minimal.faults
    most = max(len(fault.parameters) for fault in faults)
    cases = 2 * (record.found_at + SEEDS)
    return Search(cases, len(faults), most, record.found.effort, record.minimal.effort)


def row(method: str, seeds: range) -> str:
    """One way to search, over some seeds; a search that found nothing counts as the budget."""
    start = time.process_time()
    found = [search(method, seed) for seed in seeds]
    cases = [one.cases or CASES for one in found]
    hits = sum(one.cases > 0 for one in found)
    return (
        f"{method:<15}{f'{hits}/{len(seeds)}':>7}{statistics.median(cases):>8g}{max(cases):>7}"
        f"{statistics.median(one.cheapest for one in found):>10g}"
        f"{statistics.median(one.shrunk for one in found):>8g}"
        f"{max(one.faults for one in found):>8}{max(one.parameters for one in found):>12}"
        f"{time.process_time() - start:>7.0f}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    print(f"cases to the first failure, {len(seeds)} searches each, {CASES} cases at most")
    print(COLUMNS)
    with planted():
        for method in METHODS:
            try:
                print(row(method, seeds), flush=True)
            except UsageError as error:
                print(f"{method:<15}not run: {error}")


if __name__ == "__main__":
    main()
