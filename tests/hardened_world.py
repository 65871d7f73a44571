"""The tiny world with agents that may act on old answers, and suites to harden them with."""

from __future__ import annotations

from typing import Any

from agents.learn.config import TrainConfig
from agents.learn.config_parts import Hardening as Asked
from stress.hardening import SuiteDisturbance
from stress.spec import StressSuite
from tests.learning_world import TINY, tiny_world
from twin.env.rules import OrderingRule
from twin.network.world import World, compile_world


def patient_world(max_age: int = 3) -> World:
    """The tiny world with agents that may act on old answers."""
    model = tiny_world().model
    tools = model.tools.model_copy(update={"max_age": max_age})
    return compile_world(model.model_copy(update={"tools": tools}))


def suite_of(**faults: Any) -> StressSuite:
    named = {name.replace("_", ".", 1): plan for name, plan in faults.items()}
    return StressSuite.model_validate({"name": "test", "faults": named})


def rule_of(world: World) -> OrderingRule:
    return OrderingRule("base_stock", world.order_up_to[None])


def config_of(**changes: Any) -> TrainConfig:
    asked = Asked(suite="test", **changes.pop("hardening", {}))
    return TINY.model_copy(update={"hardening": asked, **changes})


def disturbance_of(world: World, suite: StressSuite, config: TrainConfig) -> SuiteDisturbance:
    return SuiteDisturbance(suite, world, rule_of(world), config)
