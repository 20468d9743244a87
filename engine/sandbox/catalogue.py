"""The instruments the sandbox knows: their trading rules in Bybit's own spelling.

Figures of BTCUSDT, ETHUSDT, LTCUSDT and ADAUSDT are those of Bybit's instruments-info as recorded in 2025;
SOLUSDT's ladder and steps are recorded, its largest limit order and its launch are not; the others resemble
Bybit's and carry ADAUSDT's ladder. MATICUSDT is delisted. The last three are what `linear` lists beside the
USDT perpetuals (USDC perpetuals and a dated future), so that a client which does not filter is found out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from engine.sandbox.risk_ladders import (
    ADAUSDT_ROWS,
    BTCUSDT_ROWS,
    ETHUSDT_ROWS,
    SOLUSDT_ROWS,
    LadderTier,
    Row,
    ladder,
)
from engine.timeframes import parse_utc

PERPETUAL = "LinearPerpetual"
DATED_FUTURE = "LinearFutures"


class InstrumentStatus(StrEnum):
    """What can be done with an instrument, in Bybit's words."""

    PRE_LAUNCH = "PreLaunch"
    TRADING = "Trading"
    DELIVERING = "Delivering"
    CLOSED = "Closed"


@dataclass(frozen=True)
class Instrument:
    """An instrument as `/v5/market/instruments-info` describes it. Numbers keep the exchange's spelling.

    `launch_ms` and `delivery_ms` are epoch milliseconds (delivery 0: never; of a perpetual it is the time of
    delisting); quantities are in base coin. `funding_changes` are moments from which another funding interval
    holds, with it in minutes, in order of time.
    """

    symbol: str
    base_coin: str
    tick_size: str
    qty_step: str
    max_order_qty: str
    max_market_order_qty: str
    launch_ms: int
    ladder: tuple[LadderTier, ...]
    funding_cap: str = "0.005"
    funding_interval_minutes: int = 480
    min_notional: str = "5"
    contract_type: str = PERPETUAL
    settle_coin: str = "USDT"
    delivery_ms: int = 0
    funding_changes: tuple[tuple[int, int], ...] = ()

    def status_at(self, now_ms: int) -> InstrumentStatus:
        """Return its status: Trading, and Closed from its delivery on; before its launch nobody lists it."""
        is_closed = self.delivery_ms != 0 and now_ms >= self.delivery_ms
        return InstrumentStatus.CLOSED if is_closed else InstrumentStatus.TRADING

    def funding_interval_at(self, now_ms: int) -> int:
        """Return the funding interval in force, in minutes; 0 for what has no funding."""
        if not self.has_funding:
            return 0
        changed = [minutes for from_ms, minutes in self.funding_changes if from_ms <= now_ms]
        return changed[-1] if changed else self.funding_interval_minutes

    @property
    def has_funding(self) -> bool:
        """Whether funding is paid: a dated future has none."""
        return self.contract_type == PERPETUAL

    @property
    def ticks_per_unit(self) -> int:
        """How many ticks make 1 USDT; every tick size in the catalogue is a power of ten."""
        return int(1 / Decimal(self.tick_size))

    @property
    def steps_per_unit(self) -> int:
        """How many quantity steps make 1 base coin."""
        return int(1 / Decimal(self.qty_step))

    @property
    def price_decimals(self) -> int:
        """Decimals of a price, as the exchange writes the tick size."""
        return len(self.tick_size.partition(".")[2])


def trading_symbols(instruments: Mapping[str, Instrument], now_ms: int) -> list[str]:
    """Return the symbols of those that trade at `now_ms`, sorted."""
    return sorted(
        symbol
        for symbol, instrument in instruments.items()
        if instrument.launch_ms <= now_ms and instrument.status_at(now_ms) is InstrumentStatus.TRADING
    )


