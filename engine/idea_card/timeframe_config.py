"""The timeframes of a card, by role."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Annotated, Any, Literal, get_args, override

from pydantic import BeforeValidator, WithJsonSchema

from engine.errors import ConfigurationError
from engine.idea_card.base import CardPart
from engine.idea_card.findings import Finding, did_you_mean
from engine.timeframes import Timeframe

type Role = Literal["exec", "mtf", "htf"]
ROLES: tuple[Role, ...] = get_args(Role.__value__)

_NAMES = [timeframe.value for timeframe in Timeframe]


def _timeframe(value: Any) -> Any:
    if isinstance(value, Timeframe):
        return value
    try:
        return Timeframe.parse(value)
    except ConfigurationError:
        finding = Finding((), "is not a timeframe", did_you_mean(value, _NAMES), value)
        raise finding.as_error() from None


CardTimeframe = Annotated[
    Timeframe, BeforeValidator(_timeframe), WithJsonSchema({"type": "string", "enum": _NAMES})
]


class TFConfig(CardPart):
    """Which candles the card looks at. Rules are evaluated at the close of each exec bar.

    `mtf` and `htf` give their last closed bar. Each is a multiple of every smaller one, so that a larger bar
    always closes together with an exec bar. The same holds for exec and `detail`.
    """

    exec: CardTimeframe
    """The timeframe decisions are made and filled on."""
    mtf: CardTimeframe | None = None
    """A middle timeframe, larger than exec. Leave it out, or null, if there is none."""
    htf: CardTimeframe | None = None
    """A higher timeframe, larger than exec and mtf. Leave it out, or null, if there is none."""
    detail: CardTimeframe | None = None
    """A timeframe smaller than exec, to fill orders on; rules and features cannot look at it. Leave it out,
    or null, to fill on the exec bars."""

    def roles(self) -> dict[str, Timeframe]:
        """Return the timeframes rules and features look at, by role, the smallest first."""
        return {role: timeframe for role in ROLES if (timeframe := getattr(self, role)) is not None}

    def all_timeframes(self) -> dict[str, Timeframe]:
        """Return the timeframes a run needs candles of, the smallest first: `detail`, if any, and `roles`."""
        return ({} if self.detail is None else {"detail": self.detail}) | self.roles()

    def timeframe(self, role: str) -> Timeframe:
        """Return the timeframe of `role`.

        Raises
        ------
        ConfigurationError
            If the card has no such role.
        """
        try:
            return self.roles()[role]
        except KeyError:
            way_out = did_you_mean(role, self.roles())
            raise ConfigurationError(f"the card has no timeframe {role!r}", way_out=way_out) from None

    @override
    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        known = [(role, Timeframe(block[role])) for role in ROLES if block.get(role) in _NAMES]
        for (small_role, small), (large_role, large) in combinations(known, 2):
            if large <= small:
                yield Finding(
                    (large_role,),
                    f"must be larger than {small_role}, which is {small}",
                    "order them exec < mtf < htf, and leave out what the card does not use",
                    large.value,
                )
            elif large.ms % small.ms:
                yield Finding(
                    (large_role,),
                    f"is not a multiple of {small_role}, which is {small}",
                    f"use one of {', '.join(name for name in _NAMES if _fits(name, small))}",
                    large.value,
                )
        if block.get("exec") in _NAMES and block.get("detail") in _NAMES:
            yield from _detail_against_exec(Timeframe(block["detail"]), Timeframe(block["exec"]))


def _detail_against_exec(detail: Timeframe, execution: Timeframe) -> Iterator[Finding]:
    fitting = [name for name in _NAMES if _fits(execution.value, Timeframe(name))]
    way_out = f"use one of {', '.join(fitting)}" if fitting else "leave it out: there is no smaller timeframe"
    if detail >= execution:
        yield Finding(("detail",), f"must be smaller than exec, which is {execution}", way_out, detail.value)
    elif execution.ms % detail.ms:
        yield Finding(("detail",), f"does not divide exec, which is {execution}", way_out, detail.value)


def _fits(name: str, small: Timeframe) -> bool:
    length = Timeframe(name).ms
    return length > small.ms and length % small.ms == 0
