"""The private half of the sandbox exchange: accounts, orders, positions, and the stream that tells of them.

From the ground up:

- `accounting`: Bybit's formulas for isolated USDT perpetuals, in Decimal;
- `walk`: how a price moves inside a candle, and when it reaches a level;
- `terms`, `order`, `position`, `records`: what an account is made of;
- `account`: one account, what it may do and what happens to it; `matching`: what the market does to it as
  time passes; `desk`: all accounts, one clock;
- `tickets`, `rows`, `endpoints`: requests read and answers written, as Bybit v5 does;
- `authentication`, `call_limits`, `routes`, `private_stream`: how they are reached.

It is written without any code of `engine.sim`: two accountings that were made apart check each other.
"""
