"""The backtest engine: a prepared frame in, a result out. Pure: same input, same bytes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from engine.backtest.detail_report import compared, simulated
from engine.backtest.frames import equity_frame, fills_frame, funding_frame, trades_frame
from engine.backtest.prepare import PreparedFrame
from engine.backtest.result import BacktestResult, RunCounters
from engine.hashing import hash_of
from engine.idea_card.semantics import ENGINE_SEMANTICS_VERSION
from engine.sim.simulate import SimulationOutput
from engine.sim.state import FillReason, RejectReason, StopReason


class BacktestEngine:
    """Runs prepared frames through the compiled loop. Holds no state between runs."""

    def run(self, prepared: PreparedFrame) -> BacktestResult:
        """Run a card over its window; one with a detail timeframe also without it, to say what it changed.

        Raises
        ------
        SimulationError
            If the signals do not belong to the bars.
        """
        with ThreadPoolExecutor(1) as pool:
            # to hash what a run looks at takes as long as the run, and both let go of the interpreter
            fingerprint = pool.submit(lambda: prepared.data_fingerprint)
            output = simulated(prepared)
            frames = {
                "trades": trades_frame(output.trades, [prepared.plan.tags]),
                "fills": fills_frame(output.fills, [prepared.plan.tags]),
                "equity": equity_frame(prepared.bars, output),
                "funding": funding_frame(output.payments),
            }
            data_fingerprint = fingerprint.result()
        card = prepared.plan.card
        return BacktestResult(
            run_id=run_id_of(prepared.plan.system_hash, data_fingerprint, prepared.symbol, prepared.window),
            system_hash=prepared.plan.system_hash,
            data_fingerprint=data_fingerprint,
            engine_version=str(ENGINE_SEMANTICS_VERSION),
            card_id=card.id,
            card_version=card.version,
            symbol=prepared.symbol,
            exec_timeframe=card.timeframes.exec,
            window=prepared.window,
            starting_equity_usdt=prepared.starting_equity_usdt,
            final_equity_usdt=float(output.equity[-1]),
            counters=_counters(prepared, output),
            detail=compared(prepared, output),
            **frames,
        )


def run_id(prepared: PreparedFrame) -> str:
    """Return the id of a run: SHA-256 over system hash, data fingerprint, symbol and window."""
    return run_id_of(prepared.plan.system_hash, prepared.data_fingerprint, prepared.symbol, prepared.window)


def run_id_of(system_hash: str, data_fingerprint: str, symbol: str, window: tuple[int, int]) -> str:
    """Return the id of the run of a card that need not be prepared for it."""
    return hash_of(
        {
            "system_hash": system_hash,
            "data_fingerprint": data_fingerprint,
            "symbol": symbol,
            "window": window,
        }
    )


def _counters(prepared: PreparedFrame, output: SimulationOutput) -> RunCounters:
    bars = prepared.bars
    ended_early = output.stop_reason is not StopReason.NONE
    last_close = int(bars.ts_open[output.bars - 1]) + bars.bar_ms
    return RunCounters(
        bars=output.bars,
        bars_in_market=int((output.position_size != 0.0).sum()),
        filled_bars=int(bars.is_filled[: output.bars].sum()),
        ambiguous_trades=int(output.trades.ambiguous.sum()),
        liquidations=int((output.trades.reason == FillReason.LIQUIDATION).sum()),
        capped_entries=output.capped_entries,
        rejected_orders={
            reason.name.lower(): int(output.rejects[reason])
            for reason in RejectReason
            if output.rejects[reason]
        },
        stopped_early=output.stop_reason.name.lower() if ended_early else None,
        stopped_at=last_close if ended_early else None,
        partial_entries=output.partial_entries,
        partial_liquidations=output.partial_liquidations,
    )
