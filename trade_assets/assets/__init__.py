"""The assets: the market's, one set for everybody, and each card's own branch."""
