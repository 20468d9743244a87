"""The market's assets: candles as the exchange has them, healed candles, funding events, instrument rules.

`raw_ohlcv` brings the store up to date; the others are slices of the store as artifacts, so that nothing
downstream of them opens the database and any number of workers can compute side by side. How candles are
fetched, healed and priced belongs to `engine.market_data`.
"""

from __future__ import annotations

from collections.abc import Collection

import dagster as dg

from engine.errors import DataNotFound
from engine.features.inputs import OPEN_INTEREST_INPUTS
from engine.market_data.funding import price_funding_events
from engine.market_data.healing import heal
from engine.market_data.schemas import (
    FUNDING_EVENTS,
    HEALED_OHLCV,
    MAX_FILLED_SHARE,
    OPEN_INTEREST,
    RAW_OHLCV,
    validate,
)
from engine.market_data.store import HistoricalDataStore
from engine.market_data.sync import MarketSync
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe, format_utc
from engine.tools.market import market_of
from trade_assets.candle_age import is_fresh, lag_minutes
from trade_assets.checks import (
    FRESH,
    FUNDING_SPACING,
    NO_GAPS,
    PLAUSIBLE_PRICES,
    TIMEFRAMES_AGREE,
    CheckVerdict,
)
from trade_assets.market_checks import funding_spacing, next_finer, plausible_prices, timeframes_agree
from trade_assets.metadata import market_notice, moment, rows_and_times
from trade_assets.partitioned import PartitionedAsset
from trade_assets.work import Input, Made, Work

GROUP = "market"
RAW_OHLCV_KEY = ("raw_ohlcv",)
HEALED_OHLCV_KEY = ("healed_ohlcv",)
FUNDING_EVENTS_KEY = ("funding_events",)
INSTRUMENT_RULES_KEY = ("instrument_rules",)
OPEN_INTEREST_KEY = ("open_interest",)
MARKET_KEYS = (RAW_OHLCV_KEY, HEALED_OHLCV_KEY, FUNDING_EVENTS_KEY, INSTRUMENT_RULES_KEY)

# Raise it when these assets make something else of the same stored rows.
CODE_VERSION = "1"

# Most of a sync is waiting: for an answer, for the disk. The limit of the exchange is the client's to keep.
_SYNCED_AT_ONCE = 8

_ASK_AGAIN = dg.RetryPolicy(max_retries=2, delay=0.5, backoff=dg.Backoff.EXPONENTIAL)


