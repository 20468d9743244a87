"""A client and a sync whose pages, chunks and writes are small: a few hundred rows are many of each."""

from __future__ import annotations

from contextlib import contextmanager
from unittest.mock import patch

_SMALL = {
    "engine.exchange.client._KLINE_PAGE": 40,
    "engine.exchange.client._FUNDING_PAGE": 12,
    "engine.exchange.client._INTEREST_PAGE": 25,
    "engine.market_data.sync._CHUNK_BARS": 130,
    "engine.market_data.sync_writer._ROWS_PER_WRITE": 200,
}


@contextmanager
def small_pages():
    """Let every page and chunk be small while the block runs."""
    patches = [patch(name, value) for name, value in _SMALL.items()]
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()
