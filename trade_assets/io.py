"""The IO manager: what assets make goes to the artifact store, and what they need comes from it.

An asset hands over a `Product` per partition and gets, for each input, a reader that loads a partition when
it is asked for it. That is the same for a run over one partition and over a range, whereas Dagster's own
`UPathIOManager` hands over an object, a dictionary or nothing, depending on how many partitions there are.

https://docs.dagster.io/guides/build/io-managers
"""

# No `from __future__ import annotations` here: Dagster reads these annotations as types, not as text.

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from engine.backtest.artifacts import artifact_base
from engine.errors import DataNotFound, GateRefused, TradeError
from trade_assets.artifacts import Address, ArtifactStore
from trade_assets.partitions import Partition


class NotMadeInRun(TradeError):
    """An upstream step of the same run could not make its part, so there is nothing to go on from."""


@dataclass(frozen=True)
class Product:
    """What was made for one partition, and from what.

    Parameters
    ----------
    value
        A frame, plain data or a backtest; see `formats.py`.
    code_version : str
        Version of the code that made it.
    inputs : mapping of str to str
        Address and hash of each artifact that was read for it.
    """

    value: Any
    code_version: str
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ArtifactInput:
    """An upstream asset, ready to be read partition by partition."""

    store: ArtifactStore
    asset_key: tuple[str, ...]

    def read(self, partition: Partition, *, of_run: str | None = None) -> tuple[Any, dict[str, str]]:
        """Return the artifact of `partition`, and its address with its hash.

        Parameters
        ----------
        partition : Partition
            Which.
        of_run : str, optional
            The run that has to have made it.

        Raises
        ------
        DataNotFound, GateRefused, CorruptData
            As `ArtifactStore.read`.
        NotMadeInRun
            If `of_run` could not make it: it was refused, or what is there is of another run.
        """
        address = Address(self.asset_key, partition)
        try:
            value = self.store.read(address)
        except (DataNotFound, GateRefused) as error:
            if of_run is None:
                raise
            raise NotMadeInRun(error.problem, way_out=error.way_out) from error
        pointer = self.store.pointer(address)
        if of_run is not None and pointer.dagster_run != of_run:
            raise NotMadeInRun(
                f"{address} was not made in this run, and what is there is older",
                way_out=f"see the log of the step {'/'.join(self.asset_key)}",
            )
        return value, {address.path: pointer.sha256}


class Artifacts(dg.ConfigurableResource[None]):
    """The artifact store below `base_uri`, a folder or any address that fsspec knows."""

    base_uri: str

    def store(self) -> ArtifactStore:
        """Return the store."""
        return ArtifactStore(artifact_base(self.base_uri))


class ArtifactIOManager(dg.ConfigurableIOManager):
    """Writes `Product`s and gives `ArtifactInput`s."""

    artifacts: dg.ResourceDependency[Artifacts]

    def handle_output(self, context: dg.OutputContext, obj: Mapping[Partition, Product]) -> None:
        """Write every product, each as the current artifact of its partition."""
        store = self.artifacts.store()
        asset_key = tuple(context.asset_key.path)
        for partition, product in obj.items():
            pointer = store.write(
                Address(asset_key, partition),
                product.value,
                code_version=product.code_version,
                inputs=product.inputs,
                dagster_run=context.run_id,
            )
            if len(obj) == 1:
                path = dg.MetadataValue.path(str(store.base / pointer.file))
                context.add_output_metadata({"artifact": path, "sha256": pointer.sha256})
        _record_only(context, list(obj))

    def load_input(self, context: dg.InputContext) -> ArtifactInput:
        """Return the reader of the upstream asset."""
        return ArtifactInput(self.artifacts.store(), tuple(context.asset_key.path))


def _record_only(context: dg.OutputContext, made: list[Partition]) -> None:
    """Make Dagster record a materialization of `made` and of no other partition of the run's range.

    A run over a range records every partition of it, whatever was made. There is no public way to say less;
    this is pinned by a test.
    """
    keys = [partition.key for partition in made]
    if len(keys) < len(context.asset_partition_keys):
        context._asset_partitions_subset = context.asset_partitions_def.subset_with_partition_keys(keys)
