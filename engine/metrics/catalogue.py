"""The one list of metrics: what tables, pictures and the UI take names, units and explanations from."""

from __future__ import annotations

from dataclasses import fields

from engine.errors import ConfigurationError
from engine.metrics.compute import FAMILIES
from engine.metrics.described import MetricSpec

METRICS: tuple[MetricSpec, ...] = tuple(
    MetricSpec(name=field.name, family=family.family, **field.metadata)
    for family in FAMILIES
    for field in fields(family)
)


def metric_spec(name: str) -> MetricSpec:
    """Return the line of the catalogue of one metric.

    Raises
    ------
    ConfigurationError
        If there is no metric of that name.
    """
    for spec in METRICS:
        if spec.name == name:
            return spec
    raise ConfigurationError(
        f"{name!r} is not a metric", way_out=f"use one of {', '.join(spec.name for spec in METRICS)}"
    )
