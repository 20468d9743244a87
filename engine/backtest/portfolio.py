"""The engine of portfolios: prepared frames in, one result out. Pure: same input, same bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from engine.backtest.frames import fills_frame, funding_frame, trades_frame
from engine.backtest.history import History
from engine.backtest.portfolio_result import MemberResult, PortfolioResult
from engine.backtest.prepare import PreparedFrame, prepare_history
from engine.backtest.result import RunCounters
from engine.backtest.runner import history_from_store
from engine.errors import ConfigurationError
from engine.hashing import hash_of
from engine.idea_card.semantics import ENGINE_SEMANTICS_VERSION
from engine.market_data.store import HistoricalDataStore
from engine.metrics.basic import BasicMetrics, basic_metrics
from engine.metrics.returns import last_bars_of_days
from engine.metrics.trades import profit_factor, win_rate_pct
from engine.sim.portfolio import PortfolioMember, PortfolioOutput, simulate_portfolio
from engine.sim.records import Flags, Floats, Integers, Records
from engine.sim.state import FillReason, RejectReason, StopReason
from engine.sim.summary import deepest_drawdown
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe


class PortfolioEngine:
    """Runs prepared frames on one wallet. Holds no state between runs."""

    def run(
        self,
        prepared: Sequence[PreparedFrame],
        *,
        starting_equity_usdt: float,
        max_open_positions: int | None = None,
    ) -> PortfolioResult:
        """Run cards over their windows on one wallet.

        Parameters
        ----------
        prepared : sequence of PreparedFrame
            The members, in the order of priority: the first gets its margin and its place first.
        starting_equity_usdt : float
            Of the wallet; the cards' own are not used.
        max_open_positions : int, optional
            As many as there are members if left out.

        Raises
        ------
        ConfigurationError
            If the exec timeframes of cards differ, or one has a detail timeframe or a strategy in Python.
        SimulationError
            If there is no member, or what is prepared does not fit together.
        """
        output = _simulated(prepared, starting_equity_usdt, max_open_positions)
        timeframe = prepared[0].plan.card.timeframes.exec
        windows = [each.window for each in prepared]
        tags = [each.plan.tags for each in prepared]
        trades = _with_member(trades_frame(output.trades, tags), output.trades)
        fills = _with_member(fills_frame(output.fills, tags), output.fills)
        members = tuple(
            _member_result(number, each, output, trades, starting_equity_usdt)
            for number, each in enumerate(prepared)
        )
        return PortfolioResult(
            run_id=portfolio_run_id(prepared, starting_equity_usdt, max_open_positions),
            engine_version=str(ENGINE_SEMANTICS_VERSION),
            exec_timeframe=timeframe,
            window=(min(window[0] for window in windows), max(window[1] for window in windows)),
            starting_equity_usdt=float(starting_equity_usdt),
            final_equity_usdt=float(output.equity[-1]),
            max_open_positions=max_open_positions,
            members=members,
            counters=_counters(prepared, output),
            trades=trades,
            fills=fills,
            equity=_equity_frame(prepared, output),
            funding=_with_member(funding_frame(output.payments), output.payments),
        )


def evaluate_portfolio(
    prepared: Sequence[PreparedFrame], *, starting_equity_usdt: float, max_open_positions: int | None = None
) -> BasicMetrics:
    """Run cards on one wallet and return its basic metrics, without making frames on the way.

    Takes and raises what `PortfolioEngine.run` does.
    """
    output = _simulated(prepared, starting_equity_usdt, max_open_positions)
    trades = output.trades
    return basic_metrics(
        output.equity[last_bars_of_days(output.ts_open, prepared[0].bars.bar_ms)],
        bars=len(output.equity),
        bars_per_year=prepared[0].plan.card.timeframes.exec.bars_per_year(),
        starting_equity_usdt=float(starting_equity_usdt),
        deepest_drawdown=deepest_drawdown(output.equity, float(starting_equity_usdt)),
        trade_net_pnl=trades.gross_pnl - trades.fees + trades.funding,
        bars_held=int((output.open_positions > 0).sum()),
        fees_usdt=float(output.fills.fee.sum()),
        funding_usdt=float(output.payments.amount.sum()),
        liquidations=int((trades.reason == FillReason.LIQUIDATION).sum()),
        ambiguous_trades=int(trades.ambiguous.sum()),
    )


def portfolio_run_id(
    prepared: Sequence[PreparedFrame], starting_equity_usdt: float, max_open_positions: int | None
) -> str:
    """Return the id of a run: SHA-256 over the members in their order, the equity and the most positions."""
    return hash_of(
        {
            "members": [
                {
                    "system_hash": each.plan.system_hash,
                    "data_fingerprint": each.data_fingerprint,
                    "symbol": each.symbol,
                    "window": each.window,
                }
                for each in prepared
            ],
            "starting_equity_usdt": starting_equity_usdt,
            "max_open_positions": max_open_positions,
        }
    )


def prepare_portfolio(
    plans: Sequence[CardPlan],
    symbols: Sequence[str] | None,
    store: HistoricalDataStore,
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
) -> tuple[PreparedFrame, ...]:
    """Prepare the members of a portfolio, in the order of priority: by card, then by symbol, as given.

    Parameters
    ----------
    plans : sequence of CardPlan
    symbols : sequence of str or None
        Each card trades all of them; None: each card those it names itself.
    store : HistoricalDataStore
    start_ms, end_ms : int, optional
        Bars with start_ms <= ts_open < end_ms are traded; everything before may warm up.

    Raises
    ------
    ConfigurationError
        If the cards cannot share a portfolio; see `PortfolioEngine.run`.
    DataNotFound, DataError
        If the store lacks what a card needs.
    """
    refuse_unfit_plans(plans)
    wanted = [(plan, symbol) for plan in plans for symbol in (symbols or plan.card.symbols)]
    timeframes: dict[str, set[Timeframe]] = {}
    for plan, symbol in wanted:
        timeframes.setdefault(symbol, set()).update(plan.card.timeframes.roles().values())
    histories: Mapping[str, History] = {
        symbol: history_from_store(symbol, sorted(of), store, end_ms=end_ms)
        for symbol, of in timeframes.items()
    }
    return tuple(
        prepare_history(plan, histories[symbol], start_ms=start_ms, end_ms=end_ms) for plan, symbol in wanted
    )


def refuse_unfit_plans(plans: Sequence[CardPlan]) -> None:
    """Refuse cards that cannot share a portfolio.

    Raises
    ------
    ConfigurationError
        If they differ in their exec timeframe, or one has a detail timeframe or a strategy in Python.
    """
    execs = {plan.card.id: plan.card.timeframes.exec for plan in plans}
    if len(set(execs.values())) > 1:
        listed = ", ".join(f"{card} {timeframe}" for card, timeframe in execs.items())
        raise ConfigurationError(
            f"the cards of a portfolio decide at the same closes, and these do not: {listed}",
            way_out="run the cards of each exec timeframe as a portfolio of their own",
        )
    for plan in plans:
        if plan.card.timeframes.detail is not None:
            raise ConfigurationError(
                f"card {plan.card.id} has a detail timeframe, and a portfolio runs on exec bars only",
                way_out="run a copy of the card without `detail`, or the card by itself",
            )
        if plan.strategy is not None:
            raise ConfigurationError(
                f"card {plan.card.id} has a strategy in Python, and a portfolio runs conditions only",
                way_out="write the card's conditions, or run the card by itself",
            )


def _simulated(
    prepared: Sequence[PreparedFrame], starting_equity_usdt: float, max_open_positions: int | None
) -> PortfolioOutput:
    refuse_unfit_plans([each.plan for each in prepared])
    members = [
        PortfolioMember(each.bars, each.signals, each.funding, each.contract, each.tiers) for each in prepared
    ]
    return simulate_portfolio(members, starting_equity_usdt, max_open_positions)


def _member_result(
    number: int,
    prepared: PreparedFrame,
    output: PortfolioOutput,
    trades: pd.DataFrame,
    starting_equity_usdt: float,
) -> MemberResult:
    mine = trades[trades["member"] == number]
    net = mine["net_pnl_usdt"].to_numpy(np.float64)
    ran = int(np.searchsorted(prepared.bars.ts_open, output.ts_open[-1], side="right"))
    sums = {
        name: float(mine[name].sum())
        for name in ("gross_pnl_usdt", "fees_usdt", "funding_usdt", "slippage_usdt", "net_pnl_usdt")
    }
    card = prepared.plan.card
    return MemberResult(
        member=number,
        card_id=card.id,
        card_version=card.version,
        system_hash=prepared.plan.system_hash,
        symbol=prepared.symbol,
        data_fingerprint=prepared.data_fingerprint,
        window=prepared.window,
        bars=ran,
        filled_bars=int(prepared.bars.is_filled[:ran].sum()),
        trades=len(mine),
        win_rate_pct=_defined(win_rate_pct(net)),
        profit_factor=_defined(profit_factor(net)),
        **sums,
        contribution_pct=sums["net_pnl_usdt"] / starting_equity_usdt * 100,
        liquidations=int((mine["exit_reason"] == FillReason.LIQUIDATION.name.lower()).sum()),
        ambiguous_trades=int(mine["ambiguous"].sum()),
        rejected_orders=_by_reason(output.rejects[number]),
    )


def _counters(prepared: Sequence[PreparedFrame], output: PortfolioOutput) -> RunCounters:
    ended_early = output.stop_reason is not StopReason.NONE
    is_filled: Flags = np.zeros(len(output.ts_open), np.bool_)
    for each in prepared:
        filled = each.bars.ts_open[each.bars.is_filled]
        is_filled[np.searchsorted(output.ts_open, filled[filled <= output.ts_open[-1]])] = True
    return RunCounters(
        bars=len(output.ts_open),
        bars_in_market=int((output.open_positions > 0).sum()),
        filled_bars=int(is_filled.sum()),
        ambiguous_trades=int(output.trades.ambiguous.sum()),
        liquidations=int((output.trades.reason == FillReason.LIQUIDATION).sum()),
        capped_entries=output.capped_entries,
        rejected_orders=_by_reason(output.rejects.sum(axis=0)),
        stopped_early=output.stop_reason.name.lower() if ended_early else None,
        stopped_at=int(output.ts_open[-1]) + prepared[0].bars.bar_ms if ended_early else None,
        partial_entries=output.partial_entries,
        partial_liquidations=output.partial_liquidations,
    )


def _equity_frame(prepared: Sequence[PreparedFrame], output: PortfolioOutput) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "ts_close": output.ts_open + prepared[0].bars.bar_ms,
            "equity_usdt": output.equity,
            "basket": _basket(prepared, output.ts_open),
            "exposure_usdt": output.exposure,
            "open_positions": output.open_positions,
            "used_margin_usdt": output.used_margin,
        },
        copy=False,
    )


def _basket(prepared: Sequence[PreparedFrame], ts_open: Integers) -> Floats:
    """Return what one USDT becomes that buys every symbol in equal parts at its first close and holds.

    The part of a symbol that begins later waits in cash; one that ends keeps its last price.
    """
    bars_of = {each.symbol: each.bars for each in prepared}
    total: Floats = np.zeros(len(ts_open))
    for bars in bars_of.values():
        last_bar = np.searchsorted(bars.ts_open, ts_open, side="right") - 1
        total += bars.close[np.maximum(last_bar, 0)] / bars.close[0]
    return total / len(bars_of)


def _with_member(frame: pd.DataFrame, records: Records) -> pd.DataFrame:
    frame.insert(0, "member", records.member)
    return frame


def _by_reason(counts: Integers) -> dict[str, int]:
    return {reason.name.lower(): int(counts[reason]) for reason in RejectReason if counts[reason]}


def _defined(value: float) -> float | None:
    return value if math.isfinite(value) else None
