"""The audit: who pulls its weight, who is lazy, who does harm, and why.

The verdict comes from the Shapley value alone, because leave-one-out also blames the neighbours of
a broken agent, and because the spread of actions misses one that copies the static policy:

    works      the lower bound of its value is above zero, and the upper one above ``lazy_share`` of
               what the team saves
    redundant  likewise, yet the team does as well without it: somebody stands in
    dependent  not so, yet the team as it stands does worse without it beyond doubt: it helps only
               in company, as agents that were trained together may, and is not blamed
    harmful    none of these, and the upper bound is below zero
    lazy       none of these, and the upper bound is at most ``lazy_share`` of what the team saves
    undecided  none of these: more seeds are needed
    burdened   harmful or lazy only beside a worse agent: with that on the static policy it is not

The harmful ones are found worst first: each is put on the static policy for good, and whoever else
was blamed is measured again without it, since nobody's policy fits a broken neighbour.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from agents.credit.behaviour import Behaviour, watch
from agents.credit.decompose import UNASSIGNED, Decomposition
from agents.credit.estimate import Estimate, estimates
from agents.credit.record import AgentAudit, Audit, Reason, Standing
from agents.credit.replay import Game, Notify
from agents.credit.shapley import Contributions, leave_one_out, shapley
from agents.credit.wording import Case, relieved, sentence

BLAMED: tuple[Standing, ...] = ("lazy", "harmful")
LAZY_SHARE = 0.01
"""Share of the team's saving up to which a contribution counts as none."""


def audit(
    game: Game,
    seeds: Sequence[int],
    lazy_share: float = LAZY_SHARE,
    screen: bool = False,
    progress: Notify | None = None,
) -> Audit:
    """Audit every agent of a fleet on the given seeds; the same seeds give the same audit.

    With ``screen`` only leave-one-out is measured, and nobody gets a verdict. Raises UsageError
    without an agent or with fewer than two seeds.
    """
    start, model = time.perf_counter(), game.world.model
    found = (leave_one_out if screen else shapley)(game, seeds, progress)
    manners, books = watch(game, seeds)
    cases = _cases(found, lazy_share, manners, model.currency)
    burdens = _burdens(game, seeds, cases)
    agents = tuple(
        _agent(case, ratio, books, burdens.get(case.name))
        for case, ratio in zip(cases, found.variance_ratio.tolist(), strict=True)
    )
    return Audit(
        scenario=model.name,
        policy=str(getattr(game.policy, "digest", game.policy.name)),
        method=found.method,
        seeds=len(seeds),
        first_seed=min(seeds),
        episodes=found.episodes,
        seconds=round(time.perf_counter() - start, 3),
        currency=model.currency,
        cost=float(found.cost.mean()),
        default_cost=float(found.default.mean()),
        gain=cases[0].gain,
        lazy_share=lazy_share,
        unassigned=books.local[UNASSIGNED],
        agents=agents,
    )


def _cases(
    found: Contributions, lazy_share: float, manners: Mapping[str, Behaviour], currency: str
) -> tuple[Case, ...]:
    gain = estimates(found.saved[:, None], "gain")[0]
    values = estimates(found.shapley, "shapley") or (None,) * len(found.agents)
    screened = estimates(found.without, "leave one out")
    return tuple(
        Case(name, value, without, gain, lazy_share, manners[name], currency)
        for name, value, without in zip(found.agents, values, screened, strict=True)
    )


@dataclass(frozen=True)
class Burden:
    """What an agent adds once worse agents follow the static policy."""

    beside: tuple[str, ...]
    case: Case


def _burdens(game: Game, seeds: Sequence[int], cases: Sequence[Case]) -> dict[str, Burden]:
    """Who is blamed only because of worse agents, which are taken away worst first."""
    found: dict[str, Burden] = {}
    blamed = {case.name: case for case in cases if _standing(case) in BLAMED}
    away: list[str] = []
    while len(blamed) > 1 and any(_standing(case) == "harmful" for case in blamed.values()):
        worst = min(blamed.values(), key=_value)
        away.append(worst.name)
        del blamed[worst.name]
        rest = shapley(replace(game, away=frozenset(away)), seeds)
        manners = {case.name: case.manner for case in cases}
        again = _cases(rest, worst.lazy_share, manners, worst.currency)
        for case in again:
            if case.name not in blamed:
                continue
            blamed[case.name] = case
            if _standing(case) not in BLAMED:
                found[case.name] = Burden(tuple(away), case)
                del blamed[case.name]
    return found


def _standing(case: Case) -> Standing:
    return judged(case.value, case.without, case.floor)


def _value(case: Case) -> float:
    return case.value.value if case.value is not None else 0.0


def _agent(case: Case, ratio: float, books: Decomposition, burden: Burden | None) -> AgentAudit:
    standing: Standing = "burdened" if burden else _standing(case)
    reason = explained(standing, case.manner)
    words = relieved(burden.beside, _standing(burden.case), burden.case) if burden else None
    return AgentAudit(
        agent=case.name,
        shapley=case.value,
        share=case.share,
        leave_one_out=case.without,
        variance_ratio=ratio if math.isfinite(ratio) else None,
        spread=case.manner.spread,
        deviation=case.manner.deviation,
        bias=case.manner.bias,
        cost=books.local[case.name],
        parts=books.of(case.name),
        verdict=standing,
        reason=reason,
        burden=burden.beside if burden else (),
        sentence=words or sentence(case, standing, reason),
    )


def judged(value: Estimate | None, without: Estimate, floor: float) -> Standing:
    """Where an agent stands, by its Shapley value and by what the team loses without it."""
    if value is None:
        return "not judged"
    if value.low > 0 and value.high > floor:
        idle = -floor <= without.low and without.high <= floor
        return "redundant" if idle else "works"
    if without.low > floor:
        return "dependent"
    if value.high < 0:
        return "harmful"
    return "lazy" if value.high <= floor else "undecided"


def explained(standing: Standing, manner: Behaviour) -> Reason:
    """Why an agent is lazy or harmful, from how it acts; empty for everybody else."""
    if standing not in BLAMED:
        return ""
    if manner.copies_default:
        return "copies the default"
    if manner.frozen:
        return "frozen"
    return "biased" if manner.biased else "noisy"


def standings(found: Contributions, lazy_share: float = LAZY_SHARE) -> dict[str, Standing]:
    """The verdicts without the reasons, as training notes them."""
    floor = lazy_share * max(float(np.mean(found.saved)), 0.0)
    values = estimates(found.shapley, "shapley")
    screened = estimates(found.without, "leave one out")
    return {
        name: judged(value, without, floor)
        for name, value, without in zip(found.agents, values, screened, strict=True)
    }
