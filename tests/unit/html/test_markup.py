"""Elements, escaped by construction."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.core.labels import printable
from processender.html.markup import LONGEST, Markup, element


class Seen(HTMLParser):
    """What a browser reads."""

    def __init__(self, text: str) -> None:
        """Read *text*."""
        super().__init__()
        self.tags, self.text, self.title = [], "", ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Note the tag, and its title."""
        self.tags.append(tag)
        self.title = dict(attrs).get("title", "")

    def handle_data(self, data):
        """Note the text."""
        self.text += data


@given(st.text(st.characters(codec=None), max_size=60))
def test_a_text_stays_a_text_whatever_it_holds(text: str) -> None:
    """In an element and in an attribute, both in one line that can be shown."""
    seen = Seen(element("p", text, title=text))

    assert (["p"], printable(text, LONGEST), printable(text, LONGEST)) == (seen.tags, seen.text, seen.title)


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "</p><img src=x onerror=alert(1)>", '" onload="x', "a\nb"]
)
def test_a_text_never_becomes_an_element(text: str) -> None:
    """Nor an attribute, nor another line."""
    shown = element("p", text, title=text)

    assert ["p"] == Seen(shown).tags
    assert "\n" not in shown


def test_a_long_text_is_cut() -> None:
    """A name may have ten thousand characters."""
    assert LONGEST == len(Seen(element("p", "x" * 10_000)).text)


def test_elements_lists_and_nothing_are_children() -> None:
    """A list may lie in a list."""
    inner = [element("b", "1"), None, [element("i", "2"), "3"]]

    assert "<p><b>1</b><i>2</i>3</p>" == element("p", inner, None)


def test_attributes_are_written_as_html_wants_them() -> None:
    """A word of Python has a `_` behind it, and no name has one in it."""
    shown = element("p", class_="a", data_tip="b", hidden=True, id=None, lang=False, x=1.50)

    assert '<p class="a" data-tip="b" hidden x="1.5"></p>' == shown


def test_void_elements_and_shapes_have_no_end() -> None:
    """As HTML and SVG write them."""
    assert ('<meta charset="utf-8">', "<rect/>") == (element("meta", charset="utf-8"), element("rect"))


def test_what_is_markup_stands_as_it_is() -> None:
    """It was made by an element."""
    assert "<p><br></p>" == element("p", Markup("<br>"))
