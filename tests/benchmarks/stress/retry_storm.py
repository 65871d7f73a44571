"""Prints what four clients make of one storm: ``python -m tests.benchmarks.stress.retry_storm``.

200 agents, a provider of 55 calls per second that dips to 20 for half a minute, an account that is
locked for five minutes after 600 refusals within one. The gateway has to stay below 1.2 calls per
request without a lock.
"""

from __future__ import annotations

import statistics

from stress.retry_storm import CLIENTS, Client, Storm, Tally, weather

SEEDS = range(2)
NAMES: dict[Client, str] = {
    "naive": "naive",
    "jitter": "+ 3 attempts, jitter",
    "budget": "+ 10 % budget",
    "breaker": "+ breaker (gateway)",
}


def row(name: str, tallies: list[Tally]) -> str:
    """One client, the mean over all seeds."""
    calls = statistics.mean(tally.calls_per_request for tally in tallies)
    success = statistics.mean(tally.success for tally in tallies)
    locks = statistics.mean(tally.locks for tally in tallies)
    return f"{name:<22}{calls:>16.2f}{success:>11.1%}{locks:>8.1f}"


def main() -> None:
    """Print the table."""
    print(f"{'client':<22}{'calls / request':>16}{'answered':>11}{'locks':>8}")
    for client in CLIENTS:
        print(row(NAMES[client], [weather(Storm(), client, seed) for seed in SEEDS]))


if __name__ == "__main__":
    main()
