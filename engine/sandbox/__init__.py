"""A stand-in for Bybit v5 on loopback, with a generated or a recorded market."""
