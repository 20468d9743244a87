"""Versions, of cards and of strategies: three numbers."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from engine.idea_card.findings import Finding

_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")


def is_version(value: object) -> bool:
    """Whether `value` is a version, as 1.0.0."""
    return isinstance(value, str) and _VERSION.fullmatch(value) is not None


def _version(value: Any) -> Any:
    if not is_version(value):
        way_out = "write three numbers with dots between them, as in 1.0.0"
        raise Finding((), "is not a version", way_out, value).as_error()
    return value


Version = Annotated[
    str, BeforeValidator(_version), Field(json_schema_extra={"pattern": f"^{_VERSION.pattern}$"})
]
