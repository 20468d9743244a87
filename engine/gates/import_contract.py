"""The gate on imports: who may know whom, as pyproject.toml says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from engine.errors import ConfigurationError
from engine.gates.base import Gate, GateResult, GateViolation

_BROKEN = "Broken contracts"
_COUNTED = re.compile(r"Contracts: (\d+) kept, (\d+) broken")
_REMEDY = (
    "Move what is shared into a layer below both, or turn the dependency round; do not widen the contract."
)


class ImportContractGate(Gate[Path]):
    """Run import-linter over the project in a folder and tell every import that breaks a contract.

    In a process of its own: import-linter switches off every logger there is in its process.
    """

    name = "import_contract"
    checks = "Modules import only what the layers of the house allow."

    def run(self, evidence: Path) -> GateResult:
        """Return the verdict on the project whose pyproject.toml is in the folder `evidence`.

        Raises
        ------
        ConfigurationError
            If import-linter is not installed, or there is no pyproject.toml.
        """
        linter = Path(sys.executable).with_name("lint-imports")
        if not linter.exists():
            raise ConfigurationError(
                "import-linter is not installed, and the import contract cannot be checked without",
                way_out="install what development needs: make setup-dev",
            )
        if not (evidence / "pyproject.toml").exists():
            raise ConfigurationError(
                f"there is no pyproject.toml in {evidence}, and so no import contract",
                way_out="run it in a checkout of the project",
            )
        done = subprocess.run(
            [linter, "--no-cache", "--no-logo", "--config", "pyproject.toml"],
            cwd=evidence,
            # a line of its report is an import, however long
            env=os.environ | {"COLUMNS": "1000"},
            capture_output=True,
            text=True,
            check=False,
        )
        violations = () if done.returncode == 0 else tuple(_violations(str(evidence), done.stdout))
        counted = _COUNTED.search(done.stdout)
        summary = f"{counted[1]} contracts kept, {counted[2]} broken" if counted else "not checked"
        return GateResult(self.name, self.checks, self.severity, summary, violations)


def _violations(where: str, report: str) -> Iterator[GateViolation]:
    told = report.partition(_BROKEN)[2]
    if not told:
        yield GateViolation(where, "import-linter could not run", report.strip()[-500:], "Mend its settings.")
        return
    contract = sentence = ""
    lines = [line.rstrip() for line in told.splitlines()]
    chains: list[tuple[str, str, list[str]]] = []
    for number, line in enumerate(lines):
        below = lines[number + 1] if number + 1 < len(lines) else ""
        if line and below and set(below) == {"-"}:
            contract = line
        elif line.startswith("-   "):
            chains.append((contract, sentence, [line.removeprefix("-   ")]))
        elif line.startswith("    ") and chains:
            chains[-1][2].append(line.strip())
        elif line and set(line) != {"-"}:
            sentence = line.rstrip(":")
    for of, said, imports in chains:
        yield GateViolation(
            where=imports[0], what=f"breaks “{of}”", how_much=_how(said, imports), remedy=_REMEDY
        )


def _how(sentence: str, imports: list[str]) -> str:
    return sentence if len(imports) == 1 else f"{sentence}; by way of {', '.join(imports[1:])}"
