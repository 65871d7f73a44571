"""Bundles: a trained fleet as an immutable folder.

    weights.safetensors   actors and critic
    manifest.json         BundleManifest: what it was trained for, and the digest of the weights

Nothing is unpickled, torch is not needed to act, and a changed byte is refused.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from agents.checkpoint.acting import Actor, ActorPolicy
from agents.checkpoint.files import sha256, write_folder
from agents.checkpoint.groups import Group, Layers
from agents.checkpoint.memory import actor_cell
from twin.env.act import Codec, codecs
from twin.env.choices import Choices
from twin.errors import BundleError
from twin.network.world import World
from twin.scenario.quantities import Model

FORMAT = 1
MANIFEST, WEIGHTS = "manifest.json", "weights.safetensors"
Arrays = Mapping[str, NDArray[np.float32]]
Floats = NDArray[np.float64]


class AgentSpace(Model):
    """One agent of a bundle."""

    name: str
    observation: int
    action: int


class BundleManifest(Model):
    """What a bundle holds and what it fits."""

    format: int
    algorithm: str
    scenario: str
    scenario_digest: str
    groups: dict[str, tuple[str, ...]]
    """Agents that share an actor network, by group."""
    agents: tuple[AgentSpace, ...]
    form: str
    range: float
    levels: dict[str, dict[str, float]]
    """Order-up-to level that action zero stands for, by node and product."""
    seed: int
    agent_steps: int
    config: dict[str, object]
    versions: dict[str, str]
    parent: str = ""
    """Hash of the bundle that training started from."""
    weights_sha256: str
    created: str = ""
    """UTC, ISO 8601; not part of the bundle's hash."""
    seal: str = ""
    """SHA-256 over all other fields: a changed manifest is refused like changed weights."""

    @property
    def sees_ages(self) -> bool:
        """Whether its networks see how old answers are: those of a hardened fleet do."""
        return self.config.get("hardening") is not None


def save_bundle(folder: Path, manifest: BundleManifest, arrays: Arrays) -> str:
    """Write a bundle as a whole and return its hash; the digest and the time are filled in."""
    from safetensors.numpy import save

    weights = save({name: np.ascontiguousarray(a) for name, a in sorted(arrays.items())})
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    sealed = manifest.model_copy(update={"weights_sha256": sha256(weights), "created": now})
    sealed = sealed.model_copy(update={"seal": _digest(sealed, {"seal"})})
    text = sealed.model_dump_json(indent=2).encode()
    write_folder(folder, {WEIGHTS: weights, MANIFEST: text})
    return bundle_hash(sealed)


def bundle_hash(manifest: BundleManifest) -> str:
    """SHA-256 over the manifest without the time of making; it covers the weights' digest."""
    return _digest(manifest, {"created", "seal"})


def _digest(manifest: BundleManifest, without: set[str]) -> str:
    content = manifest.model_dump(mode="json", exclude=without)
    return sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())


def read_bundle_hash(folder: Path) -> str:
    """Hash of a bundle's content; raises BundleError when the weights are not the manifest's."""
    manifest, _ = _read(folder)
    return bundle_hash(manifest)


def read_bundle(folder: Path) -> tuple[BundleManifest, dict[str, NDArray[np.float32]]]:
    """Manifest and weights of a bundle; raises BundleError when it is damaged."""
    from safetensors.numpy import load

    manifest, weights = _read(folder)
    return manifest, load(weights)


def _read(folder: Path) -> tuple[BundleManifest, bytes]:
    try:
        text, weights = (folder / MANIFEST).read_bytes(), (folder / WEIGHTS).read_bytes()
        manifest = BundleManifest.model_validate_json(text)
    except OSError as error:
        raise BundleError("not a bundle", str(folder), str(error.strerror)) from None
    except ValidationError as error:
        raise BundleError(
            "the manifest is damaged", str(folder / MANIFEST), str(error.errors()[0]["msg"])
        ) from None
    if manifest.format != FORMAT:
        raise BundleError(
            "unknown format", str(folder / MANIFEST), str(manifest.format), str(FORMAT)
        )
    _same("the manifest was changed", folder / MANIFEST, _digest(manifest, {"seal"}), manifest.seal)
    _same(
        "the weights are not the ones the manifest names",
        folder / WEIGHTS,
        sha256(weights),
        manifest.weights_sha256,
    )
    return manifest, weights


def _same(what: str, path: Path, found: str, expected: str) -> None:
    if found != expected:
        fix = "Restore the bundle from the registry, or train again."
        raise BundleError(what, str(path), found[:12], expected[:12], fix)


def spaces_of(found: Mapping[str, Codec]) -> tuple[AgentSpace, ...]:
    """Spaces of the agents of a world."""
    return tuple(
        AgentSpace(name=name, observation=codec.spec.size, action=codec.action_size)
        for name, codec in found.items()
    )


