"""The long view of the generated market: one step per day, for the whole span, computed once per symbol.

A common factor moves every symbol: it passes through bull, bear and range regimes and its variance clusters
(GARCH(1,1)). A symbol adds its own clustered noise, its jumps and a weak pull towards an anchor price, so
that a path stays in a plausible range for twenty years. The minutes of a day are drawn elsewhere
(`minute_block`), between the closes given here.

Every step is plain IEEE arithmetic in a fixed order, so the path is the same to the bit everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from engine.sandbox.catalogue import Instrument
from engine.sandbox.noise import FloatArray, IntArray, Stream, normals, uniforms
from engine.timeframes import DAY_MS, parse_utc

MARKET_START_MS = parse_utc("2020-01-01")
MARKET_END_MS = parse_utc("2040-01-01")
DAYS = (MARKET_END_MS - MARKET_START_MS) // DAY_MS

FUNDING_EVENTS_PER_DAY = 3
_FUNDING_UNIT = 1e-8

# GARCH(1,1) weights of yesterday's squared shock and of yesterday's variance.
_SHOCK_WEIGHT = 0.09
_MEMORY_WEIGHT = 0.88
_LARGEST_DAILY_VOLATILITY = 0.10
_LARGEST_DAILY_FALL = -0.35
_LARGEST_DAILY_RISE = 0.45


class Regime(IntEnum):
    """What the common factor is doing. The value is the sign of its drift."""

    BEAR = -1
    RANGE = 0
    BULL = 1


@dataclass(frozen=True)
class Temper:
    """How a generated symbol behaves.

    Attributes
    ----------
    anchor_price : float
        Price the path is weakly pulled to, in USDT.
    beta : float
        How much of the common factor's return the symbol takes.
    own_volatility : float
        Long-run standard deviation of the symbol's own daily return, a fraction.
    turnover_usdt : float
        Turnover of an ordinary day.
    """

    anchor_price: float
    beta: float
    own_volatility: float
    turnover_usdt: float


@dataclass(frozen=True)
class CommonFactor:
    """Daily arrays of what all symbols share; `jump` falls at `jump_minute`, a minute of the day."""

    move: FloatArray
    volatility: FloatArray
    regime: IntArray
    jump: FloatArray
    jump_minute: IntArray


@dataclass(frozen=True)
class DailyPath:
    """Daily arrays of one symbol.

    Attributes
    ----------
    close_ticks : IntArray
        Shape (DAYS + 1,): the price before the first day, then each day's close, in ticks.
    volatility, common_share : FloatArray
        The day's standard deviation and which part of it, between -1 and 1, is the common factor's.
    jump : FloatArray
        Shape (2, DAYS): the common jump and the symbol's own, as returns.
    jump_minute : IntArray
        Shape (2, DAYS): the minute of the day at which each jump falls.
    turnover_usdt : FloatArray
        Expected turnover of the day.
    open_interest : FloatArray
        Shape (DAYS + 1,): open interest at each midnight, in base coin.
    funding_units : IntArray
        Shape (DAYS * 3,): funding rate at 00:00, 08:00 and 16:00 UTC of each day, in units of 1e-8.
    """

    close_ticks: IntArray
    volatility: FloatArray
    common_share: FloatArray
    jump: FloatArray
    jump_minute: IntArray
    turnover_usdt: FloatArray
    open_interest: FloatArray
    funding_units: IntArray


def common_factor(seed: int) -> CommonFactor:
    """Return the common factor of the market with this seed."""
    shock = _draws(seed, "common/move")
    volatility = _clustered_volatility(shock, long_run=0.025)
    switch, choice = _uniform_draws(seed, "common/switch"), _uniform_draws(seed, "common/choice")
    jump, jump_minute = _jumps(seed, "common", volatility, chance=0.015)
    mean_days = {Regime.BULL: 24.0, Regime.BEAR: 16.0, Regime.RANGE: 20.0}
    temperature = {Regime.BULL: 1.0, Regime.BEAR: 1.25, Regime.RANGE: 0.75}

    regimes = np.zeros(DAYS, dtype=np.int64)
    moves = np.zeros(DAYS)
    volatilities = np.zeros(DAYS)
    regime, since_start = Regime.BULL, 0.0
    for day in range(DAYS):
        if switch[day] < 1.0 / mean_days[regime]:
            others = [other for other in (Regime.BULL, Regime.RANGE, Regime.BEAR) if other is not regime]
            regime, since_start = others[0] if choice[day] < 0.55 else others[1], 0.0
        today = volatility[day] * temperature[regime]
        move = 0.55 * int(regime) * today + today * shock[day]
        if regime is Regime.RANGE:
            move -= 0.1 * since_start
        since_start += move
        regimes[day], moves[day], volatilities[day] = int(regime), move, today
    return CommonFactor(moves, volatilities, regimes, jump, jump_minute)


def daily_path(seed: int, instrument: Instrument, temper: Temper, common: CommonFactor) -> DailyPath:
    """Return the path of `instrument` in the market with this seed."""
    name = instrument.symbol
    own_shock = _draws(seed, f"{name}/move")
    own_volatility = _clustered_volatility(own_shock, long_run=temper.own_volatility)
    jump, jump_minute = _jumps(seed, name, own_volatility, chance=0.03)
    common_jump = temper.beta * common.jump

    returns = np.zeros(DAYS)
    close_ticks = np.zeros(DAYS + 1, dtype=np.int64)
    price = temper.anchor_price * (0.7 + 0.6 * float(_uniform_draws(seed, f"{name}/start")[0]))
    close_ticks[0] = int(price * instrument.ticks_per_unit + 0.5)
    for day in range(DAYS):
        # 0 at the anchor, towards -1 far above it and +1 far below
        pull = (temper.anchor_price - price) / (temper.anchor_price + price)
        change = temper.beta * common.move[day] + own_volatility[day] * own_shock[day]
        change += common_jump[day] + jump[day] + 0.012 * pull
        # half the variance: without it compounding alone would drag the path down
        variance = (temper.beta * common.volatility[day]) ** 2 + own_volatility[day] ** 2
        change = min(max(change + 0.5 * variance, _LARGEST_DAILY_FALL), _LARGEST_DAILY_RISE)
        price *= 1.0 + change
        returns[day] = change
        close_ticks[day + 1] = int(price * instrument.ticks_per_unit + 0.5)

    common_volatility = temper.beta * common.volatility
    volatility = np.sqrt(common_volatility * common_volatility + own_volatility * own_volatility)
    ordinary = np.sqrt((temper.beta * 0.025) ** 2 + temper.own_volatility**2)
    interest = _open_interest(seed, name, temper, returns)
    return DailyPath(
        close_ticks=close_ticks,
        volatility=volatility,
        common_share=common_volatility / volatility,
        jump=np.vstack([common_jump, jump]),
        jump_minute=np.vstack([common.jump_minute, jump_minute]),
        turnover_usdt=temper.turnover_usdt * (volatility / ordinary) * (1.0 + 3.0 * np.abs(returns)),
        open_interest=interest,
        funding_units=_funding(seed, name, returns, instrument),
    )


def _draws(seed: int, name: str) -> FloatArray:
    return normals(Stream(seed, name).words(0, DAYS))


def _uniform_draws(seed: int, name: str) -> FloatArray:
    return uniforms(Stream(seed, name).words(0, DAYS))


def _clustered_volatility(shock: FloatArray, *, long_run: float) -> FloatArray:
    """Return daily standard deviations by GARCH(1,1) around `long_run`, driven by the days' shocks."""
    floor = (1.0 - _SHOCK_WEIGHT - _MEMORY_WEIGHT) * long_run * long_run
    variance = long_run * long_run
    path = np.zeros(DAYS)
    for day in range(DAYS):
        path[day] = variance
        variance = floor + variance * (_SHOCK_WEIGHT * shock[day] * shock[day] + _MEMORY_WEIGHT)
    capped: FloatArray = np.minimum(np.sqrt(path), _LARGEST_DAILY_VOLATILITY)
    return capped


