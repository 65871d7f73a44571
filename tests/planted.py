"""A small world and two planted weaknesses: for the laws of the adversary and its benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from stress import contestants
from stress.adversary.referee import Attack
from stress.case import PolicyRef, ScenarioRef
from stress.contestants import world_of
from stress.spec import StressSuite
from twin.env.policy import RulePolicy
from twin.env.rules import default_rule
from twin.scenario import from_mapping

SCENARIO = ScenarioRef.of(
    from_mapping(
        {
            "kind": "scenario",
            "name": "tiny",
            "horizon": "24 d",
            "nodes": {
                "plant": {"kind": "supplier"},
                "dc": {"kind": "warehouse", "stock": 40, "holding": 0.5},
                "shop": {
                    "kind": "store",
                    "stock": 20,
                    "holding": 1.0,
                    "penalty": 4,
                    "unmet": "lost",
                    "demand": {"model": "poisson", "mean": 8},
                },
            },
            "lanes": {"plant -> dc": {"lead_time": "4 d"}, "dc -> shop": {"lead_time": "2 d"}},
            "agents": {"replenish": ["dc", "shop"]},
            "tools": {"max_age": 3},
        }
    )
)
WORLD = world_of(SCENARIO)
STATIC = PolicyRef.of_rule("baseline", WORLD, default_rule(WORLD))
CHALLENGER = PolicyRef("fleet", "trusting", STATIC.source, "trusting")
RIVAL = PolicyRef("champion", "trusting", STATIC.source, "trusting")
TERMS = StressSuite(name="terms", nominal_seeds=1)
MADE = Attack(SCENARIO, CHALLENGER, STATIC, STATIC.source, TERMS)


class Trusting(RulePolicy):
    """The planted weakness: where an answer is old, what is in transit is ordered again."""

    def _wish(self, codec: Any, observation: Any) -> Any:
        at, entity = codec.spec.slices, codec.spec.entity
        if observation[at["ages"]].max() > 0:
            observation = observation.copy()
            for field in ("waiting", "in_transit"):
                observation[at[f"orders.read/{entity}/{field}"]] = 0.0
        return super()._wish(codec, observation)


class Nervous(RulePolicy):
    """Another one: where an answer is old, it crashes."""

    def _wish(self, codec: Any, observation: Any) -> Any:
        if observation[codec.spec.slices["ages"]].max() > 0:
            raise ZeroDivisionError("no answer")
        return super()._wish(codec, observation)


@contextmanager
def planted() -> Iterator[None]:
    """Both can be named as policies."""
    with pytest.MonkeyPatch.context() as patch:
        for kind, policy in (("trusting", Trusting), ("nervous", Nervous)):

            def build(document: str, ref: PolicyRef, policy: Any = policy) -> Any:
                rule = contestants.rule_of(SCENARIO, ref.source)
                return policy(world_of(SCENARIO), rule, ref.name)

            patch.setitem(contestants.POLICY_KINDS, kind, build)
        yield
