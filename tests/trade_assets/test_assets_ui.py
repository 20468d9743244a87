"""Dagster's UI in headless Chromium, as `make ui` starts it: what a person sees after a run.

The screenshots go to the folder in SCREENSHOTS, if it is set, to be looked at.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd
import psutil
import pytest
from conftest import NOW_MS, ScriptedMarket, card_text

from engine.sandbox.running import FrozenClock, SandboxServer
from engine.settings import PROJECT_ROOT, TradeSettings
from engine.timeframes import HOUR_MS, Timeframe, parse_utc
from trade_assets.build import usable_cards
from trade_assets.instance import persistent_instance
from trade_assets.pipeline import run_pipeline

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAGE_MS = 30_000
Look = Callable[[str], None]


def holes_in_sol(symbol: str, _timeframe: Timeframe, frame: pd.DataFrame) -> pd.DataFrame:
    """Leave six hours out of SOLUSDT."""
    start = parse_utc("2025-02-05")
    hole = (frame["ts_open"] >= start) & (frame["ts_open"] < start + 6 * HOUR_MS)
    return frame[~hole] if symbol == "SOLUSDT" else frame


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A project folder in which a card was promoted on ETHUSDT, refused on BTCUSDT and failed on SOLUSDT."""
    folder = tmp_path
    for name in ("cards", "home"):
        (folder / name).mkdir()
    shutil.copy(PROJECT_ROOT / "dagster_home" / "dagster.yaml", folder / "home")
    (folder / "cards" / "averages.yaml").write_text(
        card_text(symbols="BTCUSDT, ETHUSDT, SOLUSDT", min_trades=14)
    )
    market = ScriptedMarket()
    market.change = holes_in_sol
    with SandboxServer(market, now_ms=FrozenClock(NOW_MS)) as server:
        ours = {
            "DAGSTER_HOME": str(folder / "home"),
            "TRADE_DATA": str(folder / "data"),
            "TRADE_CARDS": str(folder / "cards"),
            "TRADE_SANDBOX_URL": server.url,
            "TRADE_HISTORY_START": "2025-02-01",
        }
        settings = TradeSettings.from_environment(ours)
        with persistent_instance(ours) as instance:
            report = run_pipeline(settings, usable_cards(settings), instance)
        assert {row.symbol: row.decision for row in report.rows} == {
            "BTCUSDT": "refused",
            "ETHUSDT": "promoted",
        }
        assert [failure.what for failure in report.failed] == ["healed_ohlcv of SOLUSDT 1h"]
        yield {**os.environ, **ours}


