"""Shapley values of the agents: what each adds, on average over the orders in which they join.

    phi_i = sum over coalitions S without i of |S|! (n - |S| - 1)! / n! * (v(S + i) - v(S))

where v(S) is the saving per period of coalition S against the static rule alone, measured by
closed-loop replay on common random numbers (Shapley 1953; Castro et al. 2009 for the sampling).
Up to six agents all 2^n coalitions are replayed; beyond that, each seed plays one random order of
joining and its reverse (antithetic). Either way the values of each seed sum to what the whole team
saves on it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.credit.record import Method
from agents.credit.replay import Flags, Floats, Game, Ints, Notify, coalition_costs
from twin.errors import UsageError
from twin.exogenous.streams import stream

MOST_EXACT = 6
"""Agents up to which every coalition is replayed."""
LEAST_SEEDS = 2
"""Seeds below which there is no interval."""
ROUNDING = 1e-12
"""Share of a variance that is rounding."""


@dataclass(frozen=True)
class Contributions:
    """What each agent contributes on each seed; savings are positive money per period."""

    agents: tuple[str, ...]
    seeds: tuple[int, ...]
    method: Method
    shapley: Floats  # (seed, agent); (seed, 0) where the method is leave_one_out
    without: Floats  # (seed, agent) cost with the agent on the static rule less the team's
    cost: Floats  # (seed,) of the whole team
    default: Floats  # (seed,) of the static rule alone
    variance_ratio: Floats  # (agent,) of a contribution on independent seeds to that on common ones
    episodes: int

    @property
    def saved(self) -> Floats:
        """What the team saves against the static rule: (seed,)."""
        return self.default - self.cost


def episodes_needed(agents: int, seeds: int) -> int:
    """Episodes that the Shapley values of so many agents on so many seeds take."""
    per_seed = 2**agents if agents <= MOST_EXACT else 2 + 2 * (agents - 1) + agents
    return per_seed * seeds


def seeds_within(agents: int, episodes: int, most: int) -> int:
    """How many seeds a budget of episodes allows, at least two.

    >>> seeds_within(5, 6_000, 96), seeds_within(50, 6_000, 96)
    (96, 40)
    """
    return min(most, max(LEAST_SEEDS, episodes // episodes_needed(agents, 1)))


def shapley(game: Game, seeds: Sequence[int], progress: Notify | None = None) -> Contributions:
    """Shapley values of all agents on every seed, exact up to six agents, else by permutations.

    Raises UsageError without an agent or with fewer than two seeds.
    """
    _check(game, seeds)
    method = _exact if len(game.agents) <= MOST_EXACT else _sampled
    return method(game, tuple(seeds), progress)


def leave_one_out(
    game: Game, seeds: Sequence[int], progress: Notify | None = None
) -> Contributions:
    """A screen: only what the team loses when one agent follows the static rule, closed loop.

    Beside a broken agent it also blames the neighbours that made up for it. Raises UsageError.
    """
    _check(game, seeds)
    n = len(game.agents)
    masks = np.concatenate([np.zeros((1, n)), np.ones((1, n)), 1 - np.eye(n)]).astype(bool)
    table = _table(game, masks, tuple(seeds), progress)  # (coalition, seed)
    return Contributions(
        game.agents,
        tuple(seeds),
        "leave_one_out",
        np.zeros((len(seeds), 0)),
        (table[2:] - table[1]).T,
        table[1],
        table[0],
        _variance_ratio(table[None, 2:], table[None, 1:2] + 0 * table[None, 2:], np.ones(1)),
        table.size,
    )


def _check(game: Game, seeds: Sequence[int]) -> None:
    if not game.agents:
        raise UsageError("there is no agent to audit", game.world.model.name)
    if len(seeds) < LEAST_SEEDS:
        raise UsageError("too few seeds for an interval", "seeds", str(len(seeds)), ">= 2")


def _table(
    game: Game, masks: Flags, seeds: tuple[int, ...], progress: Notify | None = None
) -> Floats:
    """Cost of every coalition on every seed: (coalition, seed)."""
    members = np.tile(masks, (len(seeds), 1))
    costs = coalition_costs(game, members, np.repeat(seeds, len(masks)), progress)
    return np.ascontiguousarray(costs.reshape(len(seeds), len(masks)).T)


def _exact(game: Game, seeds: tuple[int, ...], progress: Notify | None) -> Contributions:
    n = len(game.agents)
    numbers = np.arange(2**n)
    masks = (numbers[:, None] >> np.arange(n)) % 2 == 1  # (coalition, agent)
    table = _table(game, masks, seeds, progress)
    joined, left, weights = joinings(n)
    values = np.einsum("k,iks->si", weights, table[left] - table[joined])
    everyone = 2**n - 1
    return Contributions(
        game.agents,
        seeds,
        "exact",
        values,
        (table[everyone - 2 ** np.arange(n)] - table[everyone]).T,
        table[everyone],
        table[0],
        _variance_ratio(table[left].swapaxes(0, 1), table[joined].swapaxes(0, 1), weights),
        table.size,
    )


def joinings(n: int) -> tuple[Ints, Ints, Floats]:
    """Coalitions with and without each agent, (agent, 2^(n-1)) each, and the weight of each pair.

    Bit i of a coalition's number says whether agent i is a member.

    >>> joinings(2)[0].tolist(), joinings(2)[1].tolist(), joinings(2)[2].tolist()
    ([[1, 3], [2, 3]], [[0, 2], [0, 1]], [0.5, 0.5])
    """
    numbers = np.arange(2**n)
    without = np.stack([numbers[(numbers >> i) % 2 == 0] for i in range(n)])
    joined = without + 2 ** np.arange(n)[:, None]
    size = np.array([number.bit_count() for number in without[0].tolist()])
    orders = [math.factorial(s) * math.factorial(n - s - 1) for s in size.tolist()]
    return joined, without, np.array(orders, dtype=np.float64) / math.factorial(n)


def _sampled(game: Game, seeds: tuple[int, ...], progress: Notify | None) -> Contributions:
    """One random order of joining and its reverse on each seed."""
    n, count = len(game.agents), len(seeds)
    orders = np.stack([_order(n, seed) for seed in seeds])  # (seed, agent)
    forth, back = _prefixes(orders), _prefixes(orders[:, ::-1])
    alone = np.broadcast_to(~np.eye(n, dtype=bool), (count, n, n))
    members = np.concatenate([forth, back[:, 1:-1], alone], axis=1)  # (seed, coalition, agent)
    each = members.shape[1]
    costs = coalition_costs(game, members.reshape(-1, n), np.repeat(seeds, each), progress)
    table = costs.reshape(count, each)
    forward = table[:, : n + 1]
    ends = forward[:, :1], forward[:, -1:]
    backward = np.concatenate([ends[0], table[:, n + 1 : 2 * n], ends[1]], axis=1)
    chains = np.stack([_by_agent(forward, orders), _by_agent(backward, orders[:, ::-1])])
    before, after = chains[:, 0], chains[:, 1]  # (chain, seed, agent) cost
    return Contributions(
        game.agents,
        seeds,
        "permutations",
        (before - after).mean(axis=0),
        table[:, 2 * n :] - forward[:, -1:],
        forward[:, -1],
        forward[:, 0],
        _variance_ratio(before.swapaxes(1, 2), after.swapaxes(1, 2), np.full(2, 0.5)),
        table.size,
    )


def _order(n: int, seed: int) -> NDArray[np.intp]:
    return stream(seed, "credit/order of joining").permutation(n)


def _prefixes(orders: Ints) -> Flags:
    """The coalitions along each order, from nobody to everybody: (seed, n + 1, agent)."""
    place = np.argsort(orders, axis=1)
    found: Flags = place[:, None, :] < np.arange(orders.shape[1] + 1)[None, :, None]
    return found


def _by_agent(chain: Floats, orders: Ints) -> Floats:
    """Cost before and after each agent joins: (2, seed, agent), from (seed, n + 1)."""
    place = np.argsort(orders, axis=1)
    before = np.take_along_axis(chain, place, axis=1)
    return np.stack([before, np.take_along_axis(chain, place + 1, axis=1)])


def _variance_ratio(without: Floats, joined: Floats, weights: Floats) -> Floats:
    """Variance of a contribution on independent seeds to that on common ones: (agent,).

    From the costs (pair, agent, seed) before and after joining; nan where a contribution is
    the same on every seed but for rounding, as that of an agent that copies the static rule.
    """
    apart = without.var(axis=-1, ddof=1) + joined.var(axis=-1, ddof=1)
    common = (without - joined).var(axis=-1, ddof=1)
    apart, common = weights @ apart, weights @ common
    varies = common > ROUNDING * apart
    ratio: Floats = np.where(varies, apart / np.where(varies, common, 1.0), np.nan)
    return ratio
