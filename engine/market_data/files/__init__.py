"""Market data in files of others, and ours for others: one module per layout."""