def market_assets(*, timeframes: Collection[Timeframe], history_start_ms: int) -> list[PartitionedAsset]:
    """Return the assets every card builds on.

    Parameters
    ----------
    timeframes : collection of Timeframe
        All there are.
    history_start_ms : int
        Where the history of every symbol shall begin.
    """

    def raw_ohlcv(work: Work) -> Made:
        partition, store = work.partition, _store(work)
        sync: MarketSync = work.shared
        report = sync.sync_partition(partition.symbol, partition.timeframe, start_ms=history_start_ms)
        candles = store.read_ohlcv(partition.symbol, partition.timeframe)
        if candles.empty:
            raise DataNotFound(
                f"the exchange has no closed {partition.timeframe} candle of {partition.symbol} "
                f"since {format_utc(history_start_ms)}",
                way_out="set TRADE_HISTORY_START to an earlier day",
            )
        validate(candles, RAW_OHLCV(partition.timeframe), f"ohlcv {partition}")
        source = store.source_identity() or ""
        first_ts_open, last_ts_open = int(candles["ts_open"].iloc[0]), int(candles["ts_open"].iloc[-1])
        stored = {
            "source": source,
            "rows": len(candles),
            "first_ts_open": first_ts_open,
            "last_ts_open": last_ts_open,
            "history_start_ms": history_start_ms,
            "watermark": store.watermark(partition.symbol),
        }
        return Made(
            stored,
            metadata=market_notice(market_of(source).kind)
            | rows_and_times(candles, "ts_open", "candle")
            | {
                "new candles": report.new_candles,
                "revised candles": report.revised_candles,
                "quarantined rows": report.quarantined_rows,
                "gap bars": report.gap_bars,
                "lag, minutes": lag_minutes(last_ts_open, partition.timeframe, report.now_ms),
                "new mark klines": report.mark_klines,
                "new funding events": report.funding_events,
                "synced up to": moment(report.now_ms),
                "source": source,
            },
            verdicts=(
                freshness(last_ts_open, partition.timeframe, report.now_ms),
                CheckVerdict(
                    NO_GAPS,
                    report.gap_bars == 0,
                    description=f"{report.gap_bars} candles are missing" if report.gap_bars else "",
                    metadata={"gap bars": report.gap_bars},
                ),
            ),
        )

    def healed_ohlcv(work: Work) -> Made:
        partition, store = work.partition, _store(work)
        candles = store.read_ohlcv(partition.symbol, partition.timeframe)
        marks = store.read_mark_klines(partition.symbol, partition.timeframe)
        finer = next_finer(partition.timeframe, timeframes)
        parts = None if finer is None else (finer, store.read_ohlcv(partition.symbol, finer))
        agreement = timeframes_agree(partition, candles, parts)
        healed = heal(candles, marks, partition.timeframe)
        schema = HEALED_OHLCV(partition.timeframe, MAX_FILLED_SHARE)
        frame = validate(healed.frame, schema, f"healed candles {partition}")
        return Made(
            frame,
            metadata=rows_and_times(frame, "ts_open", "candle")
            | {
                "filled bars": healed.filled_bars,
                "gaps": len(healed.holes),
                "bars without mark price": int(frame["mark_open"].isna().sum()),
            },
            verdicts=(agreement, plausible_prices(partition, candles, marks)),
        )

    def funding_events(work: Work) -> Made:
        partition, store = work.partition, _store(work)
        # An event's price comes from the finest mark klines there are, whatever this partition's own are.
        marks = {each: store.read_mark_klines(partition.symbol, each) for each in timeframes}
        candles = store.read_ohlcv(partition.symbol, partition.timeframe)
        funding = store.read_funding(partition.symbol)
        events = price_funding_events(funding, marks, candles)
        validate(events, FUNDING_EVENTS, f"funding events {partition}")
        by_mark = int((events["price_source"] == "mark").sum())
        return Made(
            events,
            metadata=rows_and_times(events, "ts", "event")
            | {"priced by mark": by_mark, "priced by last": len(events) - by_mark},
            verdicts=(funding_spacing(partition, funding),),
        )

    def instrument_rules(work: Work) -> Made:
        rules = _store(work).read_instrument(work.partition.symbol)
        return Made(
            rules.to_plain(),
            metadata={
                "as of": moment(rules.as_of_ms),
                "tick size": rules.tick_size,
                "quantity step": rules.qty_step,
                "risk tiers": len(rules.tiers),
                "max leverage": rules.max_leverage,
            },
        )

    # These read the store. What they take from the artifact is its hash, and the refusal if the sync had one.
    after_sync = {"raw": Input(RAW_OHLCV_KEY, is_argument=False)}
    return [
        PartitionedAsset(
            key=RAW_OHLCV_KEY,
            make=raw_ohlcv,
            group=GROUP,
            code_version=CODE_VERSION,
            description="Closed candles, mark klines, funding, open interest and rules, synced into DuckDB. "
            "The artifact says what is stored.",
            notes=(FRESH, NO_GAPS),
            begin=lambda resources: MarketSync(
                resources.market_database.store(), resources.exchange.client()
            ),
            symbols_at_once=_SYNCED_AT_ONCE,
            resources=("market_database", "exchange"),
            kinds=("duckdb", "bybit"),
            retries=_ASK_AGAIN,
        ),
        PartitionedAsset(
            key=HEALED_OHLCV_KEY,
            make=healed_ohlcv,
            inputs=after_sync,
            group=GROUP,
            code_version=CODE_VERSION,
            description="One candle per period, missing ones flat and flagged, mark prices beside them.",
            notes=(TIMEFRAMES_AGREE, PLAUSIBLE_PRICES),
            resources=("market_database",),
            kinds=("parquet", "pandera"),
        ),
        PartitionedAsset(
            key=FUNDING_EVENTS_KEY,
            make=funding_events,
            inputs=after_sync,
            group=GROUP,
            code_version=CODE_VERSION,
            description="The symbol's funding events at their real times, each with its price.",
            notes=(FUNDING_SPACING,),
            resources=("market_database",),
            kinds=("parquet", "pandera"),
        ),
        PartitionedAsset(
            key=INSTRUMENT_RULES_KEY,
            make=instrument_rules,
            inputs=after_sync,
            gate=None,
            group=GROUP,
            code_version=CODE_VERSION,
            description="Tick, lot, limits and risk tiers of the symbol, as last seen.",
            resources=("market_database",),
            kinds=("json",),
        ),
    ]


def open_interest_assets(users: Collection[CardPlan]) -> list[PartitionedAsset]:
    """Return the asset of the open interest, for the symbols and timeframes of cards that look at it.

    Returns
    -------
    list of PartitionedAsset
        Empty where no card does: who does not use it does not pay for it.
    """
    wanted = {
        (symbol, timeframe)
        for plan in users
        if plan.looks_at(OPEN_INTEREST_INPUTS)
        for symbol in plan.card.symbols
        for timeframe in plan.card.timeframes.all_timeframes().values()
    }
    if not wanted:
        return []

    def open_interest(work: Work) -> Made:
        partition = work.partition
        frame = _store(work).read_open_interest(partition.symbol)
        validate(frame, OPEN_INTEREST, f"open interest {partition.symbol}")
        return Made(frame, metadata=rows_and_times(frame, "ts", "value"))

    return [
        PartitionedAsset(
            key=OPEN_INTEREST_KEY,
            make=open_interest,
            inputs={"raw": Input(RAW_OHLCV_KEY, is_argument=False)},
            applies=lambda partition: (partition.symbol, partition.timeframe) in wanted,
            group=GROUP,
            code_version=CODE_VERSION,
            description="The symbol's open interest at its real times, for the cards that look at it.",
            resources=("market_database",),
            kinds=("parquet", "pandera"),
        )
    ]


def freshness(last_ts_open: int, timeframe: Timeframe, now_ms: int) -> CheckVerdict:
    """Return the verdict on the age of the newest candle that is stored."""
    lag = lag_minutes(last_ts_open, timeframe, now_ms)
    passed = is_fresh(last_ts_open, timeframe, now_ms)
    newest = format_utc(timeframe.close(last_ts_open))
    return CheckVerdict(
        FRESH,
        passed,
        description="" if passed else f"the newest candle closed at {newest} UTC, {lag:.0f} minutes ago",
        metadata={"lag, minutes": lag, "newest close": moment(timeframe.close(last_ts_open))},
    )


def _store(work: Work) -> HistoricalDataStore:
    store: HistoricalDataStore = work.resources.market_database.store()
    return store
