"""A campaign in one line of figures, and the rest that its command prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stress.campaign import CampaignReport
from stress.contestants import world_of
from stress.expand import Campaign
from stress.results import NOMINAL, CaseResult
from stress.steady import has_failed
from stress.wording import counted

HOURS_PER_DAY = 24.0
CONFIDENCE = 0.95
SHOWN = 5


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
    failed = sum(has_failed(r) for r in results)
    fired: Counter[str] = Counter()
    for result in struck:
        fired.update(result.fired_by)
    return {
        **origin,
        "episodes": len(results),
        "stressed": len(struck),
        "failed": failed,
        "violations": sum(len(r.violations) for r in results),
        "bound": rate_bound(sum(has_failed(r) for r in struck), len(struck)),
        "seeds": seed_span(results),
        "simulated_hours": _hours(campaign, results),
        "fired": dict(sorted(fired.items())),
        "digest": report.digest,
        "steady_state": report.steady_state,
        "sometimes": {item.what: item.episodes for item in report.sometimes},
        "never_happened": list(report.never),
        "left_out": list(report.left_out),
    }


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
    parts = [
        f"commit {str(found.get('commit', ''))[:12] or 'unknown'}",
        f"gate {str(found.get('gate', ''))[:12] or 'none'}",
        f"seeds {found['seeds']}",
        f"{found['simulated_hours']:,.0f} simulated hours",
        f"{strikes:,} strikes of {sum(bool(n) for n in fired.values())} kinds",
        f"{found['violations']:,} violations in {counted(found['stressed'], 'stressed episode')}",
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
        yield f"  {result.case[:12]} {name}: {result.error or result.violations[0]}"
    if len(failures) > SHOWN:
        yield f"  and {len(failures) - SHOWN:,} more in cases.json"
    happened = {what: n for what, n in found["sometimes"].items() if n}
    if found["sometimes"]:
        yield f"sometimes: {len(happened)} of {len(found['sometimes'])} happened"
    for what in found["never_happened"]:
        yield f"  never: {what}"
    for what in found["left_out"]:
        yield f"  left out: {what}"
    yield line(found)
