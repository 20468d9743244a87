"""One card over one symbol's history: prepare, run, result, artifacts."""
