"""A tiny network with vans to put under stress, and checkpoints for it whose weights are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agents.checkpoint.bundle import (
    BundleManifest,
    actor_arrays,
    levels_by_name,
    save_bundle,
    spaces_of,
)
from agents.checkpoint.groups import group_agents
from twin.env.act import codecs
from twin.exogenous.streams import stream
from twin.network.world import compile_world
from twin.scenario import Scenario, from_mapping


def tiny_scenario(**tools: Any) -> Scenario:
    """A plant, a warehouse and a shop for 20 days, with these settings of the tools."""
    return from_mapping(
        {
            "kind": "scenario",
            "name": "tiny",
            "horizon": "20 d",
            "nodes": {
                "plant": {"kind": "supplier"},
                "dc": {"kind": "warehouse", "stock": 40, "holding": 0.1, "capacity": 80},
                "shop": {
                    "kind": "store",
                    "stock": 20,
                    "holding": 0.2,
                    "penalty": 3,
                    "unmet": "lost",
                    "demand": {"model": "poisson", "mean": 8},
                },
            },
            "lanes": {
                "plant -> dc": {"lead_time": "2 d"},
                "dc -> shop": {"lead_time": "1 d", "fleet": "vans", "capacity": 30},
            },
            "fleets": {"vans": {"depot": "dc", "vehicles": 3, "capacity": 6, "round_trip": "2 d"}},
            "agents": {"replenish": ["dc", "shop"], "dispatch": ["vans"]},
            "tools": tools,
        }
    )


def drawn_bundle(folder: Path, scenario: Scenario, scale: float) -> Path:
    """A checkpoint with a network per agent, all weights drawn and ``scale`` wide; zero for 0."""
    world = compile_world(scenario.model)
    found = {codec.spec.name: codec for codec in codecs(world)}
    groups = group_agents(tuple(found.values()), "agent")
    rng = stream(0, "test/weights")
    arrays: dict[str, Any] = {}
    for group in groups:
        weight = scale * rng.standard_normal((group.action_size, group.input_size))
        bias = (scale > 0) * rng.standard_normal(group.action_size)
        layers = ((weight.astype("float32"), bias.astype("float32")),)
        arrays.update(actor_arrays(group.name, layers))
    manifest = BundleManifest(
        format=1,
        algorithm="none",
        scenario=scenario.name,
        scenario_digest=scenario.digest,
        groups={group.name: group.agents for group in groups},
        agents=spaces_of(found),
        form=world.model.agents.action.form,
        range=world.model.agents.action.range,
        levels=levels_by_name(world, world.order_up_to),
        seed=0,
        agent_steps=0,
        config={},
        versions={},
        weights_sha256="",
    )
    save_bundle(folder, manifest, arrays)
    return folder
