"""The version of what a card means.

It is part of every system hash. Raise it in the commit that makes the same card give another result on the
same data: a rule of simulation, the meaning of an operator, the definition of an indicator. Everything
that was computed under the old meaning then counts as stale.
"""

from __future__ import annotations

ENGINE_SEMANTICS_VERSION = 3
