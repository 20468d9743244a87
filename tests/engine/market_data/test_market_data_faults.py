"""A thousand ways in which things go wrong: the store ends up with what the exchange has, or says why not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from market_data_faults import SYMBOL, FaultTrial, Scenario, lies

from engine.sandbox.conditions import Delisting, FundingInterval, Halt, Listing
from engine.sandbox.faults import (
    FaultPlan,
    HttpStatus,
    MissingPage,
    Scripted,
    UnfinishedCandle,
    fault_storm,
)
from engine.timeframes import HOUR_MS, MINUTE_MS, Timeframe, parse_utc

FIRST = parse_utc("2024-03-01")
PATHS = ("kline", "mark-price-kline", "funding/history", "open-interest")


@st.composite
def scenarios(draw) -> Scenario:
    """A few hundred candles, a storm of faults, a lie for each endpoint, and what happens to the market."""
    timeframe = draw(st.sampled_from([Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.H1]))
    bars = draw(st.integers(1, 300))
    start = FIRST + draw(st.integers(0, 5000)) * MINUTE_MS
    now = start + bars * timeframe.ms + draw(st.integers(0, timeframe.ms - 1))
    inside = st.integers(start // MINUTE_MS, now // MINUTE_MS).map(lambda minute: minute * MINUTE_MS)
    conditions = []
    if draw(st.booleans()):
        halted = draw(inside)
        conditions.append(Halt(SYMBOL, halted, halted + draw(st.integers(1, 100)) * timeframe.ms))
    if draw(st.booleans()):
        conditions.append(Listing(SYMBOL, draw(inside)))
    elif draw(st.booleans()):
        conditions.append(Delisting(SYMBOL, draw(inside)))
    if draw(st.booleans()):
        conditions.append(FundingInterval(SYMBOL, draw(inside), draw(st.sampled_from([60, 120, 240]))))
    scripted = [lies(path, draw(st.integers(1, 12)), MissingPage()) for path in PATHS if draw(st.booleans())]
    if draw(st.booleans()):
        scripted.append(Scripted(UnfinishedCandle(), "/v5/market/kline", tuple(range(1, 40))))
    if draw(st.integers(0, 9)) == 0:
        scripted.append(Scripted(HttpStatus(403), "*", (draw(st.integers(1, 30)),)))
    storm = fault_storm(draw(st.integers(0, 10**6)), rate=draw(st.sampled_from([0.0, 0.1, 0.3, 0.6])))
    plan = replace(storm, scripted=tuple(scripted), conditions=tuple(conditions))
    interrupted = tuple(draw(st.lists(st.integers(0, 12), max_size=3)))
    return Scenario(plan, timeframe, start, now, interrupted)


@pytest.fixture(scope="module")
def trial():
    faults = FaultTrial()
    with faults.server:
        yield faults


def trying(examples):
    """So many scenarios."""
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        print_blob=True,
    )


@trying(15)
@given(scenario=scenarios())
def test_whatever_goes_wrong_the_store_ends_up_with_what_the_exchange_has(trial, scenario):
    trial.run(scenario)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(12))  # a hundred scenarios each, for as many workers as there are
@trying(100)
@given(scenario=scenarios())
def test_a_thousand_ways_to_go_wrong_end_with_what_the_exchange_has(trial, scenario, part):
    del part
    trial.run(scenario)


def test_a_calm_exchange_takes_one_attempt(trial):
    quiet = Scenario(FaultPlan(), Timeframe.H1, FIRST, FIRST + 300 * HOUR_MS)
    assert trial.run(quiet) == 1


def test_a_ban_takes_another_attempt(trial):
    banned = FaultPlan(scripted=(Scripted(HttpStatus(403), "/v5/market/kline", (3,)),))
    assert trial.run(Scenario(banned, Timeframe.H1, FIRST, FIRST + 300 * HOUR_MS)) == 2
