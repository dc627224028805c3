"""The `server` lines of nginx, as text: put down, brought back, and all else as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.integrations.nginx.servers import BACK, DOWN, bring_back, lines, plain, put_down, unmark

OWN = "10.0.0.7:8000"
OTHERS = (
    "10.0.0.8:8000",
    "[::1]:8000",
    "[fe80::7]",
    "unix:/run/web.sock",
    "web.internal",
    "10.0.0.7",
    "10.0.0.7:80001",
)

_comment = st.sampled_from(["# note", "# server 10.0.0.7:8000;", "#;", "# { } \" '", "#"])
_blank = st.sampled_from([" ", "  ", "\t", "\n", "\r\n", "\n\n  ", " # in the middle\n"])
_words = st.lists(
    st.sampled_from(["weight=5", "max_fails=0", "backup", "slow_start=30s", '"route=a;b"', "'x #'", "id=a\\;b"]),
    max_size=3,
)


@st.composite
def a_line(draw: st.DrawFn, address: str) -> str:
    """Return a `server` directive of *address*, in any of the ways that nginx takes it."""
    quote = draw(st.sampled_from(["", '"', "'"]))
    words = ["server", f"{quote}{address}{quote}", *draw(_words), *draw(st.sampled_from([[], ["down"]]))]
    text = words[0]
    for word in words[1:]:
        text += draw(_blank) + word
    return text + draw(st.sampled_from(["", " ", "\n", "# end\n" if text.endswith(" ") else " # end\n"])) + ";"


@st.composite
def a_file(draw: st.DrawFn) -> str:
    """Return a file of `server` lines, this instance's among them, and of other things."""
    pieces = draw(st.lists(st.one_of(
        _comment.map(lambda text: f"{text}\n"), _blank, st.just("keepalive 32;"), st.just("server { listen 80; }"),
        *(a_line(each) for each in (OWN, *OTHERS)),
    ), max_size=12))  # fmt: skip
    pieces.insert(draw(st.integers(0, len(pieces))), draw(a_line(OWN)))
    return "".join(piece + draw(st.sampled_from(["\n", " ", "", "\r\n", " # behind\n"])) for piece in pieces)


def meaning(text: str) -> list[tuple[str, bool]]:
    """Return what nginx reads of it."""
    return [(line.address, line.down) for line in lines(text)]


@given(a_file())
def test_only_this_server_is_put_down(text: str) -> None:
    """All others say what they said, and each of this one's lines is down."""
    before, after = meaning(text), meaning(put_down(text, OWN))

    assert [(address, down or address == OWN) for address, down in before] == after


@given(a_file())
def test_the_way_back_leaves_what_was_there(text: str) -> None:
    """What was down before stays down; and it is the same text, byte for byte."""
    back = unmark(bring_back(put_down(text, OWN), OWN), OWN)

    assert meaning(text) == meaning(back)
    assert text == back


@given(a_file())
def test_a_repetition_changes_nothing(text: str) -> None:
    """Neither on the way down nor on the way back."""
    down = put_down(text, OWN)
    back = bring_back(down, OWN)

    assert (down, back, text) == (put_down(down, OWN), bring_back(back, OWN), bring_back(unmark(text, OWN), OWN))


@given(a_file())
def test_two_replicas_lose_nothing_of_each_other(text: str) -> None:
    """Whoever comes back first, the other stays down, and both are up in the end."""
    other = "10.0.0.9:8000"
    text = f"server {other};\n{text}"
    both = put_down(put_down(text, OWN), other)
    one = unmark(bring_back(both, OWN), OWN)

    assert meaning(put_down(text, other)) == meaning(one)
    assert meaning(text) == meaning(unmark(bring_back(one, other), other))


@pytest.mark.parametrize(
    ("text", "down"),
    [
        ("server 10.0.0.7:8000;\n", f"server 10.0.0.7:8000 down;{DOWN}\n"),
        ("  server 10.0.0.7:8000 weight=5; # one\r\n", f"  server 10.0.0.7:8000 weight=5 down;{DOWN} # one\r\n"),
        ("server 10.0.0.7:8000; server b;", f"server 10.0.0.7:8000 down;{DOWN}, cut here\n server b;"),
        ("server 10.0.0.7:8000 down;", "server 10.0.0.7:8000 down;"),
        (f"server 10.0.0.7:8000;{BACK}\n", f"server 10.0.0.7:8000 down;{DOWN}\n"),
        ("# server 10.0.0.7:8000;\n", "# server 10.0.0.7:8000;\n"),
        ("server 10.0.0.70:8000; server 10.0.0.7:80;", "server 10.0.0.70:8000; server 10.0.0.7:80;"),
        ('server "10.0.0.7:8000";', f'server "10.0.0.7:8000" down;{DOWN}'),
        ("server 10.0.0.7:8000 # ;\n weight=2;", f"server 10.0.0.7:8000 # ;\n weight=2 down;{DOWN}"),
        ("upstream w { server 10.0.0.7:8000; }", f"upstream w {{ server 10.0.0.7:8000 down;{DOWN}, cut here\n }}"),
        ("", ""),
        ("server", "server"),
        ("server 10.0.0.7:8000", "server 10.0.0.7:8000"),
        ('server "10.0.0.7:8000', 'server "10.0.0.7:8000'),
    ],
)
def test_a_line_is_put_down(text: str, down: str) -> None:
    """Before its end, with a mark behind it."""
    assert down == put_down(text, OWN)


@pytest.mark.parametrize(
    ("address", "compared"),
    [
        ("10.0.0.7", "10.0.0.7:80"),
        ("10.0.0.7:80", "10.0.0.7:80"),
        ("[::1]", "[::1]:80"),
        ("[::1]:8000", "[::1]:8000"),
        ("Web.Internal:8000", "web.internal:8000"),
        ("unix:/run/web.sock", "unix:/run/web.sock"),
    ],
)
def test_addresses_are_compared_as_nginx_takes_them(address: str, compared: str) -> None:
    """Port 80 is the one that is not written."""
    assert compared == plain(address)


@given(st.text(alphabet="server 10.7:;{}#\"'\\\n$"))
def test_no_text_is_too_odd(text: str) -> None:
    """What nginx would refuse is left as it is, or changed where a line stands; nothing is raised."""
    assert meaning(text) == meaning(unmark(bring_back(put_down(text, "10.7"), "10.7"), "10.7"))
