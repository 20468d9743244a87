"""Which implementation of the indicators this is: what a stored feature must have been computed by."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine.hashing import hash_of, sha256_hex

_LIBRARIES = ("numpy", "numba", "pandas-ta", "TA-Lib")
_PACKAGE = Path(__file__).parent
_OUTSIDE = (_PACKAGE.parent / "market_data" / "price_columns.py", _PACKAGE.parent / "compiled.py")


@cache
def features_version() -> str:
    """Return a hash of everything between candles and a feature's values: our code and the libraries'.

    Of our code it is the text, so that a changed comment makes another version too: a feature computed once
    too often costs less than one that is wrong.
    """
    files = sorted((*_PACKAGE.rglob("*.py"), *_OUTSIDE))
    code = {str(file.relative_to(_PACKAGE.parent)): sha256_hex(file.read_bytes()) for file in files}
    return hash_of({"code": code, "libraries": {name: _version_of(name) for name in _LIBRARIES}})


def _version_of(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""
