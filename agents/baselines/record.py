"""Ordering rules as JSON: parameters by name, so that a record outlives the order of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from twin.env.rules import WEEK, WITH_REORDER, OrderingRule, RuleKind
from twin.errors import UsageError
from twin.network.world import World
from twin.scenario.quantities import Amount, Model, Name

Floats = NDArray[np.float64]
Levels = dict[Name, dict[Name, Annotated[tuple[Amount, ...], Field(min_length=1, max_length=WEEK)]]]
"""Node name -> product name -> one level, or one per weekday."""


class RuleRecord(Model):
    """An ordering rule on disk."""

    kind: RuleKind
    level: Levels
    reorder: Levels | None = None


def rule_to_json(world: World, rule: OrderingRule) -> dict[str, Any]:
    """The rule's parameters of every ordering node, by node and product name."""
    reorder = None if rule.reorder is None else _named(world, rule.reorder)
    record = RuleRecord(kind=rule.kind, level=_named(world, rule.level), reorder=reorder)
    return record.model_dump(mode="json", exclude_none=True)


def rule_from_json(world: World, data: Mapping[str, Any]) -> OrderingRule:
    """Read a rule back for this world.

    Raises UsageError for a malformed record and for nodes or products that the world does not have
    or that the record lacks.
    """
    try:
        record = RuleRecord.model_validate(dict(data))
    except ValidationError as error:
        first = error.errors()[0]
        where = "rule." + ".".join(str(part) for part in first["loc"])
        raise UsageError(first["msg"], where, str(first["input"])[:80]) from None
    if (record.reorder is not None) != (record.kind in WITH_REORDER):
        raise UsageError("reorder levels belong to s_s and r_q, no other kind", "rule.kind")
    reorder = None if record.reorder is None else _array(world, record.reorder, "reorder")
    return OrderingRule(record.kind, _array(world, record.level, "level"), reorder)


def _named(world: World, values: Floats) -> Levels:
    return {
        world.nodes[i]: {
            product: tuple(float(v) for v in values[:, i, k])
            for k, product in enumerate(world.products)
        }
        for i in world.ordering_nodes
    }


def _array(world: World, levels: Levels, field: str) -> Floats:
    """(weekday, node, product); zero at nodes that never order."""
    _same_names(levels, [world.nodes[i] for i in world.ordering_nodes], f"rule.{field}")
    days = {len(row) for of_node in levels.values() for row in of_node.values()}
    if not days <= {1} and not days <= {WEEK}:
        raise UsageError("levels must be one or seven", f"rule.{field}", str(sorted(days)))
    table = np.zeros((max(days, default=1), len(world.nodes), len(world.products)))
    for name, of_node in levels.items():
        _same_names(of_node, world.products, f"rule.{field}.{name}")
        for product, row in of_node.items():
            table[:, world.nodes.index(name), world.products.index(product)] = row
    return table


def _same_names(found: Mapping[str, object], names: Any, where: str) -> None:
    if set(found) != set(names):
        raise UsageError(
            "the rule is for another network", where, ", ".join(found), ", ".join(names)
        )
