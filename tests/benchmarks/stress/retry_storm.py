"""Prints what clients make of two storms: ``python -m tests.benchmarks.stress.retry_storm``.

200 agents, a provider of 55 calls per second that dips to 20, an account that is locked for five
minutes after 600 refusals within one. First it dips for half a minute: the gateway has to stay
below 1.2 calls per request without a lock. Then it stays down, and the agents form a swarm as well:
each has a gateway of its own (caller, budget, breakers), and only the account is shared.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

from stress.retry_storm import CLIENTS, LASTING, Client, Storm, Tally, weather
from stress.swarm_storm import CHATTY, swarm
from twin.scenario.tools import Tools

SEEDS = range(2)
NAMES: dict[Client, str] = {
    "naive": "naive",
    "jitter": "+ 3 attempts, jitter",
    "budget": "+ 10 % budget",
    "breaker": "+ one shared breaker",
}


SWARMS = {"own gateways, defaults": Tools(), "own gateways, chatty": CHATTY}
HEAD = f"{'client':<24}{'calls / request':>16}{'answered':>11}{'locks':>8}"


def row(name: str, tallies: Sequence[Tally]) -> str:
    """One client, the mean over all seeds."""
    calls = statistics.mean(tally.calls_per_request for tally in tallies)
    success = statistics.mean(tally.success for tally in tallies)
    locks = statistics.mean(tally.locks for tally in tallies)
    return f"{name:<24}{calls:>16.2f}{success:>11.1%}{locks:>8.1f}"


def possible(storm: Storm) -> float:
    """Share of the requests that the provider has capacity for."""
    wanted = storm.agents / storm.every_s
    low = min(storm.dip_for_s, storm.duration_s - storm.dip_at_s)
    served = low * min(storm.dip, wanted) + (storm.duration_s - low) * min(storm.capacity, wanted)
    return served / (wanted * storm.duration_s)


def main() -> None:
    """Print the tables."""
    for title, storm in (("a dip of half a minute", Storm()), ("a dip that lasts", LASTING)):
        print(f"{title}: at most {possible(storm):.1%} can be answered\n{HEAD}")
        for client in CLIENTS:
            print(row(NAMES[client], [weather(storm, client, seed) for seed in SEEDS]))
        for name, tools in SWARMS.items():
            tallies = [swarm(storm, tools, seed) for seed in SEEDS]
            print(
                row(name, tallies), "" if not any(t.violations for t in tallies) else "LAWS BROKEN"
            )
        print()
    print("chatty gateways, by the capacity that is left\n" + HEAD)
    for dip in (0, 5, 10, 20, 30, 55):
        storm = replace(LASTING, dip=dip)
        tallies = [swarm(storm, CHATTY, seed) for seed in SEEDS]
        print(row(f"{dip} calls per second", tallies), f"  of {possible(storm):.1%}")


if __name__ == "__main__":
    main()
