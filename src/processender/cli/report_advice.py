"""What to change, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..archive.advice import ENOUGH, Advice
from ..core.texts import counted
from ..screen import Line, Screen


def advice_lines(
    found: Mapping[str, Sequence[Advice]], screen: Screen, runs: Mapping[str, int] | None = None
) -> Iterator[Line]:
    """Give the lines that show what was *found* for each service, which has had so many *runs*."""
    first = True
    for service, advices in found.items():
        if not first:
            yield ()
        first = False
        yield ((screen.cut(service, screen.width), "bold"),)
        if not advices:
            text = "nothing to change: the times suffice, and what may be skipped is"
            known = (runs or {}).get(service, ENOUGH)
            if known < ENOUGH:
                text = f"{counted(known, 'run')}, too few to advise anything: it takes {ENOUGH} of them"
            yield from (((line, "green"),) for line in screen.wrapped(text, "  ", "  "))
        for each in advices:
            yield ()
            yield ((screen.cut(f"  {each.about}", screen.width), "bold yellow"),)
            change = screen.pick(each.change.replace(" -> ", " → "), each.change)
            yield from (((line, ""),) for line in screen.wrapped(change, "    ", "    "))
            yield from (((line, "dim"),) for line in screen.wrapped(f"because {each.why}", "    ", "    "))
