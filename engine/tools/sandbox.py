"""The sandbox exchange as the CLI and the demo start it: which market, what time it is there, what fails."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.timeframes import parse_utc

if TYPE_CHECKING:
    from engine.sandbox.clock import SandboxClock
    from engine.sandbox.faults import FaultPlan
    from engine.sandbox.protocol import Market


@dataclass(frozen=True)
class SandboxSetup:
    """A market and its clock. `now_ms` tells the time there, in UTC epoch milliseconds."""

    market: Market
    now_ms: SandboxClock


def sandbox_setup(
    *, replay: Path | None, seed: int | None, now: str | None, speed: float | None = None
) -> SandboxSetup:
    """Return the sandbox's market and clock.

    Parameters
    ----------
    replay : Path, optional
        Folder of recorded candles; without it the market is generated.
    seed : int, optional
        Of the generated market.
    now : str, optional
        The moment at which the clock starts. Otherwise a generated market lives in the present, and recorded
        candles start where the first of their series ends, so that all are current.
    speed : float, optional
        How fast the clock runs: 1 is real time, 0 stands still. Without it a clock stands still, but for
        that of a generated market in the present.

    Raises
    ------
    ConfigurationError, DataError
        If the folder, a file in it, the seed, the moment or the speed cannot be used.
    """
    from engine.sandbox.clock import SandboxClock, wall_clock_ms
    from engine.sandbox.market import DEFAULT_SEED, GeneratedMarket
    from engine.sandbox.replay import ReplayMarket

    starts_at = None if now is None else parse_utc(now)
    if replay is not None:
        recorded = ReplayMarket(replay)
        starts_at = recorded.last_common_close_ms if starts_at is None else starts_at
        return SandboxSetup(recorded, SandboxClock(starts_at, speed=speed or 0.0))
    generated = GeneratedMarket(DEFAULT_SEED if seed is None else seed)
    if starts_at is None:
        return SandboxSetup(generated, SandboxClock(wall_clock_ms(), speed=1.0 if speed is None else speed))
    return SandboxSetup(generated, SandboxClock(starts_at, speed=speed or 0.0))


def sandbox_faults(*, plan: Path | None, seed: int | None) -> FaultPlan:
    """Return what goes wrong: the plan of a YAML file, or a storm of every passing fault, or nothing.

    Parameters
    ----------
    plan : Path, optional
        The file, in the form of `engine.sandbox.fault_plan_file`.
    seed : int, optional
        In place of the plan's own; without a plan, of a storm that meets one request in five.

    Raises
    ------
    ConfigurationError
        If the file is no plan.
    """
    from engine.sandbox.fault_plan_file import read_fault_plan
    from engine.sandbox.faults import NO_FAULTS, fault_storm

    if plan is None:
        return NO_FAULTS if seed is None else fault_storm(seed)
    read = read_fault_plan(plan)
    return read if seed is None else replace(read, seed=seed)
