"""`trade account`, `trade orders`, `trade positions`: no logic of their own."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli import trading_tables as tables
from engine.cli.arguments import AsJson, OptionalSymbol, Yes
from engine.cli.calling import call
from engine.cli.completing import symbols

account_app = typer.Typer(
    help="The account: balance, results, fees, what it is set to.", no_args_is_help=True
)
orders_app = typer.Typer(
    help="Orders: look, place, amend, cancel. The risk manager is asked before anything leaves.",
    no_args_is_help=True,
)
positions_app = typer.Typer(
    help="Positions: look, move stop and target, leverage, margin, close.", no_args_is_help=True
)

Days = Annotated[float, typer.Option("--days", help="How many days back.")]
OneSymbol = Annotated[str, typer.Argument(metavar="SYMBOL", help="As BTCUSDT.", autocompletion=symbols)]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The order's name (order link id).")]
# Numbers are text here: 0.1 is to arrive as 0.1.
Price = Annotated[str | None, typer.Option(metavar="USDT", help="The limit; without it at market.")]
Trigger = Annotated[
    str | None, typer.Option("--trigger", metavar="USDT", help="Wait until the last price reaches this.")
]
Stop = Annotated[str | None, typer.Option("--stop-loss", metavar="USDT", help="Stop of the position.")]
Target = Annotated[str | None, typer.Option("--take-profit", metavar="USDT", help="Its target.")]
Size = Annotated[str | None, typer.Option(metavar="COINS", help="The whole size, with what has traded.")]


@account_app.command("show")
def account_show(as_json: AsJson = False) -> None:
    """Show balance, equity, what orders may use and how the account is set."""
    call("account.show", {}, tables.account, as_json=as_json)


@account_app.command("results")
def account_results(days: Days = 7, symbol: OptionalSymbol = None, as_json: AsJson = False) -> None:
    """List closed positions and what they brought."""
    call("account.results", {"days": days, "symbol": symbol}, tables.results, as_json=as_json)


@account_app.command("transactions")
def account_transactions(days: Days = 1, as_json: AsJson = False) -> None:
    """List every change of the balance."""
    call("account.transactions", {"days": days}, tables.transactions, as_json=as_json)


@account_app.command("fees")
def account_fees(symbol: OneSymbol, as_json: AsJson = False) -> None:
    """Show what trading a symbol costs this account."""
    call("account.fees", {"symbol": symbol}, tables.fees, as_json=as_json)


@account_app.command("prepare")
def account_prepare(
    disconnect_cancel: Annotated[
        int | None,
        typer.Option(metavar="SECONDS", help="Cancel all orders so long after a disconnection."),
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Set isolated margin and one-way mode, which everything here needs."""
    call(
        "account.prepare",
        {"disconnect_cancel_s": disconnect_cancel},
        tables.prepared,
        as_json=as_json,
        consent="Set the account to isolated margin and one-way mode?",
        yes=yes,
    )


@orders_app.command("list")
def orders_list(symbol: OptionalSymbol = None, as_json: AsJson = False) -> None:
    """List open orders, the stops and targets of positions among them."""
    call("orders.list", {"symbol": symbol}, tables.orders, as_json=as_json)


@orders_app.command("history")
def orders_history(days: Days = 7, symbol: OptionalSymbol = None, as_json: AsJson = False) -> None:
    """List orders that are over."""
    call("orders.history", {"days": days, "symbol": symbol}, tables.orders, as_json=as_json)


@orders_app.command("find")
def orders_find(symbol: OneSymbol, name: Name, as_json: AsJson = False) -> None:
    """Show an order by its name, open or not."""
    call("orders.find", {"symbol": symbol, "name": name}, tables.one_order, as_json=as_json)


@orders_app.command("fills")
def orders_fills(days: Days = 1, symbol: OptionalSymbol = None, as_json: AsJson = False) -> None:
    """List fills and funding payments."""
    call("orders.fills", {"days": days, "symbol": symbol}, tables.fills, as_json=as_json)


@orders_app.command("rules")
def orders_rules(symbol: OneSymbol, as_json: AsJson = False) -> None:
    """Show steps and bounds of a symbol's orders, and its prices."""
    call("orders.rules", {"symbol": symbol}, tables.rules, as_json=as_json)


