"""Laws of the report's numbers and pictures: cells, thresholds, layouts, axes and contrast."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from reports.figures import MAX_POINTS, axis, binned, polyline, running_mean
from reports.load import Run
from reports.network_picture import CARD_WIDTH, draw_network
from reports.stress_view import paired, stress_view, tone
from reports.verdict_view import caveats, direction, upper_bound
from tests import report_sample as sample
from twin.network.layout import crossings, layered, ordered


def test_a_cell_is_the_paired_cost_difference_to_the_baseline():
    costs, reference = ({("s", n): base + n for n in range(9)} for base in (74.0, 100.0))
    result = paired(costs, reference)
    assert result is not None
    assert result.text == "\u221225\u00a0%"
    assert result.low < result.share < result.high < 0
    assert result.seeds == 9


def test_earning_more_than_the_baseline_counts_as_cheaper():
    result = paired({("s", 1): -120.0}, {("s", 1): -100.0})
    assert result is not None
    assert result.share == pytest.approx(-0.2)
    assert paired({("s", 1): 1.0}, {("s", 2): 1.0}) is None
    assert paired({("s", 1): 1.0}, {("s", 1): 0.0}) is None


def test_severity_zero_is_the_undisturbed_run_and_harms_nothing():
    view = stress_view(sample.cases(("tool.error",)), "EUR")
    assert view is not None
    own = view.own[0].cells
    assert own[0].text == "0\u00a0%"
    assert own[5].tone.startswith("w")


@pytest.mark.parametrize(("share", "name"), [(-0.5, "b2"), (-0.1, "b1"), (0, "n"), (0.3, "w2")])
def test_colour_follows_the_number(share, name):
    assert tone(share, (0.05, 0.3)) == name


def test_the_direction_of_a_threshold_is_read_off_the_margin():
    below = sample.criterion("G3", "ratio", "PASS", 0.7, 1.0)
    above = below.model_copy(update={"threshold": 0.9, "value": 0.95, "margin": 0.05})
    assert direction(below) == "\u2264\u00a0"
    assert direction(above.model_copy(update={"low": None, "high": None})) == "\u2265\u00a0"
    assert direction(below.model_copy(update={"margin": None})) == ""


def test_no_event_in_three_hundred_bounds_the_rate_below_one_percent():
    assert 0.0098 < upper_bound(300) < 0.01
    assert upper_bound(3000) < 0.001


def test_caveats_name_what_never_struck_and_what_nobody_noticed():
    idle = sample.case("fleet", "tool.injection", 3, 1).model_copy(update={"fired": 0})
    unseen = sample.case("fleet", "world.lead_time", 3, 1)
    text = " ".join(caveats(Run(sample.manifest(), cases=(idle, unseen))))
    assert "Never struck, so not tested: tool.injection." in text
    assert "never noticed by an agent: world.lead_time." in text
    assert "2 episodes" in text
    assert "Severities not tried: trace, mild, severe, extreme." in text


def test_lanes_run_from_left_to_right_and_cards_never_overlap():
    played = sample.playback(stores=43, periods=2)
    place = {name: n for n, name in enumerate(played.nodes)}
    lanes = [(place[a], place[b]) for a, b in played.lanes]
    still = [1.0] * len(place)
    picture = draw_network(played.nodes, played.kinds, lanes, [1.0] * len(lanes), still, still)
    assert all(picture.nodes[a].x + CARD_WIDTH < picture.nodes[b].x for a, b in lanes)
    for a, b in itertools.combinations(picture.nodes, 2):
        assert a.x != b.x or abs(a.y - b.y) >= picture.card_height
    inside = all(n.y >= 0 and n.y + picture.card_height <= picture.height for n in picture.nodes)
    assert inside


def test_a_tree_is_drawn_without_crossings():
    lanes = [(0, 1), (0, 2), (1, 6), (1, 4), (2, 5), (2, 3), (0, 7)]
    slots = layered(8, lanes)
    assert crossings(slots.columns, slots.links) > 0
    assert crossings(ordered(slots), slots.links) == 0


def test_a_lane_that_skips_a_column_passes_an_empty_slot():
    slots = layered(3, [(0, 1), (1, 2), (0, 2)])
    assert slots.columns == ((0,), (1, 3), (2,))
    assert slots.routes[2] == (0, 3, 2)


@pytest.mark.parametrize("values", [[0.0], [5.0, 5.0], [-3.0, 1e6], [1e-9, 2e-9], [171.2, 171.3]])
def test_an_axis_holds_every_value_between_its_ends(values):
    scale = axis(values)
    assert all(0 <= scale.at(v) <= 100 for v in values)
    assert 2 <= len(scale.ticks) <= 8


def test_long_series_are_averaged_not_cut():
    series = [float(n) for n in range(3600)]
    short = binned(series)
    assert len(short) <= MAX_POINTS
    assert sum(short) / len(short) == pytest.approx(sum(series) / len(series))
    assert running_mean([1, 3, 5, 7], 2) == (1, 2, 4, 6)


def test_a_line_stays_inside_its_chart():
    scale = axis([0, 10])
    assert polyline([0, 5, 10], [0, 5, 10], scale, scale) == "0,1000 500,500 1000,0"


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


CSS = (Path(__file__).parent.parent / "reports/templates/report.css").read_text(encoding="utf-8")
PAIR = r"light-dark\((#\w{6}), (#\w{6})\)"
VARIABLES = {m[1]: (m[2], m[3]) for m in re.finditer(rf"--([\w-]+): {PAIR}", CSS)}


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "bed"),
    [
        *itertools.product(("text", "muted", "link"), ("page", "surface", "raised")),
        *((name, f"{name}-bed") for name in ("pass", "fail", "open")),
        *itertools.product(("text", "muted"), ("pass-bed", "fail-bed", "open-bed")),
        *((name, "page") for name in ("pass", "fail", "open", "fleet", "baseline", "champion")),
    ],
)
def test_text_has_the_contrast_of_wcag_aa(text, bed, theme):
    assert contrast(VARIABLES[text][theme], VARIABLES[bed][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_numbers_in_the_heat_map_have_the_contrast_of_wcag_aa(theme):
    cells = re.findall(rf"\.[bw]\d {{ background: {PAIR}; color: {PAIR}; }}", CSS)
    assert len(cells) == 8
    assert all(contrast(cell[theme], cell[2 + theme]) >= 4.5 for cell in cells)