def _jumps(seed: int, name: str, volatility: FloatArray, *, chance: float) -> tuple[FloatArray, IntArray]:
    """Return each day's jump as a return (nearly always 0) and the minute it falls at."""
    happens = _uniform_draws(seed, f"{name}/jump") < chance
    size = _uniform_draws(seed, f"{name}/jump size")
    sign = np.where(_uniform_draws(seed, f"{name}/jump sign") < 0.45, 1.0, -1.0)
    jump = np.where(happens, sign * volatility * (0.7 + 1.5 * size * size), 0.0)
    minute = (_uniform_draws(seed, f"{name}/jump minute") * 1380.0).astype(np.int64) + 30
    return jump, minute


def _open_interest(seed: int, name: str, temper: Temper, returns: FloatArray) -> FloatArray:
    """Return open interest at each midnight: it reverts to about half a day's turnover and follows trends."""
    usual = 0.5 * temper.turnover_usdt / temper.anchor_price
    shock = _draws(seed, f"{name}/open interest")
    path = np.zeros(DAYS + 1)
    path[0] = level = usual
    for day in range(DAYS):
        level *= 1.0 + 0.03 * (usual - level) / (usual + level) + 0.25 * returns[day] + 0.02 * shock[day]
        path[day + 1] = level
    return path


def _funding(seed: int, name: str, returns: FloatArray, instrument: Instrument) -> IntArray:
    """Return funding rates in units of 1e-8, from a premium that follows the last days' return.

    Bybit's formula (help centre, "Introduction to Funding Rate"): rate = premium + clamp(interest - premium),
    with an interest of 0.01 % per 8 h, so that many events are exactly 0.0001. The clamp here is 0.005 %.
    """
    interest, clamp = 0.0001, 0.00005
    cap = float(instrument.funding_cap)
    events = DAYS * FUNDING_EVENTS_PER_DAY
    shock = normals(Stream(seed, f"{name}/funding").words(0, events))
    units = np.zeros(events, dtype=np.int64)
    mood, momentum = 0.0, 0.0
    for event in range(events):
        day, slot = divmod(event, FUNDING_EVENTS_PER_DAY)
        if slot == 0 and day > 0:
            momentum = 0.7 * momentum + 0.3 * returns[day - 1]
        mood = 0.8 * mood + 0.000055 * shock[event]
        premium = 0.00007 + mood + 0.006 * momentum
        rate = premium + min(max(interest - premium, -clamp), clamp)
        units[event] = round(min(max(rate, -cap), cap) / _FUNDING_UNIT)
    return units
