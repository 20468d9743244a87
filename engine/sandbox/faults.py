"""What can go wrong between the exchange and its client, each kind a small value, and plans of when it does.

`conditions` holds what can happen to the market itself; a plan holds both. A plan is a value: which fault
meets the n-th request to a path follows from the plan alone, whatever the threads and the time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import ConfigurationError
from engine.sandbox.conditions import Condition

EVERY_PATH = "*"
PUBLIC_STREAM_PATH = "/v5/public/linear"
PRIVATE_STREAM_PATH = "/v5/private"
ORDER_PATHS = ("/v5/order/create", "/v5/order/create-batch")
AUTH_PATH = "/v5/private/auth"


class Fault:
    """Something that goes wrong on the way."""


class HttpFault(Fault):
    """A fault of the answer to one request."""


class OrderFault(HttpFault):
    """What becomes of an order after it was taken; of any other request it means nothing."""


class StreamFault(Fault):
    """A fault of a stream, in place of or around one message."""


@dataclass(frozen=True)
class HttpStatus(HttpFault):
    """The answer is this HTTP status with a page of HTML: 403 and 429 (limits), 5xx (the server is ill)."""

    status: int = 503

    def __post_init__(self) -> None:
        """Refuse what is no error of HTTP."""
        _require(400 <= self.status <= 599, "an HTTP status", self.status, "400 to 599")


@dataclass(frozen=True)
class RetCode(HttpFault):
    """The answer is this retCode with no result.

    Attributes
    ----------
    code : int
        For example 10002 (time window), 10006 (rate limit) or 10016 (server error).
    reset_in_ms : int, optional
        Where the header X-Bapi-Limit-Reset-Timestamp stands from the server's clock: above 0 ahead, below 0
        in the past. Without it the header is absent.
    """

    code: int = 10016
    reset_in_ms: int | None = None


@dataclass(frozen=True)
class TimeOut(HttpFault):
    """Nothing is said for so many seconds; then the connection is dropped."""

    seconds: float = 30.0

    def __post_init__(self) -> None:
        """Refuse a time that is none."""
        _require_seconds(self.seconds)


@dataclass(frozen=True)
class DroppedConnection(HttpFault):
    """The connection is dropped after this share of the body; 0: before the first byte of the answer."""

    share: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        _require_share(self.share)


@dataclass(frozen=True)
class TruncatedJson(HttpFault):
    """The answer is complete as HTTP, and its JSON ends after this share."""

    share: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        _require_share(self.share)


@dataclass(frozen=True)
class HtmlPage(HttpFault):
    """The answer is status 200 with a page of HTML: a gateway's or a maintenance page."""


@dataclass(frozen=True)
class SlowBody(HttpFault):
    """The body comes in ten pieces over so many seconds; nothing else is wrong with it."""

    seconds: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a time that is none."""
        _require_seconds(self.seconds)


@dataclass(frozen=True)
class DuplicateRows(HttpFault):
    """The first so many rows of the answer come twice, one after the other."""

    count: int = 1

    def __post_init__(self) -> None:
        """Refuse a number that is none."""
        _require(self.count >= 1, "a number of rows", self.count, "1 or more")


@dataclass(frozen=True)
class DisorderedRows(HttpFault):
    """Every two neighbours among the rows of the answer change places."""


@dataclass(frozen=True)
class MissingPage(HttpFault):
    """The answer is a success without rows, whatever the exchange has."""


@dataclass(frozen=True)
class UnfinishedCandle(HttpFault):
    """The newest closed candle, closed less than one bar ago, still shows what it was at its open."""


@dataclass(frozen=True)
class TrailingCursor(HttpFault):
    """The last page of an answer with cursors carries one as well; what it leads to is empty."""


@dataclass(frozen=True)
class LostAnswer(HttpFault):
    """The request is carried out; nothing is said for so many seconds, then the connection is dropped."""

    seconds: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a time that is none."""
        _require_seconds(self.seconds)


