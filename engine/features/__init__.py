"""Indicators: what they are, who computes them, and the frames they fill."""
