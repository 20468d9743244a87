"""The risk manager: what stands between a decision and the exchange, and refuses when it is not certain."""
