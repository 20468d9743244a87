"""Candles, funding, open interest and instrument rules: synced, stored, healed, checked."""
