"""A believable playback of the quickstart network, or of one with many stores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stress.results import Playback
from twin.exogenous.streams import stream

POLICIES = ("fleet", "baseline")
NODES = ("plant", "dc", "north", "east", "south")
KINDS = ("supplier", "warehouse", "store", "store", "store")
LANES = (("plant", "dc"), ("dc", "north"), ("dc", "east"), ("dc", "south"))
WEEK = np.array([0.6, 0.7, 0.8, 1.0, 1.3, 1.6, 1.0])


def playback(stores: int = 0, periods: int = 120, policies: Sequence[str] = POLICIES) -> Playback:
    """The quickstart network, or one with three plants, four warehouses and many stores."""
    nodes, kinds, lanes = _network(stores)
    rng = stream(7, "report_sample/playback")
    selling = np.array([kind == "store" for kind in kinds])
    means = np.where(selling, rng.uniform(15, 45, len(nodes)), 0.0)
    season = WEEK[np.arange(periods) % 7]
    demand = rng.poisson(season[:, None] * means).astype(float)
    stock, unmet, cost = {}, {}, {}
    for policy in policies:
        stock[policy], unmet[policy] = _stock(demand, season, policy == "fleet")
        cost[policy] = (0.5 * stock[policy] + 8 * unmet[policy]).sum(axis=1) + 12
    return Playback(
        seed=7,
        nodes=nodes,
        kinds=kinds,
        lanes=lanes,
        fleets=("trucks",),
        on_hand={p: table.tolist() for p, table in stock.items()},
        demand=demand.tolist(),
        unmet={p: table.tolist() for p, table in unmet.items()},
        cost={p: series.tolist() for p, series in cost.items()},
        shipped={p: _flows(lanes, nodes, means) for p in policies},
    )


Network = tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, str], ...]]


def _network(stores: int) -> Network:
    if not stores:
        return NODES, KINDS, LANES
    plants = tuple(f"plant {n}" for n in range(3))
    depots = tuple(f"depot {n}" for n in range(4))
    shops = tuple(f"store {n:02d}" for n in range(stores))
    lanes = [(plants[n % 3], depot) for n, depot in enumerate(depots)]
    lanes += [(depots[n * 7 % 4], shop) for n, shop in enumerate(shops)]
    lanes += [(plants[0], shops[-1]), (plants[2], shops[0])]
    kinds = ("factory",) * 3 + ("warehouse",) * 4 + ("store",) * stores
    return plants + depots + shops, kinds, tuple(lanes)


def _stock(demand: np.ndarray, season: np.ndarray, adaptive: bool) -> tuple[np.ndarray, np.ndarray]:
    """Order-up-to every period: by weekday for the fleet, at one level for the baseline."""
    mean = demand.mean(axis=0)
    stock, unmet = np.zeros_like(demand), np.zeros_like(demand)
    for t in range(len(demand)):
        level = mean * (1.25 * season[t] if adaptive else 1.45) + 4 * (mean > 0)
        unmet[t] = np.maximum(demand[t] - level, 0)
        depot = 190 + 45 * ((t * (3 if adaptive else 2)) % 7) / 7 + (0 if adaptive else 60)
        stock[t] = np.maximum(level - demand[t], 0) + depot * (mean == 0)
    return stock, unmet


def _flows(
    lanes: Sequence[tuple[str, str]], nodes: Sequence[str], means: np.ndarray
) -> list[float]:
    def below(node: str) -> float:
        return float(means[nodes.index(node)]) + sum(below(b) for a, b in lanes if a == node)

    inbound = [sum(1 for _, b in lanes if b == end) for _, end in lanes]
    return [below(end) / n for (_, end), n in zip(lanes, inbound, strict=True)]
