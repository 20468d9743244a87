"""The trading library: candles in, decisions out. Knows nothing of Dagster."""
