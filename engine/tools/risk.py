"""Tools on risk: the limits, how much of them is used, halting, resuming, and the panic button."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from engine.errors import ConfigurationError, TradeError
from engine.tools.cost import CostScale, ToolCost
from engine.tools.registry import NoInput, SideEffect, ToolContext, ToolInput, ToolSpec
from engine.tools.trading import account_of, by_hand_file, instruments_of, whose

if TYPE_CHECKING:
    from engine.live.journal import Journal
    from engine.live.notifications.channels import Channel
    from engine.live.risk.manager import RiskManager

Reason = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class WhyHalted(ToolInput):
    """Why trading is halted."""

    reason: Reason = Field("by hand", description="why, for whoever finds it halted")


class WhatToResume(ToolInput):
    """A typed confirmation."""

    confirmation: str = Field(description="the words 'resume trading'")


class WhyPanic(WhyHalted):
    """Why, and how long it is tried."""

    patience_s: float = Field(120, description="how long it is tried, in seconds", ge=10, le=600)


def show_limits(_asked: NoInput, context: ToolContext) -> dict[str, Any]:
    """List every limit with its value, its default and the reason for it."""
    from engine.live.risk.files import default_limits, risk_limits_file
    from engine.live.risk.limits import load_risk_limits

    file, defaults = risk_limits_file(context.settings), default_limits(context.settings)
    return {
        "environment": context.settings.exchange,
        "file": file,
        "file_exists": file.exists(),
        "limits": _listed(load_risk_limits(file, defaults), defaults, ""),
    }


def write_limits(_asked: NoInput, context: ToolContext) -> dict[str, Any]:
    """Write a file of the default limits with their reasons, to be changed; one that is there stays."""
    from engine.live.risk.files import default_limits, risk_limits_file
    from engine.live.risk.limits_text import limits_as_yaml

    file = risk_limits_file(context.settings)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as new:
            new.write(limits_as_yaml(default_limits(context.settings)))
    except FileExistsError:
        raise ConfigurationError(
            f"{file} is there already", way_out="change it, or move it away first"
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be written: {error.strerror}", way_out="check the folder's permissions"
        ) from None
    return {"environment": context.settings.exchange, "file": file}


def show_status(_asked: NoInput, context: ToolContext) -> dict[str, Any]:
    """Say whether trading is free, why not, and how much of each limit is used.

    The account is asked for it. If it cannot be read, that is said, and what is remembered is told all the
    same.
    """
    from engine.live.account_view import read_account_view
    from engine.live.risk.files import risk_manager
    from engine.live.risk.view import AccountView

    risk, now_ms = risk_manager(context.settings), context.now_ms()
    account: dict[str, Any] = {"environment": context.settings.exchange}
    problem = None
    view = AccountView()
    try:
        manager = account_of(context)
        account = whose(manager)
        manager.clock_offset_ms()
        now_ms = manager.session.server_ms()
        view = read_account_view(manager, (), instruments_of(context), now_ms)
    except TradeError as error:
        problem = error.problem
    usage = [{**_plain_usage(each), "share": each.share} for each in risk.usage(view, now_ms)]
    return {
        **account,
        "state": risk.state(now_ms),
        "reasons": risk.reasons(now_ms),
        "usage": usage,
        "account_problem": problem,
    }


def halt(asked: WhyHalted, context: ToolContext) -> dict[str, Any]:
    """Let no order through any more, neither in nor out, in every process of this environment."""
    risk, now_ms = _manager_for_stopping(context), context.now_ms()
    risk.halt(asked.reason, now_ms)
    return _state(risk, context)


def resume(asked: WhatToResume, context: ToolContext) -> dict[str, Any]:
    """Trade on after a halt, a panic, a drawdown, a liquidation or a losing streak."""
    from engine.live.risk.files import risk_manager

    risk = risk_manager(context.settings)
    risk.resume(asked.confirmation, context.now_ms())
    return _state(risk, context)


def press_panic(asked: WhyPanic, context: ToolContext) -> dict[str, Any]:
    """Halt trading, cancel all orders and close all positions of the account; say what is left."""
    from engine.live.notifications.following import followed
    from engine.live.notifications.notifier import Notifier
    from engine.live.risk.panic import panic
    from engine.live.risk.verdict import DenialCode

    risk = _manager_for_stopping(context)
    try:
        manager = account_of(context)
    except ConfigurationError as error:
        risk.halt(asked.reason, context.now_ms(), code=DenialCode.PANIC)
        raise ConfigurationError(
            f"trading is halted, but nothing could be closed: {error.problem}", way_out=error.way_out
        ) from error
    timing = manager.session.timing
    with (
        _journal(context) or nullcontext() as journal,
        Notifier(_channels(), context.redactor) as notifier,
        followed(by_hand_file(context.settings), None, notifier),
    ):
        report = panic(manager, risk, journal, timing, reason=asked.reason, patience_s=asked.patience_s)
    return {**whose(manager), "report": report}


def _channels() -> tuple[Channel, ...]:
    """Return the channels of the environment; none if they cannot be used, which stops no panic."""
    from engine.live.notifications.channels import channels_of

    try:
        return channels_of(os.environ)
    except ConfigurationError:
        return ()


def _manager_for_stopping(context: ToolContext) -> RiskManager:
    """Return the risk manager; with the default limits if the file of limits is broken.

    A mistake in it must not keep anybody from stopping, and stopping asks for no limit.
    """
    from engine.live.risk.files import risk_manager, risk_memory_file
    from engine.live.risk.limits import RiskLimits
    from engine.live.risk.manager import RiskManager
    from engine.live.risk.memory import RiskMemory

    try:
        return risk_manager(context.settings)
    except ConfigurationError:
        return RiskManager(RiskLimits(), RiskMemory(risk_memory_file(context.settings)))


def _journal(context: ToolContext) -> Journal | None:
    """Return the journal of what is done by hand; None if it cannot be written, which stops no panic."""
    from engine.live.journal import Journal

    try:
        return Journal(by_hand_file(context.settings), context.redactor)
    except ConfigurationError:
        return None


def _state(risk: RiskManager, context: ToolContext) -> dict[str, Any]:
    now_ms = context.now_ms()
    return {
        "environment": context.settings.exchange,
        "state": risk.state(now_ms),
        "reasons": risk.reasons(now_ms),
    }


def _plain_usage(usage: Any) -> dict[str, Any]:
    return {
        "name": usage.name,
        "used": usage.used,
        "limit": usage.limit,
        "unit": usage.unit,
        "is_floor": usage.is_floor,
    }


def _listed(part: BaseModel, defaults: BaseModel, prefix: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name, field in type(part).model_fields.items():
        value, default = getattr(part, name), getattr(defaults, name)
        if isinstance(value, BaseModel):
            rows += _listed(value, default, f"{prefix}{name}.")
        else:
            rows.append(
                {
                    "name": f"{prefix}{name}",
                    "value": value,
                    "default": default,
                    "why": " ".join((field.description or "").split()),
                }
            )
    return rows


TOOLS = (
    ToolSpec(
        "risk.limits",
        "List the limits of every order with their defaults and reasons, and the file to change them in.",
        SideEffect.READ,
        NoInput,
        show_limits,
    ),
    ToolSpec(
        "risk.write_limits",
        "Write risk.yaml with the default limits and their reasons, if there is none yet.",
        SideEffect.WRITE,
        NoInput,
        write_limits,
    ),
    ToolSpec(
        "risk.status",
        "Say whether trading is active, reducing or halted, why, and how much of each limit is used.",
        SideEffect.READ,
        NoInput,
        show_status,
        cost=ToolCost(CostScale.SECONDS),
    ),
    ToolSpec(
        "risk.halt",
        "Let no order through any more, neither in nor out, until somebody resumes. Closes nothing.",
        SideEffect.TRADE,
        WhyHalted,
        halt,
    ),
    ToolSpec(
        "risk.resume",
        "Trade on after a halt, a panic, a drawdown, a liquidation or a losing streak.",
        SideEffect.TRADE,
        WhatToResume,
        resume,
    ),
    ToolSpec(
        "risk.panic",
        "Halt trading, cancel all orders and close all positions of the account at market.",
        SideEffect.TRADE,
        WhyPanic,
        press_panic,
        cost=ToolCost(CostScale.SECONDS, "faults of the exchange"),
        is_destructive=True,
    ),
)
