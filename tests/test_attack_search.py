"""Laws of searching for failures and of shrinking them, on made-up outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

import numpy as np
import pytest

from stress.adversary.learned import Learned
from stress.adversary.plan import Hit, Plan, hit_of, suite_of
from stress.adversary.referee import Outcome
from stress.adversary.search import Search
from stress.adversary.searchers import METHODS, Searcher
from stress.adversary.seen import clock, seen_state
from stress.adversary.shrink import shrink
from stress.adversary.space import Choice, Range, Space
from stress.case import PolicyRef, ScenarioRef
from stress.catalogue import FAMILIES, build_fault
from stress.contestants import world_of
from stress.expand import Campaign, expand
from stress.results import NOMINAL, CaseResult
from stress.spec import StressSuite
from twin.env.rules import default_rule
from twin.errors import UsageError
from twin.scenario import from_mapping, load_document
from twin.scenario.dump import to_yaml

SHOP = {"kind": "store", "stock": 20, "demand": {"model": "poisson", "mean": 8}}
SCENARIO = ScenarioRef.of(
    from_mapping(
        {
            "kind": "scenario",
            "name": "tiny",
            "horizon": "30 d",
            "period": "8 h",
            "nodes": {"plant": {"kind": "supplier"}, "shop": SHOP},
            "lanes": {"plant -> shop": {"lead_time": "2 d", "fleet": "vans"}},
            "fleets": {
                "vans": {"depot": "plant", "vehicles": 3, "capacity": 60, "round_trip": "2 d"}
            },
            "agents": {"replenish": ["shop"], "dispatch": ["vans"]},
            "tools": {"high_risk": [{"order_above": 40}]},
        }
    )
)
WORLD = world_of(SCENARIO)
STATIC = PolicyRef.of_rule("baseline", WORLD, default_rule(WORLD))
TERMS = StressSuite(name="terms")
SPACE = Space.of(WORLD, TERMS.heal, (7, 8, 9))
SWEEPING = ("cross-entropy", "learned")
"""Ways to search that begin with every family once."""


def result(policy: str, cost: float) -> CaseResult:
    return CaseResult(
        case=policy,
        scenario="tiny",
        policy=policy,
        policy_hash="h",
        fault="x",
        severity=1,
        seed=1,
        cost=cost,
    )


def outcome(plan: Plan, failed: bool, shared: bool = False, loss: float = 0.0) -> Outcome:
    found = frozenset({"cost"}) if failed else frozenset[str]()
    played = result("fleet", 1.0), result("baseline", 1.0)
    return Outcome(plan, *played, 0.1, 0.5 if failed else loss, True, found, shared)


def breaks(plan: Plan) -> bool:
    """The planted weakness: honest old readings from severity 2 while period 30 is played."""
    return any(
        hit.family == "obs.stale"
        and hit.severity >= 2
        and hit.first <= 30 < hit.last
        and ("honest", True) in hit.parameters
        for hit in plan.hits
    )


def judged(plans: Sequence[Plan]) -> list[Outcome]:
    return [outcome(plan, breaks(plan), loss=harm(plan)) for plan in plans]


def harm(plan: Plan) -> float:
    """What it costs short of breaking."""
    stale = [hit for hit in plan.hits if hit.family == "obs.stale"]
    return sum(0.02 * hit.severity + 0.1 * (("honest", True) in hit.parameters) for hit in stale)


def needs(method: str) -> None:
    """Skip where the packages of a way to search are not installed."""
    for package in {"tpe": ("optuna",), "cma-es": ("optuna", "cmaes")}.get(method, ()):
        pytest.importorskip(package)


def asked(searcher: Searcher, rounds: int = 8) -> list[Plan]:
    plans = []
    for _ in range(rounds):
        batch = searcher.ask(20)
        searcher.tell([(o.plan, o.score) for o in judged(batch)])
        plans += batch
    return plans


@pytest.mark.parametrize("method", list(METHODS))
def test_what_is_asked_is_a_pure_function_of_the_seed(method: str) -> None:
    needs(method)
    first = asked(METHODS[method](SPACE, 3))
    assert asked(METHODS[method](SPACE, 3)) == first
    assert asked(METHODS[method](SPACE, 4)) != first
    assert {plan.seed for plan in first} == {7, 8, 9}
    assert all(1 <= len(plan.hits) <= SPACE.most for plan in first)


def test_the_cross_entropy_method_tries_every_family_first_and_then_what_worked() -> None:
    searcher = METHODS["cross-entropy"](SPACE, 0)
    sweep = searcher.ask(len(SPACE.families))
    assert {hit.family for plan in sweep for hit in plan.hits} == set(SPACE.families)
    assert all(len(plan.hits) == 1 for plan in sweep)
    searcher.tell([(o.plan, o.score) for o in judged(sweep)])
    plans = asked(searcher, 20)
    with_stale = [any(hit.family == "obs.stale" for hit in plan.hits) for plan in plans]
    assert sum(with_stale[-100:]) > 3 * sum(with_stale[:20])
    assert sum(map(breaks, plans[-100:])) > 50


def test_where_nothing_does_any_harm_the_search_stays_wide() -> None:
    searcher = METHODS["cross-entropy"](SPACE, 0)
    for _ in range(40):
        searcher.tell([(plan, 0.0) for plan in searcher.ask(20)])
    families = {hit.family for plan in searcher.ask(300) for hit in plan.hits}
    assert families == set(SPACE.families)


@pytest.mark.parametrize(("method", "least"), [("learned", 50), ("cma-es", 20)])
def test_whoever_learns_comes_back_to_what_worked_and_chance_does_not(method, least) -> None:
    needs(method)
    plans = asked(METHODS[method](SPACE, 0), 30)
    chance = asked(METHODS["random"](SPACE, 0), 30)
    assert sum(map(breaks, plans[-100:])) > least
    assert sum(map(breaks, chance[-100:])) < 5


def test_a_learned_adversary_looks_before_it_strikes() -> None:
    """Only a fault that begins at the peak of what it sees does harm; each seed has its own."""
    peaks = {7: 12, 8: 33, 9: 50}
    spike = {s: np.eye(SPACE.periods)[:, [peak]] for s, peak in peaks.items()}
    state = {s: np.hstack([clock(SPACE.periods), 3.0 * x]) for s, x in spike.items()}
    searcher = Learned(replace(SPACE, seen=state), 0)

    def begins_there(plan: Plan) -> float:
        return float(any(abs(hit.first - peaks[plan.seed]) == 0 for hit in plan.hits))

    for _ in range(60):
        batch = searcher.ask(20)
        searcher.tell([(plan, begins_there(plan)) for plan in batch])
    plans = searcher.ask(300)
    assert sum(map(begins_there, plans)) > 150
    assert {plan.seed for plan in plans if begins_there(plan)} == set(peaks)


def test_what_an_undisturbed_episode_looks_like_is_standardised_by_period() -> None:
    rule = default_rule(WORLD)
    state = seen_state(WORLD, rule, 7, SPACE.periods)
    assert state.shape == (SPACE.periods, 6)
    assert np.isfinite(state).all()
    assert np.abs(state[:, 2:].mean(axis=0)).max() < 0.5
    assert not np.array_equal(state, seen_state(WORLD, rule, 8, SPACE.periods))


@pytest.mark.parametrize(("method", "package"), [("cma-es", "cmaes"), ("tpe", "optuna")])
def test_a_missing_package_is_named_with_what_to_do(monkeypatch, method, package) -> None:
    pytest.importorskip("optuna")

    def missing(name: str, *_: object) -> None:
        raise ImportError(name)

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    if package == "optuna":
        monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(UsageError, match=package) as caught:
        METHODS[method](SPACE, 0)
    assert "logistics-twin[train]" in str(caught.value)


@pytest.mark.parametrize("method", list(METHODS))
def test_every_plan_can_be_played_and_reads_back_from_its_file(method: str, tmp_path) -> None:
    needs(method)
    seen = set()
    for plan in asked(METHODS[method](SPACE, 1)):
        suite = suite_of(plan, TERMS, WORLD, "attack")
        assert StressSuite.model_validate(suite.model_dump()) == suite
        cases = expand(Campaign(suite, (SCENARIO,), (STATIC,), STATIC.source))
        (case,) = (case for case in cases if case.fault != NOMINAL)
        assert case.seed == plan.seed
        assert tuple(hit_of(strike, WORLD) for strike in case.strikes) == plan.hits
        assert all(0 <= hit.first < hit.last <= SPACE.periods for hit in plan.hits)
        seen |= {hit.family for hit in plan.hits}
    assert set(SPACE.families) == set(FAMILIES) - {"world.price"}
    assert seen == set(SPACE.families) if method in SWEEPING else len(seen) > 30
    (tmp_path / "one.yaml").write_text(to_yaml(suite))
    again, _ = load_document(tmp_path / "one.yaml", StressSuite)
    read = expand(Campaign(again, (SCENARIO,), (STATIC,), STATIC.source))
    assert [case.id for case in read] == [case.id for case in cases]


def test_every_value_of_the_space_fits_its_fault() -> None:
    for family, dimensions in SPACE.dimensions.items():
        for dimension in dimensions:
            ends = (
                dimension.values
                if isinstance(dimension, Choice)
                else (dimension.rounded(-inf), dimension.rounded(inf))
            )
            for value in ends:
                build_fault(family, {dimension.name: value})
            if isinstance(dimension, Range):
                assert dimension.low <= dimension.default <= dimension.high
    assert any(d.name == "honest" for d in SPACE.dimensions["obs.stale"])


def test_a_failure_shrinks_to_the_one_fault_rung_period_and_parameter_that_it_takes() -> None:
    stale = Hit("obs.stale", 5, 12, 60, (("honest", True), ("mode", "one")))
    others = (Hit("channel.loss", 4, 0, 50, (("r", 0.5),)), Hit("world.yield", 3, 5, 9))
    plan = Plan((others[0], stale, others[1]), 7)
    shrunk = shrink(judged, outcome(plan, True))
    assert shrunk.minimal
    assert shrunk.outcome.plan == Plan((Hit("obs.stale", 2, 30, 31, (("honest", True),)),), 7)
    assert shrunk.tried <= 60


def test_faults_that_only_break_together_stay_together() -> None:
    plan = Plan(tuple(Hit(name, 3, 0, 8) for name in ("obs.bias", "channel.loss", "obs.noise")), 7)

    def both(plans: Sequence[Plan]) -> list[Outcome]:
        names = [{hit.family for hit in plan.hits} for plan in plans]
        return [
            outcome(plan, {"obs.bias", "obs.noise"} <= found)
            for plan, found in zip(plans, names, strict=True)
        ]

    smallest = shrink(both, outcome(plan, True)).outcome.plan
    assert smallest.hits == (Hit("obs.bias", 1, 0, 1), Hit("obs.noise", 1, 0, 1))


def test_shrinking_never_turns_a_new_failure_into_a_shared_one_and_keeps_to_its_budget() -> None:
    plan = Plan((Hit("obs.bias", 5, 0, 8), Hit("obs.noise", 5, 0, 8)), 7)

    def shared(plans: Sequence[Plan]) -> list[Outcome]:
        return [outcome(plan, True, shared=True) for plan in plans]

    assert shrink(shared, outcome(plan, True)).outcome.plan == plan
    short = shrink(judged, outcome(plan, True), steps=3)
    assert (short.tried, short.minimal) == (3, False)


def test_the_cheapest_new_failure_is_the_best() -> None:
    dear, cheap = (Plan((Hit("obs.bias", s, 0, 8),), 7) for s in (5, 1))
    tried = [
        outcome(cheap, False, loss=0.1),
        outcome(cheap, True, shared=True),
        outcome(dear, True),
        outcome(cheap, True),
    ]
    state = Search().after(tried)
    assert state.best == tried[3]
    assert (state.tried, state.failures, state.shared, state.found_at) == (4, 2, 1, 3)
    assert sorted(tried, key=lambda o: o.score) == tried
