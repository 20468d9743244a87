"""Accounts, orders and positions on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.timeframes import format_utc

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

type Row = dict[str, Any]

NONE = "–"
_TEXTS = frozenset({"symbol", "side", "name", "order", "what", "status", ""})


def account(console: Console, data: Row) -> None:
    """Show an account."""
    wallet, settings = data["wallet"], data["settings"]
    _facts(
        console,
        data,
        [
            ("Equity", _usdt(wallet["equity"])),
            ("Balance", _usdt(wallet["wallet_balance"])),
            ("Orders may use", _usdt(wallet["available_balance"])),
            ("In positions", _usdt(wallet["position_margin"])),
            ("In orders", _usdt(wallet["order_margin"])),
            ("Unrealised", _usdt(wallet["unrealised_pnl"])),
            ("Margin mode", settings["margin_mode"]),
            ("Open", f"{data['positions']} positions, {data['open_orders']} orders"),
            ("Clock", f"the exchange's is {data['clock_offset_ms']:+d} ms from ours"),
        ],
    )


def prepared(console: Console, data: Row) -> None:
    """Show how an account is set now."""
    rows = [("Margin mode", data["settings"]["margin_mode"]), ("Positions", "one-way")]
    offered = data["disconnect_cancel_offered"]
    if offered is not None:
        rows.append(("Disconnect-cancel", "set" if offered else "not offered to this account"))
    _facts(console, data, rows)


def fees(console: Console, data: Row) -> None:
    """Show what a symbol costs."""
    rates = data["rates"]
    rows = [(side.capitalize(), f"{float(rates[side]) * 100:g} %") for side in ("taker", "maker")]
    _facts(console, data, [("Symbol", rates["symbol"]), *rows])


def results(console: Console, data: Row) -> None:
    """Show closed positions and their sum."""
    columns = ("closed (UTC)", "symbol", "side", "size", "entry", "exit", "fees", "PnL")
    rows = [
        (
            _moment(each["ts_ms"]), each["symbol"], _was(each["side"]), each["size"], each["entry_price"],
            each["exit_price"], _usdt(each["fees"]), _signed(each["pnl"]),
        )
        for each in data["closed"]
    ]  # fmt: skip
    _table(console, data, columns, rows, nothing=f"Nothing was closed in {data['days']:g} days.")
    if rows:
        console.print(
            f"{len(rows)} closed, {data['won']} of them won; PnL {_usdt(data['pnl_usdt'])}, "
            f"fees and funding in it {_usdt(data['fees_usdt'])}"
        )


def transactions(console: Console, data: Row) -> None:
    """Show the book of cash."""
    columns = ("when (UTC)", "what", "symbol", "size", "price", "fee", "funding", "change", "balance")
    rows = [
        (
            _moment(each["ts_ms"]), each["kind"], each["symbol"], each["size"], each["price"],
            _usdt(each["fee"]), _usdt(each["funding"]), _signed(each["change"]), _usdt(each["balance"]),
        )
        for each in data["transactions"]
    ]  # fmt: skip
    _table(console, data, columns, rows, nothing=f"Nothing happened in {data['days']:g} days.")


def orders(console: Console, data: Row) -> None:
    """Show orders."""
    columns = ("made (UTC)", "symbol", "name", "order", "size", "filled", "price", "trigger", "status")
    rows = [
        (
            _moment(each["created_ms"]), each["symbol"], each["order_link_id"] or each["stop_order_type"],
            f"{each['side']} {each['kind']}" + (" reduce-only" if each["reduce_only"] else ""),
            each["size"], each["filled_size"], each["average_price"] or each["price"] or NONE,
            each["trigger_price"] or NONE, _status(each),
        )
        for each in data["orders"]
    ]  # fmt: skip
    _table(console, data, columns, rows, nothing="There is no such order.")


def one_order(console: Console, data: Row) -> None:
    """Show one order."""
    if data["order"] is None:
        console.print("Done; how the order stands cannot be read now.")
    else:
        orders(console, {**data, "orders": [data["order"]]})


def placed(console: Console, data: Row) -> None:
    """Show what became of an order that was sent."""
    was_there = data["ack"]["was_there"]
    console.print(f"{data['name']} {'was there already' if was_there else 'is taken'}.")
    if data["order"] is not None:
        one_order(console, data)


def cancelled(console: Console, data: Row) -> None:
    """Say whether an order was open."""
    is_open = data["outcome"] == "accepted"
    console.print(f"{data['name']} {'is cancelled' if is_open else 'was not open any more'}.")


def all_cancelled(console: Console, data: Row) -> None:
    """Say how many orders were cancelled."""
    count = len(data["cancelled"])
    orders_are = "1 order is" if count == 1 else f"{count} orders are"
    console.print(f"{orders_are} cancelled on {data['symbol'] or 'the account'}.")


def fills(console: Console, data: Row) -> None:
    """Show fills and funding payments."""
    columns = ("when (UTC)", "symbol", "order", "what", "side", "size", "price", "fee", "")
    rows = [
        (
            _moment(each["ts_ms"]), each["symbol"], each["order_link_id"] or NONE, each["kind"],
            each["side"], each["size"], each["price"], _usdt(each["fee"]),
            "maker" if each["is_maker"] else "",
        )
        for each in data["fills"]
    ]  # fmt: skip
    _table(console, data, columns, rows, nothing=f"Nothing was filled in {data['days']:g} days.")


def rules(console: Console, data: Row) -> None:
    """Show what orders of a symbol have to fit."""
    known, prices = data["rules"], data["prices"]
    _facts(
        console,
        data,
        [
            ("Symbol", f"{known['symbol']} ({known['status']})"),
            ("Tick", f"{known['tick_size']} USDT"),
            ("Size", f"{known['min_size']} to {known['max_size']} in steps of {known['size_step']}"),
            ("  at market", f"to {known['max_market_size']}"),
            ("Value", f"from {known['min_notional']} USDT"),
            ("Leverage", f"to {known['max_leverage']}"),
            ("Last, mark", f"{prices['last']}, {prices['mark']}"),
            ("Bid, ask", f"{prices['bid'] or NONE}, {prices['ask'] or NONE}"),
            (
                "Funding",
                f"{float(prices['funding_rate']) * 100:g} % at {_moment(prices['next_funding_ms'])} UTC",
            ),
        ],
    )


def positions(console: Console, data: Row) -> None:
    """Show positions."""
    columns = (
        "symbol", "side", "size", "leverage", "entry", "mark", "stop", "target", "liquidation", "margin",
        "PnL",
    )  # fmt: skip
    rows = [
        (
            each["symbol"], {"Buy": "long", "Sell": "short", None: "flat"}[each["side"]], each["size"],
            f"{float(each['leverage']):g}x", each["entry_price"], each["mark_price"],
            each["stop_loss"] or NONE, each["take_profit"] or NONE, each["liquidation_price"] or NONE,
            _usdt(each["initial_margin"]), _signed(each["unrealised_pnl"]),
        )
        for each in data["positions"]
    ]  # fmt: skip
    _table(console, data, columns, rows, nothing="There is no position.")


def one_position(console: Console, data: Row) -> None:
    """Show one position."""
    positions(console, {**data, "positions": [data["position"]]})


def closed(console: Console, data: Row) -> None:
    """Show what is left of a position that was closed."""
    if not data["orders"]:
        console.print("There was no position.")
    one_position(console, data)


def _facts(console: Console, data: Row, rows: list[tuple[str, str]]) -> None:
    from engine.cli.tables import facts

    console.print(facts([("Account", f"{data['environment']} at {data['address']}"), *rows]))


def _table(
    console: Console, data: Row, columns: tuple[str, ...], rows: list[tuple[Any, ...]], *, nothing: str
) -> None:
    from engine.cli.tables import new_table

    told = f"{data['environment']} at {data['address']}"
    if not rows:
        console.print(f"{nothing} ({told})")
        return
    texts = {
        "symbol",
        "side",
        "name",
        "order",
        "what",
        "status",
        "when (UTC)",
        "made (UTC)",
        "closed (UTC)",
        "",
    }
    table = new_table(*columns, right=[each for each in columns if each not in texts], title=told)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _status(order: Row) -> str:
    return f"{order['status']}: {order['reject_reason']}" if order["reject_reason"] else str(order["status"])


def _was(closing_side: str) -> str:
    return "long" if closing_side == "Sell" else "short"


def _usdt(value: str) -> str:
    return f"{float(value):,.2f}"


def _signed(value: str) -> Text:
    from engine.cli.tables import coloured

    return coloured(float(value))


def _moment(ts_ms: int) -> str:
    return format_utc(ts_ms)[:19]
