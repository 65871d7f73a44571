"""What is tuned: the rule that a vector of search parameters stands for.

A level is its start times exp(sum of its parameters), and one parameter may serve many levels: few
parameters are tuned well, many are not tuned at all within a budget.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.env.rules import WEEK, WITH_REORDER, OrderingRule, RuleKind
from twin.network.world import World

Floats = NDArray[np.float64]
Groups = NDArray[np.intp]
MOST_SEPARATE = 12
"""Up to so many levels each has its own parameter; beyond, the products of a node share one."""
MOST_NODES = 40
"""Up to so many nodes each has its own parameter; beyond, the nodes of an echelon share one."""
MOST_WEEKDAYS = 84
"""Up to so many weekday levels each gets a parameter after the shared weekdays are tuned."""
STEP, WIDE_STEP, FINE_STEP, LAST_STEP = 0.25, 0.4, 0.2, 0.1
"""First standard deviation of a search, in the logarithm of a level."""


@dataclass(frozen=True)
class Space:
    """Search space of one kind of rule around a starting rule; zero is the start itself."""

    kind: RuleKind
    level: Floats  # (weekday, node, product) at the start
    groups: tuple[Groups, ...]  # each (weekday, node, product): parameter of each level; -1 none
    gaps: Groups  # (node, product) parameter of each reorder level; -1 none
    first_step: float

    @property
    def size(self) -> int:
        """Number of parameters."""
        return max(int(part.max(initial=-1)) for part in (*self.groups, self.gaps)) + 1

    def rule(self, points: Floats) -> OrderingRule:
        """Rules of many points (n, B): parameters with a trailing axis.

        A reorder level is the level times 1 - gap, the gap between 0 and 1.
        """
        padded = np.concatenate([points, np.zeros((1, points.shape[1]))])
        factor = np.exp(sum(padded[part] for part in self.groups))
        level = self.level[..., None] * factor
        if self.kind not in WITH_REORDER:
            return OrderingRule(self.kind, level)
        return OrderingRule(self.kind, level, level * (1.0 - np.clip(padded[self.gaps], 0.0, 1.0)))

    def single(self, point: Floats) -> OrderingRule:
        """The rule of one point (n,), without the trailing axis."""
        rule = self.rule(point[:, None])
        reorder = None if rule.reorder is None else rule.reorder[..., 0]
        return OrderingRule(rule.kind, rule.level[..., 0], reorder)


def space_for(world: World, kind: RuleKind, warm: OrderingRule | None = None) -> Space:
    """Where the search for a kind begins; ``warm`` is a tuned base-stock rule to start from."""
    own = _groups(world)
    if kind == "constant":
        flow = _of_ordering_nodes(world, world.throughput)
        return Space(kind, flow, (own[None],), _nothing(own), STEP)
    start = _levels(world) if warm is None else warm.level
    if kind == "weekday_base_stock":
        return _shared_weekdays(world, own, start)
    gaps = _shifted(own, _count(own)) if kind in WITH_REORDER else _nothing(own)
    return Space(kind, start, (own[None],), gaps, STEP)


def separate_weekdays(world: World, rule: OrderingRule) -> Space | None:
    """The second stage for weekday levels: a parameter for each, unless they are too many."""
    own = _groups(world)
    if WEEK * _count(own) > MOST_WEEKDAYS:
        return None
    groups = (_by_weekday(own),)
    return Space("weekday_base_stock", rule.level, groups, _nothing(own), FINE_STEP)


def _shared_weekdays(world: World, own: Groups, start: Floats) -> Space:
    """The first stage: one weekday profile per echelon, and one factor per level."""
    tuned = np.asarray((own >= 0).any(axis=1))
    echelon = np.where(own >= 0, _ranks(world.depth, tuned)[:, None], -1)
    profile = _by_weekday(echelon)
    factor = _shifted(own, _count(profile))
    level = np.repeat(start, WEEK, axis=0)
    groups = (profile, factor[None])
    return Space("weekday_base_stock", level, groups, _nothing(own), WIDE_STEP)


def _levels(world: World) -> Floats:
    """The scenario's order-up-to levels; the mean flow where they are zero: (1, node, product)."""
    levels = np.where(world.order_up_to > 0, world.order_up_to, world.throughput)
    return _of_ordering_nodes(world, levels)


def _of_ordering_nodes(world: World, values: Floats) -> Floats:
    """The values, zero at nodes that never order: (1, node, product)."""
    table = np.zeros((1, *values.shape))
    nodes = list(world.ordering_nodes)
    table[0, nodes] = values[nodes]
    return table


def _groups(world: World) -> Groups:
    """Parameter of each (node, product) that orders anything; -1 elsewhere."""
    used = np.zeros(world.order_up_to.shape, dtype=bool)
    used[list(world.ordering_nodes)] = True
    used &= world.throughput > 0
    if used.sum() <= MOST_SEPARATE:
        return np.where(used, np.cumsum(used).reshape(used.shape) - 1, -1)
    ordering = np.asarray(used.any(axis=1))
    nodes = np.arange(len(ordering))
    owner = _ranks(nodes if ordering.sum() <= MOST_NODES else world.depth, ordering)
    return np.where(used, owner[:, None], -1)


def _ranks(values: Groups, chosen: NDArray[np.bool_]) -> Groups:
    """Rank of each chosen item's value among the chosen ones' values; -1 elsewhere."""
    ranks = np.full(len(values), -1, dtype=np.intp)
    ranks[chosen] = np.unique(values[chosen], return_inverse=True)[1]
    return ranks


def _by_weekday(groups: Groups) -> Groups:
    """Seven parameters for each one: (weekday, node, product)."""
    days = np.arange(WEEK)[:, None, None]
    return np.where(groups >= 0, groups[None] + _count(groups) * days, -1)


def _shifted(groups: Groups, by: int) -> Groups:
    return np.where(groups >= 0, groups + by, -1)


def _count(groups: Groups) -> int:
    return int(groups.max(initial=-1)) + 1


def _nothing(groups: Groups) -> Groups:
    return np.full_like(groups, -1)
