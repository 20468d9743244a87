"""How a run stands, as plain data: for the screen, for files, for agents."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.backtest.history import History
from engine.backtest.visible import VisibleColumns
from engine.live.run_folder import RunIdentity
from engine.live.runner import Leg, LegStanding, Runner
from engine.live.session import SessionState
from engine.rules.columns import Columns
from engine.rules.explain import Explanation, explain
from engine.strategies.card_plan import CardPlan

STATUS_FILE = "status.json"


@dataclass(frozen=True)
class RuleNearness:
    """How near a rule is to firing.

    Attributes
    ----------
    rule : str
        "entry_long", ...
    holds : bool
        Whether it held at the last close.
    met, parts : int
        How many of the conditions it is made of held.
    missing : str
        The first of the others, with its values; "" if none.
    """

    rule: str
    holds: bool
    met: int
    parts: int
    missing: str


@dataclass(frozen=True)
class LegStatus:
    """One card on one symbol.

    Attributes
    ----------
    card_id, symbol, timeframe : str
    next_close : int
        When it decides next, epoch milliseconds.
    standing : LegStanding
        Of its account or position.
    rules : tuple of RuleNearness
        Entry rules while flat, exit rules while in a position.
    """

    card_id: str
    symbol: str
    timeframe: str
    next_close: int
    standing: LegStanding
    rules: tuple[RuleNearness, ...]


@dataclass(frozen=True)
class RunStatus:
    """A run.

    Attributes
    ----------
    identity : RunIdentity
    now_ms : int
    session : SessionState
    legs : tuple of LegStatus
    limits : tuple of dict
        Risk limits with what is used of them; none in shadow.
    trading_state : str
        Of the risk manager; "" in shadow.
    process_id : int
    """

    identity: RunIdentity
    now_ms: int
    session: SessionState
    legs: tuple[LegStatus, ...]
    limits: tuple[dict[str, Any], ...] = ()
    trading_state: str = ""
    process_id: int = 0


def rules_near(plan: CardPlan, history: History, direction: int) -> tuple[RuleNearness, ...]:
    """Return how near the rules that matter are at the close that `history` ends with.

    Parameters
    ----------
    plan : CardPlan
    history : History
    direction : int
        1 in a long, -1 in a short, 0 while flat.
    """
    wanted = {0: ("entry_long", "entry_short"), 1: ("exit_long",), -1: ("exit_short",)}[direction]
    conditions = plan.rules.conditions()
    columns = Columns(VisibleColumns(plan, history))
    bar = len(history.bars(plan.card.timeframes.exec)) - 1
    return tuple(
        _near(rule, explain(conditions[rule], columns, bar))
        for rule in wanted
        if rule in conditions and not conditions[rule].looks_at_position()
    )


def _near(rule: str, told: Explanation) -> RuleNearness:
    parts = told.parts or (told,)
    missing = next((part for part in parts if part.truth is not True), None)
    return RuleNearness(
        rule,
        told.truth is True,
        sum(part.truth is True for part in parts),
        len(parts),
        "" if missing is None or told.truth is True else _with_values(missing),
    )


def _with_values(told: Explanation) -> str:
    values = ", ".join("?" if value is None else f"{value:.6g}" for _, value in told.values)
    return f"{told.text} ({values})" if values else told.text


def write_status(folder: Path, status: RunStatus) -> None:
    """Write a status into a run's folder, whole or not at all."""
    making = folder / f".{STATUS_FILE}.{os.getpid()}"
    making.write_text(json.dumps(asdict(status)))
    making.replace(folder / STATUS_FILE)


def read_status(folder: Path) -> dict[str, Any] | None:
    """Return the status a run has written last; None if there is none that can be read."""
    try:
        return dict(json.loads((folder / STATUS_FILE).read_text()))
    except (OSError, ValueError):
        return None


class StatusBoard:
    """Puts together how a run stands; what rules say is worked out once per close.

    Parameters
    ----------
    identity : RunIdentity
    runner : Runner
    """

    def __init__(self, identity: RunIdentity, runner: Runner) -> None:
        self._identity, self._runner = identity, runner
        self._near: dict[tuple[str, str], tuple[int, tuple[RuleNearness, ...]]] = {}

    def status(
        self,
        session: SessionState,
        now_ms: int,
        *,
        limits: tuple[dict[str, Any], ...] = (),
        trading_state: str = "",
    ) -> RunStatus:
        """Return how the run stands now."""
        legs = tuple(self._leg(leg) for leg in self._runner.legs)
        return RunStatus(self._identity, now_ms, session, legs, limits, trading_state, os.getpid())

    def _leg(self, leg: Leg) -> LegStatus:
        standing = leg.standing()
        return LegStatus(
            card_id=leg.plan.card.id,
            symbol=leg.symbol,
            timeframe=str(leg.plan.card.timeframes.exec),
            next_close=leg.next_close,
            standing=standing,
            rules=self._rules(leg, standing.direction),
        )

    def _rules(self, leg: Leg, direction: int) -> tuple[RuleNearness, ...]:
        key, last_close = (leg.plan.card.id, leg.symbol), leg.next_close - leg.plan.card.timeframes.exec.ms
        known = self._near.get(key)
        if known is None or known[0] != last_close:
            market = self._runner.markets[leg.symbol]
            history = market.history(last_close)
            known = last_close, rules_near(leg.plan, history, direction)
            self._near[key] = known
        return known[1]
