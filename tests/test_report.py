"""Laws of the report as a page: pure, self-contained, escaped, and never broken by a gap."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from html.parser import HTMLParser

import pytest

from reports import render_report
from reports.load import Run
from reports.nominal_view import contest_view, learning_view
from reports.verdict_view import verdict_sentence
from reports.view import build_view
from tests import report_sample as sample
from tests.report_playback import LANES, NODES
from twin.errors import UsageError

HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """Elements of a page in order, with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def all(self, *tags):
        return [attrs for tag, attrs in self.elements if tag in tags]


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return render_report(sample.full_run(tmp_path_factory.mktemp("full"))).read_text("utf-8")


def rendered(folder, **parts):
    return render_report(sample.write_run(folder, **parts)).read_text(encoding="utf-8")


def visible(html):
    return re.sub(r"<(style|script).*?</\1>", "", html, flags=re.DOTALL)


def test_the_same_run_gives_the_same_bytes_wherever_its_folder_is(tmp_path, full):
    again = render_report(sample.full_run(tmp_path / "elsewhere" / "run"))
    assert again.read_text(encoding="utf-8") == full
    assert again.name == "report.html"
    assert not list(again.parent.glob("*.part"))


def test_fifty_nodes_over_a_year_stay_under_one_megabyte(tmp_path):
    assert render_report(sample.large_run(tmp_path)).stat().st_size < 1_000_000


def test_the_page_fetches_nothing(full):
    page = Page(full)
    links = [a[k] for _, a in page.elements for k in ("src", "href") if k in a]
    assert links
    assert all(link.startswith("#") or link == "data:," for link in links)
    assert "http://" not in full
    assert "https://" not in full
    assert "@import" not in full


def test_only_the_two_known_blocks_may_run(full):
    policy = next(a["content"] for a in Page(full).all("meta") if "http-equiv" in a)
    blocks = re.findall(r"<(?:style|script)>(.*?)</(?:style|script)>", full, flags=re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(b.encode()).digest()).decode() for b in blocks]
    assert [f"'sha256-{digest}'" in policy for digest in digests] == [True, True]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not any(k.startswith("on") or k == "style" for _, a in Page(full).elements for k in a)


@pytest.mark.parametrize("status", ["PASS", "FAIL", "INCONCLUSIVE"])
def test_a_status_is_a_word_and_an_icon_and_a_sentence(tmp_path, status):
    html = render_report(sample.full_run(tmp_path, status)).read_text(encoding="utf-8")
    icon = {"PASS": "pass", "FAIL": "fail", "INCONCLUSIVE": "open"}[status]
    band = html[html.index("<header") : html.index("</header>")]
    assert f'<span id="verdict">{status}</span>' in band
    assert f'href="#i-{icon}"' in band
    assert re.search(r'<p class="sentence">[^<]{30,}\.</p>', band)
    assert band.count("<dt>") >= 3 + 5


def test_the_sentence_of_a_failed_verdict_names_the_gates_that_failed():
    failed = verdict_sentence(sample.verdict("FAIL"), sample.manifest())
    assert failed.startswith("1 of 5 gates failed: G1 No invariant broken")
    undecided = verdict_sentence(sample.verdict("INCONCLUSIVE"), sample.manifest())
    assert "could not be decided: G4" in undecided
    assert "26.3\u00a0% less" in verdict_sentence(sample.verdict(), sample.manifest())


def test_text_from_outside_is_never_markup(tmp_path):
    short = "<script>x"
    played = sample.playback().model_copy(
        update={
            "nodes": (short, *NODES[1:]),
            "lanes": ((short, "dc"), *LANES[1:]),
            "fleets": (HOSTILE,),
        }
    )
    case = sample.case("fleet", "tool.error", 3, 1).model_copy(
        update={"labels": {HOSTILE: 3}, "violations": (HOSTILE,)}
    )
    crashed = case.model_copy(update={"fault": HOSTILE, "error": HOSTILE})
    names = ("run", "scenario", "command", "machine", "commit", "steady_state", "started")
    head = sample.manifest().model_copy(
        update=dict.fromkeys(names, HOSTILE) | {"overrides": (HOSTILE,), "currency": short}
    )
    criteria = (sample.criterion(short, HOSTILE, "PASS", 1, 2).model_copy(),)
    judged = sample.verdict().model_copy(update={"criteria": criteria})
    agents = tuple(a.model_copy(update={"agent": short}) for a in sample.audit().agents)
    audited = sample.audit().model_copy(update={"agents": agents, "currency": short})
    html = rendered(
        tmp_path, head=head, judged=judged, stressed=(case, crashed), played=played, audited=audited
    )
    assert html.count("<script") == 2
    assert not Page(html).all("img")
    assert "&lt;script&gt;" in html
    assert html.count("</script>") == 2


PARTS = {
    "judged": sample.verdict(),
    "trained": sample.training(12),
    "stressed": sample.cases(("tool.error",), seeds=2),
    "played": sample.playback(periods=10),
}


