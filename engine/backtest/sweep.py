"""Sweeps: many sets of parameters of one card over one history, on every core.

Threads share the bars and every feature; each set is bound, planned and run through the compiled loop, which
lets go of the interpreter while it works. What a set gives does not depend on how many workers there are, on
which of them ran it, or on what ran before it.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import batched
from typing import Protocol

from engine.backtest.sweep_results import SetMetrics, SetResult
from engine.errors import ConfigurationError
from engine.idea_card.parameter_space import Binding, ParameterSpace
from engine.sim.side_by_side import SIDE_BY_SIDE
from engine.strategies.card_plan import CardPlan, plan_card, replan


class SetRunner(Protocol):
    """Runs planned cards over one history, for however many threads ask."""

    def run_id(self, plan: CardPlan) -> str:
        """Return the id of the run of `plan` over this history."""
        ...

    def metrics(self, plans: Sequence[CardPlan]) -> Sequence[SetMetrics]:
        """Return the metrics of each of `plans`, always the same names in the same order."""
        ...


def run_sweep(
    space: ParameterSpace,
    sets: Sequence[Binding],
    runner: SetRunner,
    *,
    workers: int = 1,
    finished: Mapping[str, SetMetrics] | None = None,
    on_result: Callable[[SetResult, bool], None] | None = None,
) -> tuple[SetResult, ...]:
    """Run every set and return what became of it, in the order of `sets`.

    Parameters
    ----------
    space : ParameterSpace
    sets : sequence of Binding
        From `space.grid`, `space.sample` or `space.complete`.
    runner : SetRunner
        Runs them; all workers share it.
    workers : int
        Threads.
    finished : mapping of str to metrics, optional
        What is known already, by run id.
    on_result : callable, optional
        Told of each result as it comes, in whatever order, and whether it was `finished` before; called on
        the calling thread only.

    Raises
    ------
    CardError
        If a card cannot have the values of a set. An error, or an interruption (Ctrl-C), ends the sweep
        when the sets at work are done and `on_result` has been told of them.
    """
    if workers < 1:
        raise ConfigurationError(f"a sweep cannot have {workers} workers", way_out="give it one or more")
    known = finished or {}
    first = plan_card(space.card)
    # Few sets are dealt out in small batches, so that the workers are done at the same time.
    work = _Positions(len(sets), min(SIDE_BY_SIDE, -(-len(sets) // (4 * workers))))
    done: queue.SimpleQueue[tuple[int, SetResult, bool] | None] = queue.SimpleQueue()
    results: dict[int, SetResult] = {}

    def worker() -> None:
        try:
            for positions in work:
                plans: list[CardPlan] = []
                try:
                    plans.extend(replan(space.bind_complete(sets[position]), first) for position in positions)
                finally:
                    # a set that makes no card does not take those before it along
                    found = _results(plans, runner, known)
                    for position, (plan, run_id, metrics) in zip(positions, found, strict=False):
                        result = SetResult(sets[position], plan.system_hash, run_id, metrics)
                        done.put((position, result, run_id in known))
        finally:
            # Without an error there is nothing left to hand out; after one there is to be nothing more.
            work.stop()
            done.put(None)

    def collect(message: tuple[int, SetResult, bool]) -> None:
        position, result, was_finished = message
        results[position] = result
        if on_result is not None:
            on_result(result, was_finished)

    try:
        with ThreadPoolExecutor(workers, thread_name_prefix="sweep") as pool:
            futures = [pool.submit(worker) for _ in range(workers)]
            try:
                waiting = workers
                while waiting:
                    if (message := done.get()) is None:
                        waiting -= 1
                    else:
                        collect(message)
            finally:
                work.stop()
    finally:
        # What an interruption left to be told.
        while not done.empty():
            if (message := done.get()) is not None:
                collect(message)
    for future in futures:
        future.result()
    return tuple(results[position] for position in range(len(sets)))


def _results(
    plans: Sequence[CardPlan], runner: SetRunner, known: Mapping[str, SetMetrics]
) -> list[tuple[CardPlan, str, SetMetrics]]:
    run_ids = [runner.run_id(plan) for plan in plans]
    new = [(plan, run_id) for plan, run_id in zip(plans, run_ids, strict=True) if run_id not in known]
    computed = runner.metrics([plan for plan, _ in new])
    metrics = {run_id: found for (_, run_id), found in zip(new, computed, strict=True)}
    return [
        (plan, run_id, metrics[run_id] if run_id in metrics else known[run_id])
        for plan, run_id in zip(plans, run_ids, strict=True)
    ]


def available_cores() -> int:
    """Return how many cores this process may use: what a sweep has as workers where nobody says."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Positions:
    """Hands out 0, 1, 2 … by some at a time to whichever thread asks next, until the end or until stopped."""

    def __init__(self, count: int, at_once: int) -> None:
        self._batches = batched(range(count), at_once)
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        while not self._stopped.is_set():
            with self._lock:
                positions = next(self._batches, None)
            if positions is None:
                return
            yield positions

    def stop(self) -> None:
        """Hand out no more."""
        self._stopped.set()
