"""A `risk.yaml` to begin with: every limit with its default, and above it the reason."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import BaseModel

from engine.live.risk.limits import RiskLimits

_WIDTH = 100
_HEAD = (
    "Limits of trading. What is left out has the default that stands here; `trade risk limits` shows what is "
    "in force. A running session takes changes over when it is started again."
)


def limits_as_yaml(limits: RiskLimits) -> str:
    """Return the text of a file that says `limits`; `risk_limits_from_text` gives them back."""
    return "\n".join([*_comment(_HEAD, ""), "", *_block(limits, "")]) + "\n"


def _block(part: BaseModel, indent: str) -> Iterator[str]:
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        yield from _comment(" ".join((field.description or "").split()), indent)
        if isinstance(value, BaseModel):
            yield f"{indent}{name}:"
            yield from _block(value, f"{indent}  ")
        else:
            yield f"{indent}{name}: {_flow(_plain(value))}"


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _plain(value.model_dump())
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _flow(value: Any) -> str:
    if isinstance(value, dict | list):
        return yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000).strip()
    return str(value)


def _comment(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
