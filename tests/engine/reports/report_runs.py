"""Runs to report on: made from a random walk and random trades, with books that balance."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.backtest.measure import measure
from engine.backtest.result import BacktestResult, RunCounters
from engine.idea_card.promotion_policy import PromotionPolicy
from engine.metrics.compute import Metrics
from engine.promotion.policy import PromotionDecision, decide
from engine.timeframes import Timeframe, parse_utc

START = parse_utc("2023-01-01")
REASONS = ["stop_loss", "take_profit", "signal", "max_bars"]
POLICY = PromotionPolicy(
    min_trades=100,
    min_net_return_pct=5.0,
    min_sharpe=1.0,
    min_profit_factor=1.2,
    max_drawdown_pct=20.0,
    max_ambiguous_share_pct=5.0,
    max_filled_share_pct=1.0,
    max_liquidations=0,
)


def sample_run(
    bars: int = 2_000,
    trades: int = 40,
    *,
    timeframe: Timeframe = Timeframe.M15,
    seed: int = 7,
    card_id: str = "trend_pullback",
    stopped_early: str | None = None,
) -> BacktestResult:
    """Return a run in which one position of 0.1 coin after the other is held."""
    rng = np.random.default_rng(seed)
    close = np.round(30_000 * np.exp(np.cumsum(rng.normal(1e-5, 0.003, bars))), 1)
    edges = np.sort(rng.choice(np.arange(1, bars), size=2 * trades, replace=False))
    entry_bar, exit_bar = edges[::2], edges[1::2]
    side = rng.choice([-1.0, 1.0], size=trades)
    size = 0.1
    entry_price, exit_price = close[entry_bar - 1], close[exit_bar - 1]
    gross = side * size * (exit_price - entry_price)
    fee = 0.00055 * size
    fees = fee * (entry_price + exit_price)
    funding = np.round(rng.normal(0, 0.4, trades), 4)
    net = gross - fees + funding

    position = np.zeros(bars)
    for start, end, sign in zip(entry_bar, exit_bar, side, strict=True):
        position[start:end] = sign * size
    change = np.diff(close, prepend=close[0]) * position
    change[entry_bar] -= fee * entry_price
    change[exit_bar] -= fee * exit_price - funding
    step = timeframe.ms
    ts_close = START + step * (1 + np.arange(bars, dtype=np.int64))
    reasons = rng.choice(REASONS, size=trades)
    ids = np.arange(1, trades + 1)
    fills = pd.DataFrame(
        {
            "price": np.concatenate((entry_price, exit_price)),
            "size": np.full(2 * trades, size),
            "fee_usdt": fee * np.concatenate((entry_price, exit_price)),
            "slippage_usdt": np.full(2 * trades, 0.6),
            "liquidity": np.where(np.arange(2 * trades) % 5 == 0, "maker", "taker"),
        }
    )
    return BacktestResult(
        run_id="1f" * 32,
        system_hash="2e" * 32,
        data_fingerprint="3d" * 32,
        engine_version="1",
        card_id=card_id,
        card_version="1.0.0",
        symbol="BTCUSDT",
        exec_timeframe=timeframe,
        window=(START, START + bars * step),
        starting_equity_usdt=10_000.0,
        final_equity_usdt=float(10_000.0 + net.sum()),
        counters=RunCounters(
            bars=bars,
            bars_in_market=int((position != 0).sum()),
            filled_bars=3,
            ambiguous_trades=trades // 20,
            liquidations=0,
            capped_entries=2,
            rejected_orders={"below_min_notional": 4},
            stopped_early=stopped_early,
            stopped_at=None if stopped_early is None else int(ts_close[-1]),
        ),
        trades=pd.DataFrame(
            {
                "trade_id": ids,
                "direction": np.where(side > 0, "long", "short"),
                "ts_entry": START + step * entry_bar,
                "ts_exit": START + step * exit_bar,
                "entry_bar": entry_bar,
                "exit_bar": exit_bar,
                "entry_price": entry_price,
                "exit_price": exit_price,
                "size": np.full(trades, size),
                "notional_usdt": size * entry_price,
                "stop_price": np.where(side > 0, 0.98, 1.02) * entry_price,
                "target_price": np.where(ids % 3 == 0, np.nan, np.where(side > 0, 1.04, 0.96) * entry_price),
                "liquidation_price": np.where(side > 0, 0.7, 1.3) * entry_price,
                "gross_pnl_usdt": gross,
                "fees_usdt": fees,
                "funding_usdt": funding,
                "slippage_usdt": np.full(trades, 1.2),
                "net_pnl_usdt": net,
                "mae_usdt": np.minimum(gross, 0) - 5,
                "mfe_usdt": np.maximum(gross, 0) + 5,
                "r_multiple": np.where(ids % 7 == 0, np.nan, net / 60),
                "bars_held": exit_bar - entry_bar,
                "exit_reason": pd.Series(reasons, dtype="str"),
                "entry_tag": pd.Series([""] * trades, dtype="str"),
                "exit_tag": pd.Series([""] * trades, dtype="str"),
                "ambiguous": ids % 20 == 0,
            }
        ),
        fills=fills,
        equity=pd.DataFrame(
            {
                "ts_close": ts_close,
                "equity_usdt": 10_000.0 + np.cumsum(change),
                "close": close,
                "position_size": position,
                "used_margin_usdt": np.abs(position) * close / 3,
            }
        ),
        funding=pd.DataFrame({"amount_usdt": funding}),
    )


def candles_of_run(run: BacktestResult, seed: int = 3) -> pd.DataFrame:
    """Return candles that close as the run says, each opening at the close before it."""
    rng = np.random.default_rng(seed)
    close = run.equity["close"].to_numpy()
    start = np.concatenate((close[:1], close[:-1]))
    reach = 1 + np.abs(rng.normal(0, 0.001, (2, len(close))))
    return pd.DataFrame(
        {
            "ts_open": run.equity["ts_close"].to_numpy() - run.exec_timeframe.ms,
            "open": start,
            "high": np.maximum(start, close) * reach[0],
            "low": np.minimum(start, close) / reach[1],
            "close": close,
        }
    )


def metrics_of_run(run: BacktestResult) -> Metrics:
    return measure(run)


def decision_on_run(run: BacktestResult, metrics: Metrics) -> PromotionDecision:
    return decide(
        card_id=run.card_id,
        card_version=run.card_version,
        system_hash=run.system_hash,
        symbol=run.symbol,
        timeframe=run.exec_timeframe,
        run_id=run.run_id,
        data_fingerprint=run.data_fingerprint,
        engine_version=run.engine_version,
        metrics=metrics,
        policy=POLICY,
        decided_at_ms=1_700_000_000_000,
    )
