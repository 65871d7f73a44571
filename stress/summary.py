"""A campaign, or several together, in one line of figures, and the rest that its command prints."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from stress.campaign import CampaignReport
from stress.contestants import world_of
from stress.evidence import FLEET
from stress.expand import Campaign
from stress.results import NOMINAL, CaseResult
from stress.wording import counted

HOURS_PER_DAY = 24.0
CONFIDENCE = 0.95
SHOWN = 5
ADDED = (
    "episodes",
    "stressed",
    "of_fleet",
    "failed",
    "stressed_failed",
    "violations",
    "simulated_hours",
)
"""Figures of a campaign that add up over campaigns."""


def rate_bound(failures: int, episodes: int) -> float | None:
    """Upper 95 % bound of the rate of failing episodes (Clopper and Pearson); None without any.

    >>> round(rate_bound(0, 300), 5)
    0.00994
    """
    if not episodes:
        return None
    if failures >= episodes:
        return 1.0
    if not failures:
        return float(1 - (1 - CONFIDENCE) ** (1 / episodes))
    from scipy.stats import beta

    return float(beta.ppf(CONFIDENCE, failures + 1, episodes - failures))


def figures(
    campaign: Campaign, report: CampaignReport, origin: Mapping[str, str]
) -> dict[str, Any]:
    """What a campaign has to say for itself; ``origin`` names commit, gate and replay command."""
    results = report.results
    struck = [r for r in results if r.fault != NOMINAL]
    failed = sum(r.failed for r in results)
    broken = sum(r.failed for r in struck)
    fired: Counter[str] = Counter()
    for result in struck:
        fired.update(result.fired_by)
    return {
        **origin,
        "scenario": ", ".join(scenario.name for scenario in campaign.scenarios),
        "episodes": len(results),
        "stressed": len(struck),
        "of_fleet": sum(r.policy == FLEET for r in struck),
        "failed": failed,
        "stressed_failed": broken,
        "violations": sum(len(r.violations) for r in results),
        "bound": rate_bound(broken, len(struck)),
        "seeds": seed_span(results),
        "simulated_hours": _hours(campaign, results),
        "fired": dict(sorted(fired.items())),
        "digest": report.digest,
        "steady_state": report.steady_state,
        "sometimes": {item.what: item.episodes for item in report.sometimes},
        "never_happened": list(report.never),
        "left_out": list(report.left_out),
        "rollback": report.rollback,
    }


def joined(campaigns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of several campaigns as those of one."""
    happened = summed(campaigns, "sometimes")
    stressed, broken = (sum(c[name] for c in campaigns) for name in ("stressed", "stressed_failed"))
    digests = "\n".join(sorted(c["digest"] for c in campaigns))
    return {
        **{name: shared(c[name] for c in campaigns) for name in ("commit", "gate", "seeds")},
        **{name: sum(c[name] for c in campaigns) for name in ADDED},
        "scenario": ", ".join(dict.fromkeys(c["scenario"] for c in campaigns)),
        "replay": "twin replay RUN CASE",
        "bound": rate_bound(broken, stressed),
        "fired": summed(campaigns, "fired"),
        "digest": hashlib.sha256(digests.encode()).hexdigest(),
        "sometimes": happened,
        "never_happened": [what for what, episodes in happened.items() if not episodes],
    }


def summed(campaigns: Sequence[Mapping[str, Any]], name: str) -> dict[str, int]:
    """A count by key, added up over campaigns."""
    found: Counter[str] = Counter()
    for campaign in campaigns:
        found.update(campaign[name])
    return dict(sorted(found.items()))


def shared(values: Iterable[str]) -> str:
    """The value that all have; all of them where they differ.

    >>> shared(["abc", "abc"]), shared(["abc", "abd"])
    ('abc', 'abc and abd')
    """
    return " and ".join(dict.fromkeys(values))


def _hours(campaign: Campaign, results: Sequence[CaseResult]) -> float:
    worlds = {scenario.name: world_of(scenario) for scenario in campaign.scenarios}
    length = {name: w.periods * w.period_d * HOURS_PER_DAY for name, w in worlds.items()}
    return sum(length[result.scenario] for result in results)


def seed_span(results: Sequence[CaseResult]) -> str:
    """The seeds that were used, as first and last.

    >>> seed_span(())
    'none'
    """
    seeds = {result.seed for result in results}
    return f"{min(seeds)}..{max(seeds)}" if seeds else "none"


def line(found: Mapping[str, Any]) -> str:
    """All figures in one line."""
    fired = found["fired"]
    strikes = sum(fired.values())
    bound = found["bound"]
    commit, gate = str(found.get("commit", "")), str(found.get("gate", ""))
    parts = [
        found["scenario"],
        f"commit {commit or 'unknown'}",
        f"gate {gate[:12] or 'none'}",
        f"seeds {found['seeds']}",
        f"{found['simulated_hours']:,.0f} simulated hours",
        f"{strikes:,} strikes of {sum(bool(n) for n in fired.values())} kinds",
        f"{found['violations']:,} violations in {counted(found['stressed'], 'stressed episode')} "
        f"({found['of_fleet']:,} of the fleet)",
        "no bound" if bound is None else f"rate below {bound:.2%} at 95 %",
        f"replay: {found.get('replay', '')}",
        f"digest {found['digest'][:16]}",
    ]
    return "; ".join(parts)


def told(found: Mapping[str, Any], failures: Sequence[CaseResult]) -> Iterator[str]:
    """What a person reads when a campaign is over."""
    yield found["steady_state"]
    yield f"{found['episodes']:,} episodes, {found['failed']:,} failed"
    for result in failures[:SHOWN]:
        name = f"{result.policy} {result.fault}/{result.severity}#{result.seed}"
        yield f"  {result.case[:12]} {name}: {result.failure}"
    if len(failures) > SHOWN:
        yield f"  and {len(failures) - SHOWN:,} more in cases.json"
    happened = {what: n for what, n in found["sometimes"].items() if n}
    if found["sometimes"]:
        yield f"sometimes: {len(happened)} of {len(found['sometimes'])} happened"
    for what in found["never_happened"]:
        yield f"  never: {what}"
    if found["rollback"]:
        yield f"rollback drill: {found['rollback']}"
    for what in found["left_out"]:
        yield f"  left out: {what}"
    yield line(found)
