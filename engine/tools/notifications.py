"""Tools on notifications: whether they arrive."""

from __future__ import annotations

import os
from typing import Any

from engine.errors import NotificationFailed
from engine.tools.cost import CostScale, ToolCost
from engine.tools.registry import NoInput, SideEffect, ToolContext, ToolSpec


def send_test(_asked: NoInput, context: ToolContext) -> dict[str, Any]:
    """Send a test message to every channel of the environment."""
    from engine.live.notifications.channels import channels_of
    from engine.live.notifications.message import Notification, Severity

    test = Notification(
        context.now_ms(), Severity.NOTE, "test", f"from TRADE, environment {context.settings.exchange.value}"
    )
    channels = []
    for channel in channels_of(os.environ):
        problem = None
        try:
            channel.send((test,))
        except NotificationFailed as error:
            problem = error.problem
        channels.append({"name": channel.name, "problem": problem})
    return {"channels": channels}


TOOLS = (
    ToolSpec(
        "notifications.test",
        "Send a test message to every channel of the environment and say which have taken it.",
        SideEffect.WRITE,
        NoInput,
        send_test,
        cost=ToolCost(CostScale.SECONDS),
    ),
)