@pytest.mark.parametrize("kept", [s for n in (1, 3) for s in itertools.combinations(PARTS, n)])
def test_a_missing_part_is_said_in_a_sentence(tmp_path, kept):
    html = rendered(tmp_path, **{name: PARTS[name] for name in kept})
    assert html.count('class="missing"') >= 4 - len(kept)
    assert ("NOT JUDGED" in html) == ("judged" not in kept)


def test_a_manifest_alone_is_enough(tmp_path):
    empty = {"contenders": (), "files": (), "versions": {}, "stages": {}, "baseline": {}}
    html = rendered(tmp_path, head=sample.manifest().model_copy(update=empty))
    assert html.count('class="missing"') == 12


def test_empty_tables_are_drawn_as_gaps(tmp_path):
    nothing = {"demand": [], "on_hand": {}, "unmet": {}, "cost": {}, "shipped": {}}
    html = rendered(tmp_path, played=sample.playback().model_copy(update=nothing))
    assert "recorded no episode period by period" in html
    assert 'class="network"' in html


def test_one_case_of_one_fault_has_no_interval_but_a_number(tmp_path):
    found = sample.cases(("tool.error",), seeds=1, severities=(3,))
    html = visible(rendered(tmp_path, stressed=found))
    assert html.count('title="not run"') == 2 * 4
    assert "tool.error" in html


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json",
        "verdict.json",
        "metrics.jsonl",
        "cases.parquet",
        "audit.json",
        "audits.jsonl",
    ],
)
def test_a_damaged_file_is_named(tmp_path, name):
    folder = sample.write_run(tmp_path)
    (folder / name).write_text('{"half": ', encoding="utf-8")
    with pytest.raises(UsageError, match=name):
        render_report(folder)
    assert not (folder / "report.html").exists()


def test_a_playback_that_does_not_fit_its_nodes_is_refused(tmp_path):
    played = sample.playback().model_copy(update={"nodes": NODES[:-1]})
    with pytest.raises(UsageError, match=r"playback\.json"):
        rendered(tmp_path, played=played)


def test_a_folder_without_a_manifest_is_not_a_run(tmp_path):
    with pytest.raises(UsageError, match="not a run folder"):
        render_report(tmp_path)


def test_headings_descend_one_level_at_a_time(full):
    levels = [int(tag[1]) for tag, _ in Page(full).elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_every_picture_has_a_text_or_is_hidden_and_every_header_a_scope(full):
    page = Page(full)
    outer = [a for a in page.all("svg") if "viewbox" not in a or "role" in a]
    assert all(a.get("aria-label") or a.get("aria-hidden") for a in outer)
    assert all("scope" in a for a in page.all("th"))
    named = [a["id"] for _, a in page.elements if a.get("id")]
    assert len(named) == len(set(named))
    targets = {a["href"][1:] for a in page.all("a", "use")}
    assert targets <= set(named)


def test_what_happened_in_training_is_told_the_last_of_it_where_there_was_much():
    events = ("limit <passed>",) * 10
    rows = [row.model_copy(update={"events": events}) for row in sample.training(3)]
    view = learning_view(rows, "EUR")
    assert (len(view.events), view.hidden_events) == (20, 10)
    assert view.events[-1] == (str(rows[-1].update), "limit <passed>")
    assert learning_view(sample.training(3), "EUR").events == ()


def test_emissions_have_a_column_where_the_scenario_states_them():
    plain = sample.manifest()
    emits = [c.model_copy(update={"co2e": 1234.5}) for c in plain.contenders]
    stated = contest_view(plain.model_copy(update={"contenders": tuple(emits)}))
    assert stated.emits
    assert {row.co2e for row in stated.rows} == {"1,234"}
    assert not contest_view(plain).emits


def test_a_broken_invariant_is_flagged_with_an_icon_and_a_number(tmp_path):
    broken = [sample.case("fleet", "tool.error", 5, n, broken=True) for n in (1, 2)]
    sound = [sample.case("baseline", "tool.error", 5, n) for n in (1, 2)]
    html = visible(rendered(tmp_path, stressed=[*broken, *sound]))
    assert html.count("2 broken") == 2
    assert "stock below zero (2\u00d7)" in html
    assert "broke an invariant" in html


def test_an_agent_that_does_harm_is_flagged_with_a_word_and_a_sentence(full):
    section = full[full.index('id="credit"') : full.index('id="stress"')]
    assert section.count('class="status pass"') == 4
    assert section.count('class="status fail"') == 1
    assert "harmful" in section
    assert "its action never changes" in section
    assert "Audits while training" in section


def test_the_view_is_made_of_frozen_parts():
    view = build_view(Run(sample.manifest(), verdict=sample.verdict()))
    with pytest.raises(AttributeError):
        view.run = "other"
    assert [row.name for row in view.contest.rows][:2] == ["Trained fleet", "Tuned static baseline"]
