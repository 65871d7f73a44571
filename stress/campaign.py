"""A campaign: every policy on every seed, undisturbed and under every fault, resumable.

The undisturbed cases come first: they are the steady-state hypothesis. Where they break an
invariant or crash, the stress that follows would prove nothing, so the campaign stops and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from stress.case import Case
from stress.executor import execute
from stress.expand import Campaign, expand
from stress.invariants import never_happened
from stress.results import NOMINAL, CaseResult
from stress.store import Journal, by_id, campaign_digest, drop_table, read_journal, write_table

Progress = Callable[[int, int, int], None]
"""Called with the number of cases done, their total, and the failures so far."""
SHOWN = 3


@dataclass(frozen=True)
class CampaignReport:
    """What came out of it."""

    results: tuple[CaseResult, ...]
    """Sorted by case id."""
    digest: str
    """The same for any number of workers, and after an interruption."""
    steady_state: str
    """One sentence about the undisturbed cases."""
    stopped: bool
    """The steady state did not hold, so that nothing was stressed."""
    never: tuple[str, ...]
    """What should have happened at least once and did not."""


def run_campaign(
    campaign: Campaign,
    folder: Path,
    workers: int = 1,
    progress: Progress | None = None,
) -> CampaignReport:
    """Run what is not yet in ``folder`` and write cases.parquet; Ctrl-C leaves it resumable.

    Raises as ``expand`` does, and UsageError when ``folder`` holds a damaged journal.
    """
    cases = expand(campaign)
    nominal = tuple(case for case in cases if case.fault == NOMINAL)
    drop_table(folder)
    run = _Run(read_journal(folder), len(cases), workers, progress)
    with Journal(folder) as journal:
        run.finish(nominal, journal)
        problem = _steady_state_problem(run.results(nominal))
        if not problem:
            run.finish(cases, journal)
    finished = by_id(run.results(nominal if problem else cases))
    write_table(folder, finished)
    return CampaignReport(
        tuple(finished),
        campaign_digest(finished),
        problem or f"{len(nominal)} undisturbed episodes, no invariant broken, no crash.",
        bool(problem),
        never_happened(finished),
    )


@dataclass
class _Run:
    """The cases finished so far, of this run and of those before it."""

    done: dict[str, CaseResult]
    total: int
    workers: int
    progress: Progress | None

    def finish(self, cases: Sequence[Case], journal: Journal) -> None:
        """Run those of the cases that are not done yet."""
        missing = [case for case in cases if case.id not in self.done]
        count = len(cases) - len(missing)
        failures = sum(has_failed(r) for r in self.results(cases))
        self.tell(count, failures)
        with closing(execute(missing, self.workers)) as results:
            for result in results:
                count += 1
                journal.append(result)
                self.done[result.case] = result
                failures += has_failed(result)
                self.tell(count, failures)

    def results(self, cases: Sequence[Case]) -> list[CaseResult]:
        """The results of those of the cases that are done."""
        return [self.done[case.id] for case in cases if case.id in self.done]

    def tell(self, count: int, failures: int) -> None:
        """Report progress."""
        if self.progress is not None:
            self.progress(count, self.total, failures)


def has_failed(result: CaseResult) -> bool:
    """Whether a case crashed or broke an invariant."""
    return bool(result.error or result.violations)


def _steady_state_problem(results: Sequence[CaseResult]) -> str:
    """Why the steady-state hypothesis does not hold; empty where it does."""
    failed = [result for result in results if has_failed(result)]
    if not failed:
        return ""
    reasons = dict.fromkeys(r.error or r.violations[0] for r in failed)
    shown = "; ".join(list(reasons)[:SHOWN])
    return f"{len(failed)} of {len(results)} undisturbed episodes failed: {shown}"