@orders_app.command("place")
def orders_place(
    symbol: OneSymbol,
    side: Annotated[str, typer.Argument(metavar="buy|sell", help="Which way.")],
    size: Annotated[str, typer.Argument(metavar="SIZE", help="Base coin, as 0.01.")],
    price: Price = None,
    trigger: Trigger = None,
    stop_loss: Stop = None,
    take_profit: Target = None,
    time_in_force: Annotated[
        str, typer.Option(metavar="GTC|IOC|FOK|PostOnly", help="How long a limit order stands.")
    ] = "GTC",
    reduce_only: Annotated[
        bool, typer.Option("--reduce-only", help="May only make the position smaller.")
    ] = False,
    name: Annotated[
        str | None, typer.Option(help="Its name: the same name never becomes a second order.")
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Place a market, limit or conditional order, if the risk manager allows it."""
    arguments = {
        "symbol": symbol, "side": side, "size": size, "price": price, "trigger_price": trigger,
        "stop_loss": stop_loss, "take_profit": take_profit, "time_in_force": time_in_force,
        "reduce_only": reduce_only, "name": name,
    }  # fmt: skip
    at = "at market" if price is None else f"at {price}"
    consent = f"{side} {size} {symbol} {at}?"
    call("orders.place", arguments, tables.placed, as_json=as_json, consent=consent, yes=yes)


@orders_app.command("amend")
def orders_amend(
    symbol: OneSymbol,
    name: Name,
    price: Price = None,
    size: Size = None,
    trigger: Trigger = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Change an open order, if the risk manager allows what it becomes."""
    arguments = {"symbol": symbol, "name": name, "price": price, "size": size, "trigger_price": trigger}
    consent = f"Change {name} of {symbol}?"
    call("orders.amend", arguments, tables.one_order, as_json=as_json, consent=consent, yes=yes)


@orders_app.command("cancel")
def orders_cancel(symbol: OneSymbol, name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Cancel an open order."""
    call(
        "orders.cancel",
        {"symbol": symbol, "name": name},
        tables.cancelled,
        as_json=as_json,
        consent=f"Cancel {name} of {symbol}?",
        yes=yes,
    )


@orders_app.command("cancel-all")
def orders_cancel_all(symbol: OptionalSymbol = None, yes: Yes = False, as_json: AsJson = False) -> None:
    """Cancel all open orders, of a symbol or of the account; stops and targets of positions stay."""
    call(
        "orders.cancel_all",
        {"symbol": symbol},
        tables.all_cancelled,
        as_json=as_json,
        consent=f"Cancel every open order of {symbol or 'the account'}?",
        yes=yes,
    )


@positions_app.command("list")
def positions_list(as_json: AsJson = False) -> None:
    """List open positions."""
    call("positions.list", {}, tables.positions, as_json=as_json)


@positions_app.command("show")
def positions_show(symbol: OneSymbol, as_json: AsJson = False) -> None:
    """Show the position of one symbol, with its leverage."""
    call("positions.show", {"symbol": symbol}, tables.one_position, as_json=as_json)


@positions_app.command("bracket")
def positions_bracket(
    symbol: OneSymbol,
    stop_loss: Stop = None,
    take_profit: Target = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Set, move or take away (0) stop and target of a position, at the exchange."""
    arguments = {"symbol": symbol, "stop_loss": stop_loss, "take_profit": take_profit}
    consent = f"Change stop and target of {symbol}?"
    call("positions.set_bracket", arguments, tables.one_position, as_json=as_json, consent=consent, yes=yes)


@positions_app.command("leverage")
def positions_leverage(
    symbol: OneSymbol,
    leverage: Annotated[str, typer.Argument(metavar="TIMES", help="As 3.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Set the leverage of a symbol, within the risk manager's limit."""
    arguments = {"symbol": symbol, "leverage": leverage}
    consent = f"Set the leverage of {symbol} to {leverage}?"
    call("positions.set_leverage", arguments, tables.one_position, as_json=as_json, consent=consent, yes=yes)


@positions_app.command("margin")
def positions_margin(
    symbol: OneSymbol,
    amount: Annotated[str, typer.Argument(metavar="USDT", help="Below 0 takes added margin away.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Add margin to a position, or take added margin away."""
    arguments = {"symbol": symbol, "amount_usdt": amount}
    consent = f"Add {amount} USDT to the margin of {symbol}?"
    call("positions.add_margin", arguments, tables.one_position, as_json=as_json, consent=consent, yes=yes)


@positions_app.command("close")
def positions_close(symbol: OneSymbol, yes: Yes = False, as_json: AsJson = False) -> None:
    """Close the position of a symbol at market."""
    call(
        "positions.close",
        {"symbol": symbol},
        tables.closed,
        as_json=as_json,
        consent=f"Close the position in {symbol} at market?",
        yes=yes,
    )
