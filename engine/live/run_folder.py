"""The folder of a run: what it is, what it knew before its first bar, and its journal.

    run.json               which cards on which symbols, in which mode, since when; the symbols' trading rules
    warmup/*.parquet       candles, funding and open interest from before the first bar
    journal.jsonl          everything since, candles among it

With these a run is brought back after a crash, and replayed through the backtest.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from engine.backtest.candles import Candles
from engine.backtest.parquet import frame_from_parquet, frame_to_parquet
from engine.errors import ConfigurationError, CorruptData
from engine.features.inputs import Stamped
from engine.hashing import hash_of
from engine.live.market import CandleSeries, SymbolMarket
from engine.market_data.instruments import InstrumentRules
from engine.settings import TradeSettings
from engine.sim.market import FundingEvents
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe

FORMAT = 1
_RUN, _WARMUP, _JOURNAL = "run.json", "warmup", "journal.jsonl"
_HASH_DIGITS = 10


class RunMode(StrEnum):
    """What stands in the place of the exchange, and whose money it is."""

    SHADOW = "shadow"
    DEMO = "demo"
    LIVE = "live"


@dataclass(frozen=True)
class RunCard:
    """A card of a run: the very card, by its system hash."""

    card_id: str
    version: str
    system_hash: str
    timeframe: str
    symbols: tuple[str, ...]


@dataclass(frozen=True)
class RunIdentity:
    """What a run is.

    Attributes
    ----------
    mode : RunMode
    exchange : str
        Who the market is from, as `MarketDataClient.identity` says.
    began_ms : int
        When it was first started; every bar that opened before is warm-up.
    cards : tuple of RunCard
    """

    mode: RunMode
    exchange: str
    began_ms: int
    cards: tuple[RunCard, ...]


def run_cards(plans: Iterable[CardPlan], symbols: Sequence[str] | None) -> tuple[RunCard, ...]:
    """Return what a run is of: each card with its symbols, or those of them that are asked for.

    Raises
    ------
    ConfigurationError
        If a symbol is none of a card's, or a card is there twice.
    """
    cards: dict[str, RunCard] = {}
    for plan in plans:
        card = plan.card
        unknown = [symbol for symbol in symbols or () if symbol not in card.symbols]
        if unknown:
            raise ConfigurationError(
                f"card {card.id} does not trade {', '.join(unknown)}",
                way_out=f"choose among {', '.join(card.symbols)}, or add it to the card's symbols",
            )
        if card.id in cards:
            raise ConfigurationError(f"card {card.id} is there twice", way_out="name each card once")
        traded = tuple(card.symbols) if symbols is None else tuple(dict.fromkeys(symbols))
        cards[card.id] = RunCard(card.id, card.version, plan.system_hash, str(card.timeframes.exec), traded)
    return tuple(cards.values())


def run_name(cards: Sequence[RunCard]) -> str:
    """Return the name of the run of these cards: the same cards and symbols go on where they were."""
    digits = hash_of([[each.system_hash, sorted(each.symbols)] for each in cards])[:_HASH_DIGITS]
    return f"{cards[0].card_id}-{digits}" if len(cards) == 1 else f"{len(cards)}_cards-{digits}"


class RunFolder:
    """The folder of one run.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def journal_path(self) -> Path:
        """Where its journal is."""
        return self.path / _JOURNAL

    @property
    def exists(self) -> bool:
        """Whether the run was ever started."""
        return (self.path / _RUN).exists()

    def is_running(self) -> bool:
        """Whether a process has it open."""
        if not self._lock_path.exists():
            return False
        lock = FileLock(self._lock_path, timeout=0)
        try:
            with lock:
                return False
        except Timeout:
            return True

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes out of the run.

        Raises
        ------
        ConfigurationError
            If one has it open.
        """
        try:
            with FileLock(self._lock_path, timeout=0):
                self._stop_path.unlink(missing_ok=True)
                yield
        except Timeout:
            raise ConfigurationError(
                f"the run {self.path.name} is going on already",
                way_out="look at it (trade live status), or end it (trade live stop)",
            ) from None

    def request_stop(self) -> None:
        """Ask the process that has it open to end."""
        self._stop_path.touch()

    def stop_requested(self) -> bool:
        """Whether it was asked to end since it was opened."""
        return self._stop_path.exists()

    @property
    def _lock_path(self) -> Path:
        return self.path / "lock"

    @property
    def _stop_path(self) -> Path:
        return self.path / "stop"

    def create(self, identity: RunIdentity, markets: Mapping[str, SymbolMarket]) -> None:
        """Write what the run is and what it knows; all of it, or nothing."""
        making = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        (making / _WARMUP).mkdir(parents=True)
        for symbol, market in markets.items():
            for name, frame in _frames_of(market).items():
                (making / _WARMUP / f"{symbol}_{name}.parquet").write_bytes(frame_to_parquet(frame))
        plain = {
            "format": FORMAT,
            "mode": identity.mode.value,
            "exchange": identity.exchange,
            "began_ms": identity.began_ms,
            "cards": [vars(card) for card in identity.cards],
            "instruments": {symbol: market.instrument.to_plain() for symbol, market in markets.items()},
            "timeframes": {
                symbol: [str(timeframe) for timeframe in sorted(market.series)]
                for symbol, market in markets.items()
            },
        }
        (making / _RUN).write_text(json.dumps(plain, indent=2))
        if self.path.exists() and not self.exists:
            # a journal without a run is what is left of a start that was refused
            shutil.rmtree(self.path)
        making.rename(self.path)

    def identity(self) -> RunIdentity:
        """Return what the run is. Raises CorruptData if its file cannot be read."""
        plain = self._read()
        return RunIdentity(
            RunMode(plain["mode"]),
            plain["exchange"],
            plain["began_ms"],
            tuple(RunCard(**{**card, "symbols": tuple(card["symbols"])}) for card in plain["cards"]),
        )

    def markets(self) -> dict[str, SymbolMarket]:
        """Return each symbol's market as it was before the first bar. Raises as `identity` does."""
        plain = self._read()
        return {
            symbol: self._market(InstrumentRules.from_plain(plain["instruments"][symbol]), timeframes)
            for symbol, timeframes in plain["timeframes"].items()
        }

    def _market(self, instrument: InstrumentRules, timeframes: Sequence[str]) -> SymbolMarket:
        symbol = instrument.symbol
        series = {}
        for name in timeframes:
            timeframe = Timeframe.parse(name)
            candles = Candles.from_frame(self._frame(f"{symbol}_{name}"))
            series[timeframe] = CandleSeries(symbol, timeframe, candles)
        events = self._frame(f"{symbol}_funding")
        funding = FundingEvents(
            events["ts"].to_numpy(np.int64), events["rate"].to_numpy(), events["mark_price"].to_numpy()
        )
        market = SymbolMarket(instrument, series, funding)
        if (self.path / _WARMUP / f"{symbol}_interest.parquet").exists():
            known = self._frame(f"{symbol}_interest")
            market.note_open_interest(Stamped(known["ts"].to_numpy(np.int64), known["value"].to_numpy()))
        return market

    def _frame(self, name: str) -> Any:
        file = self.path / _WARMUP / f"{name}.parquet"
        try:
            return frame_from_parquet(file.read_bytes(), str(file))
        except OSError as error:
            raise CorruptData(f"{file} cannot be read: {error.strerror}", way_out=_WAY_OUT) from None

    def _read(self) -> dict[str, Any]:
        file = self.path / _RUN
        try:
            plain = json.loads(file.read_text())
        except (OSError, ValueError) as error:
            raise CorruptData(f"{file} cannot be read: {error}", way_out=_WAY_OUT) from None
        if plain.get("format") != FORMAT:
            raise CorruptData(f"{file} is of format {plain.get('format')}, not {FORMAT}", way_out=_WAY_OUT)
        return dict(plain)


