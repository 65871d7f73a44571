"""Meaning checks on where products can come from, lane by lane and factory by factory."""

from __future__ import annotations

from collections.abc import Iterator

from twin.scenario.findings import Finding, shown
from twin.scenario.network_checks import lane_keys, reachability
from twin.scenario.subject import Subject

MOST_CELLS = 1_000_000
"""Lanes x products up to which supply is followed product by product."""


def product_supply(subject: Subject) -> Iterator[Finding]:
    """Where lanes or factories tell products apart, what is sold or needed can get there."""
    model = subject.model
    if not _tells_apart(subject) or len(model.lanes) * len(model.products) > MOST_CELLS:
        return
    if next(lane_keys(subject), None) or next(reachability(subject), None):
        return
    there = _supplied(subject)
    for name, node in model.nodes.items():
        wanted = node.demand if isinstance(node.demand, dict) else ()
        for product in wanted:
            if product in subject.products and product not in there[name]:
                message = f"no lane and no factory brings {shown(product)} to {shown(name)}"
                yield Finding(("nodes", name, "demand", product), message, at_key=True)
        for made, parts in (node.production.bom if node.production else {}).items():
            for part in parts:
                if part in subject.products and part not in there[name]:
                    path = ("nodes", name, "production", "bom", made, part)
                    message = f"no lane and no factory brings {shown(part)} to {shown(name)}"
                    yield Finding(path, message, at_key=True)


def _tells_apart(subject: Subject) -> bool:
    nodes = subject.model.nodes.values()
    by_lane = any(lane.products for lane in subject.model.lanes.values())
    return by_lane or any(node.production and node.production.bom for node in nodes)


def _supplied(subject: Subject) -> dict[str, set[str]]:
    """Products that can be at each node, followed downstream until nothing changes."""
    model, everything = subject.model, set(subject.products)
    fed = {destination for _, destination in subject.lanes.values()}
    there: dict[str, set[str]] = {}
    for name, node in model.nodes.items():
        endless = node.kind == "supplier" or (node.kind == "factory" and name not in fed)
        stocked = isinstance(node.stock, dict) or node.stock > 0
        there[name] = set(everything) if endless else set()
        if stocked and not endless:
            there[name] |= set(node.stock) if isinstance(node.stock, dict) else everything
    grown = True
    while grown:
        grown = False
        for key, (source, destination) in subject.lanes.items():
            carried = set(model.lanes[key].products) or everything
            new = (_leaves(subject, source, there[source]) & carried) - there[destination]
            there[destination] |= new
            grown = grown or bool(new)
        for name in model.nodes:
            made = _made_to_stock(subject, name, there[name]) - there[name]
            there[name] |= made
            grown = grown or bool(made)
    return there


def _leaves(subject: Subject, name: str, there: set[str]) -> set[str]:
    """What can leave a node; a factory that makes to order turns components into products."""
    production = subject.model.nodes[name].production
    if production is None or production.mode == "to_stock" or not production.bom:
        return there
    bom = production.bom
    makeable = {made for made, parts in bom.items() if set(parts) <= there}
    return (there - set(bom)) | makeable


def _made_to_stock(subject: Subject, name: str, there: set[str]) -> set[str]:
    production = subject.model.nodes[name].production
    if production is None or production.mode != "to_stock":
        return set()
    return {made for made, parts in production.bom.items() if set(parts) <= there}
