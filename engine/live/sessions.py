"""A whole session, from the settings to its end: opened, kept going, closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.exchange.client import BybitMarketClient
from engine.exchange.connection import stream_url
from engine.live.evidence import write_evidence
from engine.live.opening import OpenRun, open_shadow, prepare_folder
from engine.live.run_folder import RunMode
from engine.live.session import AccountWatch, Session, SessionState
from engine.live.status import StatusBoard, write_status
from engine.redaction import Redactor
from engine.settings import TradeSettings
from engine.strategies.card_plan import CardPlan

_STATUS_EVERY_MS = 1_000


def run_session(
    settings: TradeSettings,
    plans: Sequence[CardPlan],
    client: BybitMarketClient,
    *,
    mode: str,
    symbols: Sequence[str] | None = None,
    for_s: float | None = None,
    confirmation: str | None = None,
    redactor: Redactor | None = None,
) -> dict[str, Any]:
    """Run cards until somebody stops it; return how it ended.

    Parameters
    ----------
    settings : TradeSettings
    plans : sequence of CardPlan
    client : BybitMarketClient
    mode : str
        Of `RunMode`.
    symbols : sequence of str, optional
        Of the cards' symbols; all of them if not given.
    for_s : float, optional
        Ends after so many seconds.
    confirmation : str, optional
        What was typed, for a live run.
    redactor : Redactor, optional

    Raises
    ------
    ConfigurationError
        If the cards cannot be run this way, or the run is going on already.
    """
    del confirmation
    asked = RunMode(mode)
    folder = prepare_folder(
        asked,
        plans,
        symbols,
        client,
        settings.data_dir / settings.exchange.value / "live",
        now_ms=client.server_time_ms(),
        history_start_ms=settings.history_start_ms,
    )
    with (
        folder.alone(),
        open_shadow(folder, plans, client, now_ms=client.server_time_ms(), redactor=redactor) as run,
    ):
        ended = keep_going(run, client, stream_url(client.base_url), for_s=for_s)
    evidence = write_evidence(folder, plans, settings.shadow_folder)
    return {
        "run": folder.path.name,
        "mode": asked,
        "folder": folder.path,
        **ended,
        "evidence": [each.to_plain() for each in evidence],
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
