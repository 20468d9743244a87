"""The base of every part of a card, and the kinds of value its keys take.

Parts are strict: no unknown key, no conversion (`"3"` is not 3, `true` is not 1), no infinite number. To add
a key, add an annotated attribute with its meaning as the docstring below it: the JSON schema, the error
messages and the system hash follow from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Self, override

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)

from engine.hashing import canonical_json
from engine.idea_card.findings import Finding, refusal
from engine.idea_card.frozen import OrderedBlock, to_plain
from engine.idea_card.plain_words import findings_in


class CardPart(BaseModel):
    """One block of a card: immutable and strict, with every problem in it reported at once."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    misplaced: ClassVar[Mapping[str, str]] = {}
    """Keys that belong elsewhere and are easily written here, each with where it belongs, as advice."""

    beside: ClassVar[tuple[str, ...]] = ()
    """Keys that stand in the file beside those of this part, for whoever misspells one."""

    @classmethod
    def inconsistencies(cls, block: dict[str, Any]) -> Iterable[Finding]:
        """Yield what is wrong between keys of this part.

        `block` is the part as written: a key may be missing or of the wrong kind, which is reported
        elsewhere, so that a mistake in one key does not hide one between two others.
        """
        del block
        return ()

    @cached_property
    def said(self) -> str:
        """What hashes are made of: the canonical JSON of the part, without keys that have their default.

        Made once: the cards of a sweep share most of their parts.
        """
        fields = type(self).model_fields
        written = {
            name: value
            for name in sorted(fields)
            if (value := getattr(self, name)) != fields[name].default or fields[name].is_required()
        }
        return _said(written)

    @override
    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some values replaced, unchecked; nothing that was made of the old ones stays."""
        copy = super().model_copy(update=update, deep=deep)
        for name in copy.__dict__.keys() - type(self).model_fields.keys():
            del copy.__dict__[name]
        return copy

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_with_everything(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        part: Self | None = None
        findings: list[Finding] = []
        try:
            part = handler(data)
        except ValidationError as error:
            findings += findings_in(error, cls)
        if isinstance(data, dict):
            findings += cls.inconsistencies(to_plain(data))
        if part is None or findings:
            raise refusal(cls.__name__, findings)
        return part


def _said(value: Any) -> str:
    if isinstance(value, CardPart):
        return value.said
    if isinstance(value, OrderedBlock):
        # JSON's objects have no order
        return f"[{','.join(f'[{canonical_json(key)},{_said(item)}]' for key, item in value.items())}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{canonical_json(key)}:{_said(value[key])}' for key in sorted(value))}}}"
    if isinstance(value, tuple):
        return f"[{','.join(map(_said, value))}]"
    return canonical_json(value)


def at(block: Any, *keys: str) -> Any:
    """Return what stands in a raw block under nested `keys`, or None where there is nothing."""
    for key in keys:
        block = block.get(key) if isinstance(block, dict) else None
    return block


def _whole(value: Any) -> Any:
    # 9 and 9.0 are two spellings of one number
    return int(value) if isinstance(value, float) and value.is_integer() else value


Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Percent = Annotated[float, Field(ge=0, le=100)]
# In percent, as every share in a card: 10 means 10 %, not ten times.
SharePct = Annotated[float, Field(gt=0, le=100)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000), BeforeValidator(_whole)]
PositiveCount = Annotated[int, Field(ge=1, le=1_000_000_000), BeforeValidator(_whole)]
Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