def _instrument(
    symbol: str,
    sizes: tuple[str, str, str, str],
    launch: str,
    rows: tuple[Row, ...],
    *,
    base_coin: str = "",
    funding_cap: str = "0.005",
    contract_type: str = PERPETUAL,
    settle_coin: str = "USDT",
    delivery_ms: int = 0,
) -> Instrument:
    tick_size, qty_step, max_order_qty, max_market_order_qty = sizes
    return Instrument(
        symbol=symbol,
        base_coin=base_coin or symbol.removesuffix("USDT"),
        tick_size=tick_size,
        qty_step=qty_step,
        max_order_qty=max_order_qty,
        max_market_order_qty=max_market_order_qty,
        launch_ms=parse_utc(launch),
        ladder=ladder(rows),
        funding_cap=funding_cap,
        contract_type=contract_type,
        settle_coin=settle_coin,
        delivery_ms=delivery_ms,
    )


# sizes: tick size, quantity step (also the smallest order), largest limit order, largest market order
CATALOGUE: dict[str, Instrument] = {
    instrument.symbol: instrument
    for instrument in (
        _instrument("BTCUSDT", ("0.10", "0.001", "1190.000", "119.000"), "2020-03-15", BTCUSDT_ROWS),
        _instrument("ETHUSDT", ("0.01", "0.01", "7240.00", "724.00"), "2021-03-15", ETHUSDT_ROWS),
        _instrument("SOLUSDT", ("0.010", "0.1", "60000.0", "12000.0"), "2021-06-29", SOLUSDT_ROWS),
        _instrument(
            "ADAUSDT", ("0.0001", "1", "6315500", "1109600"), "2021-01-15", ADAUSDT_ROWS, funding_cap="0.0058"
        ),
        _instrument("XRPUSDT", ("0.0001", "0.1", "2000000.0", "500000.0"), "2021-05-13", ADAUSDT_ROWS),
        _instrument("DOGEUSDT", ("0.00001", "1", "16000000", "4000000"), "2021-06-02", ADAUSDT_ROWS),
        _instrument("BNBUSDT", ("0.10", "0.01", "9000.00", "1200.00"), "2021-06-29", ADAUSDT_ROWS),
        _instrument(
            "LTCUSDT", ("0.01", "0.1", "28740.0", "6160.0"), "2018-01-01", ADAUSDT_ROWS, funding_cap="0.01"
        ),
        _instrument("LINKUSDT", ("0.001", "0.1", "250000.0", "50000.0"), "2020-10-21", ADAUSDT_ROWS),
        _instrument("AVAXUSDT", ("0.001", "0.1", "150000.0", "30000.0"), "2021-09-07", ADAUSDT_ROWS),
        _instrument("DOTUSDT", ("0.001", "0.1", "500000.0", "100000.0"), "2020-10-22", ADAUSDT_ROWS),
        _instrument("TRXUSDT", ("0.00001", "1", "10000000", "2000000"), "2021-06-16", ADAUSDT_ROWS),
        _instrument("SUIUSDT", ("0.0001", "1", "1000000", "200000"), "2023-05-03", ADAUSDT_ROWS),
        _instrument("NEARUSDT", ("0.001", "0.1", "500000.0", "100000.0"), "2021-10-19", ADAUSDT_ROWS),
        _instrument(
            "MATICUSDT",
            ("0.0001", "1", "3000000", "600000"),
            "2021-03-04",
            ADAUSDT_ROWS,
            delivery_ms=parse_utc("2024-09-05T08:00"),
        ),
        _instrument(
            "BTCPERP",
            ("0.10", "0.001", "230.000", "40.000"),
            "2022-06-30",
            ADAUSDT_ROWS,
            base_coin="BTC",
            settle_coin="USDC",
        ),
        _instrument(
            "ETHPERP",
            ("0.01", "0.01", "4900.00", "900.00"),
            "2022-08-01",
            ADAUSDT_ROWS,
            base_coin="ETH",
            settle_coin="USDC",
        ),
        _instrument(
            "BTCUSDT-30DEC39",
            ("0.10", "0.001", "230.000", "40.000"),
            "2020-01-01",
            ADAUSDT_ROWS,
            base_coin="BTC",
            contract_type=DATED_FUTURE,
            delivery_ms=parse_utc("2039-12-30T08:00"),
        ),
    )
}
