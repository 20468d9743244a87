"""The sandbox exchange as the CLI and the demo start it: which market, and what time it is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.timeframes import parse_utc

if TYPE_CHECKING:
    from engine.sandbox.protocol import Market


@dataclass(frozen=True)
class SandboxSetup:
    """A market and its clock. `now_ms` tells the time there, in UTC epoch milliseconds."""

    market: Market
    now_ms: Callable[[], int]


def sandbox_setup(*, replay: Path | None, seed: int | None, now: str | None) -> SandboxSetup:
    """Return the sandbox's market and clock.

    Parameters
    ----------
    replay : Path, optional
        Folder of recorded candles; without it the market is generated.
    seed : int, optional
        Of the generated market.
    now : str, optional
        A moment at which the clock stands still. Otherwise a generated market lives in the present, and
        recorded candles stand where the first of their series ends, so that all are current.

    Raises
    ------
    ConfigurationError, DataError
        If the folder, a file in it, the seed or the moment cannot be used.
    """
    from engine.sandbox.market import DEFAULT_SEED, GeneratedMarket
    from engine.sandbox.replay import ReplayMarket
    from engine.sandbox.running import FrozenClock, wall_clock_ms

    stands_at = None if now is None else FrozenClock(parse_utc(now))
    if replay is not None:
        recorded = ReplayMarket(replay)
        return SandboxSetup(recorded, stands_at or FrozenClock(recorded.last_common_close_ms))
    generated = GeneratedMarket(DEFAULT_SEED if seed is None else seed)
    return SandboxSetup(generated, stands_at or wall_clock_ms)
