"""What keeping hundreds of symbols current costs before any of them is synced.

    .venv/bin/python tests/benchmarks/bench_automation.py [--runs]

300 symbols at 6 timeframes and 10 cards: loading the definitions, and one look of the sensor at the moment at
which every candle closes, when nothing has closed, and while all of it waits for runs that are busy; each
over an instance in SQLite. With `--runs` also the sync of every partition of 1d candles in one run, from a
stand-in exchange, with what Dagster takes of it.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
from benchmark_market import machine, median_seconds

from engine.market_data.universe import ListedSymbol, ListedUniverse, write_universe
from engine.settings import PROJECT_ROOT, TradeSettings
from engine.timeframes import parse_utc
from trade_assets.build import build_defs, universe_of, usable_cards
from trade_assets.instance import persistent_instance
from trade_assets.run_outcomes import outcome_of
from trade_assets.sensors import LAG_MS, candle_close_sensor

SYMBOLS, CARDS = 300, 10
TIMEFRAMES = "1m,5m,15m,1h,4h,1d"
MIDNIGHT = parse_utc("2025-03-01")


def settings_in(folder: Path) -> TradeSettings:
    """Settings with ten cards and a list of 300 symbols."""
    cards = folder / "cards"
    cards.mkdir()
    text = (PROJECT_ROOT / "idea_cards" / "band_reversion.yaml").read_text()
    for number in range(CARDS):
        (cards / f"card_{number}.yaml").write_text(text.replace("id: band_reversion", f"id: card_{number}"))
    settings = TradeSettings.from_environment(
        {
            "TRADE_DATA": str(folder / "data"),
            "TRADE_CARDS": str(cards),
            "TRADE_SYMBOLS": "all",
            "TRADE_TIMEFRAMES": TIMEFRAMES,
        }
    )
    named = {symbol for plan in usable_cards(settings).plans.values() for symbol in plan.card.symbols}
    others = [f"C{number:03}USDT" for number in range(SYMBOLS - len(named))]
    listed = tuple(ListedSymbol(symbol, MIDNIGHT) for symbol in sorted({*named, *others}))
    write_universe(ListedUniverse("sandbox", MIDNIGHT, listed), settings.universe_file)
    return settings


def load(settings: TradeSettings) -> dg.Definitions:
    """Load the definitions as a code location does."""
    definitions = build_defs(settings)
    definitions.get_repository_def().load_all_definitions()
    return definitions


def sensor_times(settings: TradeSettings, instance: dg.DagsterInstance) -> dict[str, float]:
    """Return the seconds of a look at three moments, and what the first asked for."""
    cards = usable_cards(settings)
    universe = universe_of(settings, cards)
    now = [MIDNIGHT + LAG_MS]
    sensor = candle_close_sensor(universe, list(cards.plans.values()), now_ms=lambda: now[0])

    def look(cursor: str | None) -> dg.SensorResult:
        found = sensor(dg.build_sensor_context(cursor=cursor, instance=instance))
        assert isinstance(found, dg.SensorResult)
        return found

    first = look(None)
    print(f"a look at midnight asks for {len(first.run_requests or ())} runs")
    times = {"every candle closes": median_seconds(lambda: look(None))}
    times["nothing has closed"] = median_seconds(lambda: look(first.cursor))
    for request in first.run_requests or ():
        partition = {"dagster/partition": request.partition_key} if request.partition_key else {}
        instance.add_run(
            dg.DagsterRun(
                job_name="__ASSET_JOB",
                run_id=dg._core.utils.make_new_run_id(),
                status=dg.DagsterRunStatus.STARTED,
                asset_selection=frozenset(request.asset_selection or ()),
                tags={**request.tags, **partition, "dagster/run_key": str(request.run_key)},
            )
        )
    assert outcome_of(instance, universe, (), now_ms=now[0]).busy
    now[0] += 24 * 3_600_000
    times["every candle closes, all runs busy"] = median_seconds(lambda: look(first.cursor))
    return times


def main() -> None:
    """Measure and print."""
    print(machine())
    with TemporaryDirectory() as name:
        folder = Path(name)
        settings = settings_in(folder)
        seconds = median_seconds(lambda: load(settings), repeats=3)
        print(f"definitions of {SYMBOLS} symbols x 6 timeframes x {CARDS} cards: {seconds:.2f} s")
        home = folder / "home"
        home.mkdir()
        shutil.copy(PROJECT_ROOT / "dagster_home" / "dagster.yaml", home)
        with persistent_instance({"DAGSTER_HOME": str(home)}) as instance:
            for moment, taken in sensor_times(settings, instance).items():
                print(f"a look of the sensor, {moment}: {taken * 1000:.0f} ms")
        if "--runs" in sys.argv:
            print_runs(folder)


def print_runs(folder: Path) -> None:
    """Sync 1d candles of the stand-in's symbols in one run, beside a run each."""
    from engine.sandbox.market import GeneratedMarket
    from engine.sandbox.running import FrozenClock, SandboxServer

    market = GeneratedMarket()
    with (
        SandboxServer(market, now_ms=FrozenClock(MIDNIGHT)) as server,
        dg.DagsterInstance.ephemeral() as home,
    ):
        symbols = "BTCUSDT,ETHUSDT,SOLUSDT,ADAUSDT,XRPUSDT,DOGEUSDT,BNBUSDT,LTCUSDT,LINKUSDT,AVAXUSDT"
        settings = TradeSettings.from_environment(
            {
                "TRADE_DATA": str(folder / "synced"),
                "TRADE_CARDS": str(folder / "none"),
                "TRADE_SYMBOLS": symbols,
                "TRADE_TIMEFRAMES": "1h,4h,1d",
                "TRADE_SANDBOX_URL": server.url,
                "TRADE_HISTORY_START": "2025-02-01",
            }
        )
        job = build_defs(settings).resolve_implicit_global_asset_job_def()
        tags = {
            "dagster/asset_partition_range_start": "ADAUSDT|1d",
            "dagster/asset_partition_range_end": "XRPUSDT|1h",
        }
        for what in ("first", "second, nothing new"):
            began = time.perf_counter()
            selection = [dg.AssetKey("raw_ohlcv")]
            assert job.execute_in_process(asset_selection=selection, tags=tags, instance=home).success
            print(f"sync of 30 partitions in one run, {what}: {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
