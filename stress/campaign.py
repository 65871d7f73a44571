"""A campaign: every policy on every seed, undisturbed and under every fault, resumable.

The undisturbed cases come first: they are the steady-state hypothesis. Where they break an
invariant, crash, or miss what the suite asks of them, the stress that follows would prove nothing,
so the campaign stops and says so.

A campaign can be run in shards, each with a journal of its own in the same folder (or copied there
afterwards). Whoever runs the whole then finds what the shards did, runs what is left, and writes
the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from stress.case import Case
from stress.executor import SERIAL, Executor, execute_in_turn
from stress.expand import Campaign, expand, left_out
from stress.export import write_exports
from stress.invariants import Sometimes, sometimes
from stress.results import NOMINAL, CaseResult
from stress.sharding import Shard
from stress.spec import StressSuite
from stress.steady import steady_state_problem
from stress.store import Journal, by_id, campaign_digest, drop_table, read_journal, write_table

Progress = Callable[[int, int, int], None]
"""Called with the number of cases done, their total, and the failures so far."""


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
    sometimes: tuple[Sometimes, ...]
    """What should happen at least once, and in how many episodes it did."""
    left_out: tuple[str, ...] = ()
    """Faults that mean nothing in a scenario, with the reason."""
    rollback: str = ""
    """One sentence about the rollback drill; empty where there was none."""

    @property
    def never(self) -> tuple[str, ...]:
        """What should have happened at least once and did not."""
        return tuple(item.what for item in self.sometimes if not item.happened)


def run_campaign(
    campaign: Campaign,
    folder: Path,
    executor: Executor = SERIAL,
    progress: Progress | None = None,
    shard: Shard | None = None,
    known: Mapping[str, CaseResult] | None = None,
) -> CampaignReport:
    """Run what is not yet in ``folder`` and write its tables; Ctrl-C leaves it resumable.

    ``known`` results, of campaigns elsewhere, are not run again either. A shard runs its part only
    and writes no table. Raises as ``expand`` does, and UsageError when ``folder`` holds a damaged
    journal.
    """
    shard = shard or Shard()
    every = expand(campaign)
    nominal = shard.of([case for case in every if case.fault == NOMINAL])
    cases = nominal + shard.of([case for case in every if case.fault != NOMINAL])
    if shard.whole:
        drop_table(folder)
    run = _Run({**(known or {}), **read_journal(folder)}, nominal, cases, campaign.suite, progress)
    with Journal(folder, shard.suffix) as journal:
        run.finish(executor, journal)
    problem = run.problem
    finished = by_id(run.results(nominal if problem else cases))
    if shard.whole:
        write_table(folder, finished)
        write_exports(folder, campaign.suite.name, finished)
    return CampaignReport(
        tuple(finished),
        campaign_digest(finished),
        problem or f"{len(nominal)} undisturbed episodes, no invariant broken, no crash.",
        bool(problem),
        sometimes(finished),
        left_out(campaign),
    )


@dataclass
class _Run:
    """The cases finished so far, of this run and of those before it."""

    done: dict[str, CaseResult]
    nominal: Sequence[Case]
    cases: Sequence[Case]
    """All of them, the undisturbed ones first."""
    suite: StressSuite
    progress: Progress | None
    problem: str = ""
    """Why the steady state does not hold; empty where it does."""

    def finish(self, executor: Executor, journal: Journal) -> None:
        """Run what is not done yet; where the steady state does not hold, stop after it."""
        known = self.results(self.cases)
        count, failures = len(known), sum(r.failed for r in known)
        self.tell(count, failures)
        with closing(execute_in_turn(self.batches(), executor)) as results:
            for result in results:
                count += 1
                journal.append(result)
                self.done[result.case] = result
                failures += result.failed
                self.tell(count, failures)

    def batches(self) -> Iterator[list[Case]]:
        """What is missing: undisturbed cases, then, if they are as they should be, all others."""
        yield self.missing(self.nominal)
        terms = self.suite.steady_state
        self.problem = steady_state_problem(terms, self.results(self.nominal))
        if not self.problem:
            yield self.missing(self.cases)

    def missing(self, cases: Sequence[Case]) -> list[Case]:
        """Those of the cases that are not done."""
        return [case for case in cases if case.id not in self.done]

    def results(self, cases: Sequence[Case]) -> list[CaseResult]:
        """The results of those of the cases that are done."""
        return [self.done[case.id] for case in cases if case.id in self.done]

    def tell(self, count: int, failures: int) -> None:
        """Report progress."""
        if self.progress is not None:
            self.progress(count, len(self.cases), failures)
