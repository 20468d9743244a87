"""What Dagster loads: the code location of the settings in the environment."""

import os

from engine.settings import TradeSettings
from trade_assets.build import build_defs

defs = build_defs(TradeSettings.from_environment(os.environ))
