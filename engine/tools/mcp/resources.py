"""What agents can read beside calling tools: how to write cards, the cards, the reports, the guide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.settings import TradeSettings

GUIDE_URI = "trade://guide"
_YAML = "application/yaml"


@dataclass(frozen=True)
class Document:
    """One text that can be read.

    Parameters
    ----------
    uri, name, description, mime_type : str
        As the protocol shows them.
    read : callable
        Gives the text.
    """

    uri: str
    name: str
    description: str
    mime_type: str
    read: Callable[[], str]


def documents(settings: TradeSettings, guide: str) -> dict[str, Document]:
    """Return everything that can be read now, by its address.

    Only what is listed here can be read: an address is looked up, never taken apart into a path.
    """
    listed = [
        Document(GUIDE_URI, "guide", "How to work with this system.", "text/plain", lambda: guide),
        Document(
            "trade://cards/schema",
            "card schema",
            "JSON schema of an IdeaCard.",
            "application/schema+json",
            _card_schema,
        ),
        Document(
            "trade://cards/reference",
            "card reference",
            "Every name, operator, indicator and structure a card can use, with its parameters.",
            "text/markdown",
            _card_reference,
        ),
        *_cards(settings),
        *_reports(settings),
    ]
    return {document.uri: document for document in listed}


def _card_schema() -> str:
    from engine.rules.schema import card_schema_text

    return card_schema_text()


def _card_reference() -> str:
    from engine.reports.reference import reference_text

    return reference_text()


def _cards(settings: TradeSettings) -> list[Document]:
    from engine.idea_card.load import load_cards

    if not settings.cards_dir.is_dir():
        return []
    folder = load_cards(settings.cards_dir)
    return [
        Document(f"trade://cards/id/{name}", name, card.description, _YAML, folder.files[name].read_text)
        for name, card in folder.cards.items()
    ]


def _reports(settings: TradeSettings) -> list[Document]:
    from upath import UPath

    from engine.tools.reports import stored_reports

    return [
        Document(
            f"trade://reports/{report['made_by']}/{report['card']}/{report['name']}",
            f"{report['card']} {report['symbol']} {report['timeframe']}",
            f"The report of the {report['made_by']}: figures, curves and trades, as a page.",
            "text/html",
            UPath(report["path"]).read_text,
        )
        for report in stored_reports(settings)
    ]
