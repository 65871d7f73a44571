"""What a tool call costs over a clean channel: CPU time of an episode behind the tools, less that
of the same episode with direct access, per call. Run with ``python -m tests.benchmarks.tools``.

Everything is in: requests and answers as bytes, channel events, handlers, validation, plausibility,
digests, audit and account; tracing is off, or on where the table says so.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from agents.gateway import run_through_tools
from twin.env.episode import run_policy
from twin.env.policy import RulePolicy
from twin.env.rules import default_rule
from twin.exogenous.path import draw_path
from twin.network.world import World, compile_world
from twin.scenario import load

SCENARIO = "scenarios/quickstart.yaml"
REPEATS = 15
AIM_US = 60


def _cpu_s(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def per_call_us(world: World, trace: bool) -> tuple[float, float, int]:
    """Median and least CPU time of a call in microseconds, paired, and how many calls there are."""
    rule, path = default_rule(world), draw_path(world, 0)
    policy = RulePolicy(world, rule)
    calls = run_through_tools(world, path, policy, rule, 0).account.calls

    def tools() -> object:
        return run_through_tools(world, path, policy, rule, 0, trace=trace)

    def direct() -> object:
        return run_policy(world, path, policy, rule)

    pairs = [(_cpu_s(tools), _cpu_s(direct)) for _ in range(REPEATS)]
    extra = [1e6 * (behind - alone) / calls for behind, alone in pairs]
    return statistics.median(extra), min(extra), calls


def main() -> None:
    """Print the table."""
    world = compile_world(load(SCENARIO).model)
    print(f"{SCENARIO}, one core, {REPEATS} pairs; the aim is at most {AIM_US} us")
    print(f"{'':12} {'calls':>7} {'median us':>10} {'least us':>9}")
    for name, trace in (("clean", False), ("traced", True)):
        median, least, calls = per_call_us(world, trace)
        print(f"{name:12} {calls:7,} {median:10.1f} {least:9.1f}")


if __name__ == "__main__":
    main()
