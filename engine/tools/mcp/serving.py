"""Running the server: over standard input and output, or over HTTP on loopback."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from engine.errors import ConfigurationError

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server
    from starlette.applications import Starlette

HOST = "127.0.0.1"
HTTP_PATH = "/mcp"


def serve_stdio(server: Server[dict[str, Any]]) -> None:
    """Serve whoever started this process, until its standard input ends or Ctrl-C."""
    import anyio
    from mcp.server.stdio import stdio_server

    async def run() -> None:
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    with suppress(KeyboardInterrupt):
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
    if on_start is not None:
        on_start(f"http://{HOST}:{port}{HTTP_PATH}")
    config = uvicorn.Config(
        http_application(server, port),
        loop="asyncio",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    with suppress(KeyboardInterrupt):
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
