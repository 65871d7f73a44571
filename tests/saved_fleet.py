"""Fleets of random weights: as bundles, and in run folders."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from agents.baselines import default_rules, rule_to_json
from agents.checkpoint.bundle import (
    BundleManifest,
    actor_arrays,
    levels_by_name,
    save_bundle,
    spaces_of,
)
from agents.checkpoint.groups import group_agents
from agents.runs import RunFolder, create_run
from twin.env.act import codecs
from twin.exogenous.streams import stream
from twin.network.world import World, compile_world
from twin.scenario import from_mapping, load

SCENARIO = """
kind: scenario
name: tiny
horizon: 14 d
nodes:
  plant: {kind: supplier}
  dc:    {kind: warehouse, stock: 60, holding: 0.1}
  north: {kind: store, stock: 15, holding: 0.5, unmet: lost, penalty: 8,
          demand: {model: poisson, mean: 5}}
lanes:
  plant -> dc: {lead_time: 2 d}
  dc -> north: {lead_time: 1 d, fleet: trucks}
fleets:
  trucks: {depot: dc, vehicles: 3, capacity: 10, round_trip: 2 d}
agents: {dispatch: [trucks]}
"""
Numbers = dict[str, np.ndarray[Any, Any]]


def network(stores: tuple[str, ...] = ("north", "south"), **agents: Any) -> World:
    store = {
        "kind": "store",
        "stock": 15,
        "holding": 0.5,
        "unmet": "lost",
        "penalty": 8,
        "demand": {"model": "poisson", "mean": 5},
    }
    return compile_world(
        from_mapping(
            {
                "kind": "scenario",
                "name": "tiny",
                "horizon": "10 d",
                "nodes": {
                    "plant": {"kind": "supplier"},
                    "dc": {"kind": "warehouse", "stock": 60, "holding": 0.1},
                    **dict.fromkeys(stores, store),
                },
                "lanes": {
                    "plant -> dc": {"lead_time": "2 d"},
                    **{f"dc -> {s}": {"lead_time": "1 d", "fleet": "trucks"} for s in stores},
                },
                "fleets": {
                    "trucks": {"depot": "dc", "vehicles": 3, "capacity": 10, "round_trip": "2 d"}
                },
                "agents": {"dispatch": ["trucks"], **agents},
            }
        ).model
    )


def saved(folder: Path, world: World, seed: int = 0, parent: str = "") -> str:
    """A fleet with random weights."""
    found = codecs(world)
    rng = stream(seed, "test/weights")
    arrays: Numbers = {}
    groups = group_agents(found, "role")
    for group in groups:
        sizes = (group.input_size, 8, group.action_size)
        layers = tuple(
            (rng.standard_normal((b, a)).astype("f4") / 3, rng.standard_normal(b).astype("f4") / 3)
            for a, b in pairwise(sizes)
        )
        arrays.update(actor_arrays(group.name, layers))
    manifest = BundleManifest(
        format=1,
        algorithm="mappo",
        scenario="tiny",
        scenario_digest="0" * 64,
        groups={group.name: group.agents for group in groups},
        agents=spaces_of({c.spec.name: c for c in found}),
        form=world.model.agents.action.form,
        range=world.model.agents.action.range,
        levels=levels_by_name(world, world.order_up_to),
        seed=seed,
        agent_steps=1,
        config={},
        versions={},
        parent=parent,
        weights_sha256="",
    )
    return save_bundle(folder, manifest, arrays)


def tuned_run(base: Path) -> RunFolder:
    """A run of the scenario, written beside it, as it is before a fleet is trained."""
    (base / "tiny.yaml").write_text(SCENARIO)
    scenario = load(base / "tiny.yaml")
    world = compile_world(scenario.model)
    folder = create_run(base / "runs", scenario, 0, (), "twin train")
    rows = {
        kind: {"cost": 1.0, "rule": rule_to_json(world, rule)}
        for kind, rule in default_rules(world).items()
    }
    folder.write_json("baselines.json", rows)
    return folder
