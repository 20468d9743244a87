"""Where evidence of a run in shadow lies: one small file per card, symbol, timeframe and system."""

from __future__ import annotations

import json
from pathlib import Path

from upath import UPath

from engine.backtest.artifacts import write_atomically
from engine.errors import CorruptData
from engine.gates.shadow import ShadowEvidence
from engine.timeframes import Timeframe

_HASH_DIGITS = 16


def shadow_evidence_file(
    folder: Path, card_id: str, symbol: str, timeframe: Timeframe, system_hash: str
) -> Path:
    """Return the file of a system's evidence; `folder` is `TradeSettings.shadow_folder`."""
    return folder / card_id / f"{symbol}_{timeframe}_{system_hash[:_HASH_DIGITS]}.json"


def write_shadow_evidence(folder: Path, evidence: ShadowEvidence) -> Path:
    """Write evidence over what was known of the same system before, whole or not at all."""
    file = shadow_evidence_file(
        folder, evidence.card_id, evidence.symbol, evidence.timeframe, evidence.system_hash
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(evidence.to_plain(), indent=1, allow_nan=False) + "\n"
    write_atomically(UPath(file), text.encode())
    return file


def read_shadow_evidence(
    folder: Path, card_id: str, symbol: str, timeframe: Timeframe, system_hash: str
) -> ShadowEvidence | None:
    """Return the evidence of a system; None where it has not run in shadow.

    Raises
    ------
    CorruptData
        If the file is no evidence.
    """
    file = shadow_evidence_file(folder, card_id, symbol, timeframe, system_hash)
    try:
        return ShadowEvidence.from_plain(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except json.JSONDecodeError as error:
        raise CorruptData(
            f"{file} is not JSON: {error}", way_out="move it aside; the next run in shadow writes it anew"
        ) from error
