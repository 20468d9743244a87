"""How Dagster behaves where our code relies on it. Where a version fails here, look at the place named."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import numpy as np
import pytest
from dagster._core.errors import DagsterInvalidMetadata

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
PARTITIONS = dg.MultiPartitionsDefinition(
    {
        "symbol": dg.StaticPartitionsDefinition(["A", "B"]),
        "timeframe": dg.StaticPartitionsDefinition(["1h", "15m"]),
    }
)
ASSET, DOWNSTREAM = dg.AssetKey("asset"), dg.AssetKey("downstream")
CHECK = dg.AssetCheckSpec("gate", asset=ASSET, blocking=True, partitions_def=PARTITIONS)


class Memory(dg.IOManager):
    """Remembers what it was asked to write, and can say that less was made."""

    def __init__(self, only: list[str] | None = None) -> None:
        self.written: list[Any] = []
        self.only = only

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        self.written.append(obj)
        if self.only is not None and context.asset_key == ASSET:
            subset = context.asset_partitions_def.subset_with_partition_keys(self.only)
            context._asset_partitions_subset = subset

    def load_input(self, context: dg.InputContext) -> list[str]:
        return [str(key) for key in context.asset_partition_keys]


def graph(
    body: Callable[[Any], Iterator[Any]], *, io: Memory | None = None, **arguments: Any
) -> dg.Definitions:
    """An asset with a gate, and one downstream of it."""
    shared = {"partitions_def": PARTITIONS, "backfill_policy": dg.BackfillPolicy.single_run()}
    own = {"check_specs": [CHECK], "output_required": False, "dagster_type": dg.Any}

    @dg.asset(key=ASSET, **shared, **(own | arguments))
    def asset(context) -> Iterator[Any]:
        yield from body(context)

    @dg.asset(key=DOWNSTREAM, **shared)
    def downstream(asset: Any) -> int:
        return 1

    return dg.Definitions(
        assets=[asset, downstream],
        resources={"io_manager": io or Memory()},
        executor=dg.in_process_executor,
    )


def run(
    definitions: dg.Definitions, *, at: str | None = None, ends: tuple[str, str] | None = None, **chosen: Any
) -> dg.ExecuteInProcessResult:
    """Run over a partition or a range."""
    names = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    return definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        partition_key=at,
        tags=dict(zip(names, ends, strict=True)) if ends else {},
        run_config=QUIET,
        raise_on_error=False,
        **chosen,
    )


def evaluation(partition: str, passed: bool = True) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=ASSET, check_name="gate", passed=passed, blocking=True, partition=partition
    )


def check_output(context) -> dg.Output:
    name = context.assets_def.get_output_name_for_asset_check_key(CHECK.key)
    return dg.Output(None, output_name=name)


def made(result: dg.ExecuteInProcessResult) -> set[tuple[str, str]]:
    """What was recorded as materialized."""
    events = result.get_asset_materialization_events()
    return {(event.asset_key.to_user_string(), str(event.partition)) for event in events}


def test_dimensions_are_ordered_by_name_and_joined_by_a_bar():
    """Relied on in partitions.py: Partition.key."""
    assert PARTITIONS.get_partition_keys() == ["A|1h", "A|15m", "B|1h", "B|15m"]


def test_a_range_is_a_rectangle_in_the_order_of_the_keys():
    """Relied on in ranges.py: PartitionRange."""
    keys = PARTITIONS.get_partition_keys_in_range(dg.PartitionKeyRange("A|15m", "B|15m"))
    assert [str(key) for key in keys] == ["A|15m", "B|15m"]


def test_the_tags_of_a_range_make_a_run_go_over_it():
    """Relied on in ranges.py: the names of the tags."""
    seen = []

    def body(context):
        seen.extend(str(key) for key in context.partition_keys)
        yield check_output(context)

    assert run(graph(body), ends=("A|1h", "A|15m")).success
    assert seen == ["A|1h", "A|15m"]


def test_an_evaluation_is_stored_for_the_partition_it_names():
    """Relied on in checks.py: evaluation."""

    def body(context):
        yield evaluation("A|1h")
        yield evaluation("A|15m")
        yield check_output(context)
        yield dg.Output(1)

    with dg.DagsterInstance.ephemeral() as instance:
        assert run(graph(body), ends=("A|1h", "A|15m"), instance=instance).success
        history = instance.event_log_storage.get_asset_check_execution_history(CHECK.key, limit=9)
        assert {(record.partition, record.status.value) for record in history} == {
            ("A|1h", "SUCCEEDED"),
            ("A|15m", "SUCCEEDED"),
        }


def test_a_check_result_in_a_range_is_stored_for_no_partition():
    """Relied on in checks.py: why it is an evaluation and not a result."""

    def body(context):
        yield dg.AssetCheckResult(passed=True)
        yield dg.Output(1)

    result = run(graph(body), ends=("A|1h", "A|15m"))
    assert [each.partition for each in result.get_asset_check_evaluations()] == [None]


def test_a_failed_check_and_a_failure_before_the_output_record_the_one_and_write_nothing():
    """Relied on in partitioned.py: _make_all."""

    def body(context):
        yield evaluation("A|1h", passed=False)
        raise dg.Failure("the cause", allow_retries=False)

    memory = Memory()
    result = run(graph(body, io=memory), at="A|1h")
    assert not result.success
    assert memory.written == []
    assert made(result) == set()
    assert [each.passed for each in result.get_asset_check_evaluations()] == [False]
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_failure_data.user_failure_data.description == "the cause"


def test_an_asset_without_output_skips_what_is_downstream_and_the_run_is_green():
    """Relied on in partitioned.py: applies."""

    def body(context):
        yield check_output(context)

    result = run(graph(body), at="A|1h")
    assert result.success
    assert [event.step_key for event in result.all_events if event.is_step_skipped] == ["downstream"]


def test_a_check_that_is_declared_needs_its_output():
    """Relied on in partitioned.py: why the check's output is yielded by hand."""

    def body(context):
        yield evaluation("A|1h")
        yield dg.Output(1)

    result = run(graph(body), at="A|1h")
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "did not return an output" in failure.step_failure_data.error.to_string()


