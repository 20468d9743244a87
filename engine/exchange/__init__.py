"""Bybit, through pybit."""
