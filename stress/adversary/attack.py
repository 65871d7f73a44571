"""One attack from beginning to end: steady state, search, shrink, stress file, record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from stress.adversary.plan import Plan, window_of
from stress.adversary.record import ATTACK, AttackRecord, Failure, Struck
from stress.adversary.referee import Attack, Outcome, Referee
from stress.adversary.regressions import known_plans, replays, write_regression
from stress.adversary.search import Search, search
from stress.adversary.searchers import LEARNED, METHODS
from stress.adversary.seen import seen_state
from stress.adversary.shrink import STEPS, shrink
from stress.adversary.space import Space
from stress.adversary.wording import told_failure, told_plan
from stress.contestants import rule_of
from stress.executor import SERIAL, Executor
from stress.recorded import ATTACKS
from stress.store import Journal, read_journal
from twin.errors import InvariantError

SEEDS = 4
Progress = Callable[[float, str], None]
"""Called with the share of the budget that is spent, and a note."""


@dataclass(frozen=True)
class Options:
    """How an attack is made."""

    budget: int = 500
    seed: int = 0
    method: str = "cross-entropy"
    faults: tuple[str, ...] = ()
    """Families to choose from; all where none is named."""
    most: int = 3
    """Faults at once."""
    seeds: int = SEEDS
    """Seeds of the world to choose from."""
    steps: int = STEPS
    """Plans tried in shrinking."""
    stop_early: bool = False
    """Shrink the first failure instead of looking for a cheaper one."""


@dataclass
class Attacker:
    """Carries out one attack in a folder; ``record`` says how far it has come."""

    attack: Attack
    folder: Path
    options: Options = field(default_factory=Options)
    champion: str = ""
    """Version of the rival."""
    regressions: Path | None = None
    """Where stress files of failures are read and written; default: in the folder."""
    executor: Executor = SERIAL
    command: str = ""
    """How to play a file again: ``{file}`` and ``{case}`` are filled in."""

    def __post_init__(self) -> None:
        against: Literal["champion", "static"] = "champion" if self.attack.rival else "static"
        first = self.attack.suite.first_seed
        self.record = AttackRecord(
            status="running",
            scenario=self.attack.scenario.name,
            policy_hash=_identity(self.attack),
            against=against,
            champion=self.champion,
            method=self.options.method,
            seed=self.options.seed,
            budget=self.options.budget,
            bound=self.attack.bound,
            survival=self.attack.survival,
            faults=self.options.faults,
            seeds=tuple(range(first, first + self.options.seeds)),
        )

    @property
    def cases(self) -> Path:
        """Folder of the stress files of failures."""
        return self.regressions or self.folder / "regressions"

    def run(self, progress: Progress | None = None) -> AttackRecord:
        """Search, shrink, write; what is found so far stands in attack.json all the time.

        An interrupted attack goes on where it was. Raises UsageError for an unknown fault,
        InvariantError where the written file does not replay what was found.
        """
        tell = progress or (lambda share, note: None)
        journal_folder = self.folder / ATTACKS
        with Journal(journal_folder) as journal:
            referee = Referee(self.attack, read_journal(journal_folder), journal, self.executor)
            unfit = referee.unfit(self.record.seeds)
            fit = tuple(seed for seed in self.record.seeds if seed not in unfit)
            self._write(seeds=fit, unfit_seeds=unfit, episodes=referee.episodes)
            if not fit:
                return self._write(status="unfit")
            found = self._search(referee, tell)
            if found.best is not None:
                self._shrink(referee, found.best, tell)
        return self._write(status="finished")

    def _search(self, referee: Referee, tell: Progress) -> Search:
        options, attack = self.options, self.attack
        space = Space.of(
            attack.world, attack.suite.heal, self.record.seeds, options.most, options.faults
        )
        if options.method == LEARNED:
            rule = rule_of(attack.scenario, attack.static.source)
            seen = {s: seen_state(attack.world, rule, s, space.periods) for s in space.seeds}
            space = replace(space, seen=seen)

        def watch(state: Search) -> None:
            self._note(referee, state)
            share = state.tried / options.budget
            tell(share, f"{state.tried} of {options.budget} plans, {state.failures} failures")

        return search(
            referee,
            METHODS[options.method](space, options.seed),
            options.budget,
            watch,
            known_plans(self.cases, attack),
            options.stop_early,
        )

    def _note(self, referee: Referee, state: Search) -> None:
        """Write down how far the search has come."""
        best, closest = state.best, state.closest
        self._write(
            tried=state.tried,
            episodes=referee.episodes,
            unfair=state.unfair,
            failures=state.failures,
            shared=state.shared,
            found_at=state.found_at,
            found=None if best is None else self._failure(referee, best),
            closest=told_plan(closest) if closest is not None and best is None else "",
        )

    def _shrink(self, referee: Referee, failure: Outcome, tell: Progress) -> None:
        steps = self.options.steps

        def watch(tried: int, best: Outcome) -> None:
            tell(1.0, f"shrinking: {best.plan.name}, {tried} plans tried")

        smallest = shrink(referee.judge, failure, steps, watch).outcome
        minimal = self._failure(referee, smallest)
        path = write_regression(self.cases, self.attack, smallest, minimal.case, minimal.sentence)
        if not replays(path, referee):
            raise InvariantError(
                "a failure that was played again is another one", str(path), minimal.name
            )
        replay = self.command.format(case=minimal.case[:12], file=path)
        self._write(minimal=minimal, file=str(path), replay=replay, episodes=referee.episodes)

    def _failure(self, referee: Referee, outcome: Outcome) -> Failure:
        attack = self.attack
        result = outcome.challenger
        return Failure(
            case=result.case,
            name=outcome.plan.name,
            seed=outcome.plan.seed,
            faults=_struck(outcome.plan, attack),
            symptoms=tuple(sorted(outcome.symptoms)),
            sentence=told_failure(outcome, attack),
            shared=outcome.shared,
            effort=outcome.plan.effort,
            cost=result.cost,
            static_cost=outcome.static.cost,
            ledger_digest=result.ledger_digest,
            error=result.error,
            violations=result.violations,
        )

    def _write(self, **changes: Any) -> AttackRecord:
        from agents.checkpoint.files import write_file

        self.record = self.record.model_copy(update=changes)
        text = self.record.model_dump_json(indent=2) + "\n"
        write_file(self.folder / ATTACK, text.encode())
        return self.record


def _identity(attack: Attack) -> str:
    """The challenger's hash; a checkpoint that was spoilt on purpose is another one."""
    challenger = attack.challenger
    spoilt = f"+{challenger.sabotage}" if challenger.sabotage else ""
    return f"{challenger.hash}{spoilt}"


def _struck(plan: Plan, attack: Attack) -> tuple[Struck, ...]:
    windows = [window_of(hit, attack.world) for hit in plan.hits]
    return tuple(
        Struck(
            family=hit.family,
            severity=hit.severity,
            start=window.start,
            end=window.end,
            parameters=dict(hit.parameters),
        )
        for hit, window in zip(plan.hits, windows, strict=True)
    )
