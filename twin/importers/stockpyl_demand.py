"""Demand sources of stockpyl as demand models; what the twin cannot draw keeps mean and spread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from twin.importers.draft import Draft, number
from twin.importers.sources import Foreign


class StockpylDemand(Foreign):
    """A demand source: ``type`` N, P, UD, UC, NB, B, D, CD or none."""

    type: str | None = None
    mean: float | None = None
    standard_deviation: float | None = None
    demand_list: tuple[float, ...] | float | None = None
    probabilities: tuple[float, ...] | None = None
    lo: float | None = None
    hi: float | None = None
    n: float | None = None
    p: float | None = None
    round_to_int: bool | None = None


def demand_of(source: StockpylDemand, name: str, draft: Draft) -> dict[str, Any] | None:
    """A demand model, or None where there are no customers; approximations are warned of."""
    kind = source.type
    if kind is None:
        return None
    if source.round_to_int and kind in ("N", "UC"):
        draft.warn(name, "round_to_int is not used: demand is not rounded")
    mean, sd = moments(source)
    match kind:
        case "P":
            return {"model": "poisson", "mean": number(mean)}
        case "N":
            return {"model": "normal", "mean": number(mean), "sd": number(sd)}
        case "UC":
            low, high = number(source.lo or 0.0), number(source.hi or 0.0)
            return {"model": "uniform", "low": low, "high": high}
        case "NB" if mean < sd**2:
            size = number(mean**2 / (sd**2 - mean))
            return {"model": "negative_binomial", "mean": number(mean), "size": size}
        case "D":
            return _deterministic(source, name, draft)
    message = f"the demand of type {kind} is normal with its mean {mean:g} and spread {sd:g}"
    draft.warn(name, message)
    return {"model": "normal", "mean": number(mean), "sd": number(sd)}


def _deterministic(source: StockpylDemand, name: str, draft: Draft) -> dict[str, Any]:
    listed = source.demand_list
    if not isinstance(listed, tuple):
        return {"model": "constant", "mean": number(listed or 0.0)}
    if len(set(listed)) == 1:
        return {"model": "constant", "mean": number(listed[0])}
    file = f"{name}_demand.csv".replace(" ", "_").replace("/", "_")
    lines = ["units", *(f"{number(value)}" for value in listed)]
    draft.companions[file] = "\n".join(lines) + "\n"
    return {"model": "trace", "file": file, "wrap": True}


def moments(source: StockpylDemand) -> tuple[float, float]:
    """Mean and standard deviation per period of a demand source."""
    low, high = source.lo or 0.0, source.hi or 0.0
    n, p = source.n or 0.0, source.p or 0.0
    listed = source.demand_list if isinstance(source.demand_list, tuple) else ()
    match source.type:
        case "P":
            return source.mean or 0.0, math.sqrt(source.mean or 0.0)
        case "UC":
            return (low + high) / 2, (high - low) / math.sqrt(12)
        case "UD":
            return (low + high) / 2, math.sqrt(((high - low + 1) ** 2 - 1) / 12)
        case "B":
            return n * p, math.sqrt(n * p * (1 - p))
        case "NB" if p:
            return n * (1 - p) / p, math.sqrt(n * (1 - p)) / p
        case "CD" if listed and source.probabilities:
            return _discrete(listed, source.probabilities)
    return source.mean or 0.0, source.standard_deviation or 0.0


def _discrete(values: Sequence[float], weights: Sequence[float]) -> tuple[float, float]:
    total = sum(weights) or 1.0
    pairs = list(zip(values, weights, strict=False))
    mean = sum(v * w for v, w in pairs) / total
    variance = sum((v - mean) ** 2 * w for v, w in pairs) / total
    return mean, math.sqrt(variance)
