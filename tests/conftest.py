"""What every test may rely on: an environment of its own, and no way out but loopback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Before anything reads the environment: what a developer has set must not reach a test.
for _name in [name for name in os.environ if name.startswith("TRADE_") or name == "DAGSTER_HOME"]:
    del os.environ[_name]
# The tests' servers listen on loopback; a proxy must not be asked for them.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
# Dagster would otherwise send usage statistics.
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "1"
# Figures are drawn into files, never on a screen.
os.environ["MPLBACKEND"] = "Agg"
# A process that a test starts finds the modules beside this file too.
os.environ["PYTHONPATH"] = os.pathsep.join(
    # the project first: tests/engine must not hide engine from an installed command
    [*map(str, Path(__file__).parents[1::-1]), *filter(None, [os.environ.get("PYTHONPATH")])]
)
# How long an example takes says more about the machine than about the code.
settings.register_profile("trade", deadline=None)
settings.load_profile("trade")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest test, so that with several workers it does not run on alone at the end."""
    items.sort(key=lambda item: item.path.name != "test_readme.py")
