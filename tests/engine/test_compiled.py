"""How functions are compiled: what Python and compiled callers get, and what a new process finds."""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core.dispatcher import Dispatcher

PROJECT = Path(__file__).resolve().parents[2]

MODULE = """
from engine.compiled import compiled, compiled_inline


@compiled_inline
def scaled(value, factor):
    return value * factor


@compiled
def both(value):
    return scaled(value, 2) + scaled(value, 3)


@compiled
def root(value):
    if value < 0.0:
        raise ValueError("below zero", value)
    return value**0.5


@compiled
def root_and_one(value):
    return root(value) + 1.0


def total(values):
    result = 0.0
    for value in values:
        result += value
    return result
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "little"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "sums.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in ("little.sums", "little"):
        sys.modules.pop(name, None)


def in_a_new_process(folder: Path, statements: str, **environment: str) -> str:
    """Run statements in a new Python that finds the package, and return what they print."""
    path = os.pathsep.join([str(folder.parent), str(PROJECT)])
    done = subprocess.run(
        [sys.executable, "-c", statements],
        env=os.environ | {"PYTHONPATH": path} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_constant_in_a_call_is_no_type_of_its_own(package):
    """Numba alone compiles `scaled` twice here: for the constant 2 and for the constant 3."""
    from little.sums import both, scaled

    assert both(1.5) == 7.5
    assert len(scaled._inner.signatures) == 1
    assert scaled.signatures == []  # Python has not called it


def test_what_python_calls_is_what_compiled_code_calls(package):
    from little.sums import both, scaled

    assert scaled(0.1, 2) + scaled(0.1, 3) == both(0.1)


def test_what_compiled_code_raises_reaches_python_compiled_now_or_loaded(package):
    """Whole functions stand inside their callers; what they raise is found in tables of their own."""
    statements = """
from little.sums import root_and_one
try:
    root_and_one(-4.0)
except ValueError as error:
    print(root_and_one(4.0), *error.args)
"""
    for _ in ("compiled", "loaded"):
        assert in_a_new_process(package, statements) == "3.0 below zero -4.0"


def test_garbage_is_collected_again_after_compiling(package):
    from little.sums import both

    assert both(2.0) == 10.0
    assert gc.isenabled()


def test_a_new_process_runs_from_the_cache_and_does_not_get_ready_to_compile(package):
    """Numba's array library, 0.4 s to import, is what it needs to compile and not to run."""
    statements = (
        "import sys; from little.sums import both; print(both(2.0), len(both._cache_hits), "
        "'numba.np.arraymath' in sys.modules)"
    )
    assert in_a_new_process(package, statements) == "10.0 0 True"
    assert in_a_new_process(package, statements) == "10.0 1 False"


def test_a_changed_function_is_compiled_anew_with_what_calls_it(package):
    statements = "from little.sums import both; print(both(2.0))"
    (package / "more.py").write_text("from little.sums import both\n")
    assert in_a_new_process(package, statements) == "10.0"
    (package / "sums.py").write_text(MODULE.replace("value * factor", "value * factor + 1.0"))
    assert in_a_new_process(package, statements) == "12.0"


def test_without_the_jit_the_function_is_itself(package):
    statements = "from little.sums import both; print(type(both).__name__, both(2.0))"
    assert in_a_new_process(package, statements, NUMBA_DISABLE_JIT="1") == "function 10.0"


def test_one_signature_and_no_other_where_one_is_given(package):
    import numpy as np
    from little.sums import total

    from engine.compiled import compiled_for

    summed = compiled_for(total, "float64(Array(float64, 1, 'C', readonly=True))")
    assert summed(np.array([1.0, 2.5])) == 3.5
    with pytest.raises(TypeError, match="No matching definition"):
        summed(np.array([1, 2]))


def test_compiled_functions_call_those_of_their_own_package_only():
    """The cache of a package would not notice that another one has changed."""
    import engine

    modules = [
        importlib.import_module(each.name) for each in pkgutil.walk_packages(engine.__path__, "engine.")
    ]
    functions = {value for module in modules for value in vars(module).values() if is_compiled(value)}
    assert len(functions) > 50
    strangers = []
    for function in functions:
        package = function.__module__.rpartition(".")[0] + "."
        for name in function.py_func.__code__.co_names:
            called = function.py_func.__globals__.get(name)
            if is_compiled(called) and not called.__module__.startswith(package):
                strangers.append(
                    f"{function.__module__}.{function.__name__} calls {called.__module__}.{name}"
                )
    assert strangers == []


def is_compiled(value: object) -> bool:
    return isinstance(value, Dispatcher)
