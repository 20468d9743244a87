"""A page: one HTML file that opens from disk, without a network, with its charts and their data in it."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from upath import UPath

from engine.backtest.artifacts import write_atomically
from engine.errors import ConfigurationError
from engine.reports.payload import packed, packed_chart_data

# The browser itself is told not to fetch anything, whatever a script may try.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:"


def page(title: str, body: str, data: dict[str, Any], *scripts: str) -> str:
    """Return a page; the same arguments give the same text.

    Parameters
    ----------
    title : str
    body : str
        HTML.
    data : dict
        What the charts are drawn from, as JSON can hold it.
    scripts : str
        Files of `assets` that draw them, after what they share in drawing.js.
    """
    return _PAGE.format(
        policy=escape(_POLICY),
        title=escape(title),
        style=_asset("report.css"),
        body=body,
        plotly=_packed_plotly(),
        data=packed_chart_data(data),
        script="\n".join(_asset(name) for name in ("drawing.js", *scripts)),
    )


def write_page(text: str, path: Path | UPath) -> None:
    """Write a page to `path`, with its folder; on disk it appears whole or not at all."""
    target = UPath(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, text.encode())


def _asset(name: str) -> str:
    return files("engine.reports").joinpath("assets", name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _packed_plotly() -> str:
    """Return plotly.js, packed: 4.8 MB become 2 MB. The file is found without importing the package."""
    found = find_spec("plotly")
    if found is None or not found.submodule_search_locations:
        raise ConfigurationError("plotly is not installed", way_out="run `make setup`")
    folder = Path(found.submodule_search_locations[0])
    return packed((folder / "package_data" / "plotly.min.js").read_text(encoding="utf-8"))


_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
<noscript><p class="banner">The charts need JavaScript. The figures below are complete.</p></noscript>
{body}
</main>
<script type="text/plain" id="plotly">{plotly}</script>
<script type="text/plain" id="data">{data}</script>
<script>
"use strict";
{script}</script>
</body>
</html>
"""
