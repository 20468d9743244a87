"""A stand-in for Bybit v5 on loopback: market data and accounts by HTTP and WebSocket, failing on demand.

`trade sandbox` runs it as a program, `running.SandboxServer` beside a test. From the ground up:

- the market: `catalogue` (instruments), `market` (generated from a seed) or `replay` (recorded files), and
  `conditions` (halts, listings, delistings, funding intervals that change), all behind `protocol.Market`;
- the rules of Bybit's endpoints: `windows`, `endpoints`, `wire`, `tickers`, `calendar_months`; of its public
  stream: `public_topics`, `stream`; of its limits: `rate_limit`;
- the accounts, in `private`: signed requests, orders matched against the market, positions under isolated
  margin, wallet, funding, liquidation, and the private stream;
- time: `clock`, which can be stepped and sped up; `open_streams`, to wait until all has been told;
- what goes wrong: `faults` (kinds and plans), `fault_plan_file` (their form in YAML and JSON),
  `fault_answers`, `answers`, `connections`;
- the server: `exchange_state`, `server`, `control` (its own addresses), `request_log`, `running`.

    with SandboxServer(GeneratedMarket(7), now_ms=SandboxClock(moment), faults=fault_storm(3)) as server:
        session = pybit.unified_trading.HTTP(api_key="sandbox-key", api_secret="sandbox-secret")
        session.endpoint = server.url
        session.place_order(category="linear", symbol="BTCUSDT", side="Buy", orderType="Market", qty="0.1")
        server.advance_to(moment + DAY_MS)   # fills, stops, funding, liquidation: all that a day brings
"""
