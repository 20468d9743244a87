"""Running the sandbox: in a thread beside the caller, or as a program of its own. Always on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

import uvicorn

from engine.errors import ConfigurationError, TradeError
from engine.sandbox.clock import Clock, FrozenClock, SandboxClock, wall_clock_ms
from engine.sandbox.connections import OpenConnections
from engine.sandbox.exchange_state import ExchangeState
from engine.sandbox.faults import NO_FAULTS, PRIVATE_STREAM_PATH, PUBLIC_STREAM_PATH, FaultPlan
from engine.sandbox.private.desk import PrivateDesk
from engine.sandbox.protocol import Market
from engine.sandbox.rate_limit import RateLimit
from engine.sandbox.request_log import RequestLog
from engine.sandbox.server import build_app

__all__ = ["DEFAULT_PORT", "HOST", "FrozenClock", "SandboxClock", "SandboxServer", "serve", "wall_clock_ms"]

HOST = "127.0.0.1"
DEFAULT_PORT = 8765
_START_TIMEOUT_S = 10.0


class SandboxServer:
    """The sandbox in a thread of this process, as a context manager.

    Parameters
    ----------
    market : Market
        What is served.
    port : int, optional
        0, the default, picks a free port.
    now_ms : Clock, optional
        The clock; the wall clock by default. A `SandboxClock` can be stepped and sped up.
    faults : FaultPlan, optional
        What goes wrong, until `put_in_force` says otherwise; nothing by default.
    limit : RateLimit, optional
        Enforced if given.

    Raises
    ------
    ConfigurationError
        If a condition of `faults` is of a symbol the market does not have; on `start`, if the port is taken.
    """

    def __init__(
        self,
        market: Market,
        port: int = 0,
        now_ms: Clock = wall_clock_ms,
        *,
        faults: FaultPlan = NO_FAULTS,
        limit: RateLimit | None = None,
    ) -> None:
        self._state = ExchangeState(market, now_ms, faults=faults, limit=limit)
        self._port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Base address of the running server, without a slash at the end."""
        return f"http://{HOST}:{self._port}"

    @property
    def stream_url(self) -> str:
        """Address of the public stream."""
        return f"ws://{HOST}:{self._port}{PUBLIC_STREAM_PATH}"

    @property
    def private_stream_url(self) -> str:
        """Address of the private stream."""
        return f"ws://{HOST}:{self._port}{PRIVATE_STREAM_PATH}"

    @property
    def desk(self) -> PrivateDesk:
        """The accounts."""
        return self._state.desk

    @property
    def log(self) -> RequestLog:
        """What it was asked and what it pushed."""
        return self._state.log

    def advance_to(self, ts_ms: int) -> None:
        """Move the clock on to this moment, and return when all that happens until then has happened.

        Orders are filled, stops triggered, funding paid and positions liquidated in order of time; every open
        stream has told of it.

        Raises
        ------
        ConfigurationError
            If the clock is not a `SandboxClock`, or that would be backwards.
        """
        clock = self._state.clock
        if not isinstance(clock, SandboxClock):
            raise ConfigurationError(
                "this sandbox's clock cannot be changed", way_out="start it with a SandboxClock"
            )
        clock.set(ts_ms)
        self._state.catch_up()

    def catch_up(self) -> None:
        """Return when all has happened up to the time of the clock, and every open stream has told of it."""
        self._state.catch_up()

    def set_signing_offset(self, offset_ms: int) -> None:
        """Let the clock that judges signed requests run so far ahead: behind it, a client's clock is fast."""
        self._state.signing_offset_ms = offset_ms

    def put_in_force(self, faults: FaultPlan) -> None:
        """Let this plan decide what goes wrong from now on; the numbers of its scripts count from here.

        Raises
        ------
        ConfigurationError
            If a condition is of a symbol the market does not have.
        """
        self._state.put_in_force(faults)

    def start(self) -> SandboxServer:
        """Start serving and return when requests are answered."""
        listener = _listen(self._port)
        self._port = listener.getsockname()[1]
        server = _server(self._state)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="sandbox-exchange", daemon=True
        )
        thread.start()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                listener.close()
                raise TradeError("the sandbox exchange did not start", way_out="see the log lines above")
            time.sleep(0.005)
        self._server, self._thread = server, thread
        return self

    def stop(self) -> None:
        """Stop serving and wait until the port is free. Doing so twice is harmless."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join()
        self._server = self._thread = None

    def __enter__(self) -> SandboxServer:
        """Start serving."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop serving."""
        self.stop()


def serve(
    market: Market,
    *,
    port: int = DEFAULT_PORT,
    now_ms: Clock = wall_clock_ms,
    faults: FaultPlan = NO_FAULTS,
    limit: RateLimit | None = None,
    on_start: Callable[[str], None] | None = None,
) -> None:
    """Serve `market` until interrupted: Ctrl-C returns, SIGTERM ends the process after closing in order.

    Parameters
    ----------
    market, port, now_ms, faults, limit
        As of `SandboxServer`.
    on_start : Callable[[str], None], optional
        Called with the base address once the port is held.

    Raises
    ------
    ConfigurationError
        If the port is taken.
    """
    state = ExchangeState(market, now_ms, faults=faults, limit=limit)
    listener = _listen(port)
    if on_start is not None:
        on_start(f"http://{HOST}:{listener.getsockname()[1]}")
    with suppress(KeyboardInterrupt):
        _server(state).run(sockets=[listener])


def _server(state: ExchangeState) -> uvicorn.Server:
    connections = OpenConnections()
    return uvicorn.Server(
        uvicorn.Config(
            build_app(state, connections),
            http=connections.protocol(),
            loop="asyncio",
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )


def _listen(port: int) -> socket.socket:
    # IPPROTO_TCP is named so that asyncio turns Nagle's algorithm off on accepted connections: with it on,
    # every answer waits some 40 ms for the client's delayed acknowledgement
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigurationError(
            f"the sandbox exchange cannot listen on {HOST}:{port}: {error}",
            way_out="stop what runs there, or choose another port (0 picks a free one)",
        ) from error
    return listener
