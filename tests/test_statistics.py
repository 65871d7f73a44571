"""Laws of the estimates; the numbers are worked by hand or taken from the published formula."""

from __future__ import annotations

import numpy as np
import pytest

from stress.statistics import (
    Pairs,
    bootstrap,
    correlation,
    cost_ratio,
    cvar,
    cvar_ratio,
    exact_upper_bound,
    iqm,
    mean_interval,
    pairs,
    pairs_needed,
    pairs_needed_after,
    wilson,
)
from twin.errors import UsageError
from twin.exogenous.streams import stream


def noisy(n: int, ratio: float, seed: int = 1) -> Pairs:
    random = stream(seed, "test/costs")
    base = random.normal(100.0, 20.0, n)
    return pairs("quickstart", ratio * base + random.normal(0.0, 5.0, n), base)


def ratio_of(challenger: list[float], baseline: list[float]) -> float:
    return float(cost_ratio(np.array(challenger), np.array(baseline)))


def test_the_ratio_of_positive_costs_is_the_ratio_of_their_sums() -> None:
    assert ratio_of([8.0, 12.0], [10.0, 15.0]) == pytest.approx(20 / 25)


def test_a_tenth_more_profit_is_a_ratio_of_nine_tenths() -> None:
    assert ratio_of([-110.0, -110.0], [-100.0, -100.0]) == pytest.approx(0.9)


def test_near_zero_the_spread_between_seeds_is_the_yardstick() -> None:
    # Mean 0, standard deviation 10, one better on each seed: 1 - 1/10.
    assert ratio_of([-11.0, 9.0], [-10.0, 10.0]) == pytest.approx(0.9)


def test_against_a_baseline_of_nothing_the_ratio_is_finite_and_has_the_right_side() -> None:
    assert ratio_of([5.0, 5.0], [0.0, 0.0]) == 2.0
    assert ratio_of([-5.0, -5.0], [0.0, 0.0]) == 0.0
    assert ratio_of([0.0, 0.0], [0.0, 0.0]) == 1.0


def test_cvar_counts_the_last_seed_by_its_fraction() -> None:
    costs = np.arange(1.0, 11.0)
    assert cvar(costs, 0.1) == 10.0
    assert cvar(costs, 0.25) == pytest.approx((10 + 9 + 0.5 * 8) / 2.5)
    assert cvar(costs, 1.0) == pytest.approx(5.5)
    assert cvar(np.array([3.0, 7.0]), 0.1) == 7.0


def test_each_policy_has_its_own_worst_seeds() -> None:
    ratio = cvar_ratio(np.array([9.0, 1.0]), np.array([2.0, 12.0]), 0.5)
    assert ratio == pytest.approx(9 / 12)


def test_a_constant_ratio_has_an_interval_of_no_width() -> None:
    base = np.array([50.0, 80.0, 120.0])
    found = bootstrap([pairs("a", 0.75 * base, base)], cost_ratio, 7, "test")
    assert (found.value, found.low, found.high) == pytest.approx((0.75, 0.75, 0.75))


def test_the_same_seed_gives_the_same_interval_and_names_give_different_draws() -> None:
    sample = noisy(30, 0.9)
    first = bootstrap([sample], cost_ratio, 7, "test")
    assert first == bootstrap([sample], cost_ratio, 7, "test")
    assert first != bootstrap([sample], cost_ratio, 8, "test")
    other = pairs("other", sample.challenger, sample.baseline)
    assert first != bootstrap([other], cost_ratio, 7, "test")


def test_chunks_of_memory_do_not_show_in_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = noisy(30, 0.9)
    whole = bootstrap([sample], cost_ratio, 7, "test", resamples=500)
    monkeypatch.setattr("stress.statistics.CHUNK", 64)
    chunked = bootstrap([sample], cost_ratio, 7, "test", resamples=500)
    assert chunked.low == pytest.approx(whole.low, abs=0.01)
    assert chunked.high == pytest.approx(whole.high, abs=0.01)


