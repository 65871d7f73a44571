"""Meaning checks on the tools: scopes name agents, and what those agents deal with."""

from __future__ import annotations

from collections.abc import Iterator

from twin.scenario.findings import Finding, did_you_mean, shown
from twin.scenario.subject import Subject


def scopes(subject: Subject) -> Iterator[Finding]:
    """A scope belongs to an agent of the scenario, and its entities exist."""
    agents = subject.model.agents
    replenish = agents.replenish or tuple(n for n in subject.nodes if n in subject.inbound)
    known = [f"replenish:{name}" for name in replenish]
    known += [f"dispatch:{name}" for name in agents.dispatch]
    entities = [*subject.nodes, *subject.fleets]
    for name, scope in subject.model.tools.scope.items():
        path = ("tools", "scope", name)
        if name not in known:
            hint = did_you_mean(name, known)
            yield Finding(path, f"unknown agent {shown(name)}", hint, at_key=True)
        for index, entity in enumerate(scope.entities or ()):
            if entity not in entities:
                hint = did_you_mean(entity, entities)
                yield Finding(
                    (*path, "entities", index), f"unknown node or fleet {shown(entity)}", hint
                )
