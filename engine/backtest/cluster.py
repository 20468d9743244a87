"""Sweeps beyond one process: the same sets on the workers of a Dask cluster.

What a sweep shares (the card's file, the candles) is sent to every worker once, and each worker computes the
features it needs once. A set comes to the same there as here: what runs it is `run_sweep`, on one thread.

Dask, because it runs both what there is to scale out: the sets of a sweep, by this module, and the steps of
the asset graph, by dagster-dask, on the same cluster. https://distributed.dask.org
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import batched
from typing import TYPE_CHECKING

from engine.backtest.candles import Candles
from engine.backtest.history import History
from engine.backtest.sweep import run_sweep
from engine.backtest.sweep_history import FEATURE_BYTES, SweepHistory
from engine.backtest.sweep_results import SetMetrics, SetResult
from engine.errors import ConfigurationError
from engine.features.inputs import Stamped
from engine.idea_card.load import space_of
from engine.idea_card.parameter_space import Binding, ParameterSpace
from engine.idea_card.yaml_source import YamlSource
from engine.market_data.instruments import InstrumentRules
from engine.settings import Cluster
from engine.sim.market import FundingEvents
from engine.sim.side_by_side import SIDE_BY_SIDE
from engine.timeframes import Timeframe

if TYPE_CHECKING:
    from distributed import Client


@contextmanager
def connected(cluster: Cluster, *, timeout_s: float = 10.0) -> Iterator[Client]:
    """Connect to a cluster for the length of a `with` block; one of this machine ends with it.

    Inside a worker of a cluster, that one is meant.

    Parameters
    ----------
    cluster : Cluster
    timeout_s : float, optional
        How long to wait for an answer, and for a worker.

    Raises
    ------
    ConfigurationError
        If nobody answers at the address, or no worker is there.
    """
    import distributed

    # it tells of every connection, on standard error
    logging.getLogger("distributed").setLevel(logging.ERROR)
    try:
        distributed.get_worker()
    except ValueError:
        pass
    else:
        with distributed.worker_client() as client:
            yield client
        return
    if cluster.address is not None:
        try:
            client = distributed.Client(cluster.address, timeout=timeout_s)
        except (OSError, ValueError) as error:
            raise _nobody_at(f"no Dask scheduler answers at {cluster.address}") from error
        with client:
            try:
                client.wait_for_workers(1, timeout=timeout_s)
            except TimeoutError as error:
                raise _nobody_at(f"the Dask scheduler at {cluster.address} has no workers") from error
            yield client
        return
    with (
        distributed.LocalCluster(
            n_workers=cluster.processes,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            # a worker that is full should say so, and not write candles to disk
            memory_limit=0,
        ) as local,
        distributed.Client(local) as client,
    ):
        yield client


def run_sweep_on(
    client: Client,
    space: ParameterSpace,
    sets: Sequence[Binding],
    swept: SweepHistory,
    *,
    finished: Mapping[str, SetMetrics] | None = None,
    on_result: Callable[[SetResult, bool], None] | None = None,
) -> tuple[SetResult, ...]:
    """Run every set on the workers of a cluster and return what became of it, in the order of `sets`.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster; see `connected`.
    space, sets, finished, on_result
        As for `run_sweep`.
    swept : SweepHistory

    Raises
    ------
    CardError, DataError, ConfigurationError
        As `run_sweep` does.
    """
    from distributed import as_completed

    shared = client.scatter(SharedSweep.of(space, swept, dict(finished or {})), broadcast=True, hash=False)
    workers = sum(client.nthreads().values())
    at_once = min(4 * SIDE_BY_SIDE, max(1, -(-len(sets) // (4 * max(workers, 1)))))
    results: dict[int, SetResult] = {}
    parts = {
        client.submit(_run_part, shared, [sets[position] for position in positions], pure=False): positions
        for positions in batched(range(len(sets)), at_once)
    }
    try:
        for future in as_completed(list(parts)):
            for position, (result, was_finished) in zip(parts[future], future.result(), strict=True):
                results[position] = result
                if on_result is not None:
                    on_result(result, was_finished)
    finally:
        client.cancel(list(parts))
    return tuple(results[position] for position in range(len(sets)))


def _nobody_at(problem: str) -> ConfigurationError:
    return ConfigurationError(
        problem, way_out="start it (`dask scheduler`; `dask worker ADDRESS` where cores are), or use local:2"
    )


@dataclass(frozen=True, eq=False)
class SharedSweep:
    """What the workers of a sweep share, as values that can be sent; each makes its own history of it."""

    source: YamlSource
    finished: dict[str, SetMetrics]
    symbol: str
    candles: dict[Timeframe, Candles]
    funding: FundingEvents
    instrument: InstrumentRules
    open_interest: Stamped | None
    data_fingerprint: str
    window: tuple[int | None, int | None]

    @classmethod
    def of(cls, space: ParameterSpace, swept: SweepHistory, finished: dict[str, SetMetrics]) -> SharedSweep:
        """Return what the workers need of a sweep."""
        history = swept.history
        return cls(
            source=space.source,
            finished=finished,
            symbol=history.symbol,
            candles=history.candles,
            funding=history.funding,
            instrument=history.instrument,
            open_interest=history.open_interest,
            data_fingerprint=history.data_fingerprint,
            window=(swept.start_ms, swept.end_ms),
        )

    @cached_property
    def space(self) -> ParameterSpace:
        """The card with its parameters."""
        return space_of(self.source)

    @cached_property
    def swept(self) -> SweepHistory:
        """The history, with the features that were computed on it so far."""
        open_interest = self.open_interest
        history = History(
            self.symbol,
            self.candles,
            self.funding,
            self.instrument,
            open_interest=None if open_interest is None else lambda: open_interest,
            data_fingerprint=self.data_fingerprint,
            feature_bytes=FEATURE_BYTES,
        )
        return SweepHistory(history, *self.window)


def _run_part(shared: SharedSweep, sets: Sequence[Binding]) -> list[tuple[SetResult, bool]]:
    """Run some sets in a worker, and say of each whether it was finished before."""
    results = run_sweep(shared.space, sets, shared.swept, finished=shared.finished)
    return [(result, result.run_id in shared.finished) for result in results]
