"""The IdeaCard: a strategy as YAML, checked, canonical, hashed."""
