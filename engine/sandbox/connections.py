"""The open connections of the server, so that one can be dropped as a broken network would drop it."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any
from weakref import WeakValueDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

Address = tuple[str, int]


class OpenConnections:
    """The transports of a server by the address of the client."""

    def __init__(self) -> None:
        self._transports: MutableMapping[Address, asyncio.Transport] = WeakValueDictionary()

    def drop(self, scope: MutableMapping[str, Any]) -> None:
        """Drop the connection a request or a stream came over: what was not sent yet is lost."""
        transport = self._transports.get(tuple(scope["client"]))
        if transport is not None:
            transport.abort()

    def pause(self, scope: MutableMapping[str, Any]) -> None:
        """Hear nothing more from that client, its pings included, until `resume`."""
        transport = self._transports.get(tuple(scope["client"]))
        if transport is not None and not transport.is_closing():
            transport.pause_reading()

    def resume(self, scope: MutableMapping[str, Any]) -> None:
        """Hear that client again."""
        transport = self._transports.get(tuple(scope["client"]))
        if transport is not None and not transport.is_closing():
            transport.resume_reading()

    def protocol(self) -> type[HttpToolsProtocol]:
        """Return uvicorn's protocol, made to note every connection here."""
        transports = self._transports

        class NotingProtocol(HttpToolsProtocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                transports[tuple(transport.get_extra_info("peername")[:2])] = transport
                super().connection_made(transport)

        return NotingProtocol