@contextmanager
def one_runner(lock: Path) -> Iterator[None]:
    """Keep other runners away from an account.

    Raises
    ------
    ConfigurationError
        If one has it.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=0):
            yield
    except Timeout:
        raise ConfigurationError(
            "another run trades this account",
            way_out="end it first (trade live list, trade live stop), or start all cards in one run",
        ) from None


def runs_root(settings: TradeSettings) -> Path:
    """Return the folder of all runs of the exchange of the settings."""
    return settings.data_dir / settings.exchange.value / "live"


def run_folders(root: Path) -> list[RunFolder]:
    """Return the runs below a folder, shadow, demo and live ones, by mode and name."""
    found = [RunFolder(path) for mode in RunMode for path in sorted((root / mode.value).glob("*"))]
    return [folder for folder in found if folder.exists]


_WAY_OUT = "move the run's folder away, and start the run anew"


def _frames_of(market: SymbolMarket) -> dict[str, Any]:
    import pandas as pd

    frames: dict[str, Any] = {}
    for timeframe, series in market.series.items():
        frames[str(timeframe)] = pd.DataFrame(vars(series.candles(len(series))))
    funding = market.funding
    frames["funding"] = pd.DataFrame(
        {"ts": funding.ts, "rate": funding.rate, "mark_price": funding.mark_price}
    )
    if market.open_interest is not None:
        frames["interest"] = pd.DataFrame(
            {"ts": market.open_interest.ts, "value": market.open_interest.values}
        )
    return frames
