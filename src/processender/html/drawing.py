"""
What all drawings have in common.

A drawing is an SVG without a view box: what lies along it is given in percent of its width, and what lies across it in
pixels. So it takes any width, and nothing in it is stretched.
"""

from __future__ import annotations

from ..archive.answers import ENDS, Counts
from .markup import Markup, element
from .wording import ends

LEAST = 0.35
"""How wide, in percent, something that is there is drawn at least."""


def along(share: float) -> str:
    """Return *share*, 0 to 1, as a length or a place along a drawing."""
    return f"{max(0.0, min(share, 1.0)) * 100:.4g}%"


def box(start: float, length: float, top: float, height: float, kind: str, **more: str | float | None) -> Markup:
    """Return a rectangle that begins at the share *start* of the drawing and is *length* of it long."""
    return element(
        "rect", x=along(start), width=along(length), y=top, height=height, class_=kind, **more
    )  # fmt: skip


def upright(at: float, top: float, bottom: float, kind: str, **more: str | float | None) -> Markup:
    """Return an upright line at the share *at*."""
    return element("line", x1=along(at), x2=along(at), y1=top, y2=bottom, class_=kind, **more)


def strip(counts: Counts, most: int, name: str) -> Markup:
    """Return how the runs of *name* ended, as a strip whose full length stands for *most* runs."""
    found = {verdict: number for verdict in ENDS if (number := getattr(counts, verdict))}
    lengths = {verdict: max(number / most, LEAST / 100) for verdict, number in found.items()} if most else {}
    if lengths:
        # What is widened, to be seen, is taken from the widest.
        widest = max(lengths, key=lambda verdict: lengths[verdict])
        lengths[widest] = max(lengths[widest] - (sum(lengths.values()) - counts.runs / most), LEAST / 100)
    start, parts = 0.0, []
    for verdict, length in lengths.items():
        parts.append(box(start, length, 0, 12, f"v-{verdict}"))
        start += length
    tip = f"{name}: {ends(counts)}"
    return element("svg", parts, class_="strip", width="100%", height=12, aria_hidden="true", data_tip=tip)


def ceiling(value: float) -> float:
    """Return the least of 1, 2, 5, 10, 20 ... that is not below *value*, and the same of fractions; at least 0.001."""
    step = 0.001
    while True:
        for factor in (1, 2, 5):
            if step * factor >= value:
                return step * factor
        step *= 10


def ticks(extent: float, most: int = 6) -> list[float]:
    """Return at most *most* + 1 even places from 0 up to *extent*, all of them round numbers."""
    step = ceiling(extent / most)
    return [step * number for number in range(int(extent / step + 1e-9) + 1)]
