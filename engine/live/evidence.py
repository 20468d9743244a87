"""What a shadow run shows, as promotion reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.backtest.measure import measure
from engine.errors import DataNotFound
from engine.gates.shadow import ShadowEvidence
from engine.live.parity import LegParity, SeenRun, compare_account, compare_shadow
from engine.live.run_folder import RunFolder, RunMode
from engine.promotion.shadow_file import write_shadow_evidence
from engine.strategies.card_plan import CardPlan
from engine.timeframes import Timeframe


def parities(folder: RunFolder, plans: Sequence[CardPlan]) -> Iterator[LegParity]:
    """Yield how each leg of a run and its replay agree; legs that have not decided yet are left out.

    Raises
    ------
    ConfigurationError
        If a card is not the one that was run.
    CorruptData
        If the folder cannot be read.
    """
    run = SeenRun.read(folder)
    compare = compare_shadow if run.identity.mode is RunMode.SHADOW else compare_account
    by_id = {plan.card.id: plan for plan in plans}
    for card in run.identity.cards:
        for symbol in card.symbols:
            if card.card_id in by_id:
                try:
                    yield compare(run, by_id[card.card_id], symbol)
                except DataNotFound:
                    continue


def evidence_of(parity: LegParity, run_id: str) -> ShadowEvidence:
    """Return what a leg shows.

    A close that was decided late, after an outage, does not count as compared: live nothing would have been
    sent then.
    """
    result = parity.result
    metrics = measure(result).to_plain()
    first = parity.differences[0] if parity.differences else None
    by_what = [difference.what for difference in parity.differences]
    return ShadowEvidence(
        card_id=parity.card_id,
        system_hash=parity.system_hash,
        symbol=parity.symbol,
        timeframe=Timeframe.parse(parity.timeframe),
        run_id=run_id,
        data_fingerprint=result.data_fingerprint,
        engine_version=result.engine_version,
        start_ms=parity.first_open,
        end_ms=parity.last_close,
        closes=result.counters.bars,
        decisions_compared=parity.bars - parity.late_bars,
        decision_differences=by_what.count("decision") + by_what.count("equity"),
        fill_differences=by_what.count("fill"),
        fill_price_bps=0.0 if len(result.fills) else None,
        trades=int((result.trades["exit_reason"] != "end_of_data").sum()),
        max_drawdown_pct=float(metrics["max_drawdown_pct"]),
        net_return_pct=float(metrics["net_return_pct"]),
        first_difference="" if first is None else str(first),
    )


def write_evidence(
    folder: RunFolder, plans: Sequence[CardPlan], evidence_folder: Path
) -> list[ShadowEvidence]:
    """Write what a shadow run shows for promotion to read. Raises as `parities`."""
    found = []
    for parity in parities(folder, plans):
        evidence = evidence_of(parity, folder.path.name)
        write_shadow_evidence(evidence_folder, evidence)
        found.append(evidence)
    return found
