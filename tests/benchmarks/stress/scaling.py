"""How a campaign scales from one process to two: ``python -m tests.benchmarks.stress.scaling``.

The same campaign of two static policies on the quickstart, once in this process and once on worker
processes, in under three minutes on a quiet machine. The ceiling is what the machine itself gives:
two busy loops at once against one (two threads of one core give less than two cores). Then what the
tool boundary costs, per call and per decision, on the CPU's clock.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stress.campaign import run_campaign
from stress.case import PolicyRef, ScenarioRef
from stress.executor import Executor
from stress.expand import Campaign
from stress.spec import FaultPlan, StressSuite, Swarm
from tests.benchmarks.tools import SCENARIO, per_call_us
from twin.env.agents import agent_specs
from twin.env.rules import OrderingRule, default_rule
from twin.network.world import World, compile_world
from twin.scenario import load

SEEDS = 10
SPINS = 20_000_000
AIM = 1.8
SUITE = StressSuite(
    name="scaling",
    nominal_seeds=SEEDS,
    seeds=SEEDS,
    faults={
        "tool.malformed": FaultPlan(severities=(3,)),
        "channel.latency": FaultPlan(severities=(3,)),
        "network.throttle": FaultPlan(severities=(2,)),
        "world.outage": FaultPlan(severities=(2,)),
    },
    swarm=Swarm(draws=SEEDS, cap=3),
)


@dataclass(frozen=True)
class Spent:
    """What something took, in seconds of the wall's clock and of the CPU's, workers included."""

    wall: float
    cpu: float


def spent(work: Callable[[], object]) -> Spent:
    """Do it and look at the clocks."""
    wall, cpu = time.perf_counter(), _cpu()
    work()
    return Spent(time.perf_counter() - wall, _cpu() - cpu)


def _cpu() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def _spin() -> None:
    for _ in range(SPINS):
        pass


def ceiling(workers: int) -> float:
    """How many times the work of one process so many do in the same time."""
    alone, together = (spent(lambda n=n: _spinning(n)).wall for n in (1, workers))
    return workers * alone / together


def _spinning(count: int) -> None:
    context = multiprocessing.get_context("fork")
    started = [context.Process(target=_spin) for _ in range(count)]
    for process in started:
        process.start()
    for process in started:
        process.join()


def campaign_on(world: World, times: int) -> Campaign:
    """Two static policies on the quickstart."""
    rules = {
        "baseline": default_rule(world),
        "leaner": OrderingRule("base_stock", 0.9 * world.order_up_to[None]),
    }
    refs = tuple(PolicyRef.of_rule(name, world, rule) for name, rule in rules.items())
    scenario = ScenarioRef.of(load(SCENARIO))
    return Campaign(SUITE.on_more_seeds(times), (scenario,), refs, refs[0].source)


def row(name: str, took: Spent, episodes: int, hours: float, serial: Spent) -> str:
    """One line of the table."""
    return (
        f"{name:<14}{took.wall:>9.1f}{took.cpu:>9.1f}{episodes / took.wall:>13.2f}"
        f"{episodes / took.cpu:>15.2f}{hours / (took.cpu / 3600):>20,.0f}"
        f"{serial.wall / took.wall:>10.2f}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-j", "--jobs", type=int, default=2)
    parser.add_argument("--times", type=int, default=1, help="so many times the episodes")
    chosen = parser.parse_args()
    world = compile_world(load(SCENARIO).model)
    campaign = campaign_on(world, chosen.times)
    took, digests = {}, set()
    for workers in (1, chosen.jobs):
        with tempfile.TemporaryDirectory() as folder:
            executor = Executor("processes" if workers > 1 else "serial", workers)
            found = []
            took[workers] = spent(
                lambda to=folder, on=executor, into=found: into.append(
                    run_campaign(campaign, Path(to), on)
                )
            )
            digests.add(found[0].digest)
            episodes = len(found[0].results)
    hours = episodes * world.periods * world.period_d * 24.0
    print(f"{episodes} episodes of {SCENARIO}; every case is checked against all invariants")
    print(
        f"{'':<14}{'wall s':>9}{'CPU s':>9}{'episodes/s':>13}{'per CPU s':>15}"
        f"{'sim. h / core-hour':>20}{'speed-up':>10}"
    )
    for workers, one in took.items():
        name = "one process" if workers == 1 else f"{workers} processes"
        print(row(name, one, episodes, hours, took[1]))
    most = ceiling(chosen.jobs)
    gained = took[1].wall / took[chosen.jobs].wall
    print(f"{chosen.jobs} busy loops at once do {most:.2f} times the work of one on this machine")
    print(f"the campaign reaches {gained / most:.0%} of that; the aim is {AIM} on two idle cores")
    print(f"digests: {'the same' if len(digests) == 1 else 'DIFFERENT'}")
    median, least, calls = per_call_us(world, trace=False)
    decisions = world.periods * len(agent_specs(world))
    print(
        f"tool boundary: {median:.1f} us of CPU per call (least {least:.1f}), "
        f"{median * calls / decisions:.0f} us per decision of {calls / decisions:.1f} calls"
    )


if __name__ == "__main__":
    main()
