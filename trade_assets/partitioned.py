"""An asset from one function that makes one partition.

`PartitionedAsset` wraps a function from the values of a partition's inputs to what is made of them. Reading
the inputs, going through a range, recording checks, refusing before anything is written and turning our
errors into what Dagster shows are the same for every asset, and are here.

https://docs.dagster.io/guides/build/assets/defining-assets
"""

# No `from __future__ import annotations` here: Dagster wants the context's annotation as a type, not as text.

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from engine.errors import ExchangeUnavailable, TradeError
from engine.timeframes import Timeframe
from trade_assets.artifacts import Address
from trade_assets.checks import (
    SCHEMA,
    CheckRefused,
    CheckVerdict,
    check_specs,
    evaluation,
    is_verdict,
    newest_materialization,
)
from trade_assets.io import ArtifactInput, Artifacts, Product
from trade_assets.not_made import note_not_made, note_went_on, went_on_without
from trade_assets.partitions import Partition, Universe, largest_first, read_at_once
from trade_assets.work import WATCHER, Input, Made, Watcher, Work

INTERRUPTED = "the run was interrupted"
IO_MANAGER = "artifact_io"
ARTIFACTS = "artifacts"


@dataclass(frozen=True, kw_only=True)
class PartitionedAsset:
    """What an asset is, apart from the partitions there are.

    Parameters
    ----------
    key, group, code_version, description, kinds
        As in Dagster.
    make : callable
        From a `Work` and the inputs' values by name to a `Made`; raises `TradeError` to refuse.
    inputs : mapping of str to Input, optional
        Upstream assets by the name of the function's argument.
    applies : callable, optional
        Which partitions there is anything to make for; all by default. Where there is nothing, nothing is
        made, what is downstream is skipped and the run is green.
    made_at : Timeframe, optional
        The timeframe whose partitions read the inputs that name timeframes.
    gate : str or None, optional
        Name of the check that blocks what is downstream: an error about the data fails it.
    notes : tuple of str, optional
        Names of checks that are shown and stop nothing.
    begin : callable, optional
        From the resources to what all partitions of a step share: a connection, a moment.
    symbols_at_once : int, optional
        How many symbols are worked on side by side, each by a thread.
    resources : collection of str, optional
        Keys of the resources `make` and `begin` use.
    config : mapping of str to Field, optional
        What can be asked for when it is materialized, beside the partition; each with a default.
    retries : RetryPolicy, optional
        For an exchange that does not answer. Nothing else is tried again.
    """

    key: tuple[str, ...]
    make: Callable[..., Made]
    group: str
    code_version: str
    description: str
    inputs: Mapping[str, Input] = field(default_factory=dict)
    applies: Callable[[Partition], bool] | None = None
    made_at: Timeframe | None = None
    gate: str | None = SCHEMA
    notes: tuple[str, ...] = ()
    begin: Callable[[Any], Any] | None = None
    symbols_at_once: int = 1
    resources: Collection[str] = ()
    kinds: Collection[str] = ()
    config: Mapping[str, dg.Field] = field(default_factory=dict)
    retries: dg.RetryPolicy | None = None

    @property
    def checks(self) -> tuple[str, ...]:
        """Names of all checks."""
        return (*((self.gate,) if self.gate else ()), *self.notes)

    @property
    def asset_key(self) -> dg.AssetKey:
        """Dagster's form of the key."""
        return dg.AssetKey(list(self.key))

    def definition(
        self, universe: Universe, readers: Collection["PartitionedAsset"] = ()
    ) -> dg.AssetsDefinition:
        """Return the asset over the partitions of `universe`; `readers` are the assets that take it in."""

        @dg.asset(
            key=self.asset_key,
            ins={name: self._asset_in(each, universe) for name, each in self.inputs.items()},
            partitions_def=universe.partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
            check_specs=check_specs(self.asset_key, self.gate, self.notes, universe.partitions),
            output_required=False,
            dagster_type=dg.Any,
            io_manager_key=IO_MANAGER,
            required_resource_keys={ARTIFACTS, WATCHER, *self.resources},
            group_name=self.group,
            code_version=self.code_version,
            description=self.description,
            kinds=set(self.kinds),
            config_schema=dict(self.config) or None,
            retry_policy=self.retries,
        )
        def asset(context: dg.AssetExecutionContext, **inputs: ArtifactInput) -> Iterator[Any]:
            yield from self._make_all(context, inputs, readers)

        return asset

    def _asset_in(self, wanted: Input, universe: Universe) -> dg.AssetIn:
        key = list(wanted.asset_key)
        if wanted.timeframes is None or self.made_at is None:
            return dg.AssetIn(key)
        mapping = read_at_once(universe.timeframes, at=self.made_at, reads=wanted.timeframes)
        return dg.AssetIn(key, partition_mapping=mapping)

    def _make_all(
        self,
        context: dg.AssetExecutionContext,
        inputs: Mapping[str, ArtifactInput],
        readers: Collection["PartitionedAsset"],
    ) -> Iterator[Any]:
        """Make every partition of the run, and store what could be made.

        Where something could not, the run goes on with the rest as long as anything downstream has work to
        do, and the last step that has fails in the name of those before it.
        """
        products: dict[Partition, Product] = {}
        passed: dict[Partition, tuple[CheckVerdict, ...]] = {}
        failures: dict[Partition, TradeError] = {}
        in_run = [Partition.parse(key) for key in context.partition_keys]
        wanted = [partition for partition in in_run if self.has_work_for(partition)]
        if len(wanted) < len(in_run):
            context.log.info(f"there is something to make for {len(wanted)} of {len(in_run)} partitions")
        try:
            for partition, outcome in self._outcomes(context, wanted, inputs):
                if isinstance(outcome, TradeError):
                    failures[partition] = outcome
                    continue
                made, products[partition] = outcome
                said = {verdict.check: verdict for verdict in made.verdicts}
                passed[partition] = tuple(said.get(name, CheckVerdict(name, True)) for name in self.checks)
                shown = {"symbol": partition.symbol, "timeframe": str(partition.timeframe), **made.metadata}
                context.add_asset_metadata(shown, self.asset_key, partition.key)
        except dg.DagsterExecutionInterruptedError:
            # A retry policy would begin the step again: somebody who stops a run wants it stopped.
            raise dg.Failure(INTERRUPTED, allow_retries=False) from None
        refused = self._refuse(context, failures)
        if failures or context.retry_number:
            note_not_made(context.instance, context.run.run_id, "/".join(self.key), failures)
        if failures and not products:
            yield from self._evaluations(context, refused, refusing=True)
            raise self._failure(failures, allow_retries=True)
        if products:
            output = context.assets_def.get_output_name_for_asset_key(self.asset_key)
            yield dg.Output(products, output_name=output)
            yield from self._evaluations(context, passed)
        if failures:
            # Dagster would fail the step by a verdict that blocks, whatever else was made.
            yield from self._evaluations(context, refused, refusing=True, blocking=False)
        goes_on = any(
            _is_in_run(context, reader.asset_key) and reader.has_work_for(partition)
            for reader in readers
            for partition in in_run
            if partition not in failures
        )
        if products and not goes_on:
            self._fail_if_anything_was_not_made(context, failures)
        elif failures:
            note_went_on(context.instance, context.run.run_id, "/".join(self.key))
            context.log.error(self._failure(failures, allow_retries=False).description or "")
        for check in sorted(context.selected_asset_check_keys):
            output = context.assets_def.get_output_name_for_asset_check_key(check)
            yield dg.Output(None, output_name=output)

    def has_work_for(self, partition: Partition) -> bool:
        """Whether there is anything to make for `partition`."""
        return self.applies is None or self.applies(partition)

    def _outcomes(
        self,
        context: dg.AssetExecutionContext,
        wanted: Sequence[Partition],
        inputs: Mapping[str, ArtifactInput],
    ) -> Iterator[tuple[Partition, tuple[Made, Product] | TradeError]]:
        """Give what became of each partition; symbols may be worked on side by side, one's timeframes not."""
        try:
            shared = self.begin(context.resources) if self.begin and wanted else None
        except TradeError as error:
            yield from ((partition, error) for partition in wanted)
            return

        def make(partitions: list[Partition]) -> list[tuple[Partition, tuple[Made, Product] | TradeError]]:
            return [
                (partition, self._made_or_error(context, partition, inputs, shared))
                for partition in partitions
            ]

        by_symbol: dict[str, list[Partition]] = {}
        for partition in wanted:
            by_symbol.setdefault(partition.symbol, []).append(partition)
        if self.symbols_at_once == 1 or len(by_symbol) == 1:
            for partition in wanted:
                yield from make([partition])
            return
        with ThreadPoolExecutor(self.symbols_at_once, thread_name_prefix="partitions") as pool:
            for outcomes in pool.map(make, by_symbol.values()):
                yield from outcomes

    def _made_or_error(
        self,
        context: dg.AssetExecutionContext,
        partition: Partition,
        inputs: Mapping[str, ArtifactInput],
        shared: Any,
    ) -> tuple[Made, Product] | TradeError:
        try:
            return self._make_one(context, partition, inputs, shared)
        except TradeError as error:
            return error

    def _make_one(
        self,
        context: dg.AssetExecutionContext,
        partition: Partition,
        inputs: Mapping[str, ArtifactInput],
        shared: Any,
    ) -> tuple[Made, Product]:
        watcher: Watcher = context.resources.watcher
        watcher.starting("/".join(self.key), partition)
        started = time.perf_counter()
        values, taken = self._read_inputs(context, partition, inputs)
        asked = context.op_execution_context.op_config if self.config else {}
        made = self.make(Work(partition, context.resources, taken, shared, asked), **values)
        watcher.made("/".join(self.key), partition, time.perf_counter() - started)
        return made, Product(made.value, self.code_version, taken)

    def _read_inputs(
        self, context: dg.AssetExecutionContext, partition: Partition, inputs: Mapping[str, ArtifactInput]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        values: dict[str, Any] = {}
        taken: dict[str, str] = {}
        in_run = set(context.partition_keys)
        for name, wanted in self.inputs.items():
            made_here = in_run if _is_in_run(context, dg.AssetKey(list(wanted.asset_key))) else set()
            found: dict[Timeframe, Any] = {}
            for timeframe in largest_first(wanted.timeframes or [partition.timeframe]):
                where = partition.at(timeframe)
                of_run = context.run.run_id if where.key in made_here else None
                found[timeframe], hash_of_it = inputs[name].read(where, of_run=of_run)
                taken |= hash_of_it
            value = found[partition.timeframe] if wanted.timeframes is None else found
            if wanted.is_argument:
                values[name] = value
        return values, taken

    def _evaluations(
        self,
        context: dg.AssetExecutionContext,
        verdicts: Mapping[Partition, tuple[CheckVerdict, ...]],
        *,
        refusing: bool = False,
        blocking: bool = True,
    ) -> Iterator[dg.AssetCheckEvaluation]:
        """Give the events of the checks that are part of the run; those that refuse say that they block."""
        selected = {check.name: check for check in context.selected_asset_check_keys}
        for partition, said in verdicts.items():
            shown = [verdict for verdict in said if verdict.check in selected]
            target = newest_materialization(context.instance, self.asset_key, partition) if shown else None
            for verdict in shown:
                is_gate = refusing or verdict.check == self.gate
                check = selected[verdict.check]
                yield evaluation(
                    check, partition, verdict, target, is_gate=is_gate, blocking=is_gate and blocking
                )

    def _refuse(
        self, context: dg.AssetExecutionContext, failures: Mapping[Partition, TradeError]
    ) -> dict[Partition, tuple[CheckVerdict, ...]]:
        """Keep what is a verdict on the data where readers find it, and return it for the check it is of."""
        artifacts: Artifacts = context.resources.artifacts
        verdicts: dict[Partition, tuple[CheckVerdict, ...]] = {}
        for partition, error in failures.items():
            if is_verdict(error):
                check = self._refusing_check(error)
                artifacts.store().refuse(
                    Address(self.key, partition),
                    check=check or "",
                    message=str(error),
                    dagster_run=context.run.run_id,
                )
                if check is not None:
                    verdicts[partition] = (CheckVerdict(check, False, str(error)),)
        return verdicts

    def _refusing_check(self, error: TradeError) -> str | None:
        """Return the check that a refusal belongs to: the one that refused, or else the gate."""
        if isinstance(error, CheckRefused) and error.check in self.notes:
            return error.check
        return self.gate

    def _failure(self, failures: Mapping[Partition, TradeError], *, allow_retries: bool) -> dg.Failure:
        """Return what fails the step: the cause in words, where Dagster would show a traceback."""
        told = "\n".join(f"{partition}: {error}" for partition, error in failures.items())
        unavailable = all(isinstance(error, ExchangeUnavailable) for error in failures.values())
        return dg.Failure(
            description=f"{'/'.join(self.key)} was not made for {told}",
            metadata={partition.key: str(error) for partition, error in failures.items()},
            allow_retries=allow_retries and unavailable and self.retries is not None,
        )

    def _fail_if_anything_was_not_made(
        self, context: dg.AssetExecutionContext, failures: Mapping[Partition, TradeError]
    ) -> None:
        """Fail the step if the run could not make something, here or in a step that went on without it."""
        if failures:
            raise self._failure(failures, allow_retries=False)
        lacking = went_on_without(context.instance, context.run.run_id)
        if lacking:
            told = "; ".join(f"{asset} was not made for {', '.join(keys)}" for asset, keys in lacking.items())
            raise dg.Failure(
                f"{told}. The log of that step says why; everything else was made.", allow_retries=False
            )


def _is_in_run(context: dg.AssetExecutionContext, key: dg.AssetKey) -> bool:
    """Whether the run has a step that makes the asset `key`."""
    steps = context.run.step_keys_to_execute
    return steps is not None and key.to_python_identifier() in steps
