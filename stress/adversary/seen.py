"""What a learned adversary sees before it strikes: how an undisturbed episode goes, by period."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.env.rules import OrderingRule
from twin.exogenous.path import draw_path
from twin.network.world import World
from twin.simulation import run_rule

Floats = NDArray[np.float64]


def clock(periods: int) -> Floats:
    """The time as two features, where nothing else is known: (period, 2)."""
    share = np.linspace(-1.0, 1.0, periods)
    return np.column_stack([share, share**2])


def seen_state(world: World, rule: OrderingRule, seed: int, periods: int) -> Floats:
    """The state at the begin of each period under a rule, standardised: (period, feature).

    Features: the time and its square; stock, goods on the road and what is owed at the end of the
    period before; demand of that period. Totals over nodes and products.
    """
    ledger = run_rule(world, draw_path(world, seed), rule)
    totals = (ledger.on_hand, ledger.in_transit, ledger.unmet, ledger.demand)
    series = [part.reshape(len(part), -1).sum(axis=1) for part in totals]
    columns = [_standardised(np.concatenate([x[:1], x[:-1]])[:periods]) for x in series]
    return np.column_stack([clock(periods), *columns])


def _standardised(x: Floats) -> Floats:
    spread = float(x.std())
    return (x - x.mean()) / spread if spread > 0 else np.zeros_like(x)
