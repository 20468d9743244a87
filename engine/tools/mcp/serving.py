"""Running the server: over standard input and output, or over HTTP on loopback."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from engine.errors import ConfigurationError

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server
    from starlette.applications import Starlette

HOST = "127.0.0.1"
HTTP_PATH = "/mcp"
_CHUNK_BYTES = 65_536


def serve_stdio(server: Server[dict[str, Any]]) -> None:
    """Serve whoever started this process, until its standard input ends, Ctrl-C or SIGTERM."""
    import anyio
    from mcp.server.stdio import stdio_server

    end_of_input = _input_that_can_be_ended()

    async def end_by_signal() -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _signal in signals:
                end_of_input()

    async def run() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(end_by_signal)
            async with stdio_server() as (incoming, outgoing):
                await server.run(incoming, outgoing, server.create_initialization_options())
            group.cancel_scope.cancel()

    anyio.run(run)


def serve_http(
    server: Server[dict[str, Any]], port: int, on_start: Callable[[str], None] | None = None
) -> None:
    """Serve on loopback until Ctrl-C.

    Parameters
    ----------
    server : Server
        What is served.
    port : int
        0 picks a free one.
    on_start : callable, optional
        Called with the address once the port is held.

    Raises
    ------
    ConfigurationError
        If the port is taken.
    """
    import uvicorn

    listener = _listen(port)
    port = listener.getsockname()[1]
    config = uvicorn.Config(
        http_application(server, port),
        loop="asyncio",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    with suppress(KeyboardInterrupt):
        if on_start is not None:
            on_start(f"http://{HOST}:{port}{HTTP_PATH}")
        uvicorn.Server(config).run(sockets=[listener])


def http_application(server: Server[dict[str, Any]], port: int) -> Starlette:
    """Return the web application that serves `server` at `port` of loopback.

    A request must name this very address as its host, and a page that sends one must come from it: a page of
    somebody else's, whatever its name resolves to, is refused.
    """
    from mcp.server.transport_security import TransportSecuritySettings

    names = [f"{name}:{port}" for name in (HOST, "localhost")]
    return server.streamable_http_app(
        streamable_http_path=HTTP_PATH,
        host=HOST,
        transport_security=TransportSecuritySettings(
            enable_dns_rebinding_protection=True,
            allowed_hosts=names,
            allowed_origins=[f"http://{name}" for name in names],
        ),
    )


def _input_that_can_be_ended() -> Callable[[], None]:
    """Put a pipe in place of standard input, filled from it, and return what ends that pipe.

    Reading from standard input cannot be broken off; the end of a pipe can be made at any time.
    """
    source = os.dup(0)
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    pipe = os.fdopen(writing, "wb", buffering=0)

    def fill() -> None:
        with suppress(OSError, ValueError):  # the pipe was ended meanwhile
            while chunk := os.read(source, _CHUNK_BYTES):
                pipe.write(chunk)
        pipe.close()

    threading.Thread(target=fill, name="mcp-input", daemon=True).start()
    return pipe.close


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigurationError(
            f"the server for agents cannot listen on {HOST}:{port}: {error}",
            way_out="stop what runs there, or choose another port (0 picks a free one)",
        ) from error
    return listener
