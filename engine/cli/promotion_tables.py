"""How decisions on promotion, and the reasons for them, look on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from engine.cli.screen import failure, market_notice
from engine.cli.tables import Row, coloured, lines, moment, new_table, number, verdict


def promotions(console: Console, data: Row) -> None:
    """Show decisions of the ledger, and where each card stands."""
    table = new_table("No", "Decided (UTC)", "Card", "Symbol", "TF", "Stage", right=["No"])
    table.add_column("Decision")
    for decision in data["decisions"]:
        table.add_row(
            str(decision["sequence"]),
            moment(decision["decided_at_ms"]),
            decision["card_id"],
            decision["symbol"],
            decision["timeframe"],
            decision["stage"],
            verdict(decision["decision"], decision["refused_by"]),
        )
    if data["decisions"]:
        console.print(table)
        standings = new_table("Card", "Symbol", "TF", "Stands at", title="Where they stand")
        for stands in data["standings"]:
            standings.add_row(stands["card_id"], stands["symbol"], stands["timeframe"], stands["stage"])
        console.print(standings)
    else:
        console.print("Nothing has been decided yet. `trade run CARD` leads to a decision.")
    console.print(market_notice(data["market"]))


def moved(console: Console, data: Row) -> None:
    """Show what was decided on each symbol, by which gates, and where the card stands now."""
    for decision in data["decisions"]:
        head = (
            f"{data['card_id']} {data['card_version']} on {decision['symbol']} {decision['timeframe']}, "
            f"{decision['stage']}: "
        )
        console.print(Text.assemble((head, "bold"), verdict(decision["decision"], decision["refused_by"])))
        _gates(console, decision["gates"])
        went = decision["stood_at"], decision["stands_at"]
        stands = f"stays at {went[1]}" if went[0] == went[1] else f"{went[0]} -> {went[1]}"
        console.print(Text(f"Row {decision['sequence']} of the ledger; {stands}.", style="dim"))
    for failed in data["failed"]:
        console.print(failure(f"{failed['symbol']}: {failed['error']}", failed["way_out"]), soft_wrap=True)
    console.print(market_notice(data["market"]))


def why(console: Console, data: Row) -> None:
    """Show where a card stands on each symbol, every gate of each stage, and what has changed."""
    name = f"{data['card_id']} {data['card_version']}, system {data['system_hash'][:12]}"
    console.print(Text(name, style="bold"))
    for standing in data["standings"]:
        head = f"\n{standing['symbol']} {standing['timeframe']} stands at {standing['stage']}"
        console.print(Text(head, style="bold"))
        for note in standing["notes"]:
            console.print(Text(note, style="yellow"))
        for stage in standing["stages"]:
            _stage(console, stage)
        console.print(Text.assemble(("Next  ", "bold green"), standing["next_step"]), soft_wrap=True)
    console.print(market_notice(data["market"]))


def replay(console: Console, data: Row) -> None:
    """Show what became of the promoted and the refused: in all, by month, and by gate."""
    summary = data["summary"]
    months = f"{data['months_ahead']} month{'s' if data['months_ahead'] > 1 else ''}"
    console.print(Text(f"Decided at each month's end ({data['stage']}); {months} ahead", style="bold"))
    fates = [(name, summary[name]) for name in ("promoted", "refused", "everything")]
    _fates(console, "Verdict", fates)
    by_chance = summary["p_value"]
    said = "no month has both" if by_chance is None else f"by chance in {by_chance:.1%} of shuffles"
    difference = number(summary["difference_pct"], 2, " % a decision")
    console.print(Text(f"Promoted less refused: {difference} ({said}).", style="bold"))
    if summary["not_judged"]:
        console.print(
            Text(f"{summary['not_judged']} could not be judged: too little was known.", style="dim")
        )
    table = new_table("Month's end", "Promoted", "Mean %", "Refused", "Mean % ", right=_MONTH_NUMBERS)
    for month in summary["months"]:
        table.add_row(
            moment(month["moment_ms"])[:10],
            number(month["promoted"]["decisions"], 0),
            coloured(month["promoted"]["mean_return_pct"]),
            number(month["refused"]["decisions"], 0),
            coloured(month["refused"]["mean_return_pct"]),
        )
    console.print(table)
    if summary["gates"]:
        _gate_worth(console, summary["gates"])
    if data["picture"]:
        lines(console, [("Picture", data["picture"])])
    for failed in data["failed"]:
        what = f"{failed['card']} {failed['symbol']}: {failed['error']}"
        console.print(failure(what, failed["way_out"]), soft_wrap=True)
    console.print(market_notice(data["market"]))


_MONTH_NUMBERS = ("Promoted", "Mean %", "Refused", "Mean % ")


def _fates(console: Console, head: str, fates: Sequence[tuple[str, Row]]) -> None:
    numbers = ("Decisions", "Mean %", "Median %", "Earned", "Worst %", "Max DD %", "Trades")
    table = new_table(head, *numbers, right=numbers)
    for name, fate in fates:
        table.add_row(
            name,
            number(fate["decisions"], 0),
            coloured(fate["mean_return_pct"]),
            coloured(fate["median_return_pct"]),
            number(fate["earned_pct"], 0, " %"),
            coloured(fate["worst_return_pct"]),
            number(fate["deepest_drawdown_pct"]),
            number(fate["trades"], 0),
        )
    console.print(table)


def _gate_worth(console: Console, gates: Sequence[Row]) -> None:
    numbers = ("Refused", "Mean %", "Passed", "Mean % ", "Difference %")
    table = new_table("Gate", *numbers, right=numbers, title="What each gate told apart")
    for gate in gates:
        table.add_row(
            gate["gate"],
            number(gate["refused"]["decisions"], 0),
            coloured(gate["refused"]["mean_return_pct"]),
            number(gate["passed"]["decisions"], 0),
            coloured(gate["passed"]["mean_return_pct"]),
            coloured(gate["difference_pct"]),
        )
    console.print(table)


def _stage(console: Console, stage: Row) -> None:
    of = "" if stage["is_current"] else f", of an earlier system ({stage['system_hash'][:12]})"
    said = f" by {stage['decided_by']}: {stage['reason']}" if stage.get("decided_by") else ""
    console.print(
        Text.assemble(
            (f"{stage['stage']}, row {stage['sequence']}, {moment(stage['decided_at_ms'])} UTC{of}: ", ""),
            verdict(stage["decision"], stage["refused_by"]),
            said,
        )
    )
    _gates(console, stage["gates"])
    if first := stage.get("evidence", {}).get("first_difference"):
        console.print(Text(f"First difference from the backtest: {first}"), soft_wrap=True)
    if stage["changes"]:
        console.print(Text("Changed since the decision before:", style="dim"))
        for change in stage["changes"]:
            console.print(Text(f"  {change}", style="dim"))


def _gates(console: Console, gates: Sequence[Row]) -> None:
    """Show every gate with its finding, and below them the remedies of those that refused."""
    if not gates:
        return
    table = new_table("Verdict", "Gate", "Finding")
    table.columns[2].no_wrap = False
    for gate in gates:
        passed = Text("passed", style="green") if gate["passed"] else Text("refused", style="red")
        table.add_row(passed, gate["gate"], gate["summary"])
    console.print(table)
    for gate in gates:
        for violation in gate["violations"]:
            remedy = Text.assemble(
                (f"{gate['gate']}: ", "bold"), f"{violation['what']}. {violation['remedy']}"
            )
            console.print(remedy, style="dim")
