"""The same scenario with other names, in another order, at half the size; and serial ones."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.strategies import amounts
from twin.scenario.model import ScenarioModel

LANE_FIELDS = ("lead_time", "lane_open", "price_factor", "good")


def scattered(values: Any, lanes: list[int]) -> Any:
    """Rows (period, lane, ...) in the order of another world's lanes."""
    out = np.empty_like(values)
    out[:, lanes] = values
    return out


def renamed_lane(name: str) -> str:
    return "->".join(f"{end} again" for end in name.split("->"))


def renamed(model: ScenarioModel, order: list[str]) -> ScenarioModel:
    """The same network under other names, its nodes in another order."""
    data = model.model_dump(exclude_none=True, exclude={"disruptions"})
    data["nodes"] = {f"{name} again": data["nodes"][name] for name in order}
    data["lanes"] = {
        " -> ".join(f"{end} again" for end in key.split(" -> ")): lane
        for key, lane in data["lanes"].items()
    }
    for fleet in data["fleets"].values():
        fleet["depot"] += " again"
    return ScenarioModel.model_validate(data)


LOTS = ("stock", "capacity", "order_capacity", "minimum_order", "batch", "in_transit")
FIXED_COSTS = ("order_cost", "line_cost", "setup_cost", "cost_per_trip", "cost_per_km")
SIZES = frozenset((*LOTS, *FIXED_COSTS, "orders_under_way", "setup_units"))
"""What is counted in units, and money that is paid however few they are."""


def halved(value: Any, inside: bool = False) -> Any:
    """A dumped scenario with every size, and every fixed cost, cut in half."""
    if isinstance(value, dict):
        return {k: halved(v, inside or k in SIZES) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [halved(v, inside) for v in value]
    return value / 2 if inside and value is not None else value


@st.composite
def serial_models(draw: st.DrawFn, unmet: str) -> ScenarioModel:
    """A supplier, two depots and a shop, on lanes on which nobody overtakes."""
    time = st.sampled_from([0, 1, 2, {"model": "uniform", "low": 0.5, "high": 3}])
    names = ["supplier", "depot", "hub", "shop"]
    lanes = {
        f"{a} -> {b}": {
            "lead_time": draw(time),
            "crossover": False,
            "capacity": draw(st.sampled_from([None, 14])),
        }
        for a, b in pairwise(names)
    }
    stock = {name: {"kind": "warehouse", "stock": draw(amounts(20))} for name in names[1:]}
    stock["shop"] |= {"unmet": unmet, "demand": {"model": "gamma", "mean": 10, "cv": 0.6}}
    convention = draw(st.sampled_from(["standard", "orgym", "snyder", "mabim", "beer_game"]))
    fixed = {"name": "serial", "horizon": 30, "convention": convention, "lanes": lanes}
    return ScenarioModel.model_validate(
        fixed | {"nodes": {"supplier": {"kind": "supplier"}, **stock}}
    )
