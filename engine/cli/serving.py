"""`trade sandbox`: the one command that serves instead of calling a tool."""

from __future__ import annotations

import logging
from pathlib import Path

from engine.cli.calling import refuse, write_json
from engine.cli.screen import market_notice, output
from engine.errors import TradeError
from engine.timeframes import format_utc
from engine.tools.market import market_of
from engine.tools.plain import to_plain
from engine.tools.registry import ToolFailure
from engine.tools.sandbox import sandbox_faults, sandbox_setup

log = logging.getLogger(__name__)


def serve_sandbox(
    *,
    port: int,
    seed: int | None,
    now: str | None,
    speed: float | None,
    replay: Path | None,
    faults: Path | None,
    fault_seed: int | None,
    enforce_limit: bool,
    as_json: bool,
) -> None:
    """Serve the sandbox exchange until interrupted, after saying where it listens and what it serves."""
    from engine.sandbox.catalogue import trading_symbols
    from engine.sandbox.faults import PRIVATE_STREAM_PATH, PUBLIC_STREAM_PATH
    from engine.sandbox.private.desk import DEFAULT_KEY, DEFAULT_SECRET
    from engine.sandbox.rate_limit import RateLimit
    from engine.sandbox.running import serve

    try:
        setup = sandbox_setup(replay=replay, seed=seed, now=now, speed=speed)
        plan = sandbox_faults(plan=faults, seed=fault_seed)
        market = to_plain(market_of(setup.market.identity))
        symbols = trading_symbols(setup.market.instruments, setup.now_ms())

        def say(url: str) -> None:
            stream_url = url.replace("http", "ws", 1) + PUBLIC_STREAM_PATH
            private_url = url.replace("http", "ws", 1) + PRIVATE_STREAM_PATH
            if as_json:
                write_json(
                    {
                        "url": url,
                        "stream_url": stream_url,
                        "private_stream_url": private_url,
                        "market": market,
                        "now_ms": setup.now_ms(),
                        "symbols": symbols,
                    }
                )
                return
            console = output()
            console.print(market_notice(market))
            console.print(f"The sandbox exchange listens on {url}   (Ctrl-C ends it)")
            console.print(f"Its public stream is {stream_url}, its control address {url}/sandbox/faults")
            console.print(
                f"Its private stream is {private_url}, a key {DEFAULT_KEY} with secret {DEFAULT_SECRET}"
            )
            console.print(
                f"Its time is {format_utc(setup.now_ms() // 1000 * 1000)} UTC; it lists {' '.join(symbols)}"
            )

        limit = RateLimit() if enforce_limit else None
        serve(setup.market, port=port, now_ms=setup.now_ms, faults=plan, limit=limit, on_start=say)
    except TradeError as error:
        log.debug("the sandbox did not start", exc_info=True)
        refuse(ToolFailure.of(error))
