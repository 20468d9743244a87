"""Whose account: the stand-in's, a demo account, or a live one. Nothing of one is ever used for another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NoReturn
from urllib.parse import urlsplit

from engine.errors import ConfigurationError
from engine.settings import BYBIT_URL, Exchange, TradeSettings

DEMO_URL = "https://api-demo.bybit.com"
SANDBOX_KEY = "sandbox-key"
SANDBOX_SECRET = "sandbox-secret"

ARMED_VARIABLE, ARMED = "TRADE_LIVE_ARMED", "yes"
"""What lets a live account take orders that open positions."""

# what Bybit gives out; anything else would reach the text of an error as a bad header
_KEY = re.compile(r"[A-Za-z0-9_-]{4,128}")
_PRIVATE_PATH = "/v5/private"


class TradingEnvironment(StrEnum):
    """Which kind of account orders go to."""

    SANDBOX = "sandbox"
    DEMO = "demo"
    LIVE = "live"

    @classmethod
    def of(cls, exchange: Exchange) -> TradingEnvironment:
        """Return the accounts that belong to the exchange of the settings.

        Raises
        ------
        ConfigurationError
            If it has none: imported data.
        """
        if exchange is Exchange.IMPORTED:
            raise ConfigurationError(
                "imported data have no exchange and so no account",
                way_out="set TRADE_EXCHANGE to sandbox, demo or bybit",
            )
        return {
            Exchange.SANDBOX: cls.SANDBOX,
            Exchange.DEMO: cls.DEMO,
            Exchange.BYBIT: cls.LIVE,
        }[exchange]

    @property
    def has_clock_of_its_own(self) -> bool:
        """Whether its time is what somebody set it to, so that it may differ from ours without a fault."""
        return self is TradingEnvironment.SANDBOX

    @property
    def key_variable(self) -> str:
        """The environment variable that holds the API key."""
        return f"TRADE_{self.name}_API_KEY"

    @property
    def secret_variable(self) -> str:
        """The environment variable that holds the API secret."""
        return f"TRADE_{self.name}_API_SECRET"

    def api_url(self, settings: TradeSettings) -> str:
        """Return the base address of its private API."""
        if self is TradingEnvironment.SANDBOX:
            return settings.sandbox_url
        return DEMO_URL if self is TradingEnvironment.DEMO else BYBIT_URL


def private_stream_url(api_url: str) -> str:
    """Return the address of the private stream of the exchange whose API is at `api_url`.

    The live one is at stream.bybit.com, a demo account's at stream-demo.bybit.com, the stand-in's beside
    its API.
    """
    parts = urlsplit(api_url)
    if parts.scheme == "http":
        return f"ws://{parts.netloc}{_PRIVATE_PATH}"
    return f"wss://{(parts.hostname or '').replace('api', 'stream', 1)}{_PRIVATE_PATH}"


class ApiCredentials:
    """A key and its secret. Shows neither, cannot be pickled, and is compared by nothing but itself."""

    __slots__ = ("api_key", "api_secret")

    def __init__(self, api_key: str, api_secret: str) -> None:
        self.api_key = api_key
        self.api_secret = api_secret

    def __repr__(self) -> str:
        return "ApiCredentials(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials are not to be stored")


def read_credentials(environment: TradingEnvironment, variables: Mapping[str, str]) -> ApiCredentials:
    """Return the key of an account from the environment variables (usually `os.environ`).

    The stand-in has a key that everybody knows; the others have none by default.

    Raises
    ------
    ConfigurationError
        If one is missing, is not of the form of a key, or is that of another environment as well. The
        message names the variable and never the value.
    """
    names = (environment.key_variable, environment.secret_variable)
    defaults = (SANDBOX_KEY, SANDBOX_SECRET) if environment is TradingEnvironment.SANDBOX else ("", "")
    values = []
    for name, default in zip(names, defaults, strict=True):
        value = variables.get(name, default)
        if not value:
            raise ConfigurationError(
                f"{name} is not set, so there is no key for the {environment} account",
                way_out=f"make an API key on Bybit (for demo: in demo mode) and set {' and '.join(names)}",
            )
        if not _KEY.fullmatch(value):
            raise ConfigurationError(
                f"{name} does not look like what Bybit gives out (it is not shown here)",
                way_out="set it again, without quotes, spaces or a line end",
            )
        values.append(value)
    for other in TradingEnvironment:
        if other is not environment and variables.get(other.key_variable) == values[0]:
            raise ConfigurationError(
                f"{environment.key_variable} and {other.key_variable} are the same key",
                way_out="each environment has a key of its own: make another one, or unset the wrong one",
            )
    return ApiCredentials(*values)
