"""Lineage: from which card, and from which trial of which sweep, a card was adopted.

It says where a card comes from and nothing of what it does: it never reaches the card, and no system hash
knows it. `trade sweeps adopt` writes it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from engine.idea_card.base import CardPart, Name, Text
from engine.idea_card.versions import Version

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Lineage(CardPart):
    """Where an adopted card comes from."""

    family: Name
    """The first card of the line; the trials of all its cards count together."""
    parent_id: Name
    """The card it was adopted from."""
    parent_version: Version
    """The version of that card."""
    parent_system_hash: Hash
    """The system hash of that card as it stood in its file."""
    sweep_id: Text
    """The search that ran the trial first, as `trade sweeps list` names it."""
    search: Text
    """How that search chose its sets."""
    run_id: Hash
    """The trial."""
    system_hash: Hash
    """The system hash of the parent with the values of the trial."""
    symbol: Text
    """What it was tried on."""
    window: Text
    """First moment and last close of the bars it was tried on, UTC."""
    data_fingerprint: Hash
    """Hash of the candles, the funding and the exchange's rules it was tried on."""
