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
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np

from agents.credit.behaviour import Behaviour, watch
from agents.credit.decompose import UNASSIGNED, Decomposition, decompose
from agents.credit.estimate import Estimate, estimates
from agents.credit.record import AgentAudit, Audit, Reason, Standing
from agents.credit.replay import Game, Notify
from agents.credit.shapley import Contributions, leave_one_out, shapley
from agents.credit.wording import Case, sentence

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
    manners, ledgers = watch(game, seeds)
    books = decompose(ledgers)
    gain = estimates(found.saved[:, None], "gain")[0]
    values = estimates(found.shapley, "shapley") or (None,) * len(found.agents)
    screened = estimates(found.without, "leave one out")
    agents = tuple(
        _agent(
            Case(name, value, without, gain, lazy_share, manners[name], model.currency),
            float(found.variance_ratio[i]),
            books,
        )
        for i, (name, value, without) in enumerate(zip(found.agents, values, screened, strict=True))
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
        gain=gain,
        lazy_share=lazy_share,
        unassigned=books.local[UNASSIGNED],
        agents=agents,
    )


def _agent(case: Case, ratio: float, books: Decomposition) -> AgentAudit:
    standing = judged(case.value, case.without, case.floor)
    reason = explained(standing, case.manner)
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
        sentence=sentence(case, standing, reason),
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
    if standing not in ("lazy", "harmful"):
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