@pytest.fixture
def address(environment: dict[str, str]) -> Iterator[str]:
    """The address of the UI, as `make ui` runs it."""
    port = free_port()
    log = Path(environment["DAGSTER_HOME"]).parent / "ui.log"
    commands = (
        ["-m", "trade_assets.web_server", str(port), "workspace.yaml"],
        ["-m", "dagster._daemon", "run", "-w", "workspace.yaml"],
    )
    with log.open("w") as output:
        processes = [
            subprocess.Popen(
                [sys.executable, *command],
                cwd=PROJECT_ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            for command in commands
        ]
    try:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/server_info"), seconds=60, what=log.read_text)
        yield f"http://127.0.0.1:{port}"
    finally:
        for process in processes:
            stop(process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def wait_for(holds: Callable[[], bool], *, seconds: float, what: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what()
        time.sleep(0.5)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the server with everything it started."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    os.killpg(process.pid, signal.SIGTERM)
    _, alive = psutil.wait_procs(family, timeout=3)
    for each in alive:
        each.kill()
    _, alive = psutil.wait_procs(alive, timeout=10)
    assert alive == []
    process.wait(timeout=10)


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    """A page of headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(base_url=address, viewport={"width": 1500, "height": 950})
        page.set_default_timeout(PAGE_MS)
        yield page
        browser.close()


@pytest.fixture
def look(page: Page, tmp_path: Path) -> Look:
    """Keep a screenshot under a name."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return lambda name: page.screenshot(path=folder / f"{name}.png")


def the_graph_of_a_card_is_drawn(page: Page, look: Look) -> None:
    page.goto("/locations/trade/asset-groups/card_averages/lineage")
    for asset in ("feature_frames", "backtest_results", "metrics", "promotion"):
        page.get_by_text(asset, exact=True).first.wait_for()
    for upstream in ("healed_ohlcv", "funding_events", "instrument_rules", "raw_ohlcv"):
        page.get_by_text(upstream, exact=True).first.wait_for()
    page.get_by_text("1 / 1 Passed").first.wait_for()
    look("graph_of_a_card")


def open_partitions_of_the_check(page: Page, path: str) -> None:
    page.goto(path)
    page.get_by_role("tab", name="Execution history").wait_for()
    page.get_by_role("tab", name="Partitions").last.click()


def a_check_shows_which_partitions_passed_and_which_failed(page: Page, look: Look) -> None:
    open_partitions_of_the_check(page, "/assets/cards/averages/promotion?view=checks")
    for label in ("Failed (1)", "Passed (1)", "Missing (4)", "Execution Failed (0)"):
        page.get_by_text(label, exact=True).wait_for()
    look("checks_of_the_promotion")


def a_gate_that_blocked_says_why(page: Page, look: Look) -> None:
    open_partitions_of_the_check(page, "/assets/healed_ohlcv?view=checks&checkDetail=schema")
    for label in ("Failed (1)", "Passed (4)", "Missing (1)"):
        page.get_by_text(label, exact=True).wait_for()
    page.get_by_text("SOLUSDT", exact=True).first.click()
    page.get_by_text("1h", exact=True).first.click()
    page.get_by_text("is_filled in 6 of 240 rows").first.wait_for()
    look("gate_that_blocked")


def a_backtest_shows_its_figures_and_its_equity_picture(page: Page, look: Look) -> None:
    page.goto("/assets/cards/averages/backtest_results?view=partitions&partition=BTCUSDT%7C15m")
    for label in ("Materialized (2)", "final_equity_usdt", "ambiguous trades", "run id"):
        page.get_by_text(label, exact=True).first.wait_for()
    look("backtest_metadata")
    page.get_by_text("[Show Markdown]").click()
    picture = page.get_by_alt_text("equity of averages on BTCUSDT 15m")
    picture.wait_for()
    assert picture.evaluate("image => image.complete && image.naturalWidth") == 800
    look("backtest_equity")
    page.keyboard.press("Escape")


def metrics_are_plotted(page: Page, look: Look) -> None:
    page.goto("/assets/cards/averages/metrics?view=overview")
    page.get_by_text("net_return_pct", exact=True).first.wait_for()
    page.get_by_text("Plots", exact=True).click()
    page.locator("canvas").first.wait_for()
    look("metrics_plots")


def a_sensor_that_is_switched_on_carries_new_candles_down(
    page: Page, look: Look, environment: dict[str, str]
) -> None:
    page.goto("/automation")
    for automation in ("candle_close", "freshness", "daily_sync"):
        page.get_by_text(automation, exact=True).first.wait_for()
    page.get_by_text("Standard sensor").first.wait_for()
    look("automation")
    page.goto("/locations/trade/sensors/candle_close")
    page.locator("label:has(input[type=checkbox])").first.click()
    wanted = {("BTCUSDT|1h", "BTCUSDT|15m")}
    with persistent_instance(environment) as instance:

        def done() -> set[tuple[str | None, ...]]:
            runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]))
            by_sensor = [run for run in runs if run.tags.get("dagster/sensor_name") == "candle_close"]
            ends = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
            return {tuple(run.tags.get(end) for end in ends) for run in by_sensor}

        wait_for(lambda: wanted <= done(), seconds=180, what=lambda: f"only {done()} were run")
    page.goto("/runs")
    page.get_by_text("candle_close").first.wait_for()
    look("runs_of_the_sensor")


def test_a_person_sees_what_was_done_and_switches_the_automation_on(
    page: Page, look: Look, environment: dict[str, str]
):
    # One test, so that with several workers the UI is started once.
    the_graph_of_a_card_is_drawn(page, look)
    a_check_shows_which_partitions_passed_and_which_failed(page, look)
    a_gate_that_blocked_says_why(page, look)
    a_backtest_shows_its_figures_and_its_equity_picture(page, look)
    metrics_are_plotted(page, look)
    a_sensor_that_is_switched_on_carries_new_candles_down(page, look, environment)
