"""The layout of stockpyl's instance files: what is read of them, and what is checked first."""

from __future__ import annotations

from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, NoReturn

from pydantic import Field

from twin.importers.sources import Foreign, read_json, refuse, refuse_at, validated
from twin.importers.stockpyl_demand import StockpylDemand
from twin.scenario.files import FileHash
from twin.scenario.findings import clip, did_you_mean, shown
from twin.scenario.nodes import Mark

Index = Annotated[int, Field(strict=True)]


class StockpylPolicy(Foreign):
    """An inventory policy."""

    type: str | None = None
    base_stock_level: float | None = None
    order_quantity: float | None = None
    reorder_point: float | None = None
    order_up_to_level: float | None = None


class StockpylDisruptions(Foreign):
    """A disruption process."""

    random_process_type: str | None = None


class StockpylNode(Foreign):
    """One stage; the leading underscores of the file's keys are taken off."""

    index: Index
    name: str | None = None
    predecessor_indices: tuple[Index, ...] = ()
    successor_indices: tuple[Index, ...] = ()
    local_holding_cost: float | None = None
    echelon_holding_cost: float | None = None
    local_holding_cost_function: object = None
    stockout_cost_function: object = None
    in_transit_holding_cost: float | None = None
    stockout_cost: float | None = None
    revenue: float | None = None
    shipment_lead_time: float | None = Field(default=None, ge=0, le=10_000)
    order_lead_time: float | None = Field(default=None, ge=0, le=10_000)
    processing_time: float | None = Field(default=None, ge=0, le=10_000)
    external_inbound_cst: float | None = None
    external_outbound_cst: float | None = None
    demand_bound_constant: float | None = None
    units_required: float | None = None
    demand_source: StockpylDemand | None = None
    initial_inventory_level: float | None = None
    initial_orders: float | None = None
    initial_shipments: float | None = None
    inventory_policy: StockpylPolicy | None = None
    supply_type: str | None = None
    disruption_process: StockpylDisruptions | None = None
    order_capacity: float | None = None

    @property
    def lead_time(self) -> float:
        """From the shipment of its suppliers to its own stock; GSM instances call it processing."""
        return self.shipment_lead_time or self.processing_time or 0.0


class StockpylProduct(Foreign):
    """A product; dummy products stand for "the one product of this stage"."""

    index: Index
    is_dummy: bool = False


class StockpylNetwork(Foreign):
    """The data of an instance of type ``network``."""

    nodes: Annotated[tuple[StockpylNode, ...], Field(min_length=1, max_length=10_000)]
    products: tuple[StockpylProduct, ...] = ()


class StockpylInstance(Foreign):
    """One instance; its data is validated once it is chosen."""

    name: str
    description: str = ""
    type: str
    data: dict[str, Any]


class StockpylFile(Foreign):
    """A file of instances."""

    instances: Annotated[tuple[StockpylInstance, ...], Field(min_length=1, max_length=10_000)]


def read_instance(path: Path, wanted: str) -> tuple[StockpylInstance, StockpylNetwork, FileHash]:
    """The network that is wanted, checked; raises ScenarioError."""
    data, digest = read_json(path)
    instance = _chosen(validated(data, StockpylFile, path), wanted, path)
    network = validated(_without_underscores(instance.data), StockpylNetwork, path)
    _check_network(network, path)
    return instance, network, digest


def _chosen(file: StockpylFile, wanted: str, path: Path) -> StockpylInstance:
    networks = {one.name: one for one in file.instances if one.type == "network"}
    name = next(iter(networks)) if len(networks) == 1 and not wanted else wanted
    return networks[name] if name in networks else _refuse_choice(file, networks, wanted, path)


def _refuse_choice(
    file: StockpylFile, networks: dict[str, StockpylInstance], wanted: str, path: Path
) -> NoReturn:
    if wanted in {one.name for one in file.instances}:
        hint = "it holds the parameters of a formula"
        refuse_at(path, f"the instance {shown(wanted)} is not a network", hint)
    if not networks:
        refuse_at(path, "no instance of this file is a network")
    if wanted:
        hint = did_you_mean(wanted, list(networks))
        refuse_at(path, f"there is no instance {shown(wanted)}", hint)
    hint = f"choose one with --instance, such as {next(iter(networks))}"
    refuse_at(path, f"the file holds {len(networks)} networks", hint)


def _without_underscores(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key).lstrip("_"): _without_underscores(part) for key, part in value.items()}
    return [_without_underscores(part) for part in value] if isinstance(value, list) else value


def _check_network(network: StockpylNetwork, path: Path) -> None:
    """Indices are unique, links have both ends, and one product is all there is."""
    mark = Mark(str(path), 1, 1)
    known = Counter(node.index for node in network.nodes)
    problems = []
    for position, node in enumerate(network.nodes):
        where = ("data", "nodes", position)
        if known[node.index] > 1:
            problems.append(mark.problem(f"the index {node.index} is used twice", path=where))
        problems.extend(
            mark.problem(f"there is no node {other}", path=where)
            for other in (*node.predecessor_indices, *node.successor_indices)
            if other not in known
        )
        if node.predecessor_indices and node.supply_type is not None:
            message = f"node {node.index} has suppliers inside and outside the network"
            hint = "put a stage between it and the one outside"
            problems.append(mark.problem(message, hint, where))
    try:
        TopologicalSorter({n.index: n.predecessor_indices for n in network.nodes}).prepare()
    except CycleError as error:
        names = " -> ".join(str(index) for index in error.args[1])
        problems.append(mark.problem(f"the nodes form a cycle: {clip(names, 200)}"))
    if real := [p.index for p in network.products if not p.is_dummy]:
        message = f"the instance has products of its own ({', '.join(map(str, real[:5]))})"
        hint = "only instances with one product per stage are imported"
        problems.append(mark.problem(message, hint, ("data", "products")))
    if problems:
        refuse(problems, path)
