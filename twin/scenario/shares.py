"""Models of random shares between 0 and 1, as written in a scenario: what is lost or scrapped."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from twin.scenario.quantities import Model, Share
from twin.scenario.weighted import Weighted


class ConstantShare(Model):
    """Always the same share."""

    model: Literal["constant"] = "constant"
    value: Share


class UniformShare(Model):
    """Uniform between ``low`` and ``high``."""

    model: Literal["uniform"]
    low: Share
    high: Share

    @model_validator(mode="after")
    def _ordered(self) -> UniformShare:
        if self.high < self.low:
            raise ValueError(f"high ({self.high:g}) must not be below low ({self.low:g})")
        return self


class TriangularShare(Model):
    """Triangular between ``low`` and ``high`` with its peak at ``mode``."""

    model: Literal["triangular"]
    low: Share
    mode: Share
    high: Share

    @model_validator(mode="after")
    def _ordered(self) -> TriangularShare:
        if not self.low <= self.mode <= self.high:
            raise ValueError(
                f"low ({self.low:g}), mode ({self.mode:g}) and high ({self.high:g})"
                " must not descend"
            )
        return self


class BetaShare(Model):
    """Beta with the given mean; the larger ``size``, the closer to the mean."""

    model: Literal["beta"]
    mean: Annotated[Share, Field(gt=0, lt=1)]
    size: Annotated[float, Field(gt=0, le=1e6, strict=True)] = 20.0
    """Sum of the two shape parameters."""


class EmpiricalShare(Weighted):
    """One of the given shares, drawn with replacement."""

    model: Literal["empirical"]
    values: Annotated[tuple[Share, ...], Field(min_length=1, max_length=10_000)]
    """Shares that were observed."""


def _share_shorthand(value: Any) -> Any:
    """A bare share is a constant one."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        return {"model": "constant", "value": value}
    return value


RandomShare = Annotated[
    Annotated[
        ConstantShare | UniformShare | TriangularShare | BetaShare | EmpiricalShare,
        Field(discriminator="model"),
    ],
    BeforeValidator(_share_shorthand),
]
