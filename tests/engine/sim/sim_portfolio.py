"""Random portfolios, and the plainest driver of one: every member looked at, at every time."""

from __future__ import annotations

import numpy as np
from test_sim_drivers import TIERS, random_case

from engine.sim.closing import close_at_end
from engine.sim.decisions import decide
from engine.sim.entries import enter_at_open
from engine.sim.exits import NOTHING, event_at_open, leave_at_open
from engine.sim.market import BarSignals, MarketBars
from engine.sim.portfolio import PortfolioMember, PortfolioOutput
from engine.sim.records import (
    FILL_DTYPE,
    NEVER,
    PAYMENT_DTYPE,
    TRADE_DTYPE,
    Books,
    FundingArrays,
    new_position,
    new_records,
    new_wallet,
)
from engine.sim.simulate import bar_values
from engine.sim.state import RejectReason, StopReason
from engine.sim.step import mark_bar, open_bar, trade_bar


def random_member(seed: int, *, ragged: bool = True, calm: float = 0.0) -> PortfolioMember:
    """Return a member as `random_case` gives it, with holes and a beginning and an end of its own.

    `calm` is the share of its signals that are taken away.
    """
    bars, wanted, events, rules = random_case(seed)
    rng = np.random.default_rng(seed)
    keep = np.ones(len(bars), bool)
    if ragged:
        keep = rng.random(len(bars)) > rng.choice([0.0, 0.1])
        keep[: rng.integers(0, 150)] = False
        keep[len(bars) - rng.integers(0, 100) :] = False
    bits = wanted.bits * (rng.random(len(bars)) >= calm)
    return PortfolioMember(
        only(bars, keep), BarSignals(bits[keep], wanted.features[:, keep]), events, rules, TIERS
    )


def random_portfolio(seed: int) -> tuple[list[PortfolioMember], int]:
    """Return one to five members, and how many positions they may have."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 6))
    ragged = bool(rng.random() > 0.3)
    calm = float(rng.choice([0.0, 0.9]))
    members = [random_member(int(rng.integers(0, 10**9)), ragged=ragged, calm=calm) for _ in range(count)]
    return members, int(rng.integers(1, count + 1))


def only(bars: MarketBars, keep: np.ndarray) -> MarketBars:
    """Return some of the bars."""
    names = (*(f"{mark}{name}" for mark in ("", "mark_") for name in ("open", "high", "low", "close")),)
    columns = {name: getattr(bars, name)[keep] for name in (*names, "ts_open", "is_filled", "volume")}
    return MarketBars(bar_ms=bars.bar_ms, **columns)


def digest(output: PortfolioOutput) -> bytes:
    """Return everything a run leaves behind, to the bit."""
    curves = (output.ts_open, output.equity, output.used_margin, output.exposure, output.open_positions)
    books = (output.fills, output.trades, output.payments, output.rejects)
    counts = (output.capped_entries, output.partial_entries, output.partial_liquidations, output.stop_reason)
    return (
        b"".join(np.ascontiguousarray(part).tobytes() for part in (*curves, *books))
        + repr((*counts, output.cash)).encode()
    )


def plainly(members: list[PortfolioMember], equity: float, max_open_positions: int) -> PortfolioOutput:
    """Run a portfolio by its written order of events and nothing else; slow."""
    wallet = new_wallet(equity)[0]
    wallet.free_slots = NEVER if max_open_positions is None else max_open_positions
    positions = [new_position(member.funding.ts, number)[0] for number, member in enumerate(members)]
    rejects = np.zeros((len(members), len(RejectReason)), np.int64)
    fills, trades = new_records(20_000, FILL_DTYPE), new_records(10_000, TRADE_DTYPE)
    payments = new_records(1_000, PAYMENT_DTYPE)
    books = [Books(fills, trades, payments, rejects[number]) for number in range(len(members))]
    events = [FundingArrays(of.funding.ts, of.funding.rate, of.funding.mark_price) for of in members]
    rules = [member.contract[0] for member in members]
    smallest = min(each.smallest_margin for each in rules)
    closes = np.zeros(len(members))
    rows = []
    times = np.unique(np.concatenate([member.bars.ts_open for member in members]))
    numbers = [{int(ts): row for row, ts in enumerate(member.bars.ts_open)} for member in members]

    def others(number: int) -> float:
        return sum((p.used_margin + p.order_margin for k, p in enumerate(positions) if k != number), 0.0)

    def total() -> tuple[float, ...]:
        held = [k for k, p in enumerate(positions) if p.direction != 0]
        return (
            wallet.cash + sum((positions[k].unrealised for k in held), 0.0),
            sum((positions[k].used_margin for k in held), 0.0),
            sum((positions[k].quantity * closes[k] for k in held), 0.0),
            len(held),
        )

    for ts in times:
        here = [k for k in range(len(members)) if int(ts) in numbers[k]]
        bars = {k: bar_values(members[k].bars, numbers[k][int(ts)]) for k in here}
        for k in here:
            wallet.other_margin = others(k)
            open_bar(wallet, positions[k], rules[k], members[k].tiers, bars[k], events[k], books[k])
        for k in here:
            if positions[k].order_side != 0:
                wallet.other_margin = others(k)
                enter_at_open(wallet, positions[k], rules[k], members[k].tiers, bars[k], books[k])
                if positions[k].direction != 0 and event_at_open(positions[k], rules[k], bars[k]) != NOTHING:
                    leave_at_open(wallet, positions[k], rules[k], members[k].tiers, bars[k], books[k])
        for k in here:
            wallet.other_margin = others(k)
            trade_bar(wallet, positions[k], rules[k], members[k].tiers, bars[k], events[k], books[k])
        for k in here:
            mark_bar(positions[k], rules[k], bars[k], members[k].signals.features, bars[k].bar)
            closes[k] = bars[k].close
        wallet.equity = total()[0]
        if total()[3] == 0 and wallet.equity < smallest:
            wallet.stop_reason = StopReason.BELOW_MIN_TRADE if wallet.equity > 0 else StopReason.ACCOUNT_BLOWN
        for k in here:
            bits, features = members[k].signals.bits[bars[k].bar], members[k].signals.features
            wallet.other_margin = others(k)
            if positions[k].direction != 0 or bits != 0 or positions[k].order_side != 0:
                bar = bars[k]
                decide(
                    wallet, positions[k], rules[k], bar.bar, bar.close, bits, features, bar.bar, rejects[k]
                )
        for k in here:
            if bars[k].bar == len(members[k].bars) - 1:
                close_at_end(wallet, positions[k], rules[k], members[k].tiers, bars[k], books[k])
        wallet.equity = total()[0]
        rows.append(total())
        if wallet.stop_reason:
            break
    equities, margins, exposure, counts = (np.array(column) for column in zip(*rows, strict=True))
    return PortfolioOutput(
        ts_open=times[: len(rows)],
        equity=equities,
        used_margin=margins,
        exposure=exposure,
        open_positions=counts.astype(np.int64),
        fills=fills[: wallet.fills],
        trades=trades[: wallet.trades],
        payments=payments[: wallet.payments],
        rejects=rejects,
        capped_entries=int(wallet.capped_entries),
        partial_entries=int(wallet.partial_entries),
        partial_liquidations=int(wallet.partial_liquidations),
        stop_reason=StopReason(int(wallet.stop_reason)),
        cash=float(wallet.cash),
    )
