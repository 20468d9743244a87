"""The trade command: a thin shell over the tools."""
