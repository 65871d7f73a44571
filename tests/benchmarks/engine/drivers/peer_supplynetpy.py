"""SupplyNetPy 0.5.1 (SimPy): order-up-to at every site, one customer order per store and day."""

import random

from serving import serve
from SupplyNetPy.Components import SSReplenishment, create_sc_net, simulate_sc_net


def serial(stages, periods):
    links = [(i, i + 1, 2 + i % 4) for i in range(stages - 1)]
    return _network(stages, links, [stages - 1], periods)


def tree(warehouses, stores, periods):
    first = 1 + warehouses
    links = [(0, 1 + w, 4) for w in range(warehouses)]
    links += [(1 + s % warehouses, first + s, 1 + s % 3) for s in range(stores)]
    return _network(first + stores, links, range(first, first + stores), periods)


def _network(nodes, links, shops, periods):
    """A network can run once, so that each call of a workload builds its own, untimed."""
    rng = random.Random(0)
    net = create_sc_net(
        nodes=[{"ID": "n0", "name": "n0", "node_type": "infinite_supplier"}]
        + [_site(f"n{i}") for i in range(1, nodes)],
        links=[
            {
                "ID": f"l{i}",
                "source": f"n{a}",
                "sink": f"n{b}",
                "cost": 1,
                "lead_time": lambda lead=lead: lead,
            }
            for i, (a, b, lead) in enumerate(links)
        ],
        demands=[_customers(f"n{shop}", rng) for shop in shops],
    )

    def run():
        simulate_sc_net(net, sim_time=periods, logging=False)
        return periods

    return run


def _site(name):
    return {
        "ID": name,
        "name": name,
        "node_type": "distributor",
        "capacity": 1000,
        "initial_level": 300,
        "inventory_holding_cost": 0.05,
        "replenishment_policy": SSReplenishment,
        "policy_param": {"s": 299, "S": 300},
        "product_buy_price": 1,
        "product_sell_price": 2,
    }


def _customers(site, rng):
    return {
        "ID": f"d{site}",
        "name": f"d{site}",
        "order_arrival_model": lambda: 1,
        "order_quantity_model": lambda: rng.randint(10, 30),
        "demand_node": site,
    }


if __name__ == "__main__":
    serve(
        {
            "serial-4": lambda: serial(4, 500),
            "serial-20": lambda: serial(20, 200),
            "tree-50": lambda: tree(7, 42, 100),
        }
    )
