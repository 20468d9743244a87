"""A whole session, from the settings to its end: opened, kept going, closed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.exchange.client import BybitMarketClient
from engine.exchange.connection import stream_url
from engine.exchange.trading.connect import connect_account, connect_stream, market_session
from engine.exchange.trading.manager import ExchangeManager
from engine.live.evidence import write_evidence
from engine.live.notifications.channels import channels_of
from engine.live.notifications.following import followed
from engine.live.notifications.notifier import Notifier
from engine.live.opening import OpenRun, open_account_run, open_shadow, prepare_folder, refuse_unsafe
from engine.live.permission import StandingOf, refuse_unpermitted, refuse_wrong_exchange
from engine.live.risk.files import risk_manager
from engine.live.risk.verdict import LimitUsage
from engine.live.run_folder import RunFolder, RunMode, one_runner, run_cards, runs_root
from engine.live.session import AccountWatch, Session, SessionState
from engine.live.shadow import refuse_strategy
from engine.live.status import StatusBoard, write_status
from engine.redaction import Redactor
from engine.settings import TradeSettings
from engine.strategies.card_plan import CardPlan

_STATUS_EVERY_MS = 1_000
# So long may the connection be gone before the exchange cancels what rests there.
_ABSENCE_S = 60


@dataclass(frozen=True)
class Asked:
    """What is to be run.

    Attributes
    ----------
    mode : RunMode
    plans : sequence of CardPlan
    symbols : sequence of str or None
        Of the cards' symbols; all of them if None.
    for_s : float or None
        Ends after so many seconds.
    confirmation : str or None
        What was typed, for a live run.
    """

    mode: RunMode
    plans: Sequence[CardPlan]
    symbols: Sequence[str] | None = None
    for_s: float | None = None
    confirmation: str | None = None


def run_session(
    asked: Asked,
    settings: TradeSettings,
    client: BybitMarketClient,
    *,
    standing_of: StandingOf,
    variables: Mapping[str, str],
    redactor: Redactor | None = None,
) -> dict[str, Any]:
    """Run cards until somebody stops it; return how it ended.

    Parameters
    ----------
    asked : Asked
    settings : TradeSettings
    client : BybitMarketClient
    standing_of : StandingOf
        Where cards stand, for a live run.
    variables : mapping of str to str
        Environment variables, for the account's key.
    redactor : Redactor, optional

    Raises
    ------
    ConfigurationError, GateRefused
        If the cards cannot be run this way, or the run is going on already.
    ExchangeError, DataError
        If what has to be known first is not to be had.
    """
    refuse_wrong_exchange(asked.mode, settings.exchange)
    for plan in asked.plans:
        refuse_strategy(plan)
    cards = run_cards(asked.plans, asked.symbols)
    manager = None
    if asked.mode is not RunMode.SHADOW:
        refuse_unsafe(asked.plans, cards)
        manager = connect_account(settings, variables)
    if asked.mode is RunMode.LIVE and manager is not None:
        refuse_unpermitted(cards, manager, standing_of, asked.confirmation)
    root = runs_root(settings)
    now_ms = client.server_time_ms()
    folder = prepare_folder(
        asked.mode,
        asked.plans,
        asked.symbols,
        client,
        root,
        now_ms=now_ms,
        history_start_ms=settings.history_start_ms,
    )
    public_stream = stream_url(client.base_url)
    risk = None if manager is None else risk_manager(settings)
    with (
        folder.alone(),
        Notifier(channels_of(variables), redactor or Redactor()) as notifier,
        followed(folder.journal_path, risk, notifier),
    ):
        if manager is None:
            with open_shadow(folder, asked.plans, client, now_ms=now_ms, redactor=redactor) as run:
                ended = keep_going(run, client, public_stream, for_s=asked.for_s)
            evidence = write_evidence(folder, asked.plans, settings.shadow_folder)
            ended["evidence"] = [each.to_plain() for each in evidence]
        else:
            # one account, one runner: another would take its positions for its own
            with one_runner(root / f"{asked.mode.value}.lock"):
                ended = _run_account(asked, settings, client, manager, folder, redactor)
    return {"run": folder.path.name, "mode": asked.mode, "folder": folder.path, **ended}


def _run_account(
    asked: Asked,
    settings: TradeSettings,
    client: BybitMarketClient,
    manager: ExchangeManager,
    folder: RunFolder,
    redactor: Redactor | None,
) -> dict[str, Any]:
    cancels = manager.disconnect_cancel(_ABSENCE_S)
    with open_account_run(
        folder,
        asked.plans,
        client,
        manager,
        risk_manager(settings),
        connect_stream(manager, cancel_on_disconnect=cancels),
        market_session(settings),
        now_ms=client.server_time_ms(),
        redactor=redactor,
    ) as run:
        desk = run.desk

        def limits(now_ms: int) -> tuple[tuple[dict[str, Any], ...], str]:
            usage = desk.risk.usage(desk.book.view(), now_ms)
            return tuple(_used(each) for each in usage), desk.risk.state(now_ms).value

        return keep_going(
            run, client, stream_url(client.base_url), account=run.keeper, limits=limits, for_s=asked.for_s
        )


def _used(usage: LimitUsage) -> dict[str, Any]:
    return {
        "name": usage.name,
        "used": None if usage.used is None else float(usage.used),
        "limit": float(usage.limit),
        "unit": usage.unit,
    }


def keep_going(
    run: OpenRun,
    client: BybitMarketClient,
    public_stream: str,
    *,
    account: AccountWatch | None = None,
    limits: Callable[[int], tuple[tuple[dict[str, Any], ...], str]] | None = None,
    for_s: float | None = None,
) -> dict[str, Any]:
    """Keep an open run going until it is asked to stop, its time is over or it is interrupted.

    Parameters
    ----------
    run : OpenRun
    client : BybitMarketClient
    public_stream : str
        Address of the public stream.
    account : AccountWatch, optional
    limits : callable, optional
        From the time to what is used of the risk limits, and the risk manager's state.
    for_s : float, optional
    """
    board = StatusBoard(run.folder.identity(), run.runner)
    written_ms = 0

    def show(state: SessionState, now_ms: int) -> None:
        nonlocal written_ms
        if run.folder.stop_requested():
            session.stop()
        if now_ms - written_ms >= _STATUS_EVERY_MS:
            written_ms = now_ms
            _write(board, run.folder.path, state, now_ms, limits)

    session = Session(run, client, public_stream, account=account, on_change=show)
    interrupted = False
    try:
        session.keep_going(for_s=for_s)
    except KeyboardInterrupt:
        interrupted = True
    _write(board, run.folder.path, session.state, session.now_ms(), limits)
    return {
        "interrupted": interrupted,
        "outages": session.state.outages,
        "errors": session.state.errors,
        "last_error": session.state.last_error,
        "legs": [
            {
                "card_id": leg.plan.card.id,
                "symbol": leg.symbol,
                "decided_until": leg.next_close - leg.plan.card.timeframes.exec.ms,
                **vars(leg.standing()),
            }
            for leg in run.runner.legs
        ],
    }


def _write(
    board: StatusBoard,
    path: Path,
    state: SessionState,
    now_ms: int,
    limits: Callable[[int], tuple[tuple[dict[str, Any], ...], str]] | None,
) -> None:
    used, trading = ((), "") if limits is None else limits(now_ms)
    write_status(path, board.status(state, now_ms, limits=used, trading_state=trading))
