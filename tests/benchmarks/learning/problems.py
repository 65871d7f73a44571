"""What is learned, with which settings, and what others have reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.learn.config import TrainConfig
from twin.network.world import World, compile_world
from twin.scenario import load

SCENARIOS = Path(__file__).parents[3] / "scenarios"
Changes = Mapping[str, Any]


@dataclass(frozen=True)
class Problem:
    """One scenario and how each learner is set for it."""

    name: str
    file: str
    overrides: tuple[str, ...] = ()
    returns: bool = False  # the whole discounted return, higher is better; else cost per period
    published: tuple[tuple[str, float], ...] = ()
    shared: Changes = field(default_factory=dict)  # changes of every learner's configuration
    learners: Mapping[str, Changes] = field(default_factory=dict)  # and of one

    def world(self) -> World:
        """The compiled scenario."""
        return compile_world(load(SCENARIOS / self.file, self.overrides).model)

    def config(self, learner: str, seed: int, share: float) -> TrainConfig:
        """The configuration of a learner, with this share of its budget."""
        merged = _merged(TrainConfig().model_dump(), self.shared)
        merged = _merged(merged, {**self.learners[learner], "seed": seed})
        config = TrainConfig.model_validate(merged)
        updates = max(1, round((config.updates or 1) * share))
        return config.model_copy(update={"updates": updates})


def _merged(base: dict[str, Any], changes: Changes) -> dict[str, Any]:
    found = dict(base)
    for name, value in changes.items():
        nested = isinstance(value, Mapping)
        found[name] = _merged(found[name], value) if nested else value
    return found


MAPPO, PATHWISE, BOTH, CENTRAL = "MAPPO", "pathwise", "pathwise, then MAPPO", "pathwise, central"
_WHOLE_HORIZON = {"tail": 0, "rate": 3e-3}
_ORGYM: Changes = {"segment": 30, "replications": 32, "eval_every": 5, "sharing": "none"}


def _orgym(steps: int, central_steps: int, mappo_steps: int) -> dict[str, Changes]:
    """Three actors or more with whole units, on the whole horizon."""
    return {
        MAPPO: {"algorithm": "mappo", "updates": mappo_steps, "initial_log_std": -2.0},
        PATHWISE: {"algorithm": "pathwise", "updates": steps, "pathwise": _WHOLE_HORIZON},
        BOTH: {
            "algorithm": "mappo",
            "updates": steps + mappo_steps // 4,
            "warm_start": steps / (steps + mappo_steps // 4),
            "actor_rate": 3e-4,
            "pathwise": {**_WHOLE_HORIZON, "log_std": -3.0},
        },
        CENTRAL: {
            "algorithm": "pathwise",
            "updates": central_steps,
            "replications": 64,
            "hidden": (128, 128),
            "pathwise": _WHOLE_HORIZON,
        },
    }


PROBLEMS = (
    Problem(
        "quickstart",
        "quickstart.yaml",
        learners={
            MAPPO: {"algorithm": "mappo", "updates": 469},
            PATHWISE: {"algorithm": "pathwise", "updates": 250},
            BOTH: {"algorithm": "mappo", "updates": 350, "warm_start": 0.57, "actor_rate": 1e-3},
            CENTRAL: {"algorithm": "pathwise", "updates": 150, "hidden": (128, 128)},
        },
    ),
    Problem(
        "OR-Gym Inv, backlog",
        "reference/orgym_inv_backlog.yaml",
        returns=True,
        published=(("RL", 438.8), ("best heuristic", 508.0), ("perfect information", 560.4)),
        shared=_ORGYM,
        learners=_orgym(400, 150, 800),
    ),
    Problem(
        "OR-Gym Inv, lost sales",
        "reference/orgym_inv_lost.yaml",
        returns=True,
        published=(("RL", 409.8), ("best heuristic", 485.4), ("perfect information", 556.0)),
        shared=_ORGYM,
        learners=_orgym(400, 150, 800),
    ),
    Problem(
        "OR-Gym network, backlog",
        "reference/orgym_network_backlog.yaml",
        ("agents.action.form=order_quantity",),
        returns=True,
        published=(("RL", 737.2), ("best heuristic", 825.3), ("perfect information", 861.3)),
        shared=_ORGYM,
        learners=_orgym(400, 200, 800),
    ),
    Problem(
        "OR-Gym network, lost sales",
        "reference/orgym_network_lost.yaml",
        ("agents.action.form=order_quantity",),
        returns=True,
        published=(("RL", 757.8), ("best heuristic", 786.9), ("perfect information", 854.9)),
        shared=_ORGYM,
        learners=_orgym(400, 200, 800),
    ),
)