def levels_by_name(world: World, levels: NDArray[np.float64]) -> dict[str, dict[str, float]]:
    """Order-up-to levels by node and product."""
    return {
        node: {product: float(levels[i, k]) for k, product in enumerate(world.products)}
        for i, node in enumerate(world.nodes)
    }


def load_policy(folder: Path, world: World, name: str = "fleet") -> FleetPolicy:
    """The fleet of a bundle as a Policy for a world.

    Raises BundleError when the bundle is damaged or was made for other agents or spaces.
    """
    manifest, arrays = read_bundle(folder)
    action = world.model.agents.action
    expected = spaces_of({c.spec.name: c for c in codecs(world)})
    stocks = {node: set(products) for node, products in manifest.levels.items()}
    made_for = (manifest.agents, manifest.form, manifest.range, stocks)
    if made_for != (
        expected,
        action.form,
        action.range,
        {node: set(world.products) for node in world.nodes},
    ):
        raise BundleError(
            "the bundle was made for another network",
            str(folder),
            _spelled(manifest.agents, manifest.form, manifest.range, tuple(manifest.levels)),
            _spelled(expected, action.form, action.range, world.nodes),
            "Use it with the scenario it was trained for, or train a new one.",
        )
    levels = np.array([[manifest.levels[n][p] for p in world.products] for n in world.nodes])
    return FleetPolicy(name, world, levels, manifest, arrays)


def _spelled(
    agents: tuple[AgentSpace, ...], form: str, width: float, nodes: tuple[str, ...]
) -> str:
    sizes = ", ".join(f"{a.name} {a.observation}->{a.action}" for a in agents)
    return f"{form} of range {width:g}: {sizes}; nodes {', '.join(nodes)}"


class FleetPolicy(ActorPolicy):
    """A trained fleet: the actors of a bundle."""

    def __init__(
        self,
        name: str,
        world: World,
        levels: NDArray[np.float64],
        manifest: BundleManifest,
        arrays: Arrays,
    ) -> None:
        found = {codec.spec.name: codec for codec in codecs(world, levels)}
        actors = {
            agent: Actor(
                _group(group, agents, found),
                actor_layers(arrays, group),
                _own_grid(arrays, group, agents.index(agent)),
                actor_cell(arrays, group),
                _choices(manifest, world, found[agent], arrays.get(f"actor/{group}/grid"), agents),
            )
            for group, agents in manifest.groups.items()
            for agent in agents
        }
        spreads = {
            agent: _own_spread(arrays, group, agents.index(agent))
            for group, agents in manifest.groups.items()
            for agent in agents
        }
        super().__init__(name, world, levels, actors, spreads, manifest.sees_ages)
        self.digest = bundle_hash(manifest)


def _own_grid(arrays: Arrays, group: str, index: int) -> NDArray[np.float32] | None:
    """What one agent of a group chooses from (1, action, choice); None where it acts freely."""
    grid = arrays.get(f"actor/{group}/grid")
    return None if grid is None else grid[index : index + 1]


def _choices(
    manifest: BundleManifest,
    world: World,
    codec: Codec,
    grid: NDArray[np.float32] | None,
    agents: tuple[str, ...],
) -> Choices | None:
    """What an agent that chooses can choose in a state, where it was trained with such masks."""
    options = manifest.config.get("value_learning")
    if grid is None or not isinstance(options, dict) or not options.get("masks"):
        return None
    return Choices(world, codec, grid[agents.index(codec.spec.name), : codec.action_size])


def _own_spread(arrays: Arrays, group: str, index: int) -> NDArray[np.float32] | None:
    """The logarithm of one agent's standard deviations (action,); None where there is none."""
    spread = arrays.get(f"actor/{group}/log_std")
    return None if spread is None else spread[index]


def _group(name: str, agents: tuple[str, ...], found: Mapping[str, Codec]) -> Group:
    members = [found[agent] for agent in agents]
    observation = max(codec.spec.size for codec in members)
    return Group(name, agents, observation, max(codec.action_size for codec in members))


@lru_cache(maxsize=64)
def _layer_names(group: str, index: int) -> tuple[str, str]:
    return f"actor/{group}/{index}/weight", f"actor/{group}/{index}/bias"


def actor_arrays(group: str, layers: Layers) -> dict[str, NDArray[np.float32]]:
    """The layers of one actor by name, as a bundle stores them."""
    named: dict[str, NDArray[np.float32]] = {}
    for index, pair in enumerate(layers):
        named.update(zip(_layer_names(group, index), pair, strict=True))
    return named


def actor_layers(arrays: Arrays, group: str) -> Layers:
    """The layers of one actor of a bundle."""
    layers: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
    while _layer_names(group, len(layers))[0] in arrays:
        weight, bias = _layer_names(group, len(layers))
        layers.append((arrays[weight], arrays[bias]))
    if not layers:
        raise BundleError("no actor in the bundle", group)
    return tuple(layers)
