"""Trading as it happens: the risk manager, the runner, its journal and what it tells people."""
