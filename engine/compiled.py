"""How functions are compiled: one decorator, so that all obey the same rules.

No fastmath (it would break equality to the bit between drivers), division as in NumPy, one thread, cached
on disk. With `NUMBA_DISABLE_JIT=1` the same functions run as plain Python.

Numba's own cache looks at a function's file only, so a function that calls another one from a changed file
would go on running the old code. Here the cache belongs to the content of the function's whole package.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from typing import Any, cast

import numba


def compiled[F: Callable[..., Any]](function: F) -> F:
    """Compile `function` with Numba on its first call; its signature and docstring stay as they are."""
    return _njit(function, {})


def compiled_inline[F: Callable[..., Any]](function: F) -> F:
    """Compile `function` as `compiled` does, and into its callers: for small functions on the hot path."""
    return _njit(function, {"forceinline": True})


def _njit[F: Callable[..., Any]](function: F, options: dict[str, bool]) -> F:
    before = numba.config.CACHE_DIR
    # Numba picks the folder while it decorates, and only then.
    numba.config.CACHE_DIR = _cache_dir(function.__module__.rpartition(".")[0])
    try:
        return cast(F, numba.njit(cache=True, error_model="numpy", **options)(function))
    finally:
        numba.config.CACHE_DIR = before


@cache
def _cache_dir(package: str) -> str:
    folder = Path(str(sys.modules[package].__file__)).parent
    digest = hashlib.sha256()
    for source in sorted(folder.rglob("*.py")):
        digest.update(source.name.encode())
        digest.update(source.read_bytes())
    home = folder / "__pycache__"
    if not os.access(folder, os.W_OK):
        home = Path(gettempdir()) / f"trade-compiled-{os.getuid()}"
    chosen = home / f"compiled-{digest.hexdigest()[:16]}"
    if not chosen.is_dir():
        for outdated in home.glob("compiled-*"):
            shutil.rmtree(outdated, ignore_errors=True)
    chosen.mkdir(parents=True, exist_ok=True)
    return str(chosen)
