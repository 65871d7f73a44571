"""When a fault may strike, as it stands in a suite: shares of the horizon, or times."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

from stress.catalogue import Window
from twin import units
from twin.errors import UsageError
from twin.network.world import World
from twin.scenario.quantities import Model

_PERCENT = re.compile(r"\s*[\d.]+\s*%\s*\Z")


def _moment(value: Any) -> Any:
    """Check a moment as it stands in the file; it is resolved when the horizon is known."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("expected a share of the horizon such as 25 %, or a time such as 30 d")
    text = str(value) if isinstance(value, str) else f"{value:g} d"
    try:
        at = units.share(text) if _PERCENT.match(text) else units.duration_d(text)
    except UsageError as error:
        raise ValueError(f"{error.what}: got {error.got}, expected such as 25 % or 30 d") from None
    if at < 0 or (_PERCENT.match(text) and at > 1):
        raise ValueError(f"got {text}, expected a moment inside the horizon")
    return text


Moment = Annotated[str, BeforeValidator(_moment)]
"""``25 %`` of the horizon, or ``30 d`` from its start (a bare number is days)."""


def moment_d(text: str, horizon_d: float) -> float:
    """Days from the start of a moment.

    >>> moment_d("25 %", 120.0), moment_d("36 h", 120.0)
    (30.0, 1.5)
    """
    if _PERCENT.match(text):
        return units.share(text) * horizon_d
    return units.duration_d(text)


class WindowSpec(Model):
    """When a fault may strike."""

    start: Moment = "25 %"
    end: Moment = "75 %"

    def of(self, world: World, heal: float) -> Window:
        """The window in days; it never reaches into the healed share at the end.

        Raises UsageError when nothing is left of it.
        """
        horizon = world.periods * world.period_d
        start = moment_d(self.start, horizon)
        end = min(moment_d(self.end, horizon), horizon * (1 - heal))
        if end <= start:
            raise UsageError(
                "the fault's window is empty",
                "window",
                f"{start:g} d to {end:g} d, healed after {horizon * (1 - heal):g} d",
                "an end after the start",
            )
        return Window(start, end)
