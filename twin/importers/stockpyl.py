"""Imports instance files of stockpyl (Snyder 2023), as its ``save_instance`` writes them.

The period conventions are those of ``snyder``. Lead times that are fractions of stockpyl's time
unit become whole periods: the twin reviews as often as their greatest common divisor.
"""

from __future__ import annotations

import math
from fractions import Fraction
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from twin.importers.draft import Draft, ImportOptions, Names, days, number
from twin.importers.formats import one_file
from twin.importers.stockpyl_demand import demand_of
from twin.importers.stockpyl_file import (
    StockpylInstance,
    StockpylNetwork,
    StockpylNode,
    read_instance,
)
from twin.scenario.findings import clip, shown

SOURCE = "external supplier"
PERIODS = 1_000
"""Horizon of an imported instance, in periods; the files have none."""
SHORTEST_PERIOD = Fraction(1, 96)


def read(files: tuple[Path, ...], options: ImportOptions) -> Draft:
    """One network of an instance file; ``options.instance`` says which where it has many."""
    path = one_file(files, "an instance file of stockpyl")
    instance, network, digest = read_instance(path, options.instance)
    draft = Draft({}, f"the stockpyl instance {instance.name}", [digest])
    _Importer(network, instance, draft).fill()
    return draft


class _Importer:
    """Fills a draft from one network."""

    def __init__(self, network: StockpylNetwork, instance: StockpylInstance, draft: Draft) -> None:
        self.network = network
        self.instance = instance
        self.draft = draft
        names = Names(draft)
        self.source = names.allowed(SOURCE)
        self.names = {
            node.index: names.allowed(node.name or f"stage {node.index}") for node in network.nodes
        }
        self.step = Fraction(1)
        self.by_index = {node.index: node for node in network.nodes}
        self.product = self.products()
        self.several = len(set(self.product.values())) > 1
        self.by_name = {self.names[node.index]: node for node in network.nodes}

    def fill(self) -> None:
        """Write the scenario's data into the draft."""
        period = self.step = self.period()
        nodes: dict[str, Any] = {self.source: {"kind": "supplier"}}
        lanes: dict[str, Any] = {}
        for node in self.upstream_first():
            nodes[self.names[node.index]] = self.node(node)
            for source in self.sources(node):
                lanes[f"{source} -> {self.names[node.index]}"] = self.lane(node, source)
        name = Names(self.draft).allowed(self.instance.name)
        self.draft.data = {
            "kind": "scenario",
            "name": name,
            "description": clip(self.instance.description or self.instance.name, 1_000),
            "currency": "USD",
            "horizon": days(PERIODS * float(period)),
            **({"period": days(float(period))} if period != 1 else {}),
            "convention": "snyder",
            **({"products": {p: {} for p in self.product.values()}} if self.several else {}),
            "nodes": nodes,
            "lanes": lanes,
        }
        self.draft.warn("horizon", f"the file has none; it is {PERIODS:,} periods")
        self.draft.warn("currency", "the file has none; it is USD")

    def period(self) -> Fraction:
        """The longest review period of which every lead time is a multiple."""
        times = [time for n in self.network.nodes for time in (n.lead_time, n.order_lead_time)]
        exact = [Fraction(time).limit_denominator(1_000) for time in (1.0, *times) if time]
        parts = [value for value in exact if value]
        denominator = math.lcm(*(part.denominator for part in parts))
        common = Fraction(math.gcd(*(int(part * denominator) for part in parts)), denominator)
        if common >= SHORTEST_PERIOD:
            if common != 1:
                message = f"lead times are fractions; the twin reviews every {float(common):g} d"
                self.draft.warn("period", f"{message}, rates and costs stay per day")
            return common
        self.draft.warn("period", "lead times have no common measure; it is one day")
        return Fraction(1)

    def upstream_first(self) -> list[StockpylNode]:
        """Every node after its suppliers."""
        before = {node.index: node.predecessor_indices for node in self.network.nodes}
        return [self.by_index[index] for index in TopologicalSorter(before).static_order()]

    def products(self) -> dict[int, str]:
        """What each stage holds: in assembly systems, an own thing where it starts or joins."""
        if all(len(node.predecessor_indices) < 2 for node in self.network.nodes):
            return dict.fromkeys(self.by_index, "")
        found: dict[int, str] = {}
        for node in self.upstream_first():
            above = node.predecessor_indices
            found[node.index] = found[above[0]] if len(above) == 1 else self.names[node.index]
        return found

    def per_product(self, node: StockpylNode, amount: int | float) -> Any:
        """An amount of what a stage holds."""
        return {self.product[node.index]: amount} if self.several else amount

    def sources(self, node: StockpylNode) -> list[str]:
        """Names of what supplies a node."""
        if node.predecessor_indices:
            return [self.names[index] for index in node.predecessor_indices]
        if node.supply_type is None:
            self.draft.warn(self.names[node.index], "has no supplier; it buys from the source")
        return [self.source]

    def node(self, node: StockpylNode) -> dict[str, Any]:
        """One stage as a node."""
        name = self.names[node.index]
        self.tell_losses(name, node)
        demand = node.demand_source and demand_of(node.demand_source, name, self.draft)
        joins = len(node.predecessor_indices) > 1
        kind = "factory" if joins else ("store" if demand else "warehouse")
        entry: dict[str, Any] = {"kind": kind}
        level = self.level(name, node)
        stock = level if node.initial_inventory_level is None else node.initial_inventory_level
        if stock:
            initial = self.least_zero(name, "initial_inventory_level", stock)
            entry["stock"] = self.per_product(node, initial)
        if holding := self.holding(node):
            entry["holding"] = self.least_zero(name, "local_holding_cost", holding)
        if node.stockout_cost:
            entry["penalty"] = self.least_zero(name, "stockout_cost", node.stockout_cost)
        if node.revenue and demand:
            entry["price"] = self.least_zero(name, "revenue", node.revenue)
        if level is not None:
            up_to = self.least_zero(name, "base_stock_level", level)
            entry["order_up_to"] = self.per_product(node, up_to)
        if joins:
            self.join(node, entry)
        if demand and self.several:
            demand = {self.product[node.index]: demand}
        return {**entry, **({"demand": demand} if demand else {})}

    def join(self, node: StockpylNode, entry: dict[str, Any]) -> None:
        """Production at once from one unit of each input; inputs wait at their stage's cost."""
        own = self.product[node.index]
        above = [self.by_index[index] for index in node.predecessor_indices]
        bom = {self.product[input_.index]: 1 for input_ in above}
        if len(bom) < len(above):
            self.draft.warn(self.names[node.index], "two inputs are the same product; one is used")
        entry["holding"] = {own: entry.get("holding", 0)} | {
            self.product[input_.index]: number(self.holding(input_)) for input_ in above
        }
        if "order_up_to" in entry:
            entry["order_up_to"] |= dict.fromkeys(bom, 0)
        entry["production"] = {"mode": "to_stock", "bom": {own: bom}}

    def least_zero(self, name: str, what: str, value: float) -> int | float:
        """A quantity that scenarios do not allow below zero."""
        if value < 0:
            self.draft.warn(name, f"{what} {value:g} is below zero; it is 0")
        return number(max(value, 0.0))

    def holding(self, node: StockpylNode) -> float:
        """Local holding cost; from echelon costs it is the sum of those upstream and one's own."""
        if node.local_holding_cost is not None or node.echelon_holding_cost is None:
            return node.local_holding_cost or 0.0
        total, seen = 0.0, set()
        stage: StockpylNode | None = node
        while stage is not None and stage.index not in seen:
            seen.add(stage.index)
            total += stage.echelon_holding_cost or 0.0
            above = stage.predecessor_indices
            stage = self.by_index[above[0]] if above else None
        name = self.names[node.index]
        message = f"holding {total:g} is the sum of the echelon holding costs from upstream"
        self.draft.comments[("nodes", name)] = message
        return total

    def level(self, name: str, node: StockpylNode) -> float | None:
        """The local order-up-to level of a base-stock policy, else None with a warning."""
        policy = node.inventory_policy
        kind = policy.type if policy else None
        if policy is None or kind is None or (kind == "BS" and policy.base_stock_level is None):
            self.draft.warn(name, "has no base-stock level; the twin derives one")
            return None
        if kind == "BS":
            return policy.base_stock_level
        if kind in ("EBS", "BEBS") and policy.base_stock_level is not None:
            below = [self.by_index[i].inventory_policy for i in node.successor_indices]
            self.draft.warn(name, f"its echelon base-stock level ({kind}) became a local one")
            return policy.base_stock_level - sum((p and p.base_stock_level) or 0 for p in below)
        if kind == "sS" and policy.order_up_to_level is not None:
            self.draft.warn(name, f"reorder point {policy.reorder_point} is not used, only S")
            return policy.order_up_to_level
        self.draft.warn(name, f"the policy {shown(kind)} is not used; the twin derives a level")
        return None

    def lane(self, node: StockpylNode, source: str) -> dict[str, Any]:
        """The way from a supplier into a stage."""
        entry: dict[str, Any] = {"lead_time": days(node.lead_time)}
        if node.order_lead_time:
            entry["order_lead_time"] = days(node.order_lead_time)
        above = self.by_name.get(source)
        carried = self.product[(above or node).index]
        if self.several:
            entry["products"] = [carried]
        entry |= self.pipelines(node, carried)
        if above is not None and above.in_transit_holding_cost is not None:
            name = self.names[above.index]
            held = self.least_zero(name, "in_transit_holding_cost", above.in_transit_holding_cost)
            entry["holding"] = held
        if node.order_capacity is not None:
            entry["order_capacity"] = number(node.order_capacity)
        return entry

    def pipelines(self, node: StockpylNode, carried: str) -> dict[str, Any]:
        """What is on its way at the start: the same amount for every period of the lead time."""
        period = float(self.step)
        entry: dict[str, Any] = {}
        for key, amount, time in (
            ("in_transit", node.initial_shipments, node.lead_time),
            ("orders_under_way", node.initial_orders, node.order_lead_time),
        ):
            slots = round((time or 0.0) / period)
            if amount and slots:
                each = {carried: number(amount)} if self.several else number(amount)
                entry[key] = [each] * slots
        return entry

    def tell_losses(self, name: str, node: StockpylNode) -> None:
        """Warn of every field that says something the scenario does not."""
        for field in (
            "external_inbound_cst", "external_outbound_cst", "demand_bound_constant",
            "units_required", "local_holding_cost_function", "stockout_cost_function",
        ):  # fmt: skip
            if getattr(node, field) not in (None, 0):
                self.draft.warn(name, f"{field} is not used")
        process = node.disruption_process
        if process is not None and process.random_process_type is not None:
            self.draft.warn(name, f"disruptions ({process.random_process_type}) are not used")
        if node.processing_time is not None and node.shipment_lead_time is None:
            self.draft.warn(name, "processing_time became the lead time of the lanes into it")
