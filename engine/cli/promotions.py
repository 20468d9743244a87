"""`trade promotions`, `trade promote` and `trade why`: arguments in, tool called. No logic of its own."""

from __future__ import annotations

import getpass
from enum import StrEnum
from typing import Annotated, Any, override

import typer
from typer.core import TyperGroup

from engine.cli.arguments import AsJson, CardName, CardNames, OptionalCard, Symbols
from engine.cli.calling import call

_LIST = "list"


class _ListIsMeant(TyperGroup):
    """`trade promotions [CARD]` stands for `trade promotions list [CARD]`."""

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        wants_help = bool(args) and args[0] in ctx.help_option_names
        if not wants_help and (not args or args[0] not in self.commands):
            args = [_LIST, *args]
        return super().parse_args(ctx, args)


promotions_app = typer.Typer(
    cls=_ListIsMeant, help="The ledger of promotion decisions, and how the policy did over history."
)


class PromotionStage(StrEnum):
    """The stages that can be asked for."""

    BACKTESTED = "backtested"
    VALIDATED = "validated"
    SHADOW = "shadow"
    LIVE = "live"
    RETIRED = "retired"
    CANDIDATE = "candidate"


_BY_EVIDENCE = (PromotionStage.BACKTESTED, PromotionStage.VALIDATED, PromotionStage.SHADOW)


@promotions_app.command(_LIST)
def promotions(
    card: OptionalCard = None,
    every: Annotated[bool, typer.Option("--all", help="The whole ledger, not only the latest.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the promotion decisions of the ledger, with the gate that refused, and where each card stands."""
    from engine.cli import promotion_tables

    call("promotions.list", {"card": card, "every": every}, promotion_tables.promotions, as_json=as_json)


class ReplayedStage(StrEnum):
    """The stages that can be replayed."""

    BACKTESTED = "backtested"
    VALIDATED = "validated"


@promotions_app.command("replay")
def replay(
    cards: CardNames = None,
    every: Annotated[bool, typer.Option("--all", help="Every card of the folder.")] = False,
    symbol: Symbols = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="First month's end (UTC), as 2025-01-01.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Last one (UTC).")] = None,
    stage: Annotated[
        ReplayedStage, typer.Option(help="validated gathers the whole evidence each month.")
    ] = ReplayedStage.BACKTESTED,
    months_ahead: Annotated[int, typer.Option(help="Months looked at after each decision.", min=1)] = 1,
    windows: Annotated[int | None, typer.Option(help="Of validated: windows; 12.", min=1)] = None,
    sets: Annotated[int | None, typer.Option(help="Of validated: sets tried; 50.", min=1)] = None,
    paths: Annotated[int | None, typer.Option(help="Of validated: Monte Carlo paths; 200.", min=10)] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything that is drawn; 0.", min=0)] = None,
    workers: Annotated[int | None, typer.Option(help="Threads; one per core if not given.", min=1)] = None,
    as_json: AsJson = False,
) -> None:
    """Test the policy over history: decide month by month with what was known then, and see what came after.

    Nothing goes into the ledger.
    """
    from engine.cli import promotion_tables

    if every is bool(cards):
        raise typer.BadParameter("name cards, or say --all", param_hint="CARD" if every else "--all")
    arguments = {
        "cards": cards or None, "symbols": symbol, "start": first, "end": last, "stage": stage,
        "months_ahead": months_ahead, "windows": windows, "sets": sets, "paths": paths, "seed": seed,
        "workers": workers,
    }  # fmt: skip
    call(
        "promotions.replay",
        arguments,
        promotion_tables.replay,
        as_json=as_json,
        well=lambda data: not data["failed"],
    )


def promote(
    card: CardName,
    symbol: Symbols = None,
    stage: Annotated[
        PromotionStage | None, typer.Option(help="Which; the one above that it holds, if not given.")
    ] = None,
    reason: Annotated[str | None, typer.Option(metavar="WHY", help="Of live, retired and candidate.")] = None,
    by: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who decides that; you, if not given.")
    ] = None,
    windows: Annotated[int | None, typer.Option(help="Windows of the walk-forward; 12.", min=1)] = None,
    sets: Annotated[int | None, typer.Option(help="Sets of parameters tried; 200.", min=1)] = None,
    paths: Annotated[int | None, typer.Option(help="Monte Carlo paths; 1,000.", min=10)] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything that is drawn; 0.", min=0)] = None,
    workers: Annotated[int | None, typer.Option(help="Threads; one per core if not given.", min=1)] = None,
    as_json: AsJson = False,
) -> None:
    """Take a card to its next stage, if the evidence allows; every decision goes into the ledger.

    Up to shadow by evidence, gathered as needed over the whole history. To
    live, retired from anywhere, or back as a candidate: by a person who says
    why. With fewer windows, sets or paths it is quicker and shows what is
    wrong, but does not promote.
    """
    from engine.cli import promotion_tables

    if stage is None or stage in _BY_EVIDENCE:
        if reason is not None or by is not None:
            raise typer.BadParameter(
                "evidence decides on this stage; people decide on live, retired and candidate",
                param_hint="--reason" if reason is not None else "--by",
            )
        tool, arguments = "promotions.promote", {
            "card": card, "symbols": symbol, "stage": stage, "windows": windows, "sets": sets,
            "paths": paths, "seed": seed, "workers": workers,
        }  # fmt: skip
    else:
        if reason is None:
            raise typer.BadParameter("say why: the ledger keeps it", param_hint="--reason")
        tool, arguments = "promotions.decide", {
            "card": card, "symbols": symbol, "stage": stage, "reason": reason,
            "by": by or getpass.getuser(),
        }  # fmt: skip
    call(tool, arguments, promotion_tables.moved, as_json=as_json, well=lambda data: not data["failed"])


def why(card: CardName, symbol: Symbols = None, as_json: AsJson = False) -> None:
    """Say why a card stands where it stands: every gate, its value, threshold and remedy; what changed."""
    from engine.cli import promotion_tables

    call("promotions.why", {"card": card, "symbols": symbol}, promotion_tables.why, as_json=as_json)
