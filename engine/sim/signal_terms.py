"""What goes into a contract beside the terms of its orders: tags, captured values, exits that ask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.errors import SimulationError
from engine.rules.position_program import MOST_DEEP, MOST_STEPS, Step, stack_depth
from engine.sim.records import MAX_CAPTURES, RULES_DTYPE, Records

NO_ROW = -1
"""In place of a row of the signals' features."""

type Steps = tuple[tuple[Step, float], ...]


@dataclass(frozen=True)
class SignalTerms:
    """What names entries and exits, each by a row of the signals' features.

    Attributes
    ----------
    entry_tag_rows, exit_tag_rows : (int, int)
        Rows with the number of the tag at each close, 0 for none; of long and of short, `NO_ROW` without.
    capture_rows : tuple of int
        Rows of the values that are captured at an entry.
    exit_steps : (Steps, Steps)
        What the exits of long and of short ask of the position; nothing where the signal bit says all. Their
        bits then say where the market lets them hold. The argument of `Step.ROW` is a row of the features.
    """

    entry_tag_rows: tuple[int, int] = (NO_ROW, NO_ROW)
    exit_tag_rows: tuple[int, int] = (NO_ROW, NO_ROW)
    capture_rows: tuple[int, ...] = ()
    exit_steps: tuple[Steps, Steps] = ((), ())

    def rows(self) -> list[int]:
        """Return every row that is looked at."""
        asked = [int(argument) for steps in self.exit_steps for step, argument in steps if step is Step.ROW]
        return [*self.entry_tag_rows, *self.exit_tag_rows, *self.capture_rows, *asked]


def with_signal_terms(contract: Records, terms: SignalTerms) -> Records:
    """Return the contract with these terms in it; the contract itself where there are none.

    Raises
    ------
    SimulationError
        If there are more of them than a contract holds.
    """
    if len(terms.capture_rows) > MAX_CAPTURES:
        raise SimulationError(
            f"{len(terms.capture_rows)} values are captured at an entry",
            way_out=f"capture at most {MAX_CAPTURES}",
        )
    if terms == SignalTerms():
        return contract
    made = np.array(contract, RULES_DTYPE).view(np.recarray)
    made["names_signals"] = 1
    for number, direction in enumerate(("long", "short")):
        steps = terms.exit_steps[number]
        if len(steps) > MOST_STEPS or stack_depth(steps) > MOST_DEEP:
            raise SimulationError(
                f"an exit rule asks {len(steps)} steps of the position, {stack_depth(steps)} deep",
                way_out=f"ask at most {MOST_STEPS}, {MOST_DEEP} deep",
            )
        made[f"entry_tag_row_{direction}"] = terms.entry_tag_rows[number]
        made[f"exit_tag_row_{direction}"] = terms.exit_tag_rows[number]
        made[f"exit_steps_{direction}"] = len(steps)
        made[f"exit_codes_{direction}"][0, : len(steps)] = [int(step) for step, _ in steps]
        made[f"exit_arguments_{direction}"][0, : len(steps)] = [argument for _, argument in steps]
    made["capture_count"] = len(terms.capture_rows)
    made["capture_rows"][0, : len(terms.capture_rows)] = terms.capture_rows
    return made


def signal_rows_needed(contract: Records) -> int:
    """Return how many rows the signals' features must have for what these terms look at."""
    rules = contract[0]
    if not rules["names_signals"]:
        return 0
    rows = [rules[f"{kind}_tag_row_{side}"] for kind in ("entry", "exit") for side in ("long", "short")]
    rows += list(rules["capture_rows"][: rules["capture_count"]])
    for side in ("long", "short"):
        count = rules[f"exit_steps_{side}"]
        asks = rules[f"exit_codes_{side}"][:count] == Step.ROW
        rows += list(rules[f"exit_arguments_{side}"][:count][asks])
    return int(max(rows, default=NO_ROW)) + 1