@dataclass(frozen=True)
class AcceptedThenRejected(OrderFault):
    """An order is acknowledged and rejected right after."""


@dataclass(frozen=True)
class DelayedOrder(OrderFault):
    """An order is acknowledged and seen nowhere until so many milliseconds of the exchange's time later."""

    delay_ms: int = 500

    def __post_init__(self) -> None:
        """Refuse a time that is none."""
        _require(self.delay_ms >= 1, "a delay", self.delay_ms, "milliseconds from 1")


@dataclass(frozen=True)
class PartialFill(OrderFault):
    """The first execution of an order takes this share of it; a market order's rest is cancelled.

    The rest of an order that stands in the book is filled when its price is traded through again.
    """

    share: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        _require_share(self.share)


@dataclass(frozen=True)
class RefusedAuth(StreamFault):
    """The private stream refuses to authenticate a client, as if its key were invalid."""


@dataclass(frozen=True)
class DroppedStream(StreamFault):
    """The connection of the stream is gone, without a close frame, in place of this message."""


@dataclass(frozen=True)
class ClosedStream(StreamFault):
    """The stream is closed in order, as for maintenance, in place of this message."""

    code: int = 1001

    def __post_init__(self) -> None:
        """Refuse a code no close frame may carry."""
        may_be_sent = 1000 <= self.code <= 4999 and self.code not in (1004, 1005, 1006, 1015)
        _require(may_be_sent, "a close code", self.code, "1000 to 4999, as 1001 (going away)")


@dataclass(frozen=True)
class StalledStream(StreamFault):
    """The stream stays open and says nothing more for so many seconds, not even a pong."""

    seconds: float = 60.0

    def __post_init__(self) -> None:
        """Refuse a time that is none."""
        _require_seconds(self.seconds)


@dataclass(frozen=True)
class RepeatedMessage(StreamFault):
    """The message comes twice; of a candle's last message that is a repeated `confirm: true`."""


@dataclass(frozen=True)
class LateMessage(StreamFault):
    """The message comes after the one that follows it: out of order."""


@dataclass(frozen=True)
class Scripted:
    """A fault that meets the requests of these numbers, counted from 1, to one path (or to `*`, any).

    Attributes
    ----------
    fault : Fault
        What goes wrong. A stream's fault counts the messages pushed over the path, not requests.
    path : str
        For example /v5/market/kline, or /v5/public/linear for the public stream.
    numbers : tuple[int, ...]
        Which of them, since the plan was put in force.
    """

    fault: Fault
    path: str
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Seeded:
    """A fault that meets each request to `path` (or each message of a stream) with this chance."""

    fault: Fault
    rate: float
    path: str = EVERY_PATH


@dataclass(frozen=True)
class FaultPlan:
    """What goes wrong and when. The default is that nothing does.

    Attributes
    ----------
    scripted : tuple[Scripted, ...]
        Faults by number; the first that names a request wins, before any seeded one.
    seeded : tuple[Seeded, ...]
        Faults by chance; of one request at most one comes true.
    seed : int
        Of that chance: the same seed, the same faults.
    conditions : tuple[Condition, ...]
        What happens to the market itself.

    Raises
    ------
    ConfigurationError
        If a rate is not a share, or the rates of one kind of fault add up to more than 1.
    """

    scripted: tuple[Scripted, ...] = ()
    seeded: tuple[Seeded, ...] = ()
    seed: int = 0
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        """Refuse rates that are no shares."""
        for entry in self.seeded:
            if not 0 <= entry.rate <= 1:
                raise ConfigurationError(
                    f"the rate of {type(entry.fault).__name__} is {entry.rate}",
                    way_out="give a share of the requests: 0.05 is one in twenty",
                )
        for kinds in (HttpFault, StreamFault):
            total = sum(entry.rate for entry in self.seeded if isinstance(entry.fault, kinds))
            if total > 1 + 1e-9:
                raise ConfigurationError(
                    f"the rates of the faults add up to {total:g}", way_out="they are shares of one whole"
                )

    def http_fault(self, path: str, number: int) -> HttpFault | None:
        """Return the fault that meets the `number`-th request (from 1) to `path`, if one does."""
        return self._fault(path, number, HttpFault)

    def stream_fault(self, path: str, number: int) -> StreamFault | None:
        """Return the fault that meets the `number`-th message (from 1) pushed over `path`, if one does."""
        return self._fault(path, number, StreamFault)

    def _fault[Kind: Fault](self, path: str, number: int, kind: type[Kind]) -> Kind | None:
        for script in self.scripted:
            meets = script.path in (path, EVERY_PATH) and number in script.numbers
            if meets and isinstance(script.fault, kind):
                return script.fault
        draw = _uniform(f"{self.seed}/{path}/{number}") if self.seeded else 1.0
        for entry in self.seeded:
            if entry.path in (path, EVERY_PATH) and isinstance(entry.fault, kind):
                if draw < entry.rate:
                    return entry.fault
                draw -= entry.rate
        return None


