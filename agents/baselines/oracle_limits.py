"""What lanes, factories, order books and shelf lives allow, in the program of a sample path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from agents.baselines.oracle_network import NetworkProgram


def limit_lanes(network: NetworkProgram) -> None:
    """Lanes, factories, and the stock that is there before the receipts of a period."""
    world, program = network.world, network.program
    limit = world.lane_limit
    for size, most in zip(limit.size, limit.most, strict=True):
        lanes = np.flatnonzero(np.isfinite(most))
        room = most[lanes] * network.gate[:, lanes]
        row = program.rows(room.shape, -np.inf, room)
        program.add(row[..., None], network.shipped[:, lanes], size)
    _limit_making(network)
    early = [phase for phase in ("ship", "serve") if network.happens_late(phase)]
    if not early:
        return
    before = np.full(network.on_hand.shape, 0.0)
    before[0] = world.initial_stock
    row = program.rows(before.shape, -np.inf, before)
    program.add(row[1:], network.on_hand[:-1], -1.0)
    if "ship" in early:
        network.add_use(row, 1.0)
    if "serve" in early:
        network.customers.add_sales(row, 1.0)


def _limit_making(network: NetworkProgram) -> None:
    """A factory that makes to order, and that works in part, makes that part of its capacity."""
    world, program = network.world, network.program
    nodes = np.flatnonzero(np.isfinite(world.make_capacity))
    works = network.path.node_open[:, nodes]
    most = world.make_capacity[nodes] * np.where(works > 0, works, 1.0)
    row = program.rows(most.shape, -np.inf, most)
    lanes = np.flatnonzero(np.isin(world.source, nodes))
    at = np.searchsorted(nodes, world.source[lanes])
    program.add(row[:, at, None], network.shipped[:, lanes], 1.0)


def limit_orders(network: NetworkProgram) -> None:
    """Shipments need orders: those of the start, and no more per period than the lane takes."""
    world, program = network.world, network.program
    known = network.first_orders
    for lane in np.flatnonzero(known.any(axis=(0, 2))):
        soon = min(int(network.lag[lane]), world.periods)
        sent = np.cumsum(known[:soon, lane], axis=0)
        row = program.rows(sent.shape, -np.inf, sent)
        for t in range(soon):
            program.add(row[t:], network.shipped[t, lane], 1.0)
    most = np.array([lane.order_capacity or np.inf for lane in world.transport])
    lanes = np.flatnonzero(np.isfinite(most))
    shape = (world.periods, len(lanes))
    placed = program.variables(shape, 0.0, most[lanes])
    book = program.variables(shape)
    sent = known[:, lanes].sum(axis=2)
    row = program.rows(shape, sent, sent)
    program.add(row, book, 1.0)
    program.add(row[1:], book[:-1], -1.0)
    program.add(row[..., None], network.shipped[:, lanes], 1.0)
    for at, lag in enumerate(network.lag[lanes]):
        program.add(row[lag:, at], placed[: max(world.periods - lag, 0), at], -1.0)


def limit_shelves(network: NetworkProgram) -> None:
    """What is on hand has left its last source within its shelf life.

    Stock[t] <= what arrived by t of shipments that left after t - life: a consequence of ages,
    which are not followed from node to node.
    """
    world, program = network.world, network.program
    periods = np.arange(world.periods)
    for product in np.flatnonzero(world.shelf_life):
        life = int(world.shelf_life[product])
        there = np.zeros((world.periods, len(world.nodes)))
        there[:life] += world.initial_stock[:, product]
        piped = world.initial_transit[..., product] @ world.inbound.matrix.T
        for epoch, units in enumerate(piped[: world.periods]):
            there[epoch : epoch + life] += units
        row = program.rows(there.shape, -np.inf, there)
        program.add(row, network.on_hand[..., product], 1.0)
        for age in range(life):
            t, lane = np.nonzero((network.due <= age) & (periods + age < world.periods)[:, None])
            good = -network.good[t, lane]
            place = row[t + age, world.destination[lane]]
            program.add(place, network.arriving[t, lane, product], good)
