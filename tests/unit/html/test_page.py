"""The page as a whole."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from processender.archive.answers import Counts, Group, Mark, Overview, Question
from processender.html import page
from processender.html.drawing import strip
from tests.overviews import account, overview

NASTY = "<script>alert('x')</script>\"'&\n\x1b[31m\u202e" + "y" * 10_000
EMPTY = Overview(Question(), Counts(), 0.0, 0.0, (), (), (), (), (), (), (), (), (), ())
VOID = {"meta", "link", "br"}


class Tree(HTMLParser):
    """Whether all elements end where they must, and what is in them."""

    def __init__(self, text: str) -> None:
        """Read *text*."""
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a shape."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        """Hold that it ends the last one that has begun."""
        assert tag == self.open.pop()


def text_of(*given: Any) -> str:
    """Return the page as one text."""
    return "".join(page(*given))


def hostile(value: Any) -> Any:
    """Return *value* with every text in it made hostile, as deep as it goes."""
    if isinstance(value, str):
        return value if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else NASTY + value
    if isinstance(value, tuple | list):
        return type(value)(hostile(each) for each in value)
    if isinstance(value, dict):
        return {hostile(key) if " " in key else key: hostile(each) for key, each in value.items()}
    return (
        value.replace(**{name: hostile(each) for name, each in value.as_dict().items()})
        if hasattr(value, "replace")
        else value
    )


def test_every_element_ends() -> None:
    """A browser would mend it silently, and otherwise than was meant."""
    tree = Tree(text_of(overview(), account(), ["Worse since 1.4.2."]))

    assert [] == tree.open
    assert {"header", "main", "footer", "svg", "table", "script", "style"} <= set(tree.tags)


def test_ten_thousand_runs_are_a_page_below_300_kb() -> None:
    """It is sent by mail, and opened on a telephone."""
    assert len(text_of(overview(runs=10_000), account()).encode()) < 300_000


@pytest.mark.parametrize("days", [1, 100, 700, 3000])
def test_the_page_does_not_grow_with_the_days(days: int) -> None:
    """Weeks and months take their place."""
    assert len(text_of(overview(days, 10_000), account()).encode()) < 200_000


def test_nothing_on_it_asks_the_network() -> None:
    """It can be opened anywhere, and tells nobody."""
    text = text_of(overview(), account())
    tree = Tree(text)

    assert [] == re.findall(r"https?:|@import|url\(", text)
    assert ["data:,"] == [value for name, value in tree.attributes if name in {"src", "href", "action", "srcset"}]


def test_only_its_own_script_may_run_and_nothing_may_be_fetched() -> None:
    """The policy names the script by what is in it."""
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]+)"', text_of(overview()))

    assert policy.startswith("default-src &#x27;none&#x27;; img-src data:; style-src &#x27;sha256-")
    assert "unsafe" not in policy


def test_hostile_names_are_text_and_short() -> None:
    """Each may be ten thousand characters of markup."""
    made = overview()
    many = [Group(f"{number}", made.counts) for number in range(500)]
    worst = hostile(
        made.replace(zones=tuple(many), causes=tuple(many), handlers=made.handlers * 20, marks=made.marks * 50)
    )
    text = text_of(worst, hostile(account()), [NASTY])
    tree = Tree(text)

    assert 1 == tree.tags.count("script")
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", text)
    assert [] == [name for name, _value in tree.attributes if name.startswith("on")]
    assert len(text.encode()) < 300_000


def test_without_a_run_the_page_says_so() -> None:
    """And has no empty drawings."""
    text = text_of(EMPTY)

    assert "No end of a process is on record" in text
    assert "<svg" not in text
    assert [] == Tree(text).open


def test_what_could_not_be_read_is_said_on_the_page() -> None:
    """Figures that lack something must say so."""
    text = text_of(overview().replace(troubles=("node-7: 3 lines are damaged",), counts=Counts(5, 5, cancelled=2)))

    assert "Not read: node-7: 3 lines are damaged" in text
    assert "2 runs were taken back" in text


def test_the_page_says_what_was_asked() -> None:
    """A part must not be taken for the whole."""
    asked = Question("shop", zone="b", cause="SIGTERM")

    assert ["only zone b", "only cause SIGTERM"] == re.findall(
        r'class="only">([^<]+)<', text_of(overview().replace(question=asked))
    )


def test_marks_are_drawn_in_the_trend() -> None:
    """Where something was deployed, and where something has happened."""
    made = overview()
    text = text_of(made)

    assert (2, 1) == (text.count('class="mark deployment"'), text.count('class="mark incident"'))
    assert "incident zone b lost power" in text
    assert 0 == text_of(made.replace(marks=(Mark(1.0, "deployment", "x"),))).count('class="mark')


def test_what_is_rare_is_widened_in_a_strip_and_the_strip_is_no_longer_for_it() -> None:
    """One killed among a hundred thousand is seen, inside the drawing."""
    widths = [
        float(each)
        for each in re.findall(r'width="([\d.]+)%" y', strip(Counts(100_000, 99_996, 1, 1, 1, 1), 100_000, "all"))
    ]

    assert 5 == len(widths)
    assert min(widths) >= 0.3
    assert abs(sum(widths) - 100) < 0.1


def test_a_handler_that_became_slower_is_marked() -> None:
    """With how much; one that did not is not."""
    text = text_of(overview())

    assert ["+40 %"] == re.findall(r'class="worse"[^>]*>([^<]+)<', text)
