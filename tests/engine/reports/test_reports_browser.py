"""The report in a real browser: the charts draw, from disk, with nothing fetched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from report_evidence import judged_run
from report_runs import candles_of_run, decision_on_run, metrics_of_run, sample_run

from engine.reports.comparison import MeasuredRun, write_comparison
from engine.reports.html import write_report

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CHARTS = ("course", "months", "rolling", "scatter", "costs")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]


class Visit:
    """An open report, and what the browser said and fetched while it was open."""

    def __init__(self, page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.fetched: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.fetched.append(request.url))

    def open(self, path: Path) -> None:
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-charts]")

    def zoom(self, start: str, end: str) -> None:
        self.page.evaluate(f"Plotly.relayout('course', {{'xaxis.range': ['{start}', '{end}']}})")

    def drawn_points(self, trace: str) -> list[float]:
        return self.page.evaluate(
            f"Array.from(document.getElementById('course').data.find((t) => t.name === '{trace}').x)"
        )


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    run = sample_run(70_000, trades=1_600)
    metrics = metrics_of_run(run)
    path = tmp_path_factory.mktemp("report") / "run.html"
    write_report(run, metrics, decision_on_run(run, metrics), candles_of_run(run), path, generated=True)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser) -> Iterator[Visit]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    yield Visit(page)
    page.close()


def test_every_chart_draws_and_nothing_is_fetched(visit, report, tmp_path):
    visit.open(report)
    page = visit.page
    assert page.get_attribute("html", "data-charts") == "drawn"
    assert page.locator("#course .scatterlayer .trace").count() == 9
    assert page.locator("#course .boxlayer .box").count() > 300
    assert page.locator("#months .heatmaplayer image").count() == 1
    assert page.locator("#scatter .scatterlayer .point").count() == 1_600
    assert page.locator("#costs .waterfalllayer .point").count() == 6
    for chart in CHARTS:
        box = page.locator(f"#{chart} .main-svg").first.bounding_box()
        assert box["width"] > 400
        assert box["height"] > 100
    assert page.locator("#generated").is_visible()
    assert page.locator("#decision tbody tr").count() == 8
    assert visit.complaints == []
    assert visit.fetched == [report.as_uri()]
    picture = tmp_path / "report.png"
    page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 100_000


def test_zooming_in_shows_every_bar_and_trade_and_zooming_out_candles_put_together(visit, report):
    visit.open(report)
    assert len(visit.drawn_points("Equity")) <= 2 * 3_600 + 2
    assert len(visit.drawn_points("Price")) <= 3 * 350 + 2
    note = visit.page.inner_text("#course-note")
    assert "One in 2 of the 1,600 trades" in note
    assert "A candle is 201 bars" in note

    visit.zoom("2023-03-01", "2023-03-03")
    start, stretch, bar = 1_677_628_800_000, 2 * 86_400_000, 900_000
    inside = [moment for moment in visit.drawn_points("Price") if start <= moment <= start + stretch]
    assert inside == [start + bar * index + bar // 2 for index in range(stretch // bar)]
    assert "One in" not in visit.page.inner_text("#course-note")
    assert "A candle is" not in visit.page.inner_text("#course-note")
    assert len(visit.drawn_points("Stop")) > 0
    assert len(visit.drawn_points("Target")) < len(visit.drawn_points("Stop"))

    plot = visit.page.locator("#course .nsewdrag").first
    plot.dblclick()
    visit.page.locator("#course-note", has_text="One in 2").wait_for()
    points = visit.drawn_points("Equity")
    assert points[0] == 1_672_531_200_000 + bar
    assert points[-1] == 1_672_531_200_000 + 70_000 * bar
    assert visit.complaints == []


def test_the_page_follows_the_colour_scheme_of_the_reader(visit, report):
    visit.page.emulate_media(color_scheme="light")
    visit.open(report)

    def colours() -> tuple[str, str]:
        page = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
        text = visit.page.evaluate("document.getElementById('course').layout.font.color")
        return page, text

    assert colours() == ("rgb(246, 247, 249)", "#1c2430")
    visit.page.emulate_media(color_scheme="dark")
    assert colours() == ("rgb(18, 22, 28)", "#e4e8ee")
    assert visit.complaints == []


def test_the_evidence_is_drawn_where_there_is_some(visit, tmp_path):
    run, candles, found = judged_run()
    path = tmp_path / "judged.html"
    write_report(run, metrics_of_run(run), None, candles, path, generated=False, evidence=found)
    visit.open(path)
    page = visit.page
    assert page.get_attribute("html", "data-charts") == "drawn"
    assert page.locator("#strips .barlayer .point").count() == 2 * 4
    assert page.locator("#heat-0 .heatmaplayer image").count() == 1
    assert page.locator("#stress .barlayer .point").count() == 1 + 7
    assert page.locator("#regimes .barlayer .point").count() == 5
    assert page.locator("#paths .scatterlayer .trace").count() == 3
    assert page.locator("#evidence tbody tr").count() == len(found.gates)
    assert visit.complaints == []
    page.screenshot(path=tmp_path / "judged.png", full_page=True)


def test_a_comparison_draws_its_curves_and_their_correlation(visit, tmp_path):
    runs = [sample_run(3_000, trades=60, seed=seed, card_id=f"card_{seed}") for seed in (1, 2, 3)]
    path = tmp_path / "comparison.html"
    write_comparison([MeasuredRun(run, metrics_of_run(run)) for run in runs], path, generated=True)
    visit.open(path)
    page = visit.page
    assert page.get_attribute("html", "data-charts") == "drawn"
    assert page.locator("#curves .scatterlayer .trace").count() == 6
    assert page.locator("#correlation .heatmaplayer image").count() == 1
    assert visit.complaints == []
    page.screenshot(path=tmp_path / "comparison.png", full_page=True)
