"""The page: what stands where, and that nothing but its own script runs on it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pkgutil import get_data

from ..archive.answers import ENDS, Counts, Overview
from ..hints import Any
from .drawing import strip
from .groups import panels, together
from .handlers import slowest, undone
from .markup import Child, Markup, element
from .runs import one, recent
from .trend import trend
from .wording import NONE, day, percent, short

_MEANINGS = {
    "clean": "every handler done",
    "degraded": "at least one was not",
    "forced": "cut by a last resort",
    "killed": "never heard of again",
    "crashed": "died without a run",
}


def page(overview: Overview, account: Mapping[str, Any] | None = None, findings: Iterable[str] = ()) -> Iterator[str]:
    """
    Give the page, piece by piece: HTML in one file, which asks no network.

    Args:

        overview: How the runs went.

        account: The account of the run that is shown as a timeline, as it was read; None to show none.

        findings: What is to be noted of it all, in sentences.
    """
    style, script = _file("page.css"), _file("page.js")
    title = f"{subject(overview)}: how its processes end"
    yield "<!DOCTYPE html>\n"
    yield '<html lang="en">\n'
    yield f"{element('head', *_head(title, style, script))}\n<body>\n"
    yield f"{_header(overview)}\n<main>\n"
    for section in _sections(overview, account, tuple(findings)):
        yield f"{section}\n"
    yield f"</main>\n{_footer(overview)}\n"
    yield f"{element('div', id='tip', role='status', hidden=True)}\n"
    yield f"{element('script', script)}\n</body>\n</html>\n"


def subject(overview: Overview) -> str:
    """Return of what *overview* tells."""
    if overview.question.service:
        return short(overview.question.service)
    if len(overview.services) == 1:
        return short(overview.services[0].name)
    return f"{len(overview.services):,} services" if overview.services else "No service"


def _file(name: str) -> Markup:
    return Markup((get_data(__package__, name) or b"").decode())


def _head(title: str, style: Markup, script: Markup) -> Iterator[Markup]:
    # Whatever a name may hold: a script that is not the page's own does not run, and nothing is fetched.
    policy = f"default-src 'none'; img-src data:; style-src {_digest(style)}; script-src {_digest(script)}"
    yield element("meta", charset="utf-8")
    yield element("meta", http_equiv="Content-Security-Policy", content=policy)
    yield element("meta", name="viewport", content="width=device-width, initial-scale=1")
    yield element("meta", name="color-scheme", content="light dark")
    yield element("link", rel="icon", href="data:,")
    yield element("title", title)
    yield element("style", style)


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _header(overview: Overview) -> Markup:
    asked = overview.question
    limits = [("version", asked.version), ("zone", asked.zone), ("cause", asked.cause)]
    only = [element("span", f"only {name} {short(value)}", class_="only") for name, value in limits if value]
    days = dict.fromkeys((day(overview.first), day(overview.last)))
    since = " to ".join(days) if overview.counts.runs else "nothing is on record"
    return element(
        "header",
        element("p", "How processes end", class_="above"),
        element("h1", subject(overview)),
        element("p", since, only, class_="scope"),
        element("button", "Dark", type="button", class_="theme", hidden=True),
    )


def _sections(overview: Overview, account: Mapping[str, Any] | None, findings: tuple[str, ...]) -> Iterator[Markup]:
    yield _hero(overview.counts, findings)
    groups, pairs = panels(overview), together(overview)
    boards = element("div", groups, pairs, class_="panels") if groups or pairs else None
    run = one(account) if account else None
    sections = (
        ("Day by day", trend(overview)),
        ("Where it goes well, and where not", boards),
        ("How long handlers take", slowest(overview)),
        ("What was not done", undone(overview)),
        ("The run in detail" if account else "", run),
        ("The newest runs", recent(overview.recent)),
    )
    for title, inside in sections:
        if inside is not None:
            yield element("section", element("h2", title), inside)


def _hero(counts: Counts, findings: tuple[str, ...]) -> Markup:
    if not counts.runs:
        hint = "No end of a process is on record. The record begins with the first run that has a state directory."
        return element("section", element("h2", "Graceful", class_="heard"), element("p", hint), class_="hero")
    keys = [
        element(
            "li",
            element("span", class_=f"key v-{verdict}", aria_hidden="true"),
            element("b", f"{getattr(counts, verdict):,}"),
            f" {verdict} ",
            element("small", _MEANINGS[verdict]),
        )
        for verdict in ENDS
        if verdict == "clean" or getattr(counts, verdict)
    ]
    return element(
        "section",
        element("h2", "Graceful", class_="heard"),
        element(
            "p",
            element("b", percent(counts.graceful), class_="share"),
            f" of {counts.runs:,} ended gracefully",
            class_="big",
        ),
        element("div", strip(counts, counts.runs, "all"), class_="whole"),
        element("ul", keys, class_="legend"),
        element("ul", [element("li", each) for each in findings], class_="findings") if findings else None,
        class_="hero",
    )


def _footer(overview: Overview) -> Markup:
    taken_back = overview.counts.cancelled
    lines: list[Child] = [element("li", f"Not read: {each}") for each in overview.troubles[:20]]
    if taken_back:
        lines.append(element("li", f"{taken_back:,} runs were taken back and are not counted."))
    lines.append(
        element(
            "li", f"Spans of time are right within 5 %; days are those of UTC; {NONE} stands where nothing is known."
        )
    )
    return element("footer", element("ul", lines))
