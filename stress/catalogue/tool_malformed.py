"""tool.malformed: a tool answers with something that is not what its contract says."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator

from stress.catalogue.base import ChannelFault, FaultLayer, Window
from stress.catalogue.mutations import MUTATIONS, Mutation, mutated
from twin.scenario.findings import did_you_mean, shown
from twin.tools.channel import Transit


def _known_mutation(name: str) -> str:
    if name and name not in MUTATIONS:
        hint = did_you_mean(name, MUTATIONS)
        raise ValueError(f"unknown mutation {shown(name)}; {hint}")
    return name


class MalformedAnswers(ChannelFault):
    """Break a share of the answers, each by a mutation of its own."""

    family: ClassVar[str] = "tool.malformed"
    ladder: ClassVar[tuple[float, ...]] = (0.0, 0.01, 0.03, 0.10, 0.20, 0.40)
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
        if not self.strikes_at(transit.sent_at):
            return body
        draw = self.draw(transit)
        if draw.uniform() >= self.value:
            return body
        self.fired += 1
        return mutated(body, draw.choice(self.choices), draw)
