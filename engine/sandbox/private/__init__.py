"""The private half of the sandbox exchange: accounts, orders, positions, and the stream that tells of them.

From the ground up:

- `accounting`: Bybit's formulas for isolated USDT perpetuals, in Decimal;
- `walk`: how a price moves inside a candle, and when it reaches a level; `quotes`: the prices of a moment;
- `terms`, `order`, `position`, `records`, `account_state`: what an account is made of;
- `accepting`, `book`, `executing`, `stops`, `margining`, `liquidating`, `ending`: what can happen to it, a
  verb a file, each told to the stream by `telling`;
- `matching`: what the market does to an account as time passes; `desk`: all accounts and their one clock;
- `tickets`, `paging`: requests read; `rows`, `past_rows`: answers written, as Bybit v5 does;
- `order_endpoints`, `account_endpoints`, `private_paths`: what each path does;
- `authentication`, `call_limits`, `routes`, `private_stream`: how the paths are reached; `account_control`:
  the sandbox's own address for accounts.

The rules, where Bybit's book and engine would decide:

- The best bid is the last price, the best ask a tick above, and both hold as much as anybody wants.
- Inside a candle the price walks from the open to the extreme away from the close, to the other extreme and
  to the close, a third of the candle each; everything happens at the millisecond at which the price is there.
- A market order and a limit order that crosses take the best price for the taker fee. A limit order in the
  book is filled whole, at its price, for the maker fee, once the last price has gone through it by a tick.
- Triggers fire on touch, of the last, mark or index price as asked; the order then meets the market of that
  millisecond.
- At one moment: funding, then liquidation, then stops, then conditional orders, then the book, oldest first.
- A position is liquidated at the mark, by the tier of its value there: above the lowest tier it is reduced to
  the tier below, in the lowest it is taken over at its bankruptcy price and its whole margin is gone.
- Closed PnL is net of the fees of both sides and of the funding paid for what was closed.

Not there: hedge mode, cross margin, stops over part of a position, trailing stops, order books with depth.

It is written without any code of `engine.sim`: two accountings that were made apart check each other.
"""
