"""The Dagster code location: the asset graph from raw candles to a promotion decision.

Free of wiring: `definitions.py` is what Dagster loads, `build.py` is where the parts come together.
"""

import os
import warnings

# Telemetry is off wherever the location is loaded, also on a home whose dagster.yaml does not say so.
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")

# What the design rests on that still carries a notice in this version of Dagster. tests/trade_assets pins how
# each behaves, so the notices would only hide the messages that matter.
for _noticed in (
    r"Specifying a partitions_def on an AssetCheckSpec is currently in preview",
    r"Parameter `backfill_policy` of function `\w+` is currently in beta",
    r"Class `MultiPartitionMapping` is currently in beta",
):
    warnings.filterwarnings("ignore", message=_noticed)
del _noticed
