"""Columns of several timeframes as they were visible at each bar."""
