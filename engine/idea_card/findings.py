"""What is wrong at one place of a card, and its way through pydantic.

pydantic collects the errors of nested models and their places. Our own findings travel inside it as custom
errors, so that a reader gets all of them at once and none of pydantic's own wording.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

type Where = tuple[str | int, ...]

_KIND = "card"
_LONGEST_LISTING = 50


@dataclass(frozen=True)
class Finding:
    """One thing wrong. `where` leads from the part that is looked at to the key."""

    where: Where
    problem: str
    way_out: str
    value: object = None

    def as_error(self) -> PydanticCustomError:
        """Return the finding as an error that a pydantic validator may raise."""
        context = {"problem": self.problem, "way_out": self.way_out, "value": self.value}
        return PydanticCustomError(_KIND, "{problem}. {way_out}", context)


def is_finding(error: ErrorDetails) -> bool:
    """Whether a pydantic error carries a finding of ours."""
    return error["type"] == _KIND


def finding_of(error: ErrorDetails) -> Finding:
    """Return the finding that a pydantic error of ours carries."""
    context = error["ctx"]
    return Finding(error["loc"], context["problem"], context["way_out"], context["value"])


def refusal(title: str, findings: Iterable[Finding]) -> ValidationError:
    """Return one pydantic error that carries all `findings`."""
    return ValidationError.from_exception_data(
        title,
        [
            InitErrorDetails(type=finding.as_error(), loc=finding.where, input=finding.value)
            for finding in findings
        ],
    )


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return the known words as advice, the likeliest first: "did you mean x? It can be x, y, z".

    Of very many words only those that look alike are told.
    """
    words = tuple(map(str, known))
    near = get_close_matches(str(word), words, n=1, cutoff=0.6)
    listing = f"it can be {', '.join(words)}"
    if len(words) > _LONGEST_LISTING:
        alike = [other for other in get_close_matches(str(word), words, n=8, cutoff=0.4) if [other] != near]
        listing = f"there are {len(words)}" + (f", like {', '.join(alike)}" if alike else "")
    return f"did you mean {near[0]}? {listing[0].upper()}{listing[1:]}" if near else listing
