"""Values that were observed, with how often each one occurs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from twin.scenario.quantities import Amount, Model


class Weighted(Model):
    """Base of the empirical models: one of the given values, drawn with replacement."""

    values: tuple[float, ...] = ()
    weights: Annotated[tuple[Amount, ...], Field(max_length=10_000)] = ()
    """How often each one occurs, in any unit; equally often by default."""

    @model_validator(mode="after")
    def _weighted(self) -> Weighted:
        if self.weights and len(self.weights) != len(self.values):
            raise ValueError(f"{len(self.weights)} weights for {len(self.values)} values")
        if self.weights and sum(self.weights) <= 0:
            raise ValueError("the weights are all zero")
        return self

    @property
    def probabilities(self) -> tuple[float, ...]:
        """Probability of each value."""
        weights = self.weights or (1.0,) * len(self.values)
        return tuple(weight / sum(weights) for weight in weights)
