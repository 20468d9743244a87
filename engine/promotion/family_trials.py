"""What is tried of a card's family while it is validated, counted together with what was tried before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.backtest.sweep_history import SweepHistory
from engine.backtest.sweep_results import SetResult
from engine.hashing import hash_of
from engine.idea_card.parameter_space import ParameterSpace
from engine.promotion.sweep_ledger import SweepLedger
from engine.promotion.trials import family_of, searched_over

_ID_DIGITS = 12


class FamilyTrials:
    """Enters what is tried into the sweep ledger, and says what there is of the family.

    Parameters
    ----------
    space : ParameterSpace
    ledger : SweepLedger
    at_ms : int
        The time the trials are entered with, UTC epoch milliseconds.
    """

    def __init__(self, space: ParameterSpace, ledger: SweepLedger, at_ms: int) -> None:
        self._space, self._ledger, self._at_ms = space, ledger, at_ms

    def note(self, search: str, swept: SweepHistory, results: Sequence[SetResult]) -> None:
        """Enter the results of sets that ran over a history; what was entered before is not again."""
        on = [swept.history.symbol, swept.history.data_fingerprint]
        sweep_id = hash_of([search, self._space.card.system_hash(), *on])[:_ID_DIGITS]
        searched = searched_over(self._space, swept, search=search, sweep_id=sweep_id)
        self._ledger.append(searched, results, at_ms=self._at_ms)

    def sharpes(self) -> NDArray[np.float64]:
        """Return the Sharpe ratio per period of every set tried so far; see `SweepLedger.sharpes`."""
        return self._ledger.sharpes(family_of(self._space))
