"""G8: an attack found no failure that the reference does not have, judged by attack.json."""

from __future__ import annotations

from collections.abc import Iterator

from stress.adversary.record import AttackRecord
from stress.evidence import CHAMPION
from stress.gate_model import AdversaryRule
from stress.judging import Bench, Finding, Line
from stress.wording import counted


def judge_adversary(rule: AdversaryRule, bench: Bench) -> Finding:
    """FAIL for any failure that is not shared; INCONCLUSIVE for any other attack than asked for."""
    line = Line("G8", "The adversary finds nothing new", "Failures the adversary found")
    record = bench.attack
    if record is None:
        sentence = "No attack was made on this checkpoint: run `twin attack`."
        return line.says("INCONCLUSIVE", sentence, "no attack")
    doubt = next(_doubts(rule, bench, record), "")
    figure = f"{record.failures:,} in {counted(record.tried, 'plan')}"
    if doubt:
        return line.says("INCONCLUSIVE", f"{doubt}.", figure)
    failure = record.minimal or record.found
    if failure is not None and not failure.shared:
        return line.says("FAIL", failure.sentence, figure)
    if record.status != "finished":
        return line.says("INCONCLUSIVE", "The attack has not ended: run it again.", figure)
    if record.tried < rule.minimum_plans:
        sentence = (
            f"Only {counted(record.tried, 'plan')}: the gate asks for {rule.minimum_plans:,}."
        )
        return line.says("INCONCLUSIVE", sentence, figure)
    shared = f"; {record.shared:,} broke both" if record.shared else ""
    sentence = (
        f"{counted(record.tried, 'plan')} of attack found no failure that "
        f"{bench.named(bench.reference)} does not have{shared}."
    )
    return line.says("PASS", sentence, figure)


def _doubts(rule: AdversaryRule, bench: Bench, record: AttackRecord) -> Iterator[str]:
    """Why the attack is not the one the gate asks for."""
    if record.policy_hash != bench.provenance.found.get("artifact", ""):
        yield "The attack was made on another checkpoint"
    if record.status == "unfit":
        yield "There was nothing to attack: somebody fails although nothing strikes"
    if (record.bound, record.survival) != (rule.bound, rule.survival):
        asked = f"--bound {rule.bound:g} --survival {rule.survival:g}"
        yield f"The attack held other things to be failures; the gate asks for {asked}"
    if record.faults:
        yield "The attack was limited to some faults"
    against_champion = bench.reference == CHAMPION
    if against_champion and (record.against, record.champion) != ("champion", bench.champion):
        yield f"The attack was not made against {bench.named(CHAMPION)}"
