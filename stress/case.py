"""What a case is: one episode of (scenario, policy, faults, seed), and its name.

A case carries everything that determines it, so that any process can run it and its content hash
names it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stress.catalogue import Window
from stress.results import NOMINAL
from twin.env.rules import OrderingRule
from twin.network.world import World

if TYPE_CHECKING:
    from twin.scenario.loader import Scenario

CASE_FORMAT = 3
"""Raise it when the same case would give other numbers than before."""
Parameter = tuple[str, bool | float | str]


@dataclass(frozen=True)
class ScenarioRef:
    """A resolved scenario that can travel to another process."""

    name: str
    digest: str
    document: str = field(repr=False)
    """The resolved model as JSON."""

    @classmethod
    def of(cls, scenario: Scenario) -> ScenarioRef:
        """From a loaded scenario."""
        return cls(scenario.name, scenario.digest, scenario.model.model_dump_json())


@dataclass(frozen=True)
class PolicyRef:
    """Where a policy comes from; ``hash`` is that of its content, not of its place.

    kind      source
    rule      JSON of an ordering rule
    bundle    folder of a checkpoint
    outside   folder of a third party's agent
    """

    name: str
    kind: str
    source: str = field(repr=False)
    hash: str
    sabotage: str = ""
    """How a checkpoint is spoilt on purpose (``agents.checkpoint.sabotage``); empty for not."""

    @classmethod
    def of_rule(cls, name: str, world: World, rule: OrderingRule) -> PolicyRef:
        """A static rule; its source also serves as the fallback of a case."""
        text = rule_text(world, rule)
        return cls(name, "rule", text, hashlib.sha256(text.encode()).hexdigest())

    @classmethod
    def of_bundle(cls, name: str, folder: Path, sabotage: str = "") -> PolicyRef:
        """A checkpoint, as it is or spoilt on purpose."""
        from agents.checkpoint.bundle import read_bundle_hash

        return cls(name, "bundle", str(folder), read_bundle_hash(folder), sabotage)

    @classmethod
    def of_outside(cls, name: str, folder: Path) -> PolicyRef:
        """An agent of a third party."""
        from agents.outside.policy import folder_digest

        return cls(name, "outside", str(folder), folder_digest(folder))


def rule_text(world: World, rule: OrderingRule) -> str:
    """An ordering rule as JSON text, always the same for the same rule."""
    from agents.baselines import rule_to_json

    return json.dumps(rule_to_json(world, rule), sort_keys=True)


@dataclass(frozen=True)
class Strike:
    """One fault of a case: which, how severe, when, and with what parameters."""

    family: str
    severity: int
    window: Window
    parameters: tuple[Parameter, ...] = ()
    """Sorted by name."""

    @property
    def content(self) -> list[Any]:
        """What determines it, as plain data."""
        window = [self.window.start_d, self.window.end_d]
        return [self.family, self.severity, self.parameters, window]


@dataclass(frozen=True)
class Recovery:
    """What has to be true again after the last fault is healed."""

    within_d: float
    """Days after which backlog and service are back."""
    band: float
    """How far from the undisturbed run they may still be, as a share."""


@dataclass(frozen=True)
class Case:
    """Everything that determines one episode."""

    scenario: ScenarioRef
    policy: PolicyRef
    fallback: str = field(repr=False)
    """JSON of the ordering rule that takes over where an agent cannot act."""
    seed: int
    fault: str = NOMINAL
    """What a person calls it: a family, ``compound.NAME``, ``swarm``; ``none`` when undisturbed."""
    severity: int = 0
    strikes: tuple[Strike, ...] = ()
    """The faults that strike in it, in the order in which they are applied."""
    recovery: Recovery | None = None
    """What is asked of the time after them; none: nothing."""

    @classmethod
    def struck(
        cls, scenario: ScenarioRef, policy: PolicyRef, fallback: str, seed: int, strike: Strike
    ) -> Case:
        """A case with one fault, named after its family."""
        return cls(scenario, policy, fallback, seed, strike.family, strike.severity, (strike,))

    @property
    def undisturbed(self) -> Case:
        """The same episode without any fault."""
        return Case(self.scenario, self.policy, self.fallback, self.seed)

    @cached_property
    def id(self) -> str:
        """Content hash: the same case has the same id in every campaign."""
        policy = self.policy
        content = [
            CASE_FORMAT,
            self.scenario.digest,
            [policy.name, policy.kind, policy.hash, policy.sabotage, self.fallback],
            [self.fault, self.severity, [strike.content for strike in self.strikes]],
            [self.recovery.within_d, self.recovery.band] if self.recovery else [],
            self.seed,
        ]
        text = json.dumps(content, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def label(self) -> str:
        """What a person calls it: ``fleet channel.latency/3#1000000``."""
        return f"{self.policy.name} {self.fault}/{self.severity}#{self.seed}"
