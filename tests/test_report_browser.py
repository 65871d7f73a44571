"""The report in a real browser: readable, silent, offline, and never wider than the screen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reports import render_report
from tests import report_sample as sample
from tests.report_playback import LANES, NODES

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENS = {"desktop": (1280, 900), "phone": (390, 844)}
HOSTILE = "<img src=x onerror=alert(1)>" + "W" * 52

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Addresses of a usual report and of one with the longest and worst names."""
    root = tmp_path_factory.mktemp("runs")
    head = sample.manifest(HOSTILE, HOSTILE).model_copy(update={"command": "twin prove " + HOSTILE})
    nodes = (*NODES[:-1], HOSTILE)
    played = sample.playback().model_copy(
        update={"nodes": nodes, "lanes": (*LANES[:-1], ("dc", HOSTILE))}
    )
    folders = {
        "usual": sample.full_run(root / "usual"),
        "failed": sample.full_run(root / "failed", "FAIL"),
        "hostile": sample.write_run(
            root / "hostile", head, sample.verdict(), stressed=sample.cases(), played=played
        ),
        "bare": sample.write_run(root / "bare"),
    }
    return {name: render_report(folder).as_uri() for name, folder in folders.items()}


@pytest.fixture
def visit(browser):
    """Open an address; the page carries what the browser complained about and asked for."""
    contexts = []

    def open_page(address, screen="desktop", **options):
        width, height = SCREENS[screen]
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.complaints, page.requests = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", ["usual", "failed", "hostile", "bare"])
def test_a_report_is_silent_offline_and_fits_the_screen(visit, reports, name, screen):
    page = visit(reports[name], screen)
    page.wait_for_load_state("load")
    assert page.locator("#verdict").is_visible()
    assert page.complaints == []
    assert page.requests == [reports[name]]
    widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    scrolled, shown = page.evaluate(widths)
    assert scrolled <= shown
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    scrolled, shown = page.evaluate(widths)
    assert scrolled <= shown


def test_the_verdict_stands_on_the_first_screen(visit, reports):
    page = visit(reports["usual"])
    assert page.locator("#verdict").inner_text() == "PASS"
    box = page.locator(".deciding").bounding_box()
    assert box["y"] + box["height"] < SCREENS["desktop"][1]


def test_everything_but_the_controls_is_there_without_scripts(visit, reports):
    page = visit(reports["usual"], java_script_enabled=False)
    assert page.locator("#verdict").is_visible()
    assert page.locator(".network").is_visible()
    assert page.locator(".heat").count() == 2
    assert page.locator("#scrubber").is_hidden()
    assert page.locator("#theme").is_hidden()


def test_the_scrubber_plays_back_one_period_at_a_time(visit, reports):
    page = visit(reports["usual"])
    page.locator("#period").fill("33")
    assert page.locator("#frame").inner_text().startswith("period 34 of 120")
    before = page.locator(".node-stock").all_text_contents()
    page.locator("#policy").select_option("1")
    assert page.locator(".node-stock").all_text_contents() != before
    page.locator("#play").click()
    playwright.expect(page.locator("#frame")).to_contain_text(re.compile(r"period (3[6-9]|4\d) "))
    page.locator("#play").click()
    assert page.locator("#play").inner_text() == "Play"


def test_the_theme_follows_the_reader_and_then_the_button(visit, reports):
    page = visit(reports["usual"], color_scheme="dark")
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(colour)
    page.locator("#theme").click()
    assert page.locator("#theme").inner_text() == "Theme: light"
    assert page.evaluate(colour) != dark
    page.locator("#theme").click()
    assert page.evaluate(colour) == dark


def test_the_contents_stay_in_sight_and_lead_to_their_sections(visit, reports):
    page = visit(reports["usual"], reduced_motion="reduce")
    page.locator("nav.contents a[href='#tools']").click()
    assert 0 <= page.locator("#tools").bounding_box()["y"] < 120
    assert page.locator("nav.contents").bounding_box()["y"] == pytest.approx(0, abs=1)
