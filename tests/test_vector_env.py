"""Laws of the batched environment: what one environment says, said for many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import twin
from twin.engine.batch_support import only_event_engine
from twin.errors import UsageError
from twin.exogenous.streams import stream
from twin.network.world import compile_world

SCENARIOS = Path(__file__).parent.parent / "scenarios"
SHIPPED = [
    path
    for folder in (".", "reference", "library")
    for path in sorted((SCENARIOS / folder).glob("*.yaml"))
    if path.stem != "national_50"
]


def quickstart(*overrides: str) -> Any:
    return twin.load(SCENARIOS / "quickstart.yaml", ["horizon=6 d", *overrides])


def random_actions(env: Any, rng: np.random.Generator) -> dict[str, np.ndarray]:
    found = {}
    for name in env.possible_agents:
        low, high = env.action_bounds(name)
        shape = (env.num_envs, env.action_size(name))
        found[name] = rng.uniform(low, high, shape)
    return found


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_environment_is_the_parallel_one_of_its_seed(path: Path) -> None:
    scenario, rng = twin.load(path, ["horizon=6 d"]), stream(0, "test")
    if only_event_engine(compile_world(scenario.model)):
        with pytest.raises(UsageError, match="batch engine does not know"):
            twin.vector_env(scenario, 2)
        return
    env = twin.vector_env(scenario, 2, seed=11, dtype=np.float64)
    singles = [twin.parallel_env(scenario) for _ in range(2)]
    seen, _ = env.reset()
    alone = [single.reset(seed=11 + i)[0] for i, single in enumerate(singles)]
    _same(seen, alone)
    for t in range(6):
        actions = random_actions(env, rng)
        seen, rewards, _, truncations, infos = env.step(actions)
        steps = [
            single.step({name: a[i] for name, a in actions.items()})
            for i, single in enumerate(singles)
        ]
        _same(infos.get("final_observations", seen), [s[0] for s in steps])
        for name in env.possible_agents:
            np.testing.assert_allclose(
                rewards[name], [s[1][name] for s in steps], rtol=1e-9, atol=1e-6
            )
            assert truncations[name].all() == (t == 5)


def _same(found: dict[str, Any], alone: list[dict[str, Any]]) -> None:
    for name, rows in found.items():
        np.testing.assert_allclose(rows, [single[name] for single in alone], rtol=1e-5, atol=1e-5)


def test_the_step_that_truncates_starts_the_next_episode_on_fresh_sample_paths() -> None:
    env = twin.vector_env(quickstart(), 3, seed=5)
    first, _ = env.reset()
    for _ in range(5):
        _, _, terminations, truncations, infos = env.step({})
        assert infos == {}
    seen, _, terminations, truncations, infos = env.step({})
    assert all(flags.all() for flags in truncations.values())
    assert not any(flags.any() for flags in terminations.values())
    again = twin.vector_env(quickstart(), 3, seed=8)
    start, _ = again.reset()
    for name in env.possible_agents:
        np.testing.assert_array_equal(seen[name], start[name])
        assert infos["final_observations"][name].shape == first[name].shape
        assert not np.array_equal(infos["final_observations"][name], seen[name])
    np.testing.assert_array_equal(env.state(), again.state())
    assert infos["final_state"].shape == (3, env.state_size)


def test_without_actions_the_static_policy_decides() -> None:
    scenario = quickstart()
    env = twin.vector_env(scenario, 2, dtype=np.float64)
    env.reset(seed=4)
    total = np.zeros(2)
    for _ in range(6):
        total += sum(env.step({})[1].values())
    expected = [twin.simulate(scenario, seed=seed).reward.sum() for seed in (4, 5)]
    np.testing.assert_allclose(total, expected)


def test_torch_says_what_numpy_says_and_gradients_flow_to_actions() -> None:
    torch = pytest.importorskip("torch")
    scenario, rng = quickstart(), stream(1, "test")
    arrays = twin.vector_env(scenario, 4, dtype=np.float64)
    tensors = twin.vector_env(scenario, 4, xp=torch, dtype=torch.float64)
    arrays.reset(seed=2)
    tensors.reset(seed=2)
    asked = []
    for _ in range(4):
        actions = random_actions(arrays, rng)
        given = {n: torch.tensor(a, requires_grad=True) for n, a in actions.items()}
        asked.append(given)
        seen, rewards, *_ = arrays.step(actions)
        other, earned, _, truncations, _ = tensors.step(given)
        for name in seen:
            np.testing.assert_allclose(other[name].detach().numpy(), seen[name], atol=1e-9)
            np.testing.assert_allclose(earned[name].detach().numpy(), rewards[name], atol=1e-6)
            assert truncations[name].dtype == torch.bool
    sum(r.sum() for r in earned.values()).backward()
    gradients = [given["replenish:dc"].grad for given in asked]
    assert any(g is not None and bool(g.abs().sum() > 0) for g in gradients)


def test_observations_are_float32_unless_asked_otherwise() -> None:
    env = twin.vector_env(quickstart(), 2)
    seen, _ = env.reset()
    assert {rows.dtype for rows in seen.values()} == {np.dtype(np.float32)}
    assert env.state().dtype == np.float32
    assert {n: rows.shape for n, rows in seen.items()} == {
        n: (2, env.observation_size(n)) for n in env.possible_agents
    }


def test_what_cannot_be_carried_out_is_refused_with_a_reason() -> None:
    with pytest.raises(UsageError, match="impossible number"):
        twin.vector_env(quickstart(), 0)
    with pytest.raises(UsageError, match="Pass xp=torch"):
        twin.vector_env(quickstart(), 1, device="cuda")
    env = twin.vector_env(quickstart(), 2)
    with pytest.raises(UsageError, match="not been reset"):
        env.step({})
    env.reset()
    with pytest.raises(UsageError, match="unknown agent"):
        env.step({"replenish:nowhere": np.zeros((2, 1))})
    with pytest.raises(UsageError, match="another shape"):
        env.step({"replenish:dc": np.zeros((1, 1))})
