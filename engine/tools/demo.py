"""The demo: the whole job at once, on a sandbox exchange started for it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from engine.errors import ConfigurationError
from engine.settings import Exchange, TradeSettings
from engine.tools.cost import CostScale, ToolCost
from engine.tools.file_access import FileUse
from engine.tools.market import stored_market
from engine.tools.measure import Stage, StageMeter, peak_memory_mb, reset_peak_memory
from engine.tools.registry import SideEffect, ToolContext, ToolInput, ToolRegistry, ToolSpec
from engine.tools.sandbox import sandbox_setup

PIPELINE = "pipeline.run"
# The clock of the generated market stands still here, so that the demo shows the same on every machine.
DEMO_NOW = "2026-01-01"
# Recorded candles get a folder of their own: a store belongs to one market.
REPLAY_FOLDER = "replay"


class WhatToShow(ToolInput):
    """On which market."""

    replay: Annotated[Path | None, FileUse.READ] = Field(
        None, description="folder of recorded candles; none: a generated market"
    )


def demo_tool(registry: ToolRegistry) -> ToolSpec[WhatToShow]:
    """Return the demo over the pipeline tool that `registry` has when it is run."""

    def run_demo(asked: WhatToShow, context: ToolContext) -> dict[str, Any]:
        """Run every card on every symbol against a sandbox exchange that lives as long as the demo."""
        from engine.sandbox.running import SandboxServer

        pipeline = registry.get(PIPELINE)
        began = time.perf_counter()
        reset_peak_memory()
        setup = sandbox_setup(replay=asked.replay, seed=None, now=None if asked.replay else DEMO_NOW)
        with SandboxServer(setup.market, now_ms=setup.now_ms) as server:
            settings = _demo_settings(context.settings, server.url, recorded=asked.replay is not None)
            _refuse_another_market(settings, setup.market.identity)
            start_up = Stage("start", 1, time.perf_counter() - began, peak_memory_mb())
            meter = StageMeter(context.progress)
            inside = replace(context, settings=settings, progress=meter)
            answer = pipeline.handler(pipeline.input_model(), inside)
        return {
            **answer,
            "stages": [start_up, *meter.stages],
            "seconds": time.perf_counter() - began,
            "data_dir": settings.data_dir,
            "ui_command": f"TRADE_DATA={settings.data_dir} make ui" if asked.replay else "make ui",
        }

    return ToolSpec(
        "demo.run",
        "Start a sandbox exchange and carry every card on every symbol from raw candles to a decision.",
        SideEffect.WRITE,
        WhatToShow,
        run_demo,
        cost=ToolCost(CostScale.MINUTES, "cards x symbols"),
    )


def _demo_settings(settings: TradeSettings, sandbox_url: str, *, recorded: bool) -> TradeSettings:
    data_dir = settings.data_dir / REPLAY_FOLDER if recorded else settings.data_dir
    return replace(
        settings,
        exchange=Exchange.SANDBOX,
        sandbox_url=sandbox_url,
        data_dir=data_dir,
        artifacts_uri=str(data_dir / Exchange.SANDBOX.value / "artifacts"),
    )


def _refuse_another_market(settings: TradeSettings, identity: str) -> None:
    stored = stored_market(settings).identity
    if stored not in ("", identity):
        raise ConfigurationError(
            f"{settings.data_dir} holds candles of {stored}, and this demo is of {identity}",
            way_out=f"give the demo a folder of its own, TRADE_DATA=…, or move {settings.data_dir} away",
        )
