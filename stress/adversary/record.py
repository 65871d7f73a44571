"""What an attack found: attack.json in the run's folder, read by G8 and by people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from twin.errors import UsageError
from twin.scenario.quantities import Model

ATTACK = "attack.json"
Count = Annotated[int, Field(ge=0)]


class Struck(Model):
    """One fault of a failure."""

    family: str
    severity: Annotated[int, Field(ge=1, le=5)]
    start: str
    end: str
    """Its window, as in the stress file."""
    parameters: dict[str, bool | float | str] = Field(default={})


class Failure(Model):
    """A plan under which the challenger failed where the static policy survived."""

    case: str
    """Id of the challenger's case; ``twin replay RUN CASE --suite FILE`` plays it again."""
    name: str
    seed: int
    faults: tuple[Struck, ...]
    symptoms: tuple[str, ...]
    """``cost``, ``law 12``, ``crash: Type``."""
    sentence: str
    """What happened, in words."""
    shared: bool
    """The policy it was attacked against failed too."""
    effort: Count
    """Severity times periods, over all faults."""
    cost: float
    static_cost: float
    """Cost per period under the faults."""
    ledger_digest: str
    error: str = ""
    violations: tuple[str, ...] = ()


class AttackRecord(Model):
    """One attack on one checkpoint."""

    status: Literal["running", "finished", "unfit"]
    """``unfit``: on every seed somebody fails although nothing strikes."""
    scenario: str
    policy_hash: str
    """Of the checkpoint that was attacked."""
    against: Literal["champion", "static"]
    champion: str = ""
    """Version of the champion it was attacked against, where there is one."""
    method: str
    seed: Count
    budget: Count
    bound: float
    survival: float
    faults: tuple[str, ...] = ()
    """The families it was limited to; empty for all."""
    seeds: tuple[int, ...]
    """Of the world, to choose from."""
    unfit_seeds: tuple[int, ...] = ()
    """Those left out, because somebody fails on them although nothing strikes."""
    tried: Count = 0
    """Plans played."""
    episodes: Count = 0
    """Episodes played for them, by all policies, shrinking included."""
    unfair: Count = 0
    """Plans that the static policy did not survive, which prove nothing."""
    failures: Count = 0
    shared: Count = 0
    found_at: Count = 0
    """Number of the plan of the first new failure, from 1; 0 where there is none."""
    found: Failure | None = None
    """The failure as it was found."""
    minimal: Failure | None = None
    """The same after shrinking."""
    file: str = ""
    """The stress file of the minimal failure."""
    replay: str = ""
    """The command that plays it again."""
    closest: str = ""
    """Where nothing failed: the fair plan that did the most harm, in words."""


def read_attack(folder: Path) -> AttackRecord | None:
    """The record of a run's last attack; None where there was none.

    Raises UsageError for a damaged file.
    """
    path = folder / ATTACK
    if not path.exists():
        return None
    try:
        return AttackRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        text = str(error.errors(include_url=False)[0]["msg"])
        fix = "Run `twin attack` again."
        raise UsageError("the record of the attack is damaged", str(path), text, "", fix) from None
