"""The driver for a history with finer bars inside its exec bars."""

from __future__ import annotations

from engine.sim.contract import refuse_missing_features
from engine.sim.detail import DetailBars
from engine.sim.detail_loop import run_detailed_bars
from engine.sim.market import BarSignals, FundingEvents
from engine.sim.records import BarValues, Floats, Records
from engine.sim.simulate import (
    Account,
    Driver,
    SimulationOutput,
    bar_arrays,
    bar_values,
    close_account,
    new_account,
    run_account,
)


def simulate_detailed(
    detail: DetailBars,
    signals: BarSignals,
    funding: FundingEvents,
    contract: Records,
    tiers: Floats,
    starting_equity_usdt: float,
    *,
    book: bool = True,
) -> SimulationOutput:
    """Run a whole history on the finer bars inside its exec bars, and close what is open at its end.

    Rules are evaluated, orders placed and equity is written at the closes of exec bars, as `simulate` does.
    Orders, stops, targets, liquidation and funding act on the finer bars in turn, and stops that move do so
    at each of their closes, with the features known then.

    Parameters
    ----------
    detail : DetailBars
        From `detail_bars`.
    signals
        Of the exec bars.
    funding, contract, tiers, starting_equity_usdt, book
        As for `simulate`.

    Raises
    ------
    SimulationError
        If the signals do not belong to the exec bars, or a feature is missing that the orders look at.
    """
    count, per_bar = len(detail.bars), detail.finer_per_bar
    refuse_missing_features(contract, len(signals.features))
    account = new_account(count, signals, funding, starting_equity_usdt, book=book)
    drive = finer_bar_driver(detail, signals, contract, tiers, count)
    ran = run_account(account, drive, count * per_bar) // per_bar
    return close_account(account, contract, tiers, ran, _last_values(detail, ran - 1) if ran else None)


def finer_bar_driver(
    detail: DetailBars, signals: BarSignals, contract: Records, tiers: Floats, end: int
) -> Driver:
    """Return what runs an account over the finer bars inside the first `end` exec bars."""
    bars, finer = detail.bars, detail.finer
    arrays, finer_arrays = bar_arrays(bars), bar_arrays(finer)

    def drive(at: int, account: Account) -> int:
        return int(
            run_detailed_bars(
                at,
                end,
                account.wallets,
                account.positions,
                contract,
                tiers,
                arrays,
                bars.bar_ms,
                finer_arrays,
                finer.bar_ms,
                detail.first,
                signals.bits,
                signals.features,
                account.funding,
                account.books,
                account.curves,
            )
        )

    return drive


def _last_values(detail: DetailBars, bar: int) -> BarValues:
    """Return the last bar that an exec bar runs on."""
    execution = bar_values(detail.bars, bar)
    if detail.first[bar] < 0:
        return execution
    last = bar_values(detail.finer, int(detail.first[bar]) + detail.finer_per_bar - 1)
    return last._replace(bar=bar, ts_exec_open=execution.ts_exec_open)
