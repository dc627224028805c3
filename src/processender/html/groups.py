"""The runs by what they have in common: cause, version, zone, and cause and zone together."""

from __future__ import annotations

from collections.abc import Sequence

from ..archive.answers import Counts, Group, Overview
from .drawing import strip
from .markup import Markup, element
from .tables import table
from .wording import ends, percent, short, span

MOST = 12
"""How many groups are shown of a kind."""
SIDE = 8
"""How many causes, and how many zones, are shown together."""


def panels(overview: Overview) -> list[Markup]:
    """Return a panel for each kind of group that tells anything."""
    kinds = (
        ("By service", "service", overview.services, 2),
        ("By cause", "cause", overview.causes, 1),
        ("By version", "version", overview.versions, 1),
        ("By zone", "zone", overview.zones, 1),
        ("By deployment", "deployment", overview.deployments, 2),
    )
    return [panel(title, head, groups) for title, head, groups, least in kinds if len(groups) >= least]


def panel(title: str, head: str, groups: Sequence[Group]) -> Markup:
    """Return the *groups* as rows: how many runs, and how they ended."""
    most = max(group.counts.runs for group in groups)
    rows = []
    for group in groups[:MOST]:
        name, counts = short(group.name), group.counts
        numbers = (percent(counts.graceful), f"{counts.runs:,}", span(group.p95_s))
        rows.append((element("th", name, scope="row", title=_whole(group.name)), strip(counts, most, name), *numbers))
    heads = (head, "how they ended", ">graceful", ">runs", ">p95")
    more = len(groups) - MOST
    rest = element("p", f"and {more:,} more", class_="quiet") if more > 0 else None
    return element("section", element("h3", title), table(title, heads, rows, "groups"), rest, class_="panel")


def together(overview: Overview) -> Markup | None:
    """Return the causes against the zones; None where one of them has no second."""
    causes = _leading([(cause, counts) for cause, _zone, counts in overview.pairs])
    zones = _leading([(zone, counts) for _cause, zone, counts in overview.pairs])
    if len(causes) < 2 or len(zones) < 2:
        return None
    found = {(cause, zone): counts for cause, zone, counts in overview.pairs}
    most = max((counts.runs for counts in found.values()), default=0)
    rows = []
    for cause in causes:
        cells = [_shaded(found.get((cause, zone)), most, f"{short(cause)} in {short(zone)}") for zone in zones]
        rows.append((element("th", short(cause), scope="row", title=_whole(cause)), *cells))
    title = "Cause and zone together"
    grid = table(title, ("cause", *(f">{short(zone, 24)}" for zone in zones)), rows, "grid-of")
    note = "How many runs; below it, how many of them ended clean. The stronger its colour, the more."
    return element(
        "section", element("h3", title), grid, element("p", note, class_="quiet"), class_="panel"
    )  # fmt: skip


def _leading(counted: Sequence[tuple[str, Counts]]) -> list[str]:
    """Return the names with the most runs, the most frequent first."""
    runs: dict[str, int] = {}
    for name, counts in counted:
        runs[name] = runs.get(name, 0) + counts.runs
    return sorted(runs, key=lambda name: (-runs[name], name))[:SIDE]


def _shaded(counts: Counts | None, most: int, name: str) -> Markup:
    if counts is None or not counts.runs:
        return element("td", element("span", "0", class_="quiet"), class_="number s-0")
    # By the root, so that a tenth is not lost beside the whole.
    shade = min(5, 1 + int((counts.runs / most) ** 0.5 * 4.99))
    share = element("small", percent(counts.graceful))
    return element("td", f"{counts.runs:,}", share, class_=f"number s-{shade}", data_tip=f"{name}: {ends(counts)}")


def _whole(name: str) -> str | None:
    """Return *name* where it is not shown whole."""
    return name[:200] if short(name) != name and name else None
