"""The whole way from the store to a result, without Dagster: for the CLI, notebooks and tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from engine.backtest.candles import Candles
from engine.backtest.engine import BacktestEngine
from engine.backtest.history import History
from engine.backtest.prepare import PreparedFrame, funding_from_frame, prepare_history
from engine.backtest.result import BacktestResult
from engine.features.builder import stamped
from engine.features.inputs import OPEN_INTEREST, Stamped
from engine.market_data.funding import price_funding_events
from engine.market_data.healing import heal
from engine.market_data.store import HistoricalDataStore
from engine.market_data.stored_market import StoredMarket
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe


def run_card(
    plan: CardPlan,
    symbol: str,
    store: HistoricalDataStore,
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> BacktestResult:
    """Heal, compute features, prepare and run.

    Parameters
    ----------
    plan : CardPlan
    symbol : str
    store : HistoricalDataStore
    start_ms, end_ms : int, optional
        Bars with start_ms <= ts_open < end_ms are traded; everything before may warm up.

    Raises
    ------
    DataNotFound, DataError
        If the store lacks what the card needs; see `prepare`.
    """
    return BacktestEngine().run(prepare_from_store(plan, symbol, store, start_ms=start_ms, end_ms=end_ms))


def prepare_from_store(
    plan: CardPlan,
    symbol: str,
    store: HistoricalDataStore,
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> PreparedFrame:
    """Return what `run_card` runs. Raises as it does."""
    history = history_from_store(symbol, plan.card.timeframes.all_timeframes().values(), store, end_ms=end_ms)
    return prepare_history(plan, history, start_ms=start_ms, end_ms=end_ms)


def history_from_store(
    symbol: str,
    timeframes: Iterable[Timeframe],
    store: HistoricalDataStore,
    *,
    end_ms: int | None = None,
    feature_bytes: int | None = None,
) -> History:
    """Return the healed history of a symbol, for as many cards as run over these timeframes.

    Parameters
    ----------
    symbol : str
    timeframes : iterable of Timeframe
        Where no mark kline prices a funding event, the candles of the smallest do.
    store : HistoricalDataStore
    end_ms : int, optional
        Bars from then on are left out.
    feature_bytes : int, optional
        As for `History`.

    Raises
    ------
    DataNotFound, DataError
        If the store lacks candles or instrument rules.
    """
    wanted = tuple(timeframes)
    return history_of(
        symbol,
        store.read_market(symbol, wanted, end_ms),
        open_interest=lambda: stamped(store.read_open_interest(symbol), OPEN_INTEREST),
        feature_bytes=feature_bytes,
    )


def history_of(
    symbol: str,
    stored: StoredMarket,
    *,
    open_interest: Callable[[], Stamped],
    feature_bytes: int | None = None,
) -> History:
    """Return the healed history of what is stored of a symbol.

    Raises
    ------
    DataNotFound, DataError
        If it lacks candles.
    """
    candles = {
        timeframe: Candles.from_frame(heal(frame, stored.marks[timeframe], timeframe).frame)
        for timeframe, frame in stored.candles.items()
    }
    funding = price_funding_events(stored.funding, stored.marks, stored.candles[min(stored.candles)])
    return History(
        symbol,
        candles,
        funding_from_frame(funding),
        stored.instrument,
        open_interest=open_interest,
        feature_bytes=feature_bytes,
    )
