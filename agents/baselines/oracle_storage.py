"""Storage in the program of a sample path: what fits, and what has to wait at the dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from agents.baselines.oracle_network import NetworkProgram

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


def limit_storage(network: NetworkProgram) -> None:
    """What is on hand after receipts fits; goods wait at the dock only where it is full."""
    world, program = network.world, network.program
    limit = world.storage_limit
    most = np.maximum(limit.most, limit.load(world.initial_stock))
    for size, room in zip(limit.size, most, strict=True):
        nodes = np.flatnonzero(np.isfinite(room))
        row = program.rows((world.periods, len(nodes)), -np.inf, room[nodes])
        _add_stock_after_receipt(network, row, nodes, size, ~_receives_again(network))
    if _only_units(network):
        _wait_where_full(network)


def _receives_again(network: NetworkProgram) -> NDArray[np.bool_]:
    """Periods in which docks are worked once more after shipping, for zero lead times."""
    prompt: NDArray[np.bool_] = np.logical_or.reduce(network.due == 0, axis=1)
    again: NDArray[np.bool_] = prompt & network.world.convention.receives_before_shipping
    return again


def stock_after_receipt(network: NetworkProgram, x: Floats) -> Floats:
    """Stock of a solution just after the receipts of each period: (period, node, product)."""
    world, customers = network.world, network.customers
    stock: Floats = x[network.on_hand]
    if not network.happens_late("serve"):
        # A customer is a pair of a node and a product, each once.
        stock[:, customers.node, customers.product] += x[customers.sold]
    if not network.happens_late("ship"):
        stock = stock + world.outbound.matrix @ world.recipes.claims(x[network.shipped])
    return stock


def _add_stock_after_receipt(
    network: NetworkProgram, row: Ints, nodes: Ints, size: Floats, shipping: NDArray[np.bool_]
) -> None:
    """Add the size of stock just after receipts, all products, to rows (period, node).

    What ships of it is counted in the periods ``shipping``.
    """
    world, program = network.world, network.program
    everywhere = np.full(len(world.nodes), -1, dtype=np.intp)
    everywhere[nodes] = np.arange(len(nodes))
    program.add(row[..., None], network.on_hand[:, nodes], size)
    customers = network.customers
    sellers = np.flatnonzero((everywhere[customers.node] >= 0) & ~world.unlimited[customers.node])
    if not network.happens_late("serve"):
        at = everywhere[customers.node[sellers]]
        program.add(row[:, at], customers.sold[:, sellers], size[customers.product[sellers]])
    if network.happens_late("ship"):
        return
    when = np.flatnonzero(shipping)
    lanes = np.flatnonzero((everywhere[world.source] >= 0) & ~world.unlimited[world.source])
    claimed = world.recipes.plain[lanes] * size
    place = row[np.ix_(when, everywhere[world.source[lanes]])]
    program.add(place[..., None], network.shipped[np.ix_(when, lanes)], claimed)
    for bill in world.recipes.bills:
        at = everywhere[world.source[bill.lane]]
        if at >= 0 and not world.unlimited[world.source[bill.lane]]:
            made = network.shipped[when, bill.lane][:, bill.made]
            program.add(row[when, at, None], made, bill.components @ size[bill.used])


def _only_units(network: NetworkProgram) -> bool:
    """Whether it can be said how much may ever wait at a dock: see ``_wait_where_full``."""
    world = network.world
    counted = len(world.storage_limit.size) == 1 and bool(np.isfinite(world.storage).any())
    simple = not world.recipes.bills and not world.prices.terminal.any()
    return counted and simple and not (network.path.good < 1).any() and not network.closed.any()


def _wait_where_full(network: NetworkProgram) -> None:
    """Of the law "dock > 0 only if full", the strongest linear consequence.

    Dock / (most that can ever wait) <= stock / storage.
    """
    world, program = network.world, network.program
    nodes = np.flatnonzero(np.isfinite(world.storage) & ~world.destroys)
    if not len(nodes):
        return
    full = world.storage[nodes]
    # Whole units leave up to one unit of room unused for each lane and product.
    slack = len(world.lanes) * len(world.products) if world.model.integral else 0
    least = np.maximum(full - slack, 0.0)
    row = program.rows((world.periods, len(nodes)), -np.inf, 0.0)
    for at, node in enumerate(nodes):
        lanes = np.flatnonzero(world.destination[network.docked] == node)
        if least[at] > 0:
            share = np.full(len(world.products), -_most_that_waits(network) / least[at])
            always = np.ones(world.periods, dtype=bool)
            one = nodes[at : at + 1]
            _add_stock_after_receipt(network, row[:, at : at + 1], one, share, always)
            program.add(row[:, at, None, None], network.dock[:, lanes], 1.0)


def _most_that_waits(network: NetworkProgram) -> float:
    """Units beyond which more at a dock is of no use to anybody: demand and all storage."""
    world = network.world
    yields = float(np.prod(world.make_output[~world.unlimited]))
    storage = np.maximum(world.storage, world.initial_stock.sum(axis=1))
    held = float(storage[np.isfinite(storage)].sum()) + float(world.initial_transit.sum())
    return 1.0 + (float(network.path.demand.sum()) + held) / yields
