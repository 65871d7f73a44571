"""How the ranks of a training run start together: the first one prepares it and tells the others.

It alone makes the run folder, tunes the static policies and finds what there is to resume; the
others read the same scenario, wait for its word, and train. They need not see its run folder,
except to resume.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from agents.baselines.record import rule_from_json
from agents.learn.config import TrainConfig
from agents.learn.disturbance import Disturbance
from agents.learn.ranks import Ranks
from twin.env.rules import OrderingRule
from twin.network.world import World
from twin.scenario import Scenario
from twin.scenario.quantities import Model


class Invitation(Model):
    """What the other ranks are told."""

    run: str
    """The run folder."""
    trained: bool
    """The fleet is there already: nothing to do."""
    resume: bool
    rule: dict[str, Any]
    """The tuned static policy, as in ``baselines.json``."""
    parent: str
    """Bundle to start from; empty for none."""


def invite(ranks: Ranks, invitation: Invitation) -> None:
    """Tell the other ranks, who wait for it in ``accept``."""
    if not ranks.alone:
        ranks.told_text(invitation.model_dump_json())


def accept(
    scenario: Scenario,
    world: World,
    config: TrainConfig,
    ranks: Ranks,
    disturbing: Callable[[OrderingRule], Disturbance | None],
) -> None:
    """Wait for the first rank's word, and train beside it, against what ``disturbing`` makes."""
    from agents.learn.train import train

    told = Invitation.model_validate_json(ranks.told_text(""))
    if told.trained:
        return
    rule = rule_from_json(world, told.rule)
    train(
        world,
        scenario.name,
        scenario.digest,
        rule.level[0],
        config,
        Path(told.run),
        resume=told.resume,
        parent=Path(told.parent) if told.parent else None,
        disturbance=disturbing(rule),
        ranks=ranks,
    )
