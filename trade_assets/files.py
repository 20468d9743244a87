"""Files of the artifact store: replacing one as a whole, and JSON as it is stored."""

from __future__ import annotations

import json
from typing import Any

from upath import UPath

from engine.backtest.artifacts import write_atomically


def replace_file(path: UPath, data: bytes) -> None:
    """Write `data` to `path`, with its folder; a reader sees all of the old content or all of the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data)


def to_json(value: Any) -> bytes:
    """Return plain data as JSON for files: keys sorted, one value per line, no NaN."""
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()