def test_a_range_records_all_of_it_whatever_was_made():
    """Relied on in io.py: why _record_only is there."""

    def body(context):
        yield check_output(context)
        yield dg.Output(1)

    result = run(graph(body), ends=("A|1h", "B|15m"), asset_selection=[ASSET])
    assert len(made(result)) == 4


def test_an_io_manager_can_have_less_recorded():
    """Relied on in io.py: _record_only, the one place that uses a private name."""

    def body(context):
        yield check_output(context)
        yield dg.Output(1)

    result = run(graph(body, io=Memory(only=["A|15m"])), ends=("A|1h", "B|15m"), asset_selection=[ASSET])
    assert made(result) == {("asset", "A|15m")}


def test_metadata_can_be_given_to_one_partition_of_a_range():
    """Relied on in partitioned.py: _make_all."""

    def body(context):
        context.add_asset_metadata({"rows": 1}, ASSET, "A|1h")
        context.add_asset_metadata({"rows": 2}, ASSET, "A|15m")
        yield check_output(context)
        yield dg.Output(1)

    result = run(graph(body), ends=("A|1h", "A|15m"), asset_selection=[ASSET])
    events = result.get_asset_materialization_events()
    rows = {str(event.partition): event.materialization.metadata["rows"].value for event in events}
    assert rows == {"A|1h": 1, "A|15m": 2}


def test_an_input_knows_the_partitions_the_mapping_gives_it():
    """Relied on in partitions.py: read_at_once."""
    got = []

    def mapping(table: dict[str, list[str]]) -> dg.MultiPartitionMapping:
        return dg.MultiPartitionMapping(
            {
                "symbol": dg.DimensionPartitionMapping("symbol", dg.IdentityPartitionMapping()),
                "timeframe": dg.DimensionPartitionMapping("timeframe", dg.StaticPartitionMapping(table)),
            }
        )

    @dg.asset(partitions_def=PARTITIONS)
    def upstream() -> int:
        return 1

    @dg.asset(
        partitions_def=PARTITIONS,
        ins={"upstream": dg.AssetIn(partition_mapping=mapping({"1h": ["1h", "15m"], "15m": ["15m"]}))},
    )
    def reader(upstream: Any) -> int:
        got.append(sorted(upstream))
        return 1

    definitions = dg.Definitions(assets=[upstream, reader], resources={"io_manager": Memory()})
    for key in ("A|15m", "A|1h"):
        assert run(definitions, at=key, asset_selection=[dg.AssetKey("reader")]).success
    assert got == [["A|15m", "A|1h"], ["A|1h"]]


