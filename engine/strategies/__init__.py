"""From a card, or from Python, to signals."""
