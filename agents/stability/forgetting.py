"""Forgetting: what a fleet has become worse at since its parent, on earlier scenarios.

Both are run on the same seeds of each scenario; the difference is paired (common random numbers).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from agents.credit.estimate import Estimate, estimates
from agents.seeds import run_seeds
from twin.env.policy import Policy
from twin.env.rules import OrderingRule
from twin.network.world import World
from twin.scenario.quantities import Model


class Memory(Model):
    """One scenario: costs per period, and how the fleet compares with its parent."""

    scenario: str
    cost: float
    parent_cost: float
    static_cost: float
    change: Estimate
    """The fleet's cost less the parent's, with a paired 95 % interval."""

    @property
    def verdict(self) -> Literal["forgot", "kept", "improved"]:
        """Forgot where the fleet is dearer beyond doubt, improved where it is cheaper."""
        if self.change.low > 0:
            return "forgot"
        return "improved" if self.change.high < 0 else "kept"

    @property
    def share(self) -> float:
        """Share of what the parent saved over the static policy that is lost; negative: gained."""
        saved = self.static_cost - self.parent_cost
        return self.change.value / saved if saved > 0 else 0.0


def memory(
    name: str,
    world: World,
    policies: Mapping[str, Policy | OrderingRule],
    seeds: Sequence[int],
    jobs: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Memory:
    """Compare ``fleet``, ``parent`` and ``static`` on one scenario, on the event engine."""
    notify = progress or (lambda share: None)
    costs = {}
    for number, (who, policy) in enumerate(policies.items()):
        results = run_seeds(world, policy, seeds, jobs)
        costs[who] = np.array([r.kpis["cost_per_period"] for r in results], dtype=np.float64)
        notify((number + 1) / len(policies))
    change = estimates((costs["fleet"] - costs["parent"])[:, None], f"forgetting/{name}")[0]
    return Memory(
        scenario=name,
        cost=float(costs["fleet"].mean()),
        parent_cost=float(costs["parent"].mean()),
        static_cost=float(costs["static"].mean()),
        change=change,
    )
