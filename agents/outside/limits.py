"""What an outside agent may use."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from twin.scenario.quantities import Model

MEGABYTE = 2**20


class Limits(Model):
    """Resources of one outside agent; times are wall time, since it is a real process."""

    decision_s: Annotated[float, Field(gt=0, le=3_600)] = 2.0
    """Seconds for one decision; whoever takes longer is killed."""
    start_s: Annotated[float, Field(gt=0, le=3_600)] = 20.0
    """Seconds until it must be ready."""
    cpu_s: Annotated[int, Field(ge=1, le=1_000_000)] = 600
    """CPU seconds of one process."""
    memory_mb: Annotated[int, Field(ge=64, le=1_000_000)] = 1_024
    """Address space."""
    file_mb: Annotated[int, Field(ge=0, le=1_000_000)] = 16
    """Largest file it may write, in its own folder."""
    open_files: Annotated[int, Field(ge=8, le=100_000)] = 64
    message_kb: Annotated[int, Field(ge=1, le=100_000)] = 256
    """Longest line it may send."""
    restarts: Annotated[int, Field(ge=0, le=1_000_000)] = 3
    """How often it is started again, at the begin of an episode, after it was killed or died."""

    def granting(self, wanted: Limits) -> Limits:
        """What somebody who wants this much is granted: never more than this.

        How often it is started again is not for the agent to say.
        """
        most = self.model_dump()
        granted = {name: min(most[name], value) for name, value in wanted.model_dump().items()}
        return Limits(**{**granted, "restarts": self.restarts})
