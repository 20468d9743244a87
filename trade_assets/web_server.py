"""Dagster's UI for this machine only: `python -m trade_assets.web_server 3000 workspace.yaml`.

Dagster's own web server answers whatever name it is asked under, and so whatever page a browser has open: a
page whose name is made to resolve to 127.0.0.1 could start runs. Here a request must name this very address
as its host, and a page that sends one must come from it.
"""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from pathlib import Path

import uvicorn
from dagster import DagsterInstance, __version__
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

HOST = "127.0.0.1"
_MISDIRECTED = 421
_POLICY_VIOLATION = 1008


class LoopbackOnly:
    """Lets requests and streams through that are meant for one port of loopback, and come from no other page.

    Parameters
    ----------
    app : ASGIApp
        What is guarded.
    port : int
        Where it listens.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}" for name in (HOST, "localhost")}
        self._origins = {f"http://{host}" for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan" or self._is_meant_for_us(Headers(scope=scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose(_POLICY_VIOLATION)(scope, receive, send)
        else:
            refusal = PlainTextResponse("This is only for pages of its own address.", _MISDIRECTED)
            await refusal(scope, receive, send)

    def _is_meant_for_us(self, headers: Headers) -> bool:
        return headers.get("host") in self._hosts and headers.get("origin") in {None, *self._origins}


def serve(port: int, workspace: Path) -> None:
    """Serve the UI of a workspace file on loopback until told to end, over the runs of `DAGSTER_HOME`."""
    # SIGTERM ends it as Ctrl-C does: with the process that holds the code location
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    target = WorkspaceFileTarget([str(workspace)])
    with (
        suppress(KeyboardInterrupt),
        DagsterInstance.get() as instance,
        WorkspaceProcessContext(instance, workspace_load_target=target, version=__version__) as context,
    ):
        app = create_app_from_workspace_process_context(context)
        uvicorn.run(
            LoopbackOnly(app, port), host=HOST, port=port, log_level="warning", timeout_graceful_shutdown=1
        )


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
