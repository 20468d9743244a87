"""From evidence to a decision, kept in an append-only ledger."""
