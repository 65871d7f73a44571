"""What is tuned: the rule that a vector of search parameters stands for.

A level is its start times exp(parameter), and one parameter may serve many levels: few parameters
are tuned well, many are not tuned at all within a budget.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.env.rules import WEEK, OrderingRule, RuleKind
from twin.network.world import World

Floats = NDArray[np.float64]
Groups = NDArray[np.intp]
MOST_SEPARATE = 12
"""Up to so many levels each has its own parameter; beyond, the products of a node share one."""
MOST_NODES = 40
"""Up to so many nodes each has its own parameter; beyond, the nodes of an echelon share one."""


@dataclass(frozen=True)
class Space:
    """Search space of one kind of rule around a starting rule; zero is the start itself."""

    kind: RuleKind
    level: Floats  # (weekday, node, product) at the start
    depth: Floats  # (node, product) order-up-to less reorder level at the start, as a share
    groups: Groups  # (weekday, node, product) parameter of each level; -1 is fixed
    gaps: Groups  # (node, product) parameter of each reorder level; -1 is none

    @property
    def size(self) -> int:
        """Number of parameters."""
        return int(max(self.groups.max(initial=-1), self.gaps.max(initial=-1))) + 1

    def rule(self, points: Floats) -> OrderingRule:
        """Rules of many points (n, B): parameters with a trailing axis."""
        padded = np.concatenate([points, np.zeros_like(points[:1])])
        level = self.level[..., None] * np.exp(padded[self.groups])
        if self.kind != "s_s":
            return OrderingRule(self.kind, level)
        depth = np.clip(self.depth[..., None] + padded[self.gaps], 0.0, 1.0)
        return OrderingRule(self.kind, level, level * (1.0 - depth))

    def single(self, point: Floats) -> OrderingRule:
        """The rule of one point (n,), without the trailing axis."""
        rule = self.rule(point[:, None])
        reorder = None if rule.reorder is None else rule.reorder[..., 0]
        return OrderingRule(rule.kind, rule.level[..., 0], reorder)


def space_for(world: World, kind: RuleKind, warm: OrderingRule | None = None) -> Space:
    """The search space of a kind; ``warm`` is a tuned base-stock rule to start from."""
    start = _first_levels(world, kind) if warm is None or kind == "constant" else warm.level[0]
    node_groups = _groups(world)
    groups = node_groups[None]
    gaps = np.full_like(node_groups, -1)
    if kind == "weekday_base_stock":
        groups = _by_weekday(node_groups)
        start = np.broadcast_to(start, groups.shape)
    elif kind == "s_s":
        gaps = np.where(node_groups >= 0, node_groups + node_groups.max(initial=-1) + 1, -1)
    level = np.broadcast_to(start, groups.shape).copy()
    return Space(kind, level, np.zeros_like(world.order_up_to), groups, gaps)


def _first_levels(world: World, kind: RuleKind) -> Floats:
    """Where the search starts: the scenario's levels, or the mean flow."""
    if kind == "constant":
        return world.throughput
    return np.where(world.order_up_to > 0, world.order_up_to, world.throughput)


def _groups(world: World) -> Groups:
    """Parameter of each (node, product) that orders anything; -1 elsewhere."""
    used = np.zeros(world.order_up_to.shape, dtype=bool)
    used[list(world.ordering_nodes)] = True
    used &= world.throughput > 0
    if used.sum() <= MOST_SEPARATE:
        return np.where(used, np.cumsum(used).reshape(used.shape) - 1, -1)
    ordering = used.any(axis=1)
    owner = np.cumsum(ordering) - 1 if ordering.sum() <= MOST_NODES else _echelon(world, ordering)
    return np.where(used, owner[:, None], -1)


def _echelon(world: World, ordering: NDArray[np.bool_]) -> Groups:
    _, owner = np.unique(world.depth[ordering], return_inverse=True)
    found = np.full(len(ordering), -1)
    found[ordering] = owner
    return found


def _by_weekday(groups: Groups) -> Groups:
    """Seven parameters for each one."""
    count = int(groups.max(initial=-1)) + 1
    days = np.arange(WEEK)[:, None, None]
    return np.where(groups >= 0, groups[None] + count * days, -1)
