"""The one exception tree.

Everything the project raises on purpose is a `TradeError`. A message says what is wrong (the file, the
key, the value) and, after it, the way out. `ConfigurationError` is the user's to mend, `DataError` is the
data's, `ExchangeError` the other side's; `ExchangeUnavailable` may pass by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class TradeError(Exception):
    """Base of every error raised on purpose.

    Parameters
    ----------
    problem : str
        What is wrong, with the name and the value of the thing.
    way_out : str, optional
        What the reader can do about it.
    """

    def __init__(self, problem: str, *, way_out: str = "") -> None:
        self.problem = problem
        self.way_out = way_out
        super().__init__(f"{problem}\n  Way out: {way_out}" if way_out else problem)

    def __reduce__(self) -> tuple[Any, ...]:
        # errors cross processes; made of its message alone, one would lose what it carries
        return _revived, (type(self), self.args, self.__dict__)


def _revived(kind: type[TradeError], args: tuple[Any, ...], carried: dict[str, Any]) -> TradeError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(carried)
    return error


class ConfigurationError(TradeError):
    """A setting, argument or file of the user's is wrong."""


@dataclass(frozen=True)
class CardProblem:
    """One thing wrong in an IdeaCard."""

    key_path: str
    problem: str
    way_out: str
    value: object = None

    def __str__(self) -> str:
        shown = "" if self.value is None else f" (value: {self.value!r})"
        return f"{self.key_path or '(whole file)'}: {self.problem}{shown}\n      {self.way_out}"


class CardError(ConfigurationError):
    """An IdeaCard cannot be used. Carries every problem found, not only the first."""

    def __init__(self, source: str, problems: Sequence[CardProblem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        listing = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"{source} is not a usable IdeaCard:\n{listing}")


class StrategyError(ConfigurationError):
    """A strategy in Python failed, or said what is no signal."""


class DataError(TradeError):
    """Stored or computed data are missing, defective or of the wrong shape."""


class DataNotFound(DataError):
    """Nothing is stored where something was asked for."""


class CorruptData(DataError):
    """A file or database exists and cannot be read, or is not what its hash says."""


class SchemaViolation(DataError):
    """A frame breaks its schema. Refused before it is written."""


class ExchangeError(TradeError):
    """The exchange refused a request or answered what cannot be used.

    Parameters
    ----------
    problem, way_out : str
        As of `TradeError`.
    ret_code : int, optional
        Bybit's own code (`retCode`), where it gave one.
    """

    def __init__(self, problem: str, *, way_out: str = "", ret_code: int | None = None) -> None:
        self.ret_code = ret_code
        super().__init__(problem, way_out=way_out)


class ExchangeUnavailable(ExchangeError):
    """Nothing answers, or not in time. May pass by itself."""


class OutcomeUnknown(ExchangeUnavailable):
    """Something was asked for that changes the account, and whether it was done is not known.

    It must not be asked for again before the account was looked at.

    Parameters
    ----------
    problem, way_out, ret_code
        As of `ExchangeError`.
    order_link_id : str, optional
        Of the order in question.
    """

    def __init__(
        self, problem: str, *, way_out: str = "", ret_code: int | None = None, order_link_id: str = ""
    ) -> None:
        self.order_link_id = order_link_id
        super().__init__(problem, way_out=way_out, ret_code=ret_code)


class AuthenticationFailed(ExchangeError):
    """The exchange does not take the key, the signature, or what the key may do."""


class OrderRefused(ExchangeError):
    """The exchange does not take an order, or a change of one; or it breaks the instrument's rules."""


class InsufficientMargin(OrderRefused):
    """The account has not enough for an order."""


class OrderGone(OrderRefused):
    """An order is not open any more: filled, cancelled or never there."""


class SymbolNotListed(ExchangeError):
    """The exchange does not list the symbol as a USDT perpetual."""


class RiskRefused(TradeError):
    """The risk manager does not let an order leave.

    Parameters
    ----------
    problem, way_out : str
        As of `TradeError`.
    code : str
        The name of the limit, or of what is not certain.
    """

    def __init__(self, problem: str, *, code: str, way_out: str = "") -> None:
        self.code = code
        super().__init__(problem, way_out=way_out)


class SimulationError(TradeError):
    """The simulator was given something it must not run on."""


class GateRefused(TradeError):
    """A gate refused to let its subject pass."""


class NotificationFailed(TradeError):
    """A notification did not arrive, for all we know.

    Parameters
    ----------
    problem, way_out : str
        As of `TradeError`; the address is a secret and never part of it.
    retry_after_s : float, optional
        How long the other side asks to be left alone.
    is_final : bool, optional
        Whether trying again cannot help: the address or the token is wrong.
    """

    def __init__(
        self, problem: str, *, way_out: str = "", retry_after_s: float | None = None, is_final: bool = False
    ) -> None:
        self.retry_after_s = retry_after_s
        self.is_final = is_final
        super().__init__(problem, way_out=way_out)
