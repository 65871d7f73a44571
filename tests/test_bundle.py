"""Laws of bundles: what was saved is what acts, and nothing else is accepted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.checkpoint.bundle import (
    bundle_hash,
    load_policy,
    read_bundle,
    read_bundle_hash,
    save_bundle,
)
from agents.checkpoint.files import write_folder
from agents.checkpoint.sabotage import MutedPolicy, ShuffledPolicy, sabotaged
from tests.saved_fleet import network, saved
from twin.engine.event import EventEngine
from twin.env.agents import agent_specs
from twin.env.episode import observations, run_policy
from twin.env.policy import CodecPolicy, Policy
from twin.errors import BundleError, UsageError
from twin.exogenous.path import draw_path
from twin.exogenous.streams import stream
from twin.network.world import World


def seen(world: World) -> dict[str, np.ndarray[Any, Any]]:
    """What the agents observe at the first epoch."""
    engine = EventEngine(world, draw_path(world, 1))
    engine.advance()
    return observations(world, engine, agent_specs(world))


def test_a_bundle_is_read_back_as_it_was_saved(tmp_path: Path) -> None:
    world = network()
    digest = saved(tmp_path / "bundle", world)
    manifest, arrays = read_bundle(tmp_path / "bundle")
    assert bundle_hash(manifest) == digest == read_bundle_hash(tmp_path / "bundle")
    assert load_policy(tmp_path / "bundle", world).digest == digest
    again = save_bundle(tmp_path / "copy", manifest, arrays)
    assert again == digest
    for name, array in read_bundle(tmp_path / "copy")[1].items():
        np.testing.assert_array_equal(array, arrays[name])


def test_the_hash_is_of_the_content_and_not_of_the_hour(tmp_path: Path) -> None:
    world = network()
    digest = saved(tmp_path / "a", world)
    manifest, _ = read_bundle(tmp_path / "a")
    assert bundle_hash(manifest.model_copy(update={"created": "1970-01-01T00:00:00Z"})) == digest
    assert saved(tmp_path / "b", world, seed=1) != digest
    assert saved(tmp_path / "c", world, parent=digest) != digest


@pytest.mark.parametrize("name", ["weights.safetensors", "manifest.json"])
def test_any_changed_byte_is_refused_and_the_file_is_named(tmp_path: Path, name: str) -> None:
    world = network()
    saved(tmp_path, world)
    path = tmp_path / name
    content = path.read_bytes()
    for place in stream(0, "test/places").integers(0, len(content), 40):
        broken = bytearray(content)
        # A digit becomes another digit and a letter another letter, so that JSON often survives.
        broken[place] ^= 1
        path.write_bytes(bytes(broken))
        with pytest.raises(BundleError) as caught:
            load_policy(tmp_path, world)
        assert name in caught.value.where
    path.write_bytes(content)
    load_policy(tmp_path, world)


@pytest.mark.parametrize("name", ["weights.safetensors", "manifest.json"])
def test_a_missing_or_shortened_file_is_refused(tmp_path: Path, name: str) -> None:
    world = network()
    saved(tmp_path, world)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BundleError):
        read_bundle(tmp_path)
    path.unlink()
    with pytest.raises(BundleError):
        read_bundle(tmp_path)


@pytest.mark.parametrize(
    "other",
    [
        network(stores=("north", "west")),
        network(stores=("north",)),
        network(replenish=["dc"]),
        network(action={"form": "order_quantity"}),
        network(action={"range": 0.25}),
    ],
    ids=["renamed", "smaller", "fewer agents", "another form", "another range"],
)
def test_a_bundle_of_another_network_is_refused_with_both_spelled_out(
    tmp_path: Path, other: World
) -> None:
    saved(tmp_path, network())
    with pytest.raises(BundleError, match="another network") as caught:
        load_policy(tmp_path, other)
    assert caught.value.got != caught.value.expected


def test_a_fleet_acts_the_same_for_one_agent_as_for_all(tmp_path: Path) -> None:
    world = network()
    saved(tmp_path, world)
    fleet = load_policy(tmp_path, world)
    assert isinstance(fleet, Policy)
    given = seen(world)
    together = fleet.act(given)
    for name in reversed(list(given)):
        np.testing.assert_array_equal(fleet.act({name: given[name]})[name], together[name])


def test_a_fleet_is_deterministic_and_differs_from_the_static_policy(tmp_path: Path) -> None:
    world = network()
    saved(tmp_path, world)
    path = draw_path(world, 5)
    first = run_policy(world, path, load_policy(tmp_path, world))
    assert first.digest == run_policy(world, path, load_policy(tmp_path, world)).digest
    assert first.digest != run_policy(world, path, CodecPolicy("static", world)).digest


def test_acting_needs_no_torch(tmp_path: Path) -> None:
    program = (
        "import sys, agents.checkpoint.bundle, safetensors.numpy; print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_folder(tmp_path / "x", {"a": b"1", "b": b"2"})
    write_folder(tmp_path / "x", {"a": b"3"})
    assert {p.name: p.read_bytes() for p in (tmp_path / "x").iterdir()} == {"a": b"3"}
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_muted_agent_decides_nothing_and_the_others_go_on(tmp_path: Path) -> None:
    world = network()
    saved(tmp_path, world)
    fleet = load_policy(tmp_path, world)
    given = seen(world)
    muted = MutedPolicy(fleet, "replenish:north").act(given)
    assert not muted["replenish:north"].any()
    np.testing.assert_array_equal(muted["replenish:dc"], fleet.act(given)["replenish:dc"])


def test_a_shuffled_fleet_does_something_else_and_the_same_again(tmp_path: Path) -> None:
    world = network()
    saved(tmp_path, world)
    fleet = load_policy(tmp_path, world)
    path = draw_path(world, 5)
    digests = {run_policy(world, path, ShuffledPolicy(fleet)).digest for _ in range(2)}
    assert len(digests) == 1
    assert digests != {run_policy(world, path, fleet).digest}


def test_an_unknown_sabotage_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    world = network()
    saved(tmp_path, world)
    fleet = load_policy(tmp_path, world)
    names = tuple(spec.name for spec in agent_specs(world))
    assert sabotaged(fleet, "muted:replenish:north", names).name.endswith("replenish:north")
    with pytest.raises(UsageError, match="unknown sabotage") as caught:
        sabotaged(fleet, "muted:nobody", names)
    assert "muted:replenish:north" in caught.value.expected
