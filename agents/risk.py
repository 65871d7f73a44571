"""Risk exposure: take one node out at a time and see what it costs, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agents.seeds import Spread
from twin.engine.ledger import PeriodLedger
from twin.env.episode import run_policy
from twin.env.policy import Policy
from twin.env.rules import OrderingRule
from twin.errors import NothingSelectedError, UsageError
from twin.exogenous.path import SamplePath, draw_path
from twin.kpi.resilience import recovery, relative_service, resilience_loss, units_served
from twin.kpi.survival import time_to_survive
from twin.network.world import World
from twin.simulation import run_rule

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outage:
    """When a node is out, and what counts as failed and as recovered."""

    start: int  # period
    periods: int
    failure_level: float = 0.95  # of the service without the outage
    recovery_level: float = 0.99  # of the service without the outage
    hold: int = 7  # periods that the recovery has to last

    def check(self, world: World) -> None:
        """Raise UsageError unless the outage lies within the horizon and leaves time after it."""
        room = f"a start from 0 d and an end before {world.periods * world.period_d:g} d"
        if self.start < 0 or self.periods < 1 or self.start + self.periods >= world.periods:
            begin, end = (x * world.period_d for x in (self.start, self.start + self.periods))
            raise UsageError(
                "the outage does not fit the horizon", "outage", f"{begin:g} d to {end:g} d", room
            )


@dataclass(frozen=True)
class NodeRisk:
    """What the outage of one node does; money and days."""

    node: str
    cost_impact: Spread  # money over the horizon, against the same seeds without the outage
    service_loss: Spread | None  # share of demand no longer served in its period; None without
    ttr_d: float | None  # from failure to recovery; 0 when service held, None when not back
    recovered_after_d: float | None  # from the start of the outage; None when not back
    resilience_loss_d: float  # days of full service lost, from the outage to the recovery
    tts_d: float | None  # None when supply meets demand for however long the outage lasts
    exposed: bool  # the node is needed back sooner than it is: TTS < TTR


@dataclass(frozen=True)
class _Runs:
    """One run per seed, summed up; ``served`` and ``cost`` have the seeds first."""

    served: Floats  # (seed, period) units
    cost: Floats  # (seed,) money
    demand: Floats  # (seed,) units
    on_hand: Floats  # (node, product) when the outage begins, mean over seeds
    in_transit: Floats  # (lane, product) when the outage begins, mean over seeds


def close_node(world: World, path: SamplePath, node: int, start: int, periods: int) -> SamplePath:
    """The path with every lane of a node closed; freight that is on its way still arrives."""
    lanes = (world.source == node) | (world.destination == node)
    lane_open = path.lane_open.copy()
    lane_open[start : start + periods, lanes] = 0.0
    return replace(path, lane_open=lane_open)


def connected_nodes(world: World) -> tuple[int, ...]:
    """Nodes with a lane, in node order."""
    return tuple(sorted({*world.source.tolist(), *world.destination.tolist()}))


def risk_exposure(
    world: World,
    policy: OrderingRule | Policy,
    seeds: Sequence[int],
    outage: Outage,
    progress: Callable[[float], None] | None = None,
) -> list[NodeRisk]:
    """Run every seed without an outage and with each connected node out; costliest node first.

    Simchi-Levi et al. 2015: a network is exposed where the time to survive (of supply, on mean
    demand, from the stock at the start of the outage) is less than the time to recover, which is
    here the longer of the outage itself and the time from its start to the recovery of service.
    Raises UsageError when the outage does not fit the horizon, NothingSelectedError where no node
    has a lane.
    """
    outage.check(world)
    paths = [draw_path(world, seed) for seed in seeds]
    nodes = connected_nodes(world)
    if not nodes:
        raise NothingSelectedError("no node has a lane that could be closed", world.model.name)
    notify = progress or (lambda share: None)
    base = _run(world, policy, paths, outage)
    found = []
    for done, node in enumerate(nodes, start=1):
        notify(done / (len(nodes) + 1))
        closed = [close_node(world, path, node, outage.start, outage.periods) for path in paths]
        found.append(_node_risk(world, node, base, _run(world, policy, closed, outage), outage))
    return sorted(found, key=lambda risk: -risk.cost_impact.mean)


def _run(
    world: World, policy: OrderingRule | Policy, paths: Sequence[SamplePath], outage: Outage
) -> _Runs:
    ledgers = [_ledger(world, policy, path) for path in paths]
    states = [_state(ledger, outage.start) for ledger in ledgers]
    return _Runs(
        served=np.array([units_served(ledger) for ledger in ledgers]),
        cost=np.array([ledger.cost.sum() for ledger in ledgers]),
        demand=np.array([ledger.demand.sum() for ledger in ledgers]),
        on_hand=np.mean([on_hand for on_hand, _ in states], axis=0),
        in_transit=np.mean([in_transit for _, in_transit in states], axis=0),
    )


def _ledger(world: World, policy: OrderingRule | Policy, path: SamplePath) -> PeriodLedger:
    if isinstance(policy, OrderingRule):
        return run_rule(world, path, policy)
    return run_policy(world, path, policy)


def _state(ledger: PeriodLedger, start: int) -> tuple[Floats, Floats]:
    """Stock and freight at the start of a period."""
    if start == 0:
        return ledger.world.initial_stock, ledger.world.initial_transit.sum(axis=0)
    return ledger.on_hand[start - 1], ledger.in_transit[start - 1]


def _node_risk(world: World, node: int, base: _Runs, hit: _Runs, outage: Outage) -> NodeRisk:
    service = relative_service(hit.served.sum(axis=0), base.served.sum(axis=0))
    back = recovery(service, outage.failure_level, outage.recovery_level, outage.hold, outage.start)
    outage_end = outage.start + outage.periods
    if back.failed is None:
        end: int | None = outage.start
        until = outage_end
    else:
        end = back.recovered
        until = len(service) if end is None else end
    days = world.period_d
    recovered_after = None if end is None else (end - outage.start) * days
    tts = time_to_survive(world, node, base.on_hand, base.in_transit)
    return NodeRisk(
        node=world.nodes[node],
        cost_impact=Spread.of((hit.cost - base.cost).tolist()),
        service_loss=_service_loss(base, hit),
        ttr_d=None if back.periods is None else back.periods * days,
        recovered_after_d=recovered_after,
        resilience_loss_d=resilience_loss(service[outage.start : until], 1.0, days),
        tts_d=tts,
        exposed=_exposed(tts, recovered_after, outage.periods * days),
    )


def _service_loss(base: _Runs, hit: _Runs) -> Spread | None:
    """Share of each seed's demand that is served in its period only without the outage."""
    asked = base.demand > 0
    lost = (base.served - hit.served).sum(axis=1)
    return Spread.of((lost[asked] / base.demand[asked]).tolist()) if asked.any() else None


def _exposed(tts_d: float | None, recovered_after_d: float | None, outage_d: float) -> bool:
    """Whether time to survive is less than time to recover (for ever, when not back)."""
    if tts_d is None:
        return False
    return recovered_after_d is None or tts_d < max(outage_d, recovered_after_d)
