"""Trading on Bybit: one account, through pybit.

From the ground up:

- `orders`, `account_records`: what is asked and what is reported, as plain values; `order_ids`: the names of
  orders, made from the decision;
- `environment`: whose account it is, and its key; `connect`: the account of the settings;
- `signed_http`, `signed_session`: signed requests, repeated only where that is safe; `endpoint_limits`: how
  fast; `refusals`: what Bybit's codes mean;
- `fields`, `reading`: Bybit's words made into those values;
- `contract_rules`, `prices`: steps and bounds of a symbol's orders, and its present prices;
- `account_reader`, `account_keeper`, `placing`, `manager`: everything an account can be asked for, each part
  on the one before;
- `private_connection`, `seen`, `private_stream`: what happens to an account, each fill once.
"""
