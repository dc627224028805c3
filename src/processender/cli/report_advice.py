"""What to change, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..archive.advice import Advice
from ..screen import Line, Screen


def advice_lines(found: Mapping[str, Sequence[Advice]], screen: Screen) -> Iterator[Line]:
    """Give the lines that show what was *found* for each service."""
    first = True
    for service, advices in found.items():
        if not first:
            yield ()
        first = False
        yield ((screen.cut(service, screen.width), "bold"),)
        if not advices:
            text = (
                "nothing to change: the times suffice, and what may be skipped is; or there were too few runs to tell"
            )
            yield from (((line, "green"),) for line in screen.wrapped(text, "  ", "  "))
        for each in advices:
            yield ()
            yield ((screen.cut(f"  {each.about}", screen.width), "bold yellow"),)
            change = screen.pick(each.change.replace(" -> ", " → "), each.change)
            yield from (((line, ""),) for line in screen.wrapped(change, "    ", "    "))
            yield from (((line, "dim"),) for line in screen.wrapped(f"because {each.why}", "    ", "    "))
