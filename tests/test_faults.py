"""Laws of the fault catalogue."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stress.catalogue import FAMILIES, ChannelFault, Window, WorldFault, build_fault
from stress.catalogue.conformance import check_fault
from stress.catalogue.luck import Draw
from stress.catalogue.mutations import MUTATIONS, mutated
from stress.spec import FaultPlan, StressSuite
from stress.windows import WindowSpec, moment_d
from twin.engine.event import EventEngine
from twin.env.agents import agent_specs
from twin.errors import ScenarioError, ToolBoundaryError, UsageError
from twin.exogenous.path import SamplePath, draw_path
from twin.network.world import World, compile_world
from twin.scenario import from_mapping, load_document
from twin.tools.channel import Transit
from twin.tools.server import ToolServer

WINDOW = Window(5.0, 12.0)
SEEDS = range(3)


@pytest.fixture(scope="module")
def world() -> World:
    return compile_world(
        from_mapping(
            {
                "kind": "scenario",
                "name": "tiny",
                "horizon": "20 d",
                "nodes": {
                    "plant": {"kind": "supplier"},
                    "dc": {"kind": "warehouse", "stock": 60, "holding": 0.1},
                    "shop": {
                        "kind": "store",
                        "stock": 20,
                        "holding": 0.2,
                        "penalty": 3,
                        "demand": {"model": "poisson", "mean": 8},
                    },
                },
                "lanes": {
                    "plant -> dc": {"lead_time": "2 d", "price": 1.0},
                    "dc -> shop": {"lead_time": "1 d", "fleet": "vans"},
                },
                "fleets": {
                    "vans": {"depot": "dc", "vehicles": 3, "capacity": 6, "round_trip": "1 d"}
                },
                "agents": {"replenish": ["dc", "shop"], "dispatch": ["vans"]},
                "tools": {"high_risk": [{"order_above": 8}]},
            }
        ).model
    )


def answers(world: World) -> dict[str, bytes]:
    """A sound answer of every tool: by ``tool entity``."""
    engine = EventEngine(world, draw_path(world, 0))
    engine.advance()
    specs = agent_specs(world)
    server = ToolServer(world, engine, specs)
    server.open()
    found = {}
    for spec in specs:
        head = {"version": "1", "call": "c1", "agent": spec.name}
        for read in spec.reads:
            request = {**head, "tool": read.tool, "entity": read.entity}
            found[f"{read.tool} {read.entity}"] = server.handle(0.0, json.dumps(request).encode())
        lanes = [1.0] * len(spec.lanes)
        write = {"entity": spec.entity, "period": 0, "key": f"0/{spec.name}"}
        if spec.role == "replenish":
            request = {**head, "tool": "order.place", **write, "quantities": lanes}
        else:
            book = {"vehicles": lanes, "min_load": lanes}
            request = {**head, "tool": "dispatch.book", **write, **book}
        found[f"{request['tool']} {spec.entity}"] = server.handle(0.0, json.dumps(request).encode())
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_every_registered_fault_keeps_the_contract(family: str, world: World) -> None:
    check_fault(family, world, WINDOW)


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=list(MUTATIONS))
def test_no_mutated_answer_is_accepted_and_each_gets_one_label(world, mutation) -> None:
    from agents.gateway.plausible import Bounds, ceilings, read_bounds
    from agents.gateway.schema import AnswerCheck, Label

    ceiling = ceilings(world)
    reads = {f"{r.tool} {r.entity}": r for s in agent_specs(world) for r in s.reads}
    for name, body in answers(world).items():
        tool, entity = name.split(" ")
        document = json.loads(body)
        key, ones = document.get("key", ""), document.get("quantities") or [1.0, 1.0]
        if name in reads:
            check = AnswerCheck.of(tool, entity, read_bounds(reads[name], ceiling))
        else:
            fields = len(AnswerCheck.of(tool, entity, ()).spec.fields)
            check = AnswerCheck.of(tool, entity, (Bounds(1, 100.0),) * fields)

        def judge(answer: bytes, check=check, name=name, key=key, ones=ones) -> None:
            if name in reads:
                check.read(answer, "c1", 0)
            else:
                check.write(answer, "c1", 0, key, ones)

        judge(body)
        for luck in range(8):
            broken = mutated(body, mutation, Draw(b"key", f"{name}/{luck}"))
            with pytest.raises(ToolBoundaryError) as refusal:
                judge(broken)
            assert refusal.value.label in set(Label), (name, broken[:200])


def test_mutations_survive_answers_that_are_no_objects() -> None:
    for mutation in MUTATIONS.values():
        for body in (b"", b"[]", b"null", b"{}", b"\xff\xfe", b"not json"):
            assert isinstance(mutated(body, mutation, Draw(b"key", "m")), bytes)


def test_a_suite_names_at_least_the_mutations_of_the_vocabulary() -> None:
    assert len(MUTATIONS) >= 25


def test_an_outage_closes_only_its_target_for_its_time(world: World) -> None:
    fault = build_fault("world.outage")
    assert isinstance(fault, WorldFault)
    for severity, days in enumerate((0, 0.25, 1, 3, 7, 7)):
        path = fault.transform(world, draw_path(world, 1), severity, 1, WINDOW)
        closed = 1.0 - path.node_open
        assert closed[:, 0].sum() == pytest.approx(days)  # 21 d are cut to the window of 7 d
        assert closed[:, 1:].sum() == 0.0


def test_nothing_leaves_a_closed_node(world: World) -> None:
    from twin.env.rules import default_rule
    from twin.simulation import run_rule

    fault = build_fault("world.outage")
    assert isinstance(fault, WorldFault)
    path = fault.transform(world, draw_path(world, 1), 4, 1, WINDOW)
    shipped = run_rule(world, path, default_rule(world)).shipped[:, 0, 0]
    assert (shipped[path.node_open[:, 0] == 0.0] == 0.0).all()
    assert shipped.sum() > 0


def test_a_surge_multiplies_demand_inside_its_window_only(world: World) -> None:
    fault = build_fault("world.demand_surge")
    assert isinstance(fault, WorldFault)
    calm = draw_path(world, 2)
    path = fault.transform(world, calm, 3, 2, WINDOW)
    assert np.array_equal(path.demand[5:12], 1.5 * calm.demand[5:12])
    assert np.array_equal(path.demand[:5], calm.demand[:5])
    assert np.array_equal(path.demand[12:], calm.demand[12:])


def test_a_surge_of_one_node_leaves_the_others_alone(world: World) -> None:
    fault = build_fault("world.demand_surge", {"mode": "one"})
    assert isinstance(fault, WorldFault)
    path = fault.transform(world, draw_path(world, 2), 5, 2, WINDOW)
    assert (path.demand != draw_path(world, 2).demand).any(axis=(0, 2)).sum() == 1


def test_latency_spikes_grow_with_severity_on_the_same_messages(world: World) -> None:
    fault = build_fault("channel.latency", {"probability": 0.5})
    assert isinstance(fault, ChannelFault)
    delays = []
    for severity in range(6):
        layer = fault.layer(severity, WINDOW)
        layer.start(3, world)
        delays.append([layer.delay(_message(k), 1e-6) for k in range(50)])
    hit = np.array(delays) > 1e-6
    assert not hit[0].any()
    assert (hit[1:] == hit[1]).all()
    assert 10 < hit[1].sum() < 40
    assert (np.diff(np.array(delays), axis=0) >= 0).all()


def test_a_throttle_is_on_in_some_periods_and_never_above_the_link(world: World) -> None:
    fault = build_fault("network.throttle")
    assert isinstance(fault, ChannelFault)
    layer = fault.layer(5, Window(0.0, 16.0))
    layer.start(4, world)
    rates = [layer.rate(float(day), 64e3) for day in range(20)]
    assert set(rates[16:]) == {64e3}
    assert 0 < sum(rate < 64e3 for rate in rates[:16]) < 16
    assert layer.rate(1.0, 1e-9) <= 1e-9


def _message(k: int, at: float = 6.0) -> Transit:
    return Transit("answer", "inventory.read", "replenish:dc", f"call{k}", 1, 100, at)


def test_moments_are_shares_of_the_horizon_or_days() -> None:
    assert moment_d("25 %", 120.0) == 30.0
    assert moment_d("36 h", 120.0) == 1.5


def test_a_window_never_reaches_into_the_healed_end(world: World) -> None:
    assert WindowSpec(start="10 %", end="100 %").of(world, 0.2) == Window(2.0, 16.0)
    with pytest.raises(UsageError, match="empty"):
        WindowSpec(start="90 %", end="100 %").of(world, 0.2)


def test_unknown_faults_and_parameters_get_a_hint() -> None:
    with pytest.raises(UsageError, match=r"did you mean 'channel\.latency'"):
        build_fault("channel.latncy")
    with pytest.raises(UsageError, match="did you mean 'null'"):
        build_fault("tool.malformed", {"mutation": "nul"})
    with pytest.raises(UsageError, match="did you mean 'probability'"):
        build_fault("channel.latency", {"probablity": 0.1})


def test_a_wrong_suite_file_names_its_lines(tmp_path) -> None:
    file = tmp_path / "suite.yaml"
    file.write_text("kind: stress\nname: x\nfaults:\n  tool.malformd: {severities: [9]}\n")
    with pytest.raises(ScenarioError, match=r"suite\.yaml:4:3.*did you mean 'tool\.malformed'"):
        load_document(file, StressSuite)


SUITES = sorted(path.stem for path in Path("scenarios/stress").glob("*.yaml"))


@pytest.mark.parametrize("name", SUITES)
def test_the_suites_that_come_with_the_project_load(name: str) -> None:
    suite, _ = load_document(f"scenarios/stress/{name}.yaml", StressSuite)
    assert suite.name == name
    assert suite.faults or suite.compounds


@pytest.mark.parametrize("name", ["smoke", "full", "soak"])
def test_the_wide_suites_hold_every_family(name: str) -> None:
    suite, _ = load_document(f"scenarios/stress/{name}.yaml", StressSuite)
    assert set(suite.faults) == set(FAMILIES)


def test_a_severity_is_listed_once() -> None:
    with pytest.raises(ValueError, match="listed once"):
        FaultPlan(severities=(1, 1))


def test_faults_draw_from_streams_of_their_own(world: World) -> None:
    """Changing one fault's parameters leaves another one's luck alone."""
    outage, surge = build_fault("world.outage"), build_fault("world.demand_surge", {"mode": "one"})
    assert isinstance(outage, WorldFault)
    assert isinstance(surge, WorldFault)
    for seed in SEEDS:
        calm = draw_path(world, seed)
        alone = outage.transform(world, calm, 3, seed, WINDOW)
        after = outage.transform(
            world, surge.transform(world, calm, 3, seed, WINDOW), 3, seed, WINDOW
        )
        assert same_path(alone, replace(after, demand=alone.demand))


def same_path(one: SamplePath, other: SamplePath) -> bool:
    fields = ("demand", "lead_time", "trip_time", "lane_open", "node_open")
    return all(np.array_equal(getattr(one, f), getattr(other, f)) for f in fields)
