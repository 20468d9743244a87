"""What a script says with Numba's compiler and without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def said_with_and_without_the_compiler(script: str) -> tuple[str, str]:
    """Run `script` in two processes, with this folder as its first argument, and return what each prints."""
    with_it, without = (
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script, str(Path(__file__).parent)],
            env=os.environ | {"NUMBA_DISABLE_JIT": jit_off},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for jit_off in ("0", "1")
    )
    return with_it, without
