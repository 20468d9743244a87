"""A sandbox exchange over the generated market whose clock stands still, and ways to ask it.

Modules with a server of their own have fixtures of the same names, which then take the place of these.
"""

import pytest
import requests

from engine.sandbox.market import GeneratedMarket
from engine.sandbox.running import FrozenClock, SandboxServer
from engine.timeframes import parse_utc

NOW = parse_utc("2025-07-01T10:07:31")


@pytest.fixture(scope="module")
def server():
    with SandboxServer(GeneratedMarket(seed=7), now_ms=FrozenClock(NOW)) as running:
        yield running


@pytest.fixture(scope="module")
def ask(server):
    """Ask for a path with parameters; returns the whole answer."""
    session = requests.Session()
    session.trust_env = False

    def get(path, **parameters):
        return session.get(f"{server.url}{path}", params=parameters, timeout=30)

    return get


@pytest.fixture(scope="module")
def market(ask):
    """Ask a market endpoint for BTCUSDT unless told otherwise; returns the result."""

    def get(endpoint, **parameters):
        answer = ask(
            f"/v5/market/{endpoint}", **{"category": "linear", "symbol": "BTCUSDT", **parameters}
        ).json()
        assert answer["retCode"] == 0, answer
        return answer["result"]

    return get


@pytest.fixture(scope="module")
def refusal(ask):
    """Ask a market endpoint what it must refuse; returns the code and the message."""

    def get(endpoint, **parameters):
        answer = ask(f"/v5/market/{endpoint}", **{"category": "linear", "symbol": "BTCUSDT", **parameters})
        assert answer.status_code == 200
        assert answer.json()["result"] == {}
        return answer.json()["retCode"], answer.json()["retMsg"]

    return get
