"""Meaning checks on what a world can do: production, perishables, opening hours, disruptions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from twin.network.phases import complaint
from twin.scenario.capacity import Capacity
from twin.scenario.disruption import Disruption
from twin.scenario.findings import Finding, Path, did_you_mean, shown
from twin.scenario.lanes import normal_lane
from twin.scenario.opening import Opening
from twin.scenario.sites import Node, Production
from twin.scenario.subject import Subject, whole_periods
from twin.scenario.transport import Lane

TO_STOCK_ONLY = ("lead_time", "setup_cost", "setup_units")


def phase_list(subject: Subject) -> Iterator[Finding]:
    """A list of phases is an order in which a period can happen."""
    convention = subject.model.convention
    wrong = None if isinstance(convention, str) else complaint(convention)
    if wrong is not None:
        yield Finding(("convention",), wrong, "receive, demand, order, ship, serve, account")


def shelf_lives(subject: Subject) -> Iterator[Finding]:
    """Shelf lives are whole numbers of periods, and substitutes are other known products."""
    period = subject.model.period
    for name, product in subject.model.products.items():
        path: Path = ("products", name)
        life = product.shelf_life
        if life is not None and not whole_periods(life, period):
            message = f"got {life:g} d, expected a whole number of periods of {period:g} d"
            yield Finding((*path, "shelf_life"), message)
        below = (*path, "substitutes")
        yield from _unknown(below, product.substitutes, subject.products, "product")
        if name in product.substitutes:
            yield Finding((*below, name), f"{shown(name)} is its own substitute", at_key=True)


def endless_stock(subject: Subject) -> Iterator[Finding]:
    """Stock that can be owed has no age."""
    lives = [n for n, product in subject.model.products.items() if product.shelf_life is not None]
    if subject.model.independent_links and lives:
        message = f"with independent links stock can fall below zero, and {shown(lives[0])} spoils"
        yield Finding(("independent_links",), message, "leave one of them out", at_key=True)


def _unknown(
    path: Path, names: Iterable[str], known: Collection[str], what: str
) -> Iterator[Finding]:
    """Names of a map or a list that stand for nothing."""
    is_map = isinstance(names, dict)
    for index, name in enumerate(names):
        if name not in known:
            hint = did_you_mean(name, known)
            place = (*path, name if is_map else index)
            yield Finding(place, f"unknown {what} {shown(name)}", hint, at_key=is_map)


def production(subject: Subject) -> Iterator[Finding]:
    """Bills of materials name known products, have no loop, and suit the way things are made."""
    for name, node in subject.model.nodes.items():
        if node.production is not None:
            path: Path = ("nodes", name, "production")
            yield from _bill(subject, path, node.production)
            yield from _mode(path, node.production)


def _bill(subject: Subject, path: Path, made: Production) -> Iterator[Finding]:
    below = (*path, "bom")
    yield from _unknown(below, made.bom, subject.products, "product")
    for product, components in made.bom.items():
        yield from _unknown((*below, product), components, subject.products, "product")
        loop = _loop(made.bom, product)
        if loop:
            message = f"{shown(product)} is made from itself: {' -> '.join(loop)}"
            yield Finding((*below, product), message, at_key=True)
        elif made.mode == "to_order" and any(part in made.bom for part in components):
            message = f"{shown(product)} needs something that is made to order at the same place"
            hint = "make the component to stock, or in a factory of its own"
            yield Finding((*below, product), message, hint, at_key=True)


def _loop(bom: dict[str, dict[str, float]], product: str) -> list[str]:
    """A way from a product through its components back to it."""
    waiting, seen = [[product]], set()
    while waiting:
        way = waiting.pop()
        for part in bom.get(way[-1], ()):
            if part == product:
                return [*way, part]
            if part not in seen:
                seen.add(part)
                waiting.append([*way, part])
    return []


def _mode(path: Path, made: Production) -> Iterator[Finding]:
    if made.mode == "to_stock" and not made.bom:
        hint = "name the products it makes, with their components: bom: {gear: {steel: 2}}"
        yield Finding((*path, "mode"), "production to stock without a bill of materials", hint)
    if made.mode == "to_order":
        for field in TO_STOCK_ONLY:
            if getattr(made, field):
                message = f"{field} has no meaning where things are made to order"
                yield Finding((*path, field), message, "write mode: to_stock", at_key=True)


def cross_docks(subject: Subject) -> Iterator[Finding]:
    """A cross-dock lies between lanes, and has neither stock nor customers nor an agent."""
    sources = {source for source, _ in subject.lanes.values()}
    for name, node in subject.model.nodes.items():
        if node.kind != "crossdock":
            continue
        for field in ("stock", "demand", "order_up_to", "production"):
            if getattr(node, field):
                message = f"{field} at a cross-dock, which keeps nothing"
                yield Finding(("nodes", name, field), message, "make it a warehouse", at_key=True)
        if name not in subject.inbound or name not in sources:
            message = f"no lane leads through the cross-dock {shown(name)}"
            yield Finding(("nodes", name), message, at_key=True)
        if name in subject.model.agents.replenish:
            index = subject.model.agents.replenish.index(name)
            message = f"{shown(name)} is a cross-dock, which orders what it is asked for"
            yield Finding(("agents", "replenish", index), message)


def lane_goods(subject: Subject) -> Iterator[Finding]:
    """Lanes carry known products, and their lot sizes fit their limits."""
    integral = subject.model.integral
    for key, lane in subject.model.lanes.items():
        path: Path = ("lanes", key)
        yield from _unknown((*path, "products"), lane.products, subject.products, "product")
        for field in ("minimum_order", "batch"):
            least = getattr(lane, field)
            if least is not None and lane.order_capacity and least > lane.order_capacity:
                message = f"{field} {least:g} is more than the order capacity"
                yield Finding((*path, field), f"{message} {lane.order_capacity:g}")
        if integral and lane.batch is not None and lane.batch != round(lane.batch):
            yield Finding((*path, "batch"), f"got {lane.batch:g}, expected whole units")
        if lane.common_carrier is not None and lane.fleet is None:
            message = "a common carrier takes what finds no vehicle, and the lane has no fleet"
            yield Finding((*path, "common_carrier"), message, "give it a freight cost", at_key=True)


def capacities(subject: Subject) -> Iterator[Finding]:
    """Where volume is limited, products have one."""
    if any(product.volume > 0 for product in subject.model.products.values()):
        return
    for path, capacity in _capacities(subject):
        if capacity is not None and capacity.volume is not None:
            message = "a limit in cubic metres, and no product has a volume"
            yield Finding(path, message, "give the products a volume", at_key=True)


def _capacities(subject: Subject) -> Iterator[tuple[Path, Capacity | None]]:
    model = subject.model
    for name, node in model.nodes.items():
        yield ("nodes", name, "capacity"), node.capacity
    for key, lane in model.lanes.items():
        yield ("lanes", key, "capacity"), lane.capacity
    for name, fleet in model.fleets.items():
        yield ("fleets", name, "capacity"), fleet.capacity


def distances(subject: Subject) -> Iterator[Finding]:
    """Where kilometres are paid for, the way has a length."""
    nodes = subject.model.nodes
    for key, lane in subject.model.lanes.items():
        fleet = subject.model.fleets.get(lane.fleet or "")
        ends = subject.lanes.get(key)
        if fleet is None or not fleet.cost_per_km or lane.distance is not None or ends is None:
            continue
        if any(end in nodes and nodes[end].location is None for end in ends):
            message = (
                f"the fleet {shown(lane.fleet or '')} costs money per km, the lane has no length"
            )
            hint = "give it a distance, or its ends a location"
            yield Finding(("lanes", key), message, hint, at_key=True)


def opening_hours(subject: Subject) -> Iterator[Finding]:
    """A place with opening hours opens at least once."""
    model, periods = subject.model, subject.periods
    if periods is None:
        return
    for path, hours in _openings(model.nodes, model.lanes):
        if hours is not None and not _opens(hours, periods, model.period):
            message = "no period of the run begins within these opening hours"
            hint = f"periods are {model.period:g} d long and begin at midnight of day 0"
            yield Finding(path, message, hint, at_key=True)


def _opens(hours: Opening, periods: int, period_d: float) -> bool:
    # Numpy is loaded only by files that have opening hours.
    from twin.exogenous.opening import open_periods

    return bool(open_periods(hours, periods, period_d).any())


def _openings(
    nodes: dict[str, Node], lanes: dict[str, Lane]
) -> Iterator[tuple[Path, Opening | None]]:
    yield from ((("nodes", name, "open"), node.open) for name, node in nodes.items())
    yield from ((("lanes", key, "open"), lane.open) for key, lane in lanes.items())


def disruptions(subject: Subject) -> Iterator[Finding]:
    """Disruptions strike what is there."""
    regions = {n.region for n in subject.model.nodes.values() if n.region is not None}
    lanes = {normal_lane(key) for key in subject.model.lanes}
    for name, disruption in subject.model.disruptions.items():
        path: Path = ("disruptions", name, "targets")
        targets = disruption.targets
        yield from _unknown((*path, "nodes"), targets.nodes, subject.nodes, "node")
        yield from _unknown((*path, "regions"), targets.regions, regions, "region")
        yield from _unknown((*path, "fleets"), targets.fleets, subject.fleets, "fleet")
        for index, key in enumerate(targets.lanes):
            if normal_lane(key) not in lanes:
                hint = did_you_mean(normal_lane(key), lanes)
                yield Finding((*path, "lanes", index), f"unknown lane {shown(key)}", hint)
        yield from _no_effect(("disruptions", name), disruption)


def _no_effect(path: Path, disruption: Disruption) -> Iterator[Finding]:
    if disruption.remaining == 1 and disruption.price_factor == 1:
        message = "a disruption that leaves all capacity and all prices as they are"
        yield Finding(path, message, "lower 'remaining', or raise 'price_factor'", at_key=True)


def correlations(subject: Subject) -> Iterator[Finding]:
    """Stores whose demand moves together are known, have demand, and stand in one group."""
    seen: dict[str, int] = {}
    for index, group in enumerate(subject.model.correlation):
        path: Path = ("correlation", index, "nodes")
        yield from _unknown(path, group.nodes, subject.nodes, "node")
        for place, name in enumerate(group.nodes):
            node = subject.model.nodes.get(name)
            if node is not None and node.demand is None:
                yield Finding((*path, place), f"{shown(name)} has no customers' demand")
            if name in seen:
                yield Finding((*path, place), f"{shown(name)} stands in a group already")
            seen.setdefault(name, index)
