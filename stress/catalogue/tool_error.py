"""tool.error: a tool answers that it failed, whether or not it has done what was asked."""

from __future__ import annotations

from typing import ClassVar, Literal

from stress.catalogue.base import ChannelFault, Window
from stress.catalogue.layers import FaultLayer
from stress.catalogue.targets import Targets
from twin.tools.catalogue import error_answer
from twin.tools.channel import Transit

Code = Literal["internal", "rate_limited", "invalid_request", "parse_error", "unknown_entity"]
CAPACITY_LOST = (0.0, 0.05, 0.10, 0.25, 0.50, 0.80)
"""Share of the calls that a provider in trouble does not answer properly, by severity."""


class ToolErrors(Targets, ChannelFault):
    """Answer a share of the calls with an error."""

    family: ClassVar[str] = "tool.error"
    ladder: ClassVar[tuple[float, ...]] = CAPACITY_LOST
    unit: ClassVar[str] = "share of the calls"
    code: Code = "internal"
    """What the error answer says."""
    effect: Literal["before", "after"] = "after"
    """Whether the call fails before its effect, or after it (the worse of the two)."""

    def layer(self, severity: int, window: Window) -> FaultLayer:
        """A layer that answers with errors."""
        return _ErrorLayer(self, severity, window)


class _ErrorLayer(FaultLayer):
    def __init__(self, fault: ToolErrors, severity: int, window: Window) -> None:
        super().__init__(fault, severity, window)
        self._code: Code = fault.code
        self._before = fault.effect == "before"

    def request(self, transit: Transit, body: bytes) -> bytes | None:
        """Keep a request from the server where the call fails before its effect."""
        return b"" if self._before and self._fails(transit) else body

    def answer(self, transit: Transit, body: bytes) -> bytes | None:
        if not self._fails(transit):
            return body
        self.fired += 1
        return error_answer(transit.call, transit.tool, self._code, "the tool failed")

    def _fails(self, transit: Transit) -> bool:
        if not self.strikes(transit):
            return False
        return self.luck(f"{transit.call}/{transit.attempt}").uniform() < self.value
