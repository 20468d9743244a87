"""The condition language: parse, tree, arrays."""
