"""Secrets leave no trace: what is logged, journalled, sent or answered passes a `Redactor`.

Two nets, because either alone has holes. Values known to be secret (those of the environment's keys, tokens
and webhook addresses) are replaced wherever they stand; and whatever has the look of a secret (a key named
`api_secret`, a bearer header, the token in a bot's or a webhook's address) is replaced although nobody told
us its value.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any, Self, override
from urllib.parse import quote, quote_plus

REDACTED = "***"
"""What stands where a secret stood."""

# A shorter "secret" would be found inside ordinary words, and hide half of every message.
_SHORTEST_SECRET = 6

_SECRET_ENDINGS = ("_API_KEY", "_API_SECRET", "_SECRET", "_TOKEN", "_PASSWORD", "_WEBHOOK", "_WEBHOOK_URL")

_SECRET_NAME = (
    r"[\w-]*(?:api[_-]?key|api[_-]?secret|secret|passw(?:or)?d|token|x-bapi-sign|signature"
    r"|authorization|private[_-]?key|webhook(?:[_-]?url)?)"
)
# Longer texts are seldom the same again.
_OFTEN_THE_SAME = 48
_NAME = re.compile(_SECRET_NAME, re.IGNORECASE)
_LOOKS: tuple[tuple[re.Pattern[str], str], ...] = (
    # name=value, name: value, 'name': 'value'; a header's scheme (Bearer) is kept
    (
        re.compile(
            rf"""(\b{_SECRET_NAME}['"]?\s*[=:]\s*(?:(?:Bearer|Basic)\s+)?+['"]?+)(?!\*\*\*)[^\s'",;&)}}\]]+""",
            re.IGNORECASE,
        ),
        rf"\1{REDACTED}",
    ),
    (re.compile(r"\b(Bearer\s+)(?!\*\*\*)[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1{REDACTED}"),
    # Telegram: https://api.telegram.org/bot<number>:<letters>/sendMessage, and the token alone
    (re.compile(r"\b(?:bot)?\d{6,}:[\w-]{30,}"), REDACTED),
    # Discord: https://discord.com/api/webhooks/<number>/<letters>
    (re.compile(r"(/api/(?:v\d+/)?webhooks/\d+/)[\w-]+"), rf"\1{REDACTED}"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@:]+:[^\s/@]+@", re.IGNORECASE), rf"\1{REDACTED}@"),
)


class Redactor:
    """Replaces secrets in text and in plain data.

    Parameters
    ----------
    secrets : iterable of str, optional
        Values to replace wherever they stand, also inside an address, where they are written with percent
        signs. Values of fewer than 6 characters are left out: they would be found inside ordinary words.
    """

    __slots__ = ("_known",)

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings = {
            spelling
            for secret in secrets
            if len(secret) >= _SHORTEST_SECRET
            for spelling in (secret, quote(secret, safe=""), quote_plus(secret))
        }
        # the longest first: of two secrets one may be the beginning of the other
        longest_first = sorted(spellings, key=lambda text: (-len(text), text))
        self._known = re.compile("|".join(map(re.escape, longest_first))) if spellings else None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return a redactor of every value in `environment` whose variable is named like a secret.

        Those are names that end in _API_KEY, _API_SECRET, _SECRET, _TOKEN, _PASSWORD, _WEBHOOK and
        _WEBHOOK_URL.
        """
        return cls(value for name, value in environment.items() if name.upper().endswith(_SECRET_ENDINGS))

    @override
    def __repr__(self) -> str:
        return "Redactor()"

    def text(self, text: str) -> str:
        """Return `text` with every secret replaced by three asterisks."""
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        return _looked_over(text) if len(text) <= _OFTEN_THE_SAME else _without_looks(text)

    def plain(self, data: Any) -> Any:
        """Return plain data (mappings, sequences, text, numbers) with the secrets in it replaced.

        What stands under a key named like a secret is replaced whole, whatever it is; keys are redacted too.
        Other values than containers and text are given back as they are.
        """
        if data is None or isinstance(data, bool | int | float):
            return data
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, Mapping):
            return {
                self.text(key) if isinstance(key, str) else key: (
                    REDACTED if isinstance(key, str) and item and _is_named_secret(key) else self.plain(item)
                )
                for key, item in data.items()
            }
        if isinstance(data, Sequence | AbstractSet) and not isinstance(data, bytes | bytearray):
            return [self.plain(item) for item in data]
        return data


def _without_looks(text: str) -> str:
    for look, instead in _LOOKS:
        text = look.sub(instead, text)
    return text


# Keys, names and states come again with every line of a journal.
_looked_over = lru_cache(maxsize=4096)(_without_looks)


@lru_cache(maxsize=4096)
def _is_named_secret(key: str) -> bool:
    return _NAME.fullmatch(key) is not None


class RedactingFormatter(logging.Formatter):
    """A log formatter whose whole output, tracebacks included, has passed a redactor.

    Parameters
    ----------
    formatter : logging.Formatter
        Makes the text.
    redactor : Redactor
        Takes the secrets out of it.
    """

    def __init__(self, formatter: logging.Formatter, redactor: Redactor) -> None:
        super().__init__()
        self._formatter = formatter
        self._redactor = redactor

    @override
    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.text(self._formatter.format(record))
