"""Laws of faults together: compounds, swarms, and how they are written down."""

from __future__ import annotations

from collections import Counter

import pytest

from stress.case import PolicyRef, ScenarioRef
from stress.catalogue import FAMILIES, Window
from stress.contestants import world_of
from stress.expand import Campaign, expand, swarm_strikes
from stress.results import NOMINAL
from stress.run_case import run_case
from stress.spec import StressSuite, Swarm
from twin.cli import run
from twin.env.rules import default_rule
from twin.errors import ScenarioError, UsageError
from twin.scenario import from_mapping, load_document

SCENARIO = ScenarioRef.of(
    from_mapping(
        {
            "kind": "scenario",
            "name": "tiny",
            "horizon": "20 d",
            "nodes": {
                "plant": {"kind": "supplier"},
                "dc": {"kind": "warehouse", "stock": 40},
                "shop": {"kind": "store", "stock": 20, "demand": {"model": "poisson", "mean": 8}},
            },
            "lanes": {
                "plant -> dc": {"lead_time": "2 d"},
                "dc -> shop": {"lead_time": "1 d"},
            },
        }
    )
)
WORLD = world_of(SCENARIO)
POLICY = PolicyRef.of_rule("baseline", WORLD, default_rule(WORLD))
WINDOW = Window(5.0, 15.0)


def campaign(**fields: object) -> Campaign:
    suite = StressSuite.model_validate({"name": "x", "nominal_seeds": 1, "seeds": 2, **fields})
    return Campaign(suite, (SCENARIO,), (POLICY,), POLICY.source)


COMPOUND = {
    "severities": [1, 4],
    "window": {"start": "20 %", "end": "60 %"},
    "faults": {
        "channel.loss": {},
        "world.outage": {"severity": 2, "window": {"start": "50 %", "end": "75 %"}},
        "actor.crash": {"parameters": {"mode": "one"}},
    },
}


def test_a_compound_strikes_with_all_its_members_at_their_rungs_and_windows() -> None:
    cases = [c for c in expand(campaign(compounds={"bad day": COMPOUND})) if c.fault != NOMINAL]
    assert Counter((c.fault, c.severity) for c in cases) == {
        ("compound.bad day", 1): 2,
        ("compound.bad day", 4): 2,
    }
    for case in cases:
        loss, outage, crash = case.strikes
        assert (loss.severity, outage.severity, crash.severity) == (case.severity, 2, case.severity)
        assert (loss.window, outage.window) == (Window(4.0, 12.0), Window(10.0, 15.0))
        assert crash.parameters == (("mode", "one"),)


def test_each_fault_of_a_compound_is_counted_by_itself() -> None:
    (case, *_) = [c for c in expand(campaign(compounds={"x": COMPOUND})) if c.severity == 4]
    result = run_case(case)
    assert not result.error
    assert not result.violations
    assert result.fired_by.keys() == {"channel.loss", "world.outage", "actor.crash"}
    assert result.fired == sum(result.fired_by.values()) > 0
    assert run_case(case) == result


def test_faults_that_are_off_leave_the_run_alone_however_many_there_are() -> None:
    off = {name: {"severity": 0} for name in FAMILIES}
    cases = expand(campaign(compounds={"off": {"severities": [5], "faults": off}}))
    calm = {case.seed: run_case(case) for case in cases if case.fault == NOMINAL}
    case = next(c for c in cases if c.fault != NOMINAL and c.seed in calm)
    struck = run_case(case)
    assert struck.ledger_digest == calm[case.seed].ledger_digest
    assert (struck.fired, struck.cost) == (0, calm[case.seed].cost)


def test_a_swarm_tosses_a_coin_for_every_kind_and_a_severity_up_to_its_cap() -> None:
    swarm = Swarm(draws=1, cap=3)
    sets = [swarm_strikes(swarm, WINDOW, seed) for seed in range(100)]
    count = Counter(strike.family for drawn in sets for strike in drawn)
    rungs = Counter(strike.severity for drawn in sets for strike in drawn)
    assert count.keys() == FAMILIES.keys()
    assert all(25 < n < 75 for n in count.values())
    assert set(rungs) == {1, 2, 3}
    assert min(rungs.values()) > 0.9 * max(rungs.values())


def test_a_kind_left_out_of_a_swarm_changes_nothing_for_the_others() -> None:
    kinds = tuple(FAMILIES)
    fewer = Swarm(faults=tuple(kind for kind in kinds if kind != "channel.loss"))
    for seed in range(20):
        whole = swarm_strikes(Swarm(), WINDOW, seed)
        without = tuple(strike for strike in whole if strike.family != "channel.loss")
        assert swarm_strikes(fewer, WINDOW, seed) == without


def test_a_swarm_is_never_empty() -> None:
    swarm = Swarm(probability=0.0, faults=("channel.loss", "obs.noise"))
    assert {len(swarm_strikes(swarm, WINDOW, seed)) for seed in range(10)} == {1}


def test_every_policy_meets_the_same_drawn_sets() -> None:
    other = PolicyRef("other", "rule", POLICY.source, POLICY.hash)
    both = campaign(swarm={"draws": 4})
    cases = expand(Campaign(both.suite, (SCENARIO,), (POLICY, other), POLICY.source))
    drawn = [case for case in cases if case.fault == "swarm"]
    assert len(drawn) == 8
    for one, two in zip(drawn[::2], drawn[1::2], strict=True):
        assert (one.seed, one.strikes) == (two.seed, two.strikes)


def test_a_suite_counts_its_cases() -> None:
    made = campaign(
        faults={"obs.noise": {"severities": [1, 2], "seeds": 3}},
        compounds={"x": COMPOUND},
        swarm={"draws": 5},
    )
    assert made.suite.cases_per_policy == len(expand(made)) == 1 + 6 + 4 + 5


WRONG = """\
kind: stress
name: wrong
faults:
  channel.latency: {parameters: {probablity: 0.2, jitter: 3}}
  obs.noise: {parameters: {mode: fixed-percent, value: 200}}
compounds:
  x: {faults: {world.outage: {parameters: {target: warehouse}}}}
"""


def test_every_wrong_parameter_is_named_with_its_place(tmp_path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(WRONG)
    with pytest.raises(ScenarioError) as refusal:
        load_document(file, StressSuite)
    text = str(refusal.value)
    assert "wrong.yaml:4:34" in text
    assert "did you mean 'probability'" in text
    assert "wrong.yaml:4:59" in text
    assert "expected at most 100" in text
    assert "expected supplier, node or lane" in text
    assert len(refusal.value.problems) == 4


def test_a_suite_made_in_code_is_checked_when_it_is_expanded() -> None:
    with pytest.raises(UsageError, match="did you mean 'probability'"):
        expand(campaign(faults={"channel.latency": {"parameters": {"probablity": 1}}}))


def test_twin_check_reads_any_kind_of_file(tmp_path, capsys) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(WRONG)
    assert run(["check", str(file)]) == 3
    assert "unknown field 'probablity' (did you mean 'probability'?)" in capsys.readouterr().err
    assert run(["check", "scenarios/stress/compound.yaml", "scenarios/gates/default.yaml"]) == 0
    assert "compound.yaml: ok (stress; digest" in capsys.readouterr().out
    file.write_text("kind: stres\nname: x\n")
    assert run(["check", str(file)]) == 3
