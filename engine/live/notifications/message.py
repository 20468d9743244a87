"""What people are told: a notification, and which lines of a journal are worth one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine.live.journal import JournalEntry, JournalKind
from engine.live.risk.verdict import StateReason
from engine.timeframes import format_utc


class Severity(StrEnum):
    """How much somebody should mind."""

    NOTE = "note"
    WARNING = "warning"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Notification:
    """Something to be told.

    Parameters
    ----------
    ts_ms : int
        When it was, UTC epoch milliseconds.
    severity : Severity
        How much somebody should mind.
    title : str
        What, in a few words.
    text : str
        The rest.
    card_id, symbol : str
        Of which card and symbol; "" if it is about all.
    """

    ts_ms: int
    severity: Severity
    title: str
    text: str = ""
    card_id: str = ""
    symbol: str = ""

    def line(self) -> str:
        """Return it as one line of plain text."""
        about = " ".join(part for part in (self.card_id, self.symbol) if part)
        told = ": ".join(part for part in (self.title, self.text) if part)
        return f"[{self.severity.value}] {format_utc(self.ts_ms)} UTC {about}{' - ' if about else ''}{told}"


def notification_of(entry: JournalEntry) -> Notification | None:
    """Return what is told of a line of a journal; None of decisions, candles and orders on their way."""
    data = entry.data
    match entry.kind:
        case JournalKind.FILL:
            told = Severity.NOTE, "fill", _fill(data)
        case JournalKind.REFUSAL:
            told = Severity.WARNING, f"refused ({data.get('code')})", str(data.get("message", ""))
        case JournalKind.ERROR:
            told = Severity.WARNING, "error", str(data.get("problem", ""))
        case JournalKind.STATE if data.get("panic") == "begins":
            told = Severity.ALARM, "panic", str(data.get("reason", ""))
        case JournalKind.STATE if data.get("panic") == "ended":
            flat = data.get("is_flat") is True
            told = Severity.ALARM, "panic ended", "flat" if flat else "NOT known to be flat: look at once"
        case JournalKind.STATE if "trading" in data:
            return None  # told by the risk manager itself, in any process: `notification_of_reason`
        case JournalKind.STATE:
            told = Severity.NOTE, "state", ", ".join(f"{key} {value}" for key, value in data.items())
        case _:
            return None
    return Notification(entry.ts_ms, *told, entry.card_id, entry.symbol)


def notification_of_reason(reason: StateReason) -> Notification:
    """Return what is told when something begins to stand in the way of trading."""
    until = "until somebody resumes"
    if reason.until_ms is not None:
        until = f"until {format_utc(reason.until_ms)} UTC"
    return Notification(
        reason.since_ms, Severity.ALARM, f"trading is {reason.state.value}", f"{reason.message}, {until}"
    )


def _fill(data: Any) -> str:
    reason = f" ({data['reason']})" if data.get("reason") else ""
    return f"{data.get('side', '')} {data.get('size', '')} at {data.get('price', '')}{reason}".strip()
