"""The rules of the house that no linter knows: layers, who imports what, what may be tracked."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from engine.gates.import_contract import ImportContractGate

ROOT = Path(__file__).resolve().parent.parent
TOP_LEVEL = {
    ".ci",
    ".gitignore",
    ".python-version",
    "Makefile",
    "README.md",
    "dagster_home",
    "engine",
    "idea_cards",
    "pyproject.toml",
    "requirements-dev.in",
    "requirements-dev.txt",
    "requirements.in",
    "requirements.txt",
    "tests",
    "trade_assets",
    "workspace.yaml",
}
MAX_LINES = 400


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """Everything git tracks or would track, relative to the project."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def library(files) -> dict[Path, ast.Module]:
    """The parsed modules of engine and trade_assets."""
    ours = [path for path in files if path.suffix == ".py" and path.parts[0] in ("engine", "trade_assets")]
    return {path: ast.parse((ROOT / path).read_text(), str(path)) for path in ours}


def imported(tree: ast.Module) -> set[str]:
    """The top-level names a module imports, wherever in the file it does."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def test_dependencies_point_one_way():
    result = ImportContractGate().run(ROOT)
    assert result.passed, "\n".join(map(str, result.violations))


def test_pandas_ta_is_imported_in_one_file(library):
    assert [str(path) for path, tree in library.items() if "pandas_ta" in imported(tree)] == [
        "engine/features/vendor.py"
    ]


def test_engine_imports_no_dagster(library):
    forbidden = {"dagster", "dagster_duckdb", "trade_assets"}
    offenders = {
        str(path): found
        for path, tree in library.items()
        if path.parts[0] == "engine" and (found := forbidden & imported(tree))
    }
    assert offenders == {}


def test_pybit_stays_in_its_room(library):
    offenders = [
        str(path)
        for path, tree in library.items()
        if "pybit" in imported(tree) and path.parts[:2] != ("engine", "exchange")
    ]
    assert offenders == []


def test_every_module_says_what_it_is_for(library):
    assert [str(path) for path, tree in library.items() if not ast.get_docstring(tree)] == []


def test_no_file_is_longer_than_one_sitting(library):
    long = {
        str(path): lines for path in library if (lines := (ROOT / path).read_text().count("\n")) > MAX_LINES
    }
    assert long == {}


def test_no_state_outside_values(library):
    offenders = [
        f"{path}:{node.lineno}"
        for path, tree in library.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Global)
    ]
    assert offenders == []


def test_the_top_level_is_the_design(files):
    assert {path.parts[0] for path in files} - TOP_LEVEL == set()


def test_no_data_file_is_tracked(files):
    data = re.compile(r"\.(parquet|feather|duckdb|db|sqlite|npy|npz|pkl|arrow|csv)(\.\w+)?$")
    assert [str(path) for path in files if data.search(path.name)] == []


def test_no_lock_file_and_no_registry_address_is_tracked(files):
    address = re.compile(r"pypi\.org|pythonhosted|/simple/?\b|--(extra-)?index-url|--find-links")
    own = Path(__file__).relative_to(ROOT)
    locks = {"uv.lock", "poetry.lock", "Pipfile.lock"}
    texts = {path: (ROOT / path).read_text(errors="replace") for path in files if path != own}
    offenders = [str(path) for path, text in texts.items() if path.name in locks or address.search(text)]
    assert offenders == []


def test_pins_are_exact(files):
    loose = [
        f"{name}: {line}"
        for name in ("requirements.txt", "requirements-dev.txt")
        for line in (ROOT / name).read_text().splitlines()
        if not re.fullmatch(r"[A-Za-z0-9._-]+==[\w.]+", line)
    ]
    assert loose == []


def test_test_files_have_names_of_their_own(files):
    names = Counter(path.name for path in files if path.parts[0] == "tests" and path.name.startswith("test_"))
    assert {name: count for name, count in names.items() if count > 1} == {}


def test_tests_mirror_the_house(files):
    """tests/engine/<room> and tests/trade_assets stand for rooms that exist."""
    rooms = {path.parts[2] for path in files if path.parts[:2] == ("tests", "engine") and len(path.parts) > 3}
    assert {room for room in rooms if not (ROOT / "engine" / room).is_dir()} == set()


def test_the_scripts_of_ci_can_be_run(files):
    scripts = [ROOT / path for path in files if path.parts[0] == ".ci"]
    assert {script.name for script in scripts} >= {"run", "setup"}
    for script in scripts:
        assert os.access(script, os.X_OK), script
        assert script.read_text().startswith("#!/usr/bin/env bash\n")
        subprocess.run(["bash", "-n", script], check=True)
