"""tool.schema_drift: a tool's contract changes under the agents' feet, and stays changed."""

from __future__ import annotations

from typing import ClassVar, Literal

from stress.catalogue.base import TOXICITY, ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.mutations import MUTATIONS, mutated
from stress.catalogue.targets import Targets
from twin.scenario.quantities import PositiveDays
from twin.tools.channel import Transit

Kind = Literal["missing", "rename", "extra", "type", "null", "enum"]
DRIFTS: dict[str, tuple[str, ...]] = {
    "missing": ("missing",),
    "rename": ("renamed",),
    "extra": ("extra",),
    "type": ("wrong_type", "number_as_text"),
    "null": ("null",),
    "enum": ("wrong_enum",),
}
"""The mutations that a kind of drift can be."""


class SchemaDrift(Targets, ChannelFault):
    """Answer by another schema, tool by tool: drawn anew when ``persistence`` is over."""

    family: ClassVar[str] = "tool.schema_drift"
    ladder: ClassVar[tuple[float, ...]] = TOXICITY
    unit: ClassVar[str] = "share of the tools that have drifted at any time"
    drift: Kind | Literal["any"] = "any"
    """What changes: a field is missing, renamed, new, of another type, null, or of a new value."""
    persistence: PositiveDays = 1.0
    """How long a drift lasts."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that answers by another schema."""
        return _DriftLayer(self, severity, window)


class _DriftLayer(FaultLayer):
    def __init__(self, fault: SchemaDrift, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._kinds = tuple(DRIFTS) if fault.drift == "any" else (fault.drift,)
        self._persistence = fault.persistence

    def answer(self, transit: Transit, body: bytes) -> bytes | None:
        if not self.strikes(transit):
            return body
        block = int(transit.sent_at / self._persistence)
        draw = self.luck(f"{transit.tool}/{block}")
        if draw.uniform() >= self.value:
            return body
        self.fired += 1
        name = draw.choice(DRIFTS[draw.choice(self._kinds)])
        return mutated(body, MUTATIONS[name], draw)
