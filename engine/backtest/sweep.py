"""Sweeps: many sets of parameters of one card over one history, on every core.

Threads share the bars and every feature; each set is bound, planned and run through the compiled loop, which
lets go of the interpreter while it works. What a set gives does not depend on how many workers there are, on
which of them ran it, or on what ran before it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from engine.backtest.sweep_results import SetMetrics, SetResult
from engine.errors import ConfigurationError
from engine.idea_card.parameter_space import Binding, ParameterSpace
from engine.strategies.card_plan import CardPlan, plan_card, replan


class SetRunner(Protocol):
    """Runs planned cards over one history. Belongs to one thread: it may keep buffers between calls."""

    def run_id(self, plan: CardPlan) -> str:
        """Return the id of the run of `plan` over this history."""
        ...

    def metrics(self, plan: CardPlan) -> SetMetrics:
        """Return the metrics of `plan` over this history, always the same names in the same order."""
        ...


def run_sweep(
    space: ParameterSpace,
    sets: Sequence[Binding],
    new_runner: Callable[[], SetRunner],
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
    new_runner : callable
        Makes the runner of one worker.
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
    work = _Positions(len(sets))
    done: queue.SimpleQueue[tuple[int, SetResult, bool] | None] = queue.SimpleQueue()
    results: dict[int, SetResult] = {}

    def worker() -> None:
        try:
            runner = new_runner()
            for position in work:
                done.put((position, *_result(space, first, sets[position], runner, known)))
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


def _result(
    space: ParameterSpace,
    first: CardPlan,
    binding: Binding,
    runner: SetRunner,
    known: Mapping[str, SetMetrics],
) -> tuple[SetResult, bool]:
    plan = replan(space.bind_complete(binding), first)
    run_id = runner.run_id(plan)
    was_finished = run_id in known
    metrics = known[run_id] if was_finished else runner.metrics(plan)
    return SetResult(binding, plan.system_hash, run_id, metrics), was_finished


class _Positions:
    """Hands out 0, 1, 2 … to whichever thread asks next, until the end or until it is stopped."""

    def __init__(self, count: int) -> None:
        self._positions = iter(range(count))
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[int]:
        while not self._stopped.is_set():
            with self._lock:
                position = next(self._positions, None)
            if position is None:
                return
            yield position

    def stop(self) -> None:
        """Hand out no more."""
        self._stopped.set()
