"""The public functions: ``load``, ``simulate``, ``replay``, ``parallel_env``, ``vector_env``."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from twin.errors import UsageError

if TYPE_CHECKING:
    from twin.engine.ledger import PeriodLedger
    from twin.env.parallel import TwinParallelEnv
    from twin.env.policy import Policy
    from twin.env.rules import OrderingRule
    from twin.env.vector import TwinVectorEnv
    from twin.scenario.loader import Scenario

ENGINES = ("event", "batch")
POLICIES = ("base_stock",)


def load(path: str | PathLike[str], overrides: Sequence[str] = ()) -> Scenario:
    """Read a scenario with ``path=value`` overrides; raises ScenarioError with every problem."""
    from twin.scenario.loader import load as load_scenario

    return load_scenario(path, overrides)


def simulate(
    scenario: Scenario,
    policy: str | OrderingRule | Policy = "base_stock",
    seed: int = 0,
    engine: str = "event",
) -> PeriodLedger:
    """Run a scenario once and return its ledger.

    ``policy`` is ``"base_stock"`` (at the scenario's order-up-to levels), an OrderingRule, or any
    Policy. Rules also run on ``engine="batch"``, with the same result.
    """
    from twin.env.episode import run_policy
    from twin.env.rules import OrderingRule, default_rule
    from twin.exogenous.path import draw_path
    from twin.network.world import compile_world
    from twin.simulation import run_rule

    world = compile_world(scenario.model)
    path = draw_path(world, seed)
    if isinstance(policy, str):
        policy = default_rule(world) if _one_of(policy, POLICIES, "policy") else policy
    batch = _one_of(engine, ENGINES, "engine") == "batch"
    if isinstance(policy, OrderingRule):
        return run_rule(world, path, policy, batch=batch)
    if batch:
        raise UsageError("a policy object runs on the event engine", "simulate", engine, "event")
    assert not isinstance(policy, str)
    return run_policy(world, path, policy)


def replay(
    scenario: Scenario,
    demand: Mapping[str, Sequence[Any]],
    orders: Mapping[str, Sequence[Any]],
    engine: str = "event",
) -> PeriodLedger:
    """Run recorded demand (by node) and orders (by lane ``src->dst``), one row per period.

    A row is a number, or one number per product. Nodes and lanes left out demand and order nothing.
    """
    from twin.exogenous.path import path_with_demand
    from twin.network.world import compile_world
    from twin.simulation import orders_by_lane, run_orders

    world = compile_world(scenario.model)
    batch = _one_of(engine, ENGINES, "engine") == "batch"
    path = path_with_demand(world, demand)
    return run_orders(world, path, orders_by_lane(world, orders), batch=batch)


def parallel_env(
    scenario: Scenario,
    rule: OrderingRule | None = None,
    render_mode: str | None = None,
    seed: int = 0,
    choices: int | None = None,
    bend: float = 1.0,
) -> TwinParallelEnv:
    """The PettingZoo ParallelEnv of a scenario, on the event engine, with direct access.

    ``rule`` runs the nodes without an agent and sets the levels that corrections start from. With
    ``choices`` actions are discrete, that many points each, and infos hold ``action_mask``;
    ``bend`` above one puts the points closer together near the static policy.
    """
    from twin.network.world import compile_world

    world = compile_world(scenario.model)
    if choices is not None:
        from twin.env.discrete import DiscreteTwinEnv

        return DiscreteTwinEnv(world, choices, bend, rule, render_mode, seed)
    from twin.env.parallel import TwinParallelEnv

    return TwinParallelEnv(world, rule, render_mode, seed)


def vector_env(
    scenario: Scenario,
    num_envs: int,
    device: str = "cpu",
    rule: OrderingRule | None = None,
    seed: int = 0,
    xp: Any = None,
    dtype: Any = None,
) -> TwinVectorEnv:
    """``num_envs`` environments of a scenario side by side, on the batch engine, with autoreset.

    Arrays are float32 of numpy; pass ``xp=torch`` for tensors, which may live on another device,
    and ``dtype`` for another precision.
    """
    import numpy as np

    from twin.env.vector import TwinVectorEnv
    from twin.network.world import compile_world

    world = compile_world(scenario.model)
    return TwinVectorEnv(world, num_envs, rule, seed, np if xp is None else xp, dtype, device)


def _one_of(name: str, known: Sequence[str], what: str) -> str:
    if name in known:
        return name
    close = difflib.get_close_matches(name, known, 1)
    hint = f"Did you mean {close[0]!r}?" if close else ""
    raise UsageError(f"unknown {what}", "", repr(name), ", ".join(known), hint)
