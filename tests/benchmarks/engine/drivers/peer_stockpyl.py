"""stockpyl 1.0.2: ``simulation`` of base-stock networks, without its progress bar and checks."""

from serving import serve
from stockpyl.sim import simulation
from stockpyl.supply_chain_network import network_from_edges

STORE = {"demand_type": "P", "mean": 20, "stockout_cost": 4}


def serial(stages, periods):
    """``stages`` stocking stages; the first has an unlimited source."""
    return _network([(i, i + 1) for i in range(stages - 1)], {stages - 1}, periods)


def tree(warehouses, stores, periods):
    first = 1 + warehouses
    edges = [(0, 1 + w) for w in range(warehouses)]
    edges += [(1 + s % warehouses, first + s) for s in range(stores)]
    return _network(edges, set(range(first, first + stores)), periods)


def _network(edges, stores, periods):
    nodes = sorted({node for edge in edges for node in edge})

    def at_stores(value):
        return {node: value if node in stores else None for node in nodes}

    net = network_from_edges(
        edges=edges,
        local_holding_cost=0.05,
        shipment_lead_time={node: 1 + node % 4 for node in nodes},
        policy_type="BS",
        base_stock_level=300,
        **{name: at_stores(value) for name, value in STORE.items()},
    )

    def run():
        simulation(net, periods, rand_seed=0, progress_bar=False, consistency_checks="N")
        return periods

    return run


if __name__ == "__main__":
    serve(
        {
            "serial-4": lambda: serial(4, 100),
            "serial-20": lambda: serial(20, 30),
            "tree-50": lambda: tree(7, 42, 20),
        }
    )
