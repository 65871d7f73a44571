"""Meaning checks on the network: lanes, cycles, reachability, shares, fleets, agents."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter

from twin.scenario.findings import Finding, clip, did_you_mean, either, shown
from twin.scenario.lanes import ARROW, normal_lane
from twin.scenario.subject import Subject

SHARE_TOLERANCE = 1e-6


def lane_keys(subject: Subject) -> Iterator[Finding]:
    """Lane keys are ``source -> destination`` between two different known nodes, each pair once."""
    seen: dict[str, str] = {}
    for key, ends in subject.lane_ends():
        path = ("lanes", key)
        if ends is None:
            hint = f"write it as 'source {ARROW} destination'"
            yield Finding(path, f"{shown(key)} is not a lane", hint, at_key=True)
            continue
        yield from _unknown_ends(subject, key, ends)
        if ends[0] == ends[1]:
            yield Finding(path, f"a lane from {shown(ends[0])} to itself", at_key=True)
        first = seen.setdefault(normal_lane(key), key)
        if first != key:
            message = f"the lane {shown(first)} is given twice"
            yield Finding(
                path, message, "keys that differ only in spaces are the same", at_key=True
            )


def _unknown_ends(subject: Subject, key: str, ends: tuple[str, str]) -> Iterator[Finding]:
    for end in dict.fromkeys(ends):
        if end not in subject.nodes:
            hint = did_you_mean(end, subject.nodes)
            yield Finding(("lanes", key), f"unknown node {shown(end)}", hint, at_key=True)


def cycles(subject: Subject) -> Iterator[Finding]:
    """Material flows one way: no node lies downstream of itself."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for source, destination in subject.lanes.values():
        if source != destination:
            sorter.add(destination, source)
    try:
        sorter.prepare()
    except CycleError:
        yield from _named_cycles(subject)


def _named_cycles(subject: Subject) -> Iterator[Finding]:
    """One cycle of each knot, at the lane of it that is written last."""
    import networkx as nx  # takes long to load, and is needed only where there is a cycle

    graph = nx.DiGraph()
    for key, ends in subject.lanes.items():
        if ends[0] != ends[1]:
            graph.add_edge(*ends, key=key)
    order = {key: position for position, key in enumerate(subject.lanes)}
    knots = [knot for knot in nx.strongly_connected_components(graph) if len(knot) > 1]
    for knot in sorted(knots, key=min):
        edges = [(u, v) for u, v in graph.edges if u in knot and v in knot]
        cycle = nx.find_cycle(nx.DiGraph(edges))
        keys = [graph.edges[edge]["key"] for edge in cycle]
        names = f" {ARROW} ".join([*(source for source, _ in cycle), cycle[0][0]])
        message = f"the lanes form a cycle: {clip(names, 200)}"
        yield Finding(("lanes", max(keys, key=order.__getitem__)), message, at_key=True)


def reachability(subject: Subject) -> Iterator[Finding]:
    """A supplier, or a factory without inbound lanes, reaches every node with customers' demand."""
    if next(lane_keys(subject), None) is not None:
        return
    reached = _reached(subject)
    for name, node in subject.model.nodes.items():
        if node.demand is not None and name not in reached:
            message = f"no supplier reaches {shown(name)}, so its demand can never be served"
            fed = name in subject.inbound
            hint = "nothing supplies the nodes its lanes start at" if fed else "add a lane to it"
            yield Finding(("nodes", name, "demand"), message, hint, at_key=True)


def _reached(subject: Subject) -> set[str]:
    downstream: dict[str, list[str]] = {}
    for source, destination in subject.lanes.values():
        downstream.setdefault(source, []).append(destination)
    waiting = [
        name
        for name, node in subject.model.nodes.items()
        if node.kind == "supplier" or (node.kind == "factory" and name not in subject.inbound)
    ]
    reached = set(waiting)
    while waiting:
        new = [name for name in downstream.get(waiting.pop(), ()) if name not in reached]
        reached.update(new)
        waiting.extend(new)
    return reached


def shares(subject: Subject) -> Iterator[Finding]:
    """The shares of a node's inbound lanes are all given, or none is, and they sum to 1."""
    for name, keys in subject.inbound.items():
        given = {key: lane.share for key in keys if (lane := subject.model.lanes.get(key))}
        values = [share for share in given.values() if share is not None]
        if len(given) < len(keys) or not values:
            continue
        last = ("lanes", keys[-1], "share")
        without = [shown(key) for key, share in given.items() if share is None]
        if without:
            message = f"shares are given for only some lanes into {shown(name)}"
            yield Finding(last, message, f"no share: {either(without, 'and')}")
        elif not math.isclose(sum(values), 1.0, abs_tol=SHARE_TOLERANCE):
            total = f"{sum(values):.6g}"
            yield Finding(last, f"the shares of the lanes into {shown(name)} sum to {total}, not 1")


def supplier_inbound(subject: Subject) -> Iterator[Finding]:
    """Nothing is shipped to a supplier."""
    for key, (_, destination) in subject.lanes.items():
        node = subject.model.nodes.get(destination)
        if node is not None and node.kind == "supplier":
            message = f"a lane into the supplier {shown(destination)}, which has unlimited stock"
            yield Finding(("lanes", key), message, "make it a factory or a warehouse", at_key=True)


def fleets(subject: Subject) -> Iterator[Finding]:
    """Depots are nodes, lanes name known fleets, and start where the vehicles stand."""
    for name, fleet in subject.model.fleets.items():
        if fleet.depot not in subject.nodes:
            hint = did_you_mean(fleet.depot, subject.nodes)
            yield Finding(("fleets", name, "depot"), f"unknown node {shown(fleet.depot)}", hint)
    for key, lane in subject.model.lanes.items():
        if lane.fleet is not None:
            yield from _lane_fleet(subject, key, lane.fleet)


def _lane_fleet(subject: Subject, key: str, fleet: str) -> Iterator[Finding]:
    path = ("lanes", key, "fleet")
    if fleet not in subject.fleets:
        hint = did_you_mean(fleet, subject.fleets) or "the file has no fleets"
        yield Finding(path, f"unknown fleet {shown(fleet)}", hint)
        return
    spec, ends = subject.model.fleets.get(fleet), subject.lanes.get(key)
    if spec and ends and spec.depot in subject.nodes and ends[0] != spec.depot:
        message = f"the lane starts at {shown(ends[0])}, the fleet's depot is {shown(spec.depot)}"
        yield Finding(path, message, "vehicles serve lanes that start at their depot")


def agents(subject: Subject) -> Iterator[Finding]:
    """Agents stand at known nodes with an inbound lane and at known fleets, once each."""
    agents = subject.model.agents
    yield from _listed("replenish", agents.replenish, "node", subject.nodes)
    yield from _listed("dispatch", agents.dispatch, "fleet", subject.fleets)
    if next(lane_keys(subject), None) is not None:
        return
    for index, name in enumerate(agents.replenish):
        if name in subject.nodes and name not in subject.inbound:
            message = f"no lane leads to {shown(name)}, so it has nothing to order"
            yield Finding(("agents", "replenish", index), message)


def _listed(
    section: str, names: tuple[str, ...], what: str, known: Iterable[str]
) -> Iterator[Finding]:
    known = list(known)
    members, seen = set(known), set[str]()
    for index, name in enumerate(names):
        path = ("agents", section, index)
        if name not in members:
            hint = did_you_mean(name, known) or f"the file has no {what}s"
            yield Finding(path, f"unknown {what} {shown(name)}", hint)
        elif name in seen:
            yield Finding(path, f"the {what} {shown(name)} is listed twice")
        seen.add(name)
