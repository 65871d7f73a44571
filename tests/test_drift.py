"""Laws of ``twin drift``: what changed since the parent, and what was forgotten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.checkpoint.bundle import load_policy, read_bundle, save_bundle
from agents.stability.delta import behaviour_deltas, layer_deltas
from agents.stability.forgetting import memory
from tests.saved_fleet import SCENARIO, saved, tuned_run
from twin.cli import run
from twin.env.policy import CodecPolicy
from twin.env.rules import default_rule
from twin.network.world import compile_world
from twin.scenario import load


class Shifted(CodecPolicy):
    """Every action is the same number."""

    shift = 0.0

    def choose(self, agent: str, inputs: Any) -> Any:
        return np.full((self.codecs[agent].action_size, *inputs.shape[1:]), self.shift)


def shifted(world: Any, shift: float) -> Shifted:
    policy = Shifted(f"shifted {shift}", world)
    policy.shift = shift
    return policy


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("drift") / "tiny.yaml"
    path.write_text(SCENARIO)
    return compile_world(load(path).model)


def test_a_layer_that_did_not_change_is_at_zero_and_one_that_doubled_at_one() -> None:
    old = {
        "actor/a/0/weight": np.ones((2, 3), np.float32),
        "actor/a/0/bias": np.ones(2, np.float32),
        "actor/a/1/weight": np.ones((1, 2), np.float32),
        "actor/a/1/bias": np.zeros(1, np.float32),
        "actor/a/log_std": np.zeros((1, 1), np.float32),
        "critic/0/weight": np.ones((1, 1), np.float32),
    }
    new = {**old, "actor/a/1/weight": 2 * old["actor/a/1/weight"]}
    found = {row.layer: row for row in layer_deltas(new, old)}
    assert list(found) == ["a/0", "a/1", "a/log_std"]
    assert found["a/0"].relative == 0.0
    assert found["a/1"].relative == pytest.approx(1.0)
    assert found["a/1"].cosine == pytest.approx(1.0)
    wider = {**old, "actor/a/0/weight": np.ones((2, 4), np.float32)}
    assert layer_deltas(wider, old)[0].relative is None


def test_decisions_are_compared_in_the_parents_situations(world: Any) -> None:
    same = behaviour_deltas(world, shifted(world, 0.3), shifted(world, 0.3), range(2))
    assert [(row.distance, row.changed) for row in same] == [(0.0, 0.0)] * 3
    more = {
        r.agent: r
        for r in behaviour_deltas(world, shifted(world, 0.4), shifted(world, 0.0), range(2))
    }
    # An action of 0.4 at range 1 is four tenths of a period of mean flow on the level.
    assert more["replenish:north"].bias == pytest.approx(0.4, abs=0.05)
    assert more["replenish:north"].distance <= 0.4 + 1e-9
    assert more["replenish:north"].changed > 0.8


def test_a_fleet_that_became_worse_forgot_and_one_that_did_not_kept(world: Any) -> None:
    fleets = {"parent": shifted(world, 0.0), "static": default_rule(world)}
    worse = memory("tiny", world, {"fleet": shifted(world, -1.9), **fleets}, range(8))
    assert worse.verdict == "forgot"
    assert worse.change.value == pytest.approx(worse.cost - worse.parent_cost)
    same = memory("tiny", world, {"fleet": shifted(world, 0.0), **fleets}, range(8))
    assert (same.verdict, same.change.value) == ("kept", 0.0)
    back = {
        "fleet": shifted(world, 0.0),
        "parent": shifted(world, -1.9),
        "static": fleets["static"],
    }
    assert memory("tiny", world, back, range(8)).verdict == "improved"


def family(base: Path) -> tuple[Path, Path]:
    """A run folder and the bundle of its fleet's parent: the same but for one layer."""
    folder = tuned_run(base)
    world = compile_world(folder.scenario().model)
    parent = base / "registry" / "bundles" / "parent"
    saved(parent, world)
    manifest, arrays = read_bundle(parent)
    head = max(name for name in arrays if name.endswith("weight") and "replenish" in name)
    child = manifest.model_copy(update={"parent": load_policy(parent, world).digest})
    save_bundle(folder.bundle, child, {**arrays, head: 1.5 * arrays[head]})
    return folder.path, parent


def test_the_parent_is_found_by_its_hash_and_the_comparison_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = family(tmp_path)
    registry = ["--registry", str(tmp_path / "registry")]
    arguments = ["drift", str(path), "--seeds", "4", *registry, "--on", str(tmp_path / "tiny.yaml")]
    code = run([*arguments, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads((path / "drift.json").read_text())
    assert code == int(any(m["verdict"] == "forgot" for m in found["scenarios"]))
    assert sum(row["relative"] > 0 for row in found["layers"]) == 1
    assert len(found["scenarios"]) == 2
    run(arguments)
    shown = capsys.readouterr().out
    assert "decided otherwise" in shown
    assert "replenish:north" in shown


def test_a_fleet_without_a_known_parent_needs_one_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, parent = family(tmp_path)
    assert run(["drift", str(path), "--registry", str(tmp_path / "none")]) == 2
    assert "not registered" in capsys.readouterr().err
    named = ["drift", str(path), "--seeds", "2", "--parent", str(parent), "--json"]
    assert run(named) in (0, 1)
    assert json.loads(capsys.readouterr().out)["layers"]
