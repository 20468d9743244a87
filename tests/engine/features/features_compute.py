"""How the tests compute an indicator of the catalogue: as a card would, with the parameters of its row."""

from __future__ import annotations

import numpy as np
import pandas as pd
from features_all_cases import CASES
from features_cases import Case, candles, columns_with_source

from engine.features import builder
from engine.features.registry import INDICATORS
from engine.idea_card.features import FeatureSpec

FRAME = candles(900, seed=11)
BY_NAME = {case.name: case for case in CASES}
NAMES = sorted(INDICATORS)


def feature(case: Case, source: str | None = "close") -> FeatureSpec:
    takes_source = INDICATORS[case.name].takes_source
    return FeatureSpec(
        indicator=case.name, params=case.params, source=source if takes_source else None, tf="exec"
    )


def compute_feature(spec: FeatureSpec, frame: pd.DataFrame) -> tuple[np.ndarray, ...]:
    return tuple(builder.compute_feature(spec, columns_with_source(frame, "close")).values())


def there_from(name: str, outputs: tuple[np.ndarray, ...], warmup: int) -> bool:
    """Whether all values are finite after the warm-up; of levels that come and go, none infinite."""
    if INDICATORS[name].sparse:
        return not any(np.isinf(output).any() for output in outputs)
    return all(np.isfinite(output[warmup:]).all() for output in outputs)
