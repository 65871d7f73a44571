"""The manifest of an outside agent: ``agent.yaml`` beside its script.

It says who the agent is and what it needs. What it needs is a wish: the host grants at most its own
limits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from agents.outside.limits import Limits
from twin.errors import UsageError
from twin.scenario import load_document
from twin.scenario.quantities import Model

MANIFEST, SCRIPT = "agent.yaml", "agent.py"


class AgentManifest(Model):
    """Who an outside agent is, and what it needs."""

    kind: Literal["agent"]
    name: Annotated[str, Field(min_length=1, max_length=80)]
    """What tables and reports call it."""
    description: Annotated[str, Field(max_length=2_000)] = ""
    version: Annotated[str, Field(max_length=80)] = ""
    """Its author's own."""
    protocol: Literal["1"] = "1"
    """Version of the messages that it speaks."""
    starts_anew: bool = False
    """It forgets everything when an episode begins, so that one process may serve many episodes.

    By default every episode of a campaign has a process of its own.
    """
    limits: Limits = Limits()
    """What it needs; it is granted at most what the host allows."""


def read_manifest(folder: Path) -> AgentManifest:
    """The manifest of a folder with a script; one without a manifest is called by its folder.

    Raises UsageError where there is no script, and ScenarioError with every problem of the
    manifest.
    """
    if not (folder / SCRIPT).is_file():
        expected = f"a folder with {SCRIPT}, and {MANIFEST} if it has more to say"
        raise UsageError("no outside agent", str(folder), "", expected)
    if not (folder / MANIFEST).exists():
        return AgentManifest(kind="agent", name=folder.name[:80])
    manifest, _ = load_document(folder / MANIFEST, AgentManifest)
    return manifest


def is_agent(folder: Path) -> bool:
    """Whether a folder holds an outside agent."""
    return (folder / SCRIPT).is_file()
