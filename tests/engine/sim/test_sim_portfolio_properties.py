"""Random portfolios: one member is the single run, who does not compete is as alone, and it all adds up."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sim_portfolio import digest, random_member, random_portfolio
from test_sim_drivers import TIERS, random_case

from engine.sim.portfolio import PortfolioMember, PortfolioOutput, simulate_portfolio
from engine.sim.records import TRADE_DTYPE, Records
from engine.sim.simulate import simulate
from engine.sim.state import FillReason, SizingKind

SEEDS = st.integers(0, 10**9)
COMPARED = 12


@settings(max_examples=80, deadline=None)
@given(SEEDS, st.booleans())
def test_one_member_is_the_single_run_to_the_bit(seed: int, ragged: bool) -> None:
    member = random_member(seed, ragged=ragged)
    alone = simulate(member.bars, member.signals, member.funding, member.contract, TIERS, 1000.0)
    output = simulate_portfolio([member], 1000.0, 1)
    assert output.equity.tobytes() == alone.equity.tobytes()
    assert output.used_margin.tobytes() == alone.used_margin.tobytes()
    assert output.rejects[0].tolist() == alone.rejects.tolist()
    for books in ("fills", "trades", "payments"):
        assert getattr(output, books).tobytes() == getattr(alone, books).tobytes()
    for name in ("cash", "stop_reason", "capped_entries", "partial_entries", "partial_liquidations"):
        assert getattr(output, name) == getattr(alone, name)
    assert (output.open_positions == (alone.position_size != 0)).all()
    assert (output.exposure == np.abs(alone.position_size) * member.bars.close[: alone.bars]).all()


def test_the_loop_is_the_plain_order_of_events_with_and_without_the_compiler() -> None:
    # the loop passes over what it finds to be quiet, and the plain driver looks at everybody at every time
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from sim_portfolio import *\n"
        "from engine.sim.portfolio import simulate_portfolio\n"
        "import hashlib\n"
        f"for seed in range({COMPARED}):\n"
        "    members, most = random_portfolio(seed)\n"
        "    output = digest(simulate_portfolio(members, 1000.0, most))\n"
        "    assert output == digest(plainly(members, 1000.0, most)), seed\n"
        "    print(hashlib.sha256(output).hexdigest())\n"
    )
    uncompiled = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(Path(__file__).parent)],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert uncompiled.stderr == ""
    expected = []
    for seed in range(COMPARED):
        members, most = random_portfolio(seed)
        expected.append(hashlib.sha256(digest(simulate_portfolio(members, 1000.0, most))).hexdigest())
    assert uncompiled.stdout.split() == expected
    assert len(set(expected)) == COMPARED


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_books_worked_out_again_in_decimals_give_the_equity_of_every_time(seed: int) -> None:
    members, most = random_portfolio(seed)
    output = simulate_portfolio(members, 1000.0, most)
    assert output.open_positions.max(initial=0) <= most
    curve, cash_after_entries = _worked_out_again(members, output)
    scale = max(1000.0, float(np.abs(output.equity).max(initial=0.0)))
    assert np.abs(np.array(curve, dtype=float) - output.equity).max(initial=0.0) <= 1e-9 * scale
    assert output.cash == pytest.approx(float(curve[-1]), abs=1e-9 * scale)
    for time, cash in cash_after_entries:
        assert output.used_margin[time] <= float(cash) + 1e-9 * scale
    # isolated: no position loses more than its margin, and the wallet never owes
    assert output.cash >= -1e-9
    taken_over = output.trades[output.trades.reason == FillReason.LIQUIDATION]
    assert (taken_over.gross_pnl >= -(taken_over.initial_margin + taken_over.fees) - 1e-9 * scale).all()
    assert len(output.fills) == 0 or np.abs(_left_over(output.fills)).max() < 1e-9 * scale


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.randoms(use_true_random=False))
def test_members_that_never_compete_are_each_as_alone_in_any_order(seed: int, random) -> None:
    members = [_undisturbed(seed + number) for number in range(4)]
    order = [0, 1, 2, 3]
    random.shuffle(order)
    output = simulate_portfolio(members, 1e9)
    shuffled = simulate_portfolio([members[number] for number in order], 1e9)
    for number, member in enumerate(members):
        alone = simulate(member.bars, member.signals, member.funding, member.contract, TIERS, 1e9)
        mine = output.trades[output.trades.member == number]
        elsewhere = shuffled.trades[shuffled.trades.member == order.index(number)]
        for name in set(TRADE_DTYPE.names) - {"trade_id", "member"}:
            assert mine[name].tobytes() == alone.trades[name].tobytes(), name
            assert elsewhere[name].tobytes() == alone.trades[name].tobytes(), name
        assert output.rejects[number].tolist() == alone.rejects.tolist()
    assert shuffled.cash == pytest.approx(output.cash, abs=1e-3)
    assert shuffled.open_positions.tolist() == output.open_positions.tolist()


def test_random_portfolios_compete() -> None:
    # what the properties above say means something only if it happens
    refusals, positions, held = np.zeros(17, np.int64), set(), 0
    for seed in range(40):
        members, most = random_portfolio(seed)
        output = simulate_portfolio(members, 1000.0, most)
        refusals += output.rejects.sum(axis=0)
        positions |= set(output.open_positions.tolist())
        held += len(output.payments)
    assert refusals[15] > 50  # MAX_OPEN_POSITIONS
    assert refusals[8] > 5  # INSUFFICIENT_MARGIN
    assert {0, 1, 2, 3} <= positions
    assert held > 50


def _undisturbed(seed: int) -> PortfolioMember:
    bars, wanted, events, rules = random_case(seed)
    rules.sizing_kind, rules.sizing_value = SizingKind.FIXED_USDT, 700.0
    rules.max_effective_leverage = np.inf
    return PortfolioMember(bars, wanted, events, rules, TIERS)


def _worked_out_again(
    members: list[PortfolioMember], output: PortfolioOutput
) -> tuple[list[Decimal], list[tuple[int, Decimal]]]:
    """Return the equity of each time from fills, payments and marks alone, and the cash after entries."""
    cash, entries = Decimal(1000), []
    held = [Decimal(0)] * len(members)
    cost, mark = list(held), list(held)
    fills, payments = 0, 0
    curve = []
    ts_of_fill = [int(members[fill.member].bars.ts_open[fill.bar]) for fill in output.fills]
    row_of = [{int(ts): row for row, ts in enumerate(member.bars.ts_open)} for member in members]
    ts_of_payment = [_settled_at(members[payment.member], payment.ts) for payment in output.payments]
    for time, ts in enumerate(output.ts_open.tolist()):
        before = payments
        while payments < len(output.payments) and ts_of_payment[payments] == ts:
            cash += Decimal(float(output.payments[payments].amount))
            payments += 1
        reasons = set()
        while fills < len(output.fills) and ts_of_fill[fills] == ts:
            fill = output.fills[fills]
            member, price = int(fill.member), Decimal(float(fill.price))
            quantity = Decimal(float(fill.quantity)) * int(fill.side)
            cash -= Decimal(float(fill.fee))
            if held[member] * quantity >= 0:
                whole = abs(held[member]) + abs(quantity)
                cost[member] = (abs(held[member]) * cost[member] + abs(quantity) * price) / whole
            else:
                cash -= quantity * (price - cost[member])
            held[member] += quantity
            if abs(held[member]) < Decimal("1e-9"):
                held[member] = Decimal(0)
            reasons.add(int(fill.reason))
            fills += 1
        for number, member_of in enumerate(members):
            if ts in row_of[number]:
                mark[number] = Decimal(float(member_of.bars.mark_close[row_of[number][ts]]))
        unrealised = sum(held[number] * (mark[number] - cost[number]) for number in range(len(members)))
        curve.append(cash + unrealised)
        if reasons and reasons <= {FillReason.ENTRY, FillReason.ADD} and payments == before:
            entries.append((time, cash))
    assert fills == len(output.fills)
    assert payments == len(output.payments)
    return curve, entries


def _settled_at(member: PortfolioMember, ts: int) -> int:
    """Return the time of the first bar that ends after an event: one in a hole settles after it."""
    bars = member.bars
    return int(bars.ts_open[np.searchsorted(bars.ts_open, ts - bars.bar_ms, side="right")])


def _left_over(fills: Records) -> np.ndarray:
    return np.bincount(fills.member, fills.side * fills.quantity)