NO_FAULTS = FaultPlan()


def fault_storm(seed: int, *, rate: float = 0.2) -> FaultPlan:
    """Return a plan in which a share `rate` of all requests and messages meets some passing fault.

    Every kind of fault a patient client can outlast is in it, equally often. Left out are what lasts (HTTP
    403 is a ban), and what looks like a sound answer and is not (a missing page, an unfinished candle): these
    are scripted where a test knows what should follow.
    """
    http: Sequence[HttpFault] = (
        HttpStatus(429),
        HttpStatus(500),
        HttpStatus(503),
        RetCode(10002),
        RetCode(10006),
        RetCode(10006, reset_in_ms=200),
        RetCode(10006, reset_in_ms=-1000),
        RetCode(10016),
        TimeOut(0.05),
        DroppedConnection(0.0),
        DroppedConnection(0.5),
        TruncatedJson(),
        HtmlPage(),
        SlowBody(0.05),
        DuplicateRows(3),
        DisorderedRows(),
        TrailingCursor(),
    )
    stream: Sequence[StreamFault] = (
        DroppedStream(),
        ClosedStream(),
        StalledStream(1.0),
        RepeatedMessage(),
        LateMessage(),
    )
    return FaultPlan(
        seeded=(
            *(Seeded(fault, rate / len(http)) for fault in http),
            *(Seeded(fault, rate / len(stream)) for fault in stream),
        ),
        seed=seed,
    )


def account_storm(seed: int, *, rate: float = 0.2) -> FaultPlan:
    """Return `fault_storm` with, beside it, what goes wrong with orders, their messages and their accounts.

    Half of the rate goes to each; an acknowledged order that is rejected is not among them, since no patience
    brings it back.
    """
    orders: Sequence[HttpFault] = (LostAnswer(0.0), LostAnswer(0.05), PartialFill(0.5))
    storm = fault_storm(seed, rate=rate / 2)
    return FaultPlan(
        seeded=(
            *(Seeded(fault, rate / 2 / len(orders), ORDER_PATHS[0]) for fault in orders),
            Seeded(RefusedAuth(), rate / 2, AUTH_PATH),
            *storm.seeded,
        ),
        seed=seed,
    )


def _require(is_right: bool, what: str, value: float, wanted: str) -> None:
    if not is_right:
        raise ConfigurationError(f"{what} of a fault is {value}", way_out=f"give {wanted}")


def _require_seconds(seconds: float) -> None:
    _require(0 <= seconds < float("inf"), "a time", seconds, "seconds from 0")


def _require_share(share: float) -> None:
    _require(0 <= share <= 1, "a share", share, "a number from 0 to 1")


def _uniform(name: str) -> float:
    """Return the number in [0, 1) that this name draws."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2.0**64
