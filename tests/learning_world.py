"""A small world and a small configuration that tests of learning share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agents.learn.config import TrainConfig
from agents.learn.learner import Learner, make_learner
from agents.learn.setup import Setup
from agents.learn.train import train
from twin.network.world import World, compile_world
from twin.scenario import from_mapping

TINY = TrainConfig(
    seed=3,
    updates=4,
    replications=4,
    segment=5,
    hidden=(8, 8),
    critic_hidden=(8, 8),
    epochs=2,
    critic_epochs=2,
    minibatches=2,
    eval_every=2,
    eval_seeds=2,
    checkpoint_every=2,
    foresight=2,
    threads=1,
)


def tiny_world(**agents: Any) -> World:
    """Two stores that share two trucks; the horizon is no multiple of the segment."""
    store = {"kind": "store", "stock": 12, "holding": 0.5, "unmet": "lost", "penalty": 8}
    demand = {"model": "poisson", "mean": 5}
    return compile_world(
        from_mapping(
            {
                "kind": "scenario",
                "name": "tiny",
                "horizon": "12 d",
                "nodes": {
                    "plant": {"kind": "supplier"},
                    "dc": {"kind": "warehouse", "stock": 40, "holding": 0.1},
                    "north": {**store, "demand": demand},
                    "south": {**store, "demand": demand},
                },
                "lanes": {
                    "plant -> dc": {"lead_time": "2 d"},
                    "dc -> north": {"lead_time": "1 d", "fleet": "trucks"},
                    "dc -> south": {"lead_time": "1 d", "fleet": "trucks"},
                },
                "fleets": {
                    "trucks": {
                        "depot": "dc",
                        "vehicles": 3,
                        "capacity": 10,
                        "round_trip": "2 d",
                        "cost_per_trip": 3,
                    }
                },
                "agents": {
                    "replenish": ["dc", "north", "south"],
                    "dispatch": ["trucks"],
                    **agents,
                },
            }
        ).model
    )


def tiny(**changes: Any) -> TrainConfig:
    """The small configuration with changes, validated."""
    return TrainConfig.model_validate({**TINY.model_dump(), **changes})


def setup_of(config: TrainConfig, **agents: Any) -> Setup:
    world = tiny_world(**agents)
    return Setup.of(world, world.order_up_to, config)


def prepared(world: World, config: TrainConfig, folder: Path) -> tuple[Setup, Learner]:
    setup = Setup.of(world, world.order_up_to, config)
    return setup, make_learner(setup, config, folder)


def trained(folder: Path, config: TrainConfig = TINY, **options: Any) -> Path:
    world = tiny_world()
    return train(world, "tiny", "0" * 64, world.order_up_to, config, folder, **options)
