"""The simulated exchange: fills, margin, funding, liquidation, ledger, and the bar loop."""
