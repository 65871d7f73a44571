"""gym-invmgmt 0.2.1: ``env.step`` with fixed orders; demand is drawn by scipy in every step."""

import tempfile
from pathlib import Path

import numpy as np
import yaml
from gym_invmgmt import CoreEnv
from serving import serve

MARKET = {"p": 2.0, "b": 0.1, "demand_dist": "poisson", "dist_param": {"mu": 20}}


def network(periods, episodes):
    return _steps(CoreEnv(scenario="network", num_periods=periods), periods, episodes)


def serial(stages, periods):
    """Stage 0 has unlimited stock; customers buy from the last stage."""
    links = [(i, i + 1, 2 + i % 4) for i in range(stages - 1)]
    return _steps(_custom(stages, links, [stages - 1], periods), periods, 1)


def tree(warehouses, stores, periods):
    """A supplier, warehouses and stores."""
    links = [(0, 1 + w, 4) for w in range(warehouses)]
    first = 1 + warehouses
    links += [(1 + s % warehouses, first + s, 1 + s % 3) for s in range(stores)]
    shops = list(range(first, first + stores))
    return _steps(_custom(first + stores, links, shops, periods), periods, 1)


def _custom(nodes, links, shops, periods):
    edges = [{"from": a, "to": b, "L": lead, "p": 1.0, "g": 0.0} for a, b, lead in links]
    edges += [{"from": shop, "to": nodes + i, **MARKET} for i, shop in enumerate(shops)]
    sites = [{"id": i, "I0": 150, "h": 0.05} for i in range(1, nodes)]
    sites += [{"id": 0}, *({"id": nodes + i} for i in range(len(shops)))]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.yaml"
        file.write_text(yaml.safe_dump({"nodes": sites, "edges": edges}))
        return CoreEnv(scenario="custom", config_path=str(file), num_periods=periods)


def _steps(env, periods, episodes):
    action = np.full(env.action_space.shape, 10.0)

    def run():
        for seed in range(episodes):
            env.reset(seed=seed)
            for _ in range(periods):
                env.step(action)
        return periods * episodes

    return run


if __name__ == "__main__":
    serve(
        {
            "serial-4": lambda: serial(4, 1000),
            "serial-20": lambda: serial(20, 300),
            "network-9": lambda: network(30, 20),
            "tree-50": lambda: tree(7, 42, 100),
        }
    )
