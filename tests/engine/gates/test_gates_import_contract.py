"""The gate on imports: a broken contract is found with the import that breaks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigurationError
from engine.gates.import_contract import ImportContractGate

CONTRACT = """
[tool.importlinter]
root_packages = ["low_house", "high_house"]
[[tool.importlinter.contracts]]
name = "low knows nothing of high"
type = "forbidden"
source_modules = ["low_house"]
forbidden_modules = ["high_house"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("low_house", "high_house"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text(CONTRACT)
    return tmp_path


def test_an_import_upwards_is_found_where_it_is(project: Path):
    (project / "low_house" / "floor.py").write_text("import high_house\n")
    result = ImportContractGate().run(project)
    [violation] = result.violations
    assert violation.where == "low_house.floor -> high_house (l.1)"
    assert violation.what == "breaks “low knows nothing of high”"
    assert violation.how_much == "low_house is not allowed to import high_house"
    assert result.blocks


def test_a_way_round_is_told_step_by_step(project: Path):
    (project / "low_house" / "floor.py").write_text("from low_house import stairs\n")
    (project / "low_house" / "stairs.py").write_text("import high_house.roof\n")
    (project / "high_house" / "roof.py").write_text("import low_house.stairs\n")
    where = {violation.where for violation in ImportContractGate().run(project).violations}
    assert "low_house.stairs -> high_house.roof (l.1)" in where


def test_settings_that_cannot_be_read_do_not_pass(project: Path):
    (project / "pyproject.toml").write_text(CONTRACT.replace('"low_house", ', '"no_such_house", '))
    [violation] = ImportContractGate().run(project).violations
    assert violation.what == "import-linter could not run"
    assert "no_such_house" in violation.how_much


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"there is no pyproject\.toml"):
        ImportContractGate().run(tmp_path)
