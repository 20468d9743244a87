"""The predecessor's mistakes that only a whole card shows: 1, 7, 8 and 15 to 20 of the list, by number."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sim_card import EXIT, LONG, NOTHING, QUARTER_MS, SHORT, START_MS, run_card, still
from upath import UPath

from engine.backtest.artifacts import read_artifacts, write_artifacts
from engine.backtest.measure import measure
from engine.backtest.result import BacktestResult
from engine.errors import CardError

FIXED = "sizing: {model: fixed_usdt, notional_usdt: 1000}"
STOP = "stop_loss: {type: percent, value: 5.0}"
TARGET = "take_profit: {type: percent, value: 10.0}"
SLIPPAGE = "slippage_bps: 0"


def two_trades() -> BacktestResult:
    """Return a long left by a signal at 1040, and a short from 1040 stopped at 1092.

    1 coin is bought at 1000: 1000 USDT at a close of 1000. 1000 / 1040 is 0.961 coins on the lot. The fee is
    0.055 % of each fill, and funding of 0.1 % is due at the open of bar 2.
    """
    return run_card(
        still(1000, LONG),
        still(1000),
        (1000, 1050, 990, 1040, EXIT),
        still(1040),
        still(1040, SHORT),
        still(1040),
        (1040, 1100, 1030, 1090, NOTHING),
        still(1090),
        funding={2: 0.001},
    )


LONG_NET = 40 - 0.00055 * (1000 + 1040) - 1.0
SHORT_NET = -0.961 * 52 - 0.00055 * 0.961 * (1040 + 1092)


def test_pitfall_1_a_backtest_of_a_card_pays_funding() -> None:
    result = two_trades()
    assert result.funding["amount_usdt"].tolist() == pytest.approx([-1.0])
    assert result.trades["funding_usdt"].tolist() == pytest.approx([-1.0, 0.0])
    assert result.final_equity_usdt == pytest.approx(1000 + LONG_NET + SHORT_NET)
    assert measure(result).funding_usdt == pytest.approx(-1.0)


def test_pitfall_7_a_card_s_maker_fee_is_paid() -> None:
    limit = {TARGET: "take_profit: {type: percent, value: 10.0, order_type: limit}"}
    result = run_card(still(1000, LONG), still(1000), (1000, 1101, 1000, 1090, NOTHING), changes=limit)
    assert result.fills["liquidity"].tolist() == ["taker", "maker"]
    assert result.fills["fee_usdt"].tolist() == pytest.approx([1000 * 0.00055, 1100 * 0.0002])


def test_pitfall_7_a_card_s_structure_stop_is_set() -> None:
    # the mean of the lows of the deciding bar and the one before: 980 and 960
    structure = {
        STOP: "stop_loss: {type: structure, long: swing, short: null}",
        "mode: long_short": "mode: long_only",
    }
    structure |= {'entry_short: [[volume, "==", 8]]': "entry_short: null"}
    structure |= {'exit_short: [[volume, "==", 9]]': "exit_short: null"}
    rows = ((1000, 1000, 980, 1000, NOTHING), (1000, 1000, 960, 1000, LONG), still(1000))
    result = run_card(*rows, (1000, 1000, 900, 950, NOTHING), changes=structure)
    assert result.trades["stop_price"].tolist() == [970.0]
    assert result.trades["exit_price"].tolist() == [970.0]
    assert result.trades["exit_reason"].tolist() == ["stop_loss"]


@pytest.mark.parametrize("share", [1.0, 10.0, 100.0])
def test_pitfall_7_a_sizing_of_10_is_ten_percent(share: float) -> None:
    # the margin of 10x is a tenth of the value: 1 % of 1000 USDT is a position of 100
    result = run_card(
        still(1000, LONG),
        still(1000),
        changes={FIXED: f"sizing: {{model: percent_equity, equity_pct: {share}}}"},
    )
    # of everything, the fees are left over: 1000 / (100 + 0.55 + 0.495) coins
    wanted = min(share / 100, math.floor(1000 / 101.045 * 1000) / 10_000)
    assert result.trades["size"].tolist() == pytest.approx([wanted * 10])


def test_pitfall_7_what_a_card_does_not_know_is_refused() -> None:
    with pytest.raises(CardError, match="maker_fee_bps"):
        run_card(still(1000), changes={"maker_bps: 2.0": "maker_fee_bps: 2.0"})


def test_pitfall_8_a_card_trades_on_ticks_and_lots() -> None:
    result = run_card(
        still(1000.3, LONG),
        still(1000.3),
        (1000.3, 1000.3, 940, 940, NOTHING),
        changes={SLIPPAGE: "slippage_bps: 3", FIXED: "sizing: {model: fixed_usdt, notional_usdt: 777}"},
    )
    # 1000.60009 is bought at 1000.7, the stop at 950.665 is 950.6, and 950.31482 is sold at 950.3
    assert result.fills["price"].tolist() == [1000.7, 950.3]
    # 777 / 1000.3 is 0.7767
    assert result.fills["size"].tolist() == [0.776, 0.776]
    for column, step in (("price", "0.1"), ("size", "0.001")):
        assert all(Decimal(repr(value)) % Decimal(step) == 0 for value in result.fills[column].tolist())


def test_pitfall_15_what_was_constant_is_measured() -> None:
    metrics = measure(two_trades())
    assert metrics.buy_and_hold_return_pct == pytest.approx(9.0)
    net_pct = (LONG_NET + SHORT_NET) / 1000 * 100
    assert metrics.excess_return_pct == pytest.approx(net_pct - 9.0)
    # with a position at the closes of bars 1, 2 and 5
    equity = [1000 - 0.55, 1000 - 0.55 - 1 + 40, 1000 + LONG_NET - 0.00055 * 0.961 * 1040]
    value = [1000.0, 1040.0, 0.961 * 1040]
    leverage = np.array(value) / np.array(equity)
    assert metrics.average_leverage == pytest.approx(leverage.mean())
    assert metrics.peak_leverage == pytest.approx(leverage.max())
    # the fee to close is at the bankruptcy price: 900
    assert metrics.peak_margin_use_pct == pytest.approx((100 + 900 * 0.00055) / equity[0] * 100)
    # bars 1 and 2, and bars 5 and 6, of 8
    assert metrics.time_in_market_pct == pytest.approx(50.0)
    assert metrics.average_mae_usdt == pytest.approx((-10 - 0.961 * 52) / 2)
    assert metrics.average_mfe_usdt == pytest.approx((50 + 0) / 2)
    assert metrics.rejected_orders == 0
    assert metrics.liquidations == 0


def test_pitfall_15_refused_orders_and_liquidations_are_counted() -> None:
    small = run_card(
        still(1000, LONG), still(1000, LONG), still(1000), changes={FIXED: FIXED.replace("1000", "4")}
    )
    assert measure(small).rejected_orders == 2
    assert measure(small).rejection_reasons == {"below_min_notional": 2}
    # a stop beyond the liquidation price at 904.5
    wide = {STOP: "stop_loss: {type: percent, value: 20.0}"}
    liquidated = run_card(still(1000, LONG), still(1000), (1000, 1000, 900, 950, NOTHING), changes=wide)
    assert measure(liquidated).liquidations == 1
    # (1000 - 100) / (1 - 0.005), and what the account loses is the margin and the fees
    assert liquidated.trades["liquidation_price"].tolist() == pytest.approx([900 / 0.995])
    assert liquidated.final_equity_usdt == pytest.approx(1000 - 0.55 - 100 - 0.495)


@pytest.mark.parametrize(
    ("row", "mae", "mfe"),
    [
        # the exit bar goes to the stop at 950: the loss there counts, its low of 940 after it does not
        ((1000, 1020, 940, 960, NOTHING), -50.0, 0.0),
        # it opens at 1030 and goes to the target at 1100
        ((1030, 1120, 1010, 1110, NOTHING), 0.0, 100.0),
    ],
)
def test_pitfall_16_excursions_include_the_exit_bar(
    row: tuple[float, float, float, float, float], mae: float, mfe: float
) -> None:
    trades = run_card(still(1000, LONG), still(1000), row).trades
    assert trades["mae_usdt"].tolist() == pytest.approx([mae])
    assert trades["mfe_usdt"].tolist() == pytest.approx([mfe])


def test_pitfall_17_an_exit_inside_a_bar_has_its_close_as_time() -> None:
    trades = two_trades().trades
    # by signal at the open of bar 3; by the stop inside bar 6
    assert trades["ts_exit"].tolist() == [START_MS + 3 * QUARTER_MS, START_MS + 7 * QUARTER_MS]
    assert (trades["ts_exit"] > trades["ts_entry"]).all()


def test_pitfall_18_no_point_twice_and_no_number_in_place_of_infinity() -> None:
    result = run_card(still(1000, LONG), still(1000), (1000, 1120, 1000, 1110, NOTHING), still(1110))
    assert len(result.equity) == 4
    assert result.equity["ts_close"].is_unique
    assert result.equity["ts_close"].is_monotonic_increasing
    metrics = measure(result)
    # one trade, and it won: no loss to divide by
    assert math.isnan(metrics.profit_factor)
    assert math.isnan(metrics.payoff_ratio)
    assert metrics.to_plain()["profit_factor"] is None
    values = [value for value in metrics.to_plain().values() if isinstance(value, float)]
    assert all(math.isfinite(value) for value in values)


def test_pitfall_19_times_are_milliseconds_and_stay_so(tmp_path: object) -> None:
    result = two_trades()
    write_artifacts(result, UPath(str(tmp_path)))
    for frames in (result, read_artifacts(UPath(str(tmp_path)))):
        for frame, column in (("trades", "ts_entry"), ("trades", "ts_exit"), ("equity", "ts_close")):
            times = getattr(frames, frame)[column]
            assert times.dtype == np.int64
            assert pd.to_datetime(times, unit="ms").dt.strftime("%Y-%m-%d").eq("2024-01-01").all()
        assert frames.funding["ts"].tolist() == [START_MS + 2 * QUARTER_MS]


def test_pitfall_20_identical_runs_have_identical_hashes(tmp_path: object) -> None:
    first, second = two_trades(), two_trades()
    assert first.run_id == second.run_id
    one = write_artifacts(first, UPath(f"{tmp_path}/one"))
    two = write_artifacts(second, UPath(f"{tmp_path}/two"))
    assert one == two
    # and another run has others
    assert run_card(still(1000, LONG), still(1000)).run_id != first.run_id
