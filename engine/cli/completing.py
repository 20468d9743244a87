"""What the shell completes: names that are there, found without anything slow. It never fails, it finds less.

Cards and symbols are read from the files of cards as text: an unusable card can be named too, to validate it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from engine.errors import TradeError
from engine.settings import TradeSettings

_ID = re.compile(r"^id:\s*([\w.-]+)", re.MULTILINE)
_SYMBOLS = re.compile(r"^symbols:\s*\[([^\]]*)\]|^symbols:\s*\n((?:\s*-\s*\S+\s*\n)+)", re.MULTILINE)
_NAME = re.compile(r"[A-Z0-9]+")


def cards(incomplete: str) -> list[str]:
    """Return the ids of cards that begin with `incomplete`."""
    return _starting(incomplete, (found[1] for text in _card_texts() if (found := _ID.search(text))))


def symbols(incomplete: str) -> list[str]:
    """Return the symbols that begin with `incomplete`: of the cards, of the exchange's stored list."""
    named = (
        symbol
        for text in _card_texts()
        if (found := _SYMBOLS.search(text))
        for symbol in _NAME.findall(found[1] or found[2])
    )
    return _starting(incomplete.upper(), (*named, *_listed()))


def timeframes(incomplete: str) -> list[str]:
    """Return the timeframes that begin with `incomplete`."""
    from engine.timeframes import Timeframe

    return [each.value for each in Timeframe if each.value.startswith(incomplete)]


def indicators(incomplete: str) -> list[str]:
    """Return the indicators and market structures that begin with `incomplete`."""
    from engine.features.registry import INDICATORS
    from engine.tools.features import STRUCTURES

    return _starting(incomplete, (*INDICATORS, *STRUCTURES))


def tools(incomplete: str) -> list[str]:
    """Return the tools whose name begins with `incomplete`."""
    from engine.tools.catalogue import full_registry

    return _starting(incomplete, (spec.name for spec in full_registry().list()))


def tool_categories(incomplete: str) -> list[str]:
    """Return the categories of tools that begin with `incomplete`."""
    from engine.tools.catalogue import full_registry

    return _starting(incomplete, full_registry().categories())


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})


def _settings() -> TradeSettings | None:
    try:
        return TradeSettings.from_environment(os.environ)
    except TradeError:
        return None


def _card_texts() -> list[str]:
    settings = _settings()
    if settings is None:
        return []
    files = (path for path in settings.cards_dir.glob("*") if path.suffix in (".yaml", ".yml"))
    return [text for path in files if (text := _text(path))]


def _listed() -> list[str]:
    settings = _settings()
    text = _text(settings.universe_file) if settings is not None else ""
    try:
        rows = json.loads(text)["symbols"] if text else []
        return [row["symbol"] for row in rows if row.get("retired_ms") is None]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
