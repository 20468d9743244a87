"""Strategies in Python that ship with the project: two of the cards, written out."""
