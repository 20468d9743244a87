"""What a run earned and what it risked, from its per-bar equity and its trades."""