def test_a_step_is_tried_again_only_where_the_failure_allows_it():
    """Relied on in partitioned.py: _failure."""
    tries = []

    def body(allowed: bool):
        def fail(context):
            tries.append(allowed)
            yield from ()
            raise dg.Failure("no answer", allow_retries=allowed)

        return fail

    for allowed in (True, False):
        run(graph(body(allowed), retry_policy=dg.RetryPolicy(max_retries=1)), at="A|1h")
    assert tries == [True, True, False]


def test_a_step_can_go_on_without_a_partition_whose_check_failed():
    """Relied on in partitioned.py: _make_all; a verdict that does not say it blocks fails nothing."""

    def body(context):
        yield dg.Output(1)
        yield dg.AssetCheckEvaluation(
            asset_key=ASSET, check_name="gate", passed=False, blocking=False, partition="A|15m"
        )
        yield check_output(context)

    result = run(graph(body, io=Memory(only=["A|1h"])), ends=("A|1h", "A|15m"))
    assert result.success
    assert {key for key in made(result) if key[0] == "asset"} == {("asset", "A|1h")}
    assert [(each.partition, each.passed) for each in result.get_asset_check_evaluations()] == [
        ("A|15m", False)
    ]


def test_what_was_given_before_a_step_failed_is_recorded():
    """Relied on in partitioned.py: _make_all; the last step stores what it made, and then fails."""

    def body(context):
        yield dg.Output(1)
        raise dg.Failure("the rest", allow_retries=False)

    memory = Memory(only=["A|1h"])
    result = run(graph(body, io=memory), ends=("A|1h", "A|15m"), asset_selection=[ASSET])
    assert not result.success
    assert memory.written == [1]
    assert made(result) == {("asset", "A|1h")}


def test_a_run_knows_its_steps_by_the_keys_of_their_assets():
    """Relied on in partitioned.py: _is_in_run."""
    seen = []

    def body(context):
        seen.append(sorted(context.run.step_keys_to_execute))
        yield check_output(context)

    run(graph(body), at="A|1h")
    run(graph(body), at="A|1h", asset_selection=[ASSET])
    assert seen == [["asset", "downstream"], ["asset"]]
    assert dg.AssetKey(["cards", "a", "b"]).to_python_identifier() == "cards__a__b"


def test_a_tag_can_be_given_to_a_run_that_is_going_on():
    """Relied on in not_made.py."""

    def body(context):
        context.instance.add_run_tags(context.run.run_id, {"trade/note": "{}"})
        yield check_output(context)

    with dg.DagsterInstance.ephemeral() as instance:
        result = run(graph(body), at="A|1h", instance=instance)
        assert instance.get_run_by_id(result.run_id).tags["trade/note"] == "{}"


def test_runs_are_found_by_any_of_several_keys():
    """Relied on in run_outcomes.py: outcome_of."""
    with dg.DagsterInstance.ephemeral() as instance:
        for key in ("one", "two", "three"):
            instance.add_run(
                dg.DagsterRun(job_name="job", run_id=f"run-{key}", tags={"dagster/run_key": key})
            )
        wanted = dg.RunsFilter(tags={"dagster/run_key": ["one", "three"]})
        assert {run.run_id for run in instance.get_runs(wanted)} == {"run-one", "run-three"}


def test_a_verdict_outside_of_a_run_is_stored_for_its_partition():
    """Relied on in freshness_sensor.py: the events of a sensor."""
    with dg.DagsterInstance.ephemeral() as instance:
        instance.report_runless_asset_event(evaluation("A|1h", passed=False))
        (record,) = instance.event_log_storage.get_asset_check_execution_history(CHECK.key, limit=9)
        assert (record.partition, record.status.value) == ("A|1h", "FAILED")


def test_whole_numbers_of_numpy_are_refused_as_metadata():
    """Relied on in metadata.py: number."""
    with pytest.raises(DagsterInvalidMetadata):
        dg.AssetMaterialization("asset", metadata={"rows": np.int64(1)})


def test_the_notices_we_leave_out_are_still_given():
    """Relied on in __init__.py: if one of these is gone, so can its filter be."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dg.AssetCheckSpec("gate", asset=ASSET, partitions_def=PARTITIONS)
        dg.MultiPartitionMapping({})

        @dg.asset(backfill_policy=dg.BackfillPolicy.single_run())
        def asset() -> None: ...

    told = "\n".join(str(each.message) for each in caught)
    assert "Specifying a partitions_def on an AssetCheckSpec is currently in preview" in told
    assert "Class `MultiPartitionMapping` is currently in beta" in told
    assert "Parameter `backfill_policy` of function `asset` is currently in beta" in told
