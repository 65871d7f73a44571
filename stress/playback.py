"""One undisturbed episode per policy on the same seed, for the pictures over time."""

from __future__ import annotations

from collections.abc import Mapping

from stress.results import Playback
from twin.engine.ledger import PeriodLedger
from twin.env.episode import run_policy
from twin.env.policy import Policy
from twin.env.rules import OrderingRule
from twin.exogenous.path import draw_path
from twin.network.world import World
from twin.simulation import run_rule


def play_back(world: World, policies: Mapping[str, OrderingRule | Policy], seed: int) -> Playback:
    """Run each policy once on the path of ``seed``."""
    path = draw_path(world, seed)
    ledgers: dict[str, PeriodLedger] = {
        name: run_rule(world, path, policy)
        if isinstance(policy, OrderingRule)
        else run_policy(world, path, policy)
        for name, policy in policies.items()
    }
    ends = zip(world.source, world.destination, strict=True)
    return Playback(
        seed=seed,
        nodes=world.nodes,
        kinds=tuple(node.kind for node in world.model.nodes.values()),
        lanes=tuple((world.nodes[a], world.nodes[b]) for a, b in ends),
        fleets=tuple(fleet.name for fleet in world.fleets),
        on_hand={name: x.on_hand.sum(axis=2).tolist() for name, x in ledgers.items()},
        demand=path.demand.sum(axis=2).tolist(),
        unmet={name: x.unmet.sum(axis=2).tolist() for name, x in ledgers.items()},
        cost={name: x.cost.tolist() for name, x in ledgers.items()},
        shipped={name: x.shipped.sum(axis=2).mean(axis=0).tolist() for name, x in ledgers.items()},
    )