def test_scenarios_weigh_the_same_whatever_their_scale() -> None:
    small = pairs("small", [1.0, 1.0], [2.0, 2.0])
    large = pairs("large", [1000.0, 1000.0], [1000.0, 1000.0])
    assert bootstrap([small, large], cost_ratio, 7, "test").value == pytest.approx(0.75)


def test_pairing_narrows_the_interval() -> None:
    sample = noisy(60, 0.9)
    shuffled = pairs("quickstart", np.roll(sample.challenger, 1), sample.baseline)
    paired = bootstrap([sample], cost_ratio, 7, "test")
    unpaired = bootstrap([shuffled], cost_ratio, 7, "test")
    assert paired.high - paired.low < 0.5 * (unpaired.high - unpaired.low)


@pytest.mark.parametrize("n", [5, 40])
def test_intervals_cover_the_truth_about_as_often_as_they_say(n: int) -> None:
    trials = [bootstrap([noisy(n, 0.9, t)], cost_ratio, 7, "cover", 400) for t in range(200)]
    covered = np.mean([t.low <= 0.9 <= t.high for t in trials])
    assert 0.9 <= covered <= 0.995


def test_no_interval_from_a_single_pair() -> None:
    with pytest.raises(UsageError, match="at least 2 pairs"):
        bootstrap([pairs("a", [1.0], [1.0])], cost_ratio, 7, "test")
    with pytest.raises(UsageError):
        bootstrap([], cost_ratio, 7, "test")
    with pytest.raises(UsageError):
        mean_interval([1.0])


def test_pairs_that_do_not_match_are_refused() -> None:
    with pytest.raises(UsageError):
        pairs("a", [1.0, 2.0], [1.0])
    with pytest.raises(UsageError):
        pairs("a", [float("nan")], [1.0])


def test_the_interval_of_a_mean_is_students() -> None:
    # s = 1, n = 3, t(0.975, 2) = 4.3027: 2 +- 4.3027 / sqrt(3).
    found = mean_interval([1.0, 2.0, 3.0])
    assert (found.low, found.high) == pytest.approx((-0.4841, 4.4841), abs=1e-4)


def test_wilsons_interval_of_nothing_in_ten() -> None:
    # z^2 / (n + z^2) = 3.8415 / 13.8415.
    found = wilson(0, 10)
    assert (found.low, found.high) == pytest.approx((0.0, 0.27754), abs=1e-4)
    assert wilson(10, 10).high == pytest.approx(1.0)


def test_nothing_in_300_bounds_the_rate_below_one_percent() -> None:
    assert exact_upper_bound(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300))
    assert exact_upper_bound(0, 300) < 0.01
    assert exact_upper_bound(0, 3000) < 0.001
    assert exact_upper_bound(1, 10) == pytest.approx(0.3942, abs=1e-4)
    assert exact_upper_bound(4, 4) == 1.0
    with pytest.raises(UsageError):
        exact_upper_bound(5, 4)
    with pytest.raises(UsageError):
        wilson(0, 0)


def test_the_interquartile_mean_ignores_the_outer_quarters() -> None:
    assert iqm([80, 2, 3, 4, 5, 6, 7, -1]) == 4.5
    assert iqm([1.0, 5.0, 3.0]) == 3.0
    with pytest.raises(UsageError):
        iqm([])


def test_pairs_needed_for_a_two_percent_margin() -> None:
    assert pairs_needed(0.25, 0.8, 0.02) == 657
    assert pairs_needed(0.25, 0.9, 0.02) == 329
    with pytest.raises(UsageError):
        pairs_needed(0.25, 0.9, 0.0)


def test_a_pilot_gives_the_number_its_own_correlation_asks_for() -> None:
    a = np.array([90.0, 110.0, 100.0, 120.0, 80.0])
    b = np.array([110.0, 90.0, 100.0, 120.0, 80.0])
    pilot = pairs("pilot", a, b)
    assert correlation(pilot) == pytest.approx(0.6)
    cv = float(a.std(ddof=1)) / 100.0
    assert pairs_needed_after(pilot, 0.02) == pairs_needed(cv, 0.6, 0.02)


def test_a_constant_policy_correlates_with_nothing() -> None:
    assert correlation(pairs("a", [1.0, 1.0], [1.0, 2.0])) == 0.0
