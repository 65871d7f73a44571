"""tool.malformed: a tool answers with something that is not what its contract says."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator

from stress.catalogue.base import TOXICITY, ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.mutations import MUTATIONS, Mutation, mutated
from stress.catalogue.targets import Targets
from twin.scenario.findings import did_you_mean, shown
from twin.tools.channel import Transit


def _known_mutation(name: str) -> str:
    if name and name not in MUTATIONS:
        hint = did_you_mean(name, MUTATIONS)
        raise ValueError(f"unknown mutation {shown(name)}; {hint}")
    return name


class MalformedAnswers(Targets, ChannelFault):
    """Break a share of the answers, each by a mutation of its own."""

    family: ClassVar[str] = "tool.malformed"
    ladder: ClassVar[tuple[float, ...]] = TOXICITY
    unit: ClassVar[str] = "share of the answers"
    mutation: Annotated[str, AfterValidator(_known_mutation)] = ""
    """Only this mutation; by default each is as likely as the others."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that breaks answers."""
        return _MalformedLayer(self, severity, window)


class _MalformedLayer(FaultLayer):
    def __init__(self, fault: MalformedAnswers, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self.choices: list[Mutation] = list(MUTATIONS.values())
        if fault.mutation:
            self.choices = [MUTATIONS[fault.mutation]]

    def answer(self, transit: Transit, body: bytes) -> bytes | None:
        draw = self.hit(transit, self.value)
        return body if draw is None else mutated(body, draw.choice(self.choices), draw)
