"""Trials: one set of a card's parameters over one window of data, and whose they are."""

from __future__ import annotations

from dataclasses import dataclass

from engine.backtest.sweep_history import SweepHistory
from engine.backtest.sweep_results import SetMetrics
from engine.hashing import hash_of
from engine.idea_card.parameter_space import Binding, ParameterSpace
from engine.idea_card.placeholders import without_blocks
from engine.timeframes import Timeframe

_SAYS_NOTHING = ("id", "version", "description", "symbols", "promotion")


@dataclass(frozen=True, kw_only=True)
class Searched:
    """What the trials of one search have in common.

    Attributes
    ----------
    sweep_id : str
        Names the search: the same one asked for again has the same.
    search : str
        How its sets were chosen: "grid", "random", "bayesian", "walk_forward" and so on.
    family : str
        Whose trials they are; see `family_of`.
    template : str
        What their card does apart from the values of its parameters; see `template_of`.
    card_id, card_version, symbol : str
    timeframe : Timeframe
        The exec timeframe.
    start_ms, end_ms : int
        First ts_open and last ts_close of the bars that were traded.
    data_fingerprint : str
        Of the candles, the funding and the exchange's rules.
    """

    sweep_id: str
    search: str
    family: str
    template: str
    card_id: str
    card_version: str
    symbol: str
    timeframe: Timeframe
    start_ms: int
    end_ms: int
    data_fingerprint: str


@dataclass(frozen=True)
class Trial:
    """A row of the ledger; sequence numbers start at 1."""

    sequence: int
    noted_at_ms: int
    searched: Searched
    system_hash: str
    run_id: str
    parameters: Binding
    metrics: SetMetrics


@dataclass(frozen=True)
class SweepSummary:
    """One search: how many trials it was the first to run, when the last was noted, and its best Sharpe."""

    searched: Searched
    trials: int
    noted_at_ms: int
    best_sharpe: float


def family_of(space: ParameterSpace) -> str:
    """Return whose trials those of a card are: its own id, or that of the first card in its lineage."""
    return space.card.id if space.lineage is None else space.lineage.family


def template_of(space: ParameterSpace) -> str:
    """Return the hash of what a card does apart from the values of its parameters.

    The same set of the same template is one thing, whatever the card is called and which version it is: a
    card that was adopted from another tries what was tried before. Thresholds of promotion change nothing of
    what a set comes to.
    """
    data = without_blocks(space.source.data)
    return hash_of({key: value for key, value in data.items() if key not in _SAYS_NOTHING})


def searched_over(space: ParameterSpace, swept: SweepHistory, *, search: str, sweep_id: str) -> Searched:
    """Return what the sets of a card that run over a history have in common. Raises as `window` does."""
    card = space.card
    start_ms, end_ms = swept.window(card)
    return Searched(
        sweep_id=sweep_id,
        search=search,
        family=family_of(space),
        template=template_of(space),
        card_id=card.id,
        card_version=card.version,
        symbol=swept.history.symbol,
        timeframe=card.timeframes.exec,
        start_ms=start_ms,
        end_ms=end_ms,
        data_fingerprint=swept.history.data_fingerprint,
    )
