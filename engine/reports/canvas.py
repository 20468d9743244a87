"""A figure without a screen, and its PNG: what the small pictures share."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(height_inches: float) -> Figure:
    """Return an empty figure, 800 pixels wide.

    It is the object itself, without pyplot: no global state, safe in any thread and without a screen.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(8, height_inches), dpi=100, layout="constrained")


def title_of(text: str) -> str:
    """Return a title that is shown as it is: a "$" would start a formula."""
    return text.replace("$", r"\$")


def png(figure: Figure) -> bytes:
    """Return the figure as a PNG, the same bytes for the same figure on the same machine.

    Nothing about the program or the time is written into the file. 64 colours are all that such a picture
    has, and a third of the bytes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(64)  # type: ignore[no-untyped-call]
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
