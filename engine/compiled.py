"""How functions are compiled: one decorator, so that all obey the same rules.

No fastmath (it would break equality to the bit between drivers), division as in NumPy, one thread that
lets the others of its process run meanwhile, cached on disk. With `NUMBA_DISABLE_JIT=1` the same functions
run as plain Python.

Numba's own cache looks at a function's file only, so a function that calls another one from a changed file
would go on running the old code. Here the cache belongs to the content of the function's whole package,
and of this file.
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from tempfile import gettempdir
from typing import Any, cast

import numba
from numba.core import types
from numba.core.caching import FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.registry import CPUDispatcher
from numba.core.runtime import rtsys

# `forceinline` is said each time, for a function takes over what its caller is compiled with.
_OPTIONS = {
    "nopython": True,
    "nogil": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
    "forceinline": False,
}


# From malloc.h of the GNU C library.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_MMAP_THRESHOLD = 32 * 2**20


def _keep_freed_memory() -> None:
    """Let the process keep the memory of arrays it has freed, for those it makes next.

    A year of 1m in float64 is 4 MB, and a run makes and frees some of those. The C library would give such
    memory back each time and fetch it anew, page by page, which is a third of a whole run.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        mallopt(_M_TRIM_THRESHOLD, 2**30)


_keep_freed_memory()


def compiled[F: Callable[..., Any]](function: F) -> F:
    """Compile `function` with Numba on its first call; its signature and docstring stay as they are."""
    return _compiled(function, {})


def compiled_bare[F: Callable[..., Any]](function: F) -> F:
    """Compile `function` as `compiled` does, for one that makes no arrays.

    Numba counts the references of every array that is handed on. Where arrays live as long as the call that
    is half of a small function's time.
    """
    return _compiled(function, {"_nrt": False})


def compiled_inline[F: Callable[..., Any]](function: F) -> F:
    """Compile `function` as `compiled_bare` does, and into its callers: for small ones on the hot path."""
    return _compiled(function, {"forceinline": True, "_nrt": False})


def compiled_for[F: Callable[..., Any]](function: F, signature: str) -> F:
    """Compile `function` at once, or load it from the cache, for arguments of `signature` and no others.

    One specialisation and no type inference from values: what the features' kernels are made with.
    """
    made = _compiled(function, {})
    if isinstance(made, _Function):
        made.compile(signature)
        made.disable_compile()
    return made


def _compiled[F: Callable[..., Any]](function: F, options: dict[str, bool]) -> F:
    if numba.config.DISABLE_JIT:
        return function
    made = _Function(function, targetoptions=_OPTIONS | options)
    before = numba.config.CACHE_DIR
    # Numba picks the folder here, and only here.
    numba.config.CACHE_DIR = _cache_dir(function.__module__.rpartition(".")[0])
    try:
        made.enable_caching()
    finally:
        numba.config.CACHE_DIR = before
    return cast(F, made)


class _Function(CPUDispatcher):  # type: ignore[misc]  # Numba has no types
    """What Python calls. Compiled code that calls the function gets a form that is made quicker.

    That form has no wrapper for Python around it and no file in the cache, where the outermost function
    holds all of it anyway: a third of the time of a cold start. It goes no further than to the form that is
    linked into its callers, which optimise it with what is their own: another quarter. And a constant in a
    call is no type of its own to it: Numba would compile the function anew for every reason and flag it is
    called with, another quarter.
    """

    def enable_caching(self) -> None:
        """Keep the machine code on disk."""
        self._cache = _Cache(self.py_func)

    @cached_property
    def _inner(self) -> CPUDispatcher:
        options = self.targetoptions | {"no_cpython_wrapper": True}
        return CPUDispatcher(self.py_func, targetoptions=options, pipeline_class=_InnerCompiler)

    def get_call_template(self, args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        """Return how to call the function with arguments of these types (asked by Numba for callers)."""
        plain = tuple(types.unliteral(argument) for argument in args)
        return self._inner.get_call_template(plain, {k: types.unliteral(v) for k, v in kws.items()})

    def get_overload(self, sig: Any) -> Any:
        """Return the machine code for a signature (asked by Numba for callers)."""
        return self._inner.get_overload(sig)

    def compile(self, sig: Any) -> Any:
        """Compile for a signature, or load it from the cache."""
        with _no_garbage_collection():
            return super().compile(sig)

    def add_overload(self, cres: Any) -> None:
        """Take machine code into use; what it raises needs the environments of the functions inside it."""
        for environment in cres._find_referenced_environments():
            cres.library.codegen.set_env(environment.env_name, environment)
        super().add_overload(cres)


class _NoEnvironments:
    def set_env(self, env_name: str, env: Any) -> None:
        """Do nothing: the callers will."""


class _InnerCompiler(Compiler):  # type: ignore[misc]  # Numba has no types
    def compile_extra(self, func: Any) -> Any:
        """Compile a Python function into a library of its own."""
        self.state.library = _InnerLibrary(self.state.targetctx.codegen(), func.__qualname__)
        return super().compile_extra(func)


class _InnerLibrary(JITCodeLibrary):  # type: ignore[misc]  # Numba has no types
    """Code that is linked into its callers and never run by itself: there is no machine code of it."""

    codegen = _NoEnvironments()

    def _optimize_final_module(self) -> None:
        cheap = self._codegen._module_pass_manager(
            loop_vectorize=False, slp_vectorize=False, opt=0, cost="cheap"
        )
        cheap.run(self._final_module)

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """Return where the function is in memory: nowhere."""
        del name
        self._ensure_finalized()
        return 0


class _Cache(FunctionCache):  # type: ignore[misc]  # Numba has no types
    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Load the machine code for a signature; None where there is none."""
        # Numba would get ready to compile first, 0.4 s; what is compiled already needs its runtime only.
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Compiling makes millions of objects that stay; looking through them takes an eighth of its time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@cache
def _cache_dir(package: str) -> str:
    folder = Path(str(sys.modules[package].__file__)).parent
    digest = hashlib.sha256(Path(__file__).read_bytes())
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
