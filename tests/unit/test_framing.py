"""From bytes to lines: whole lines, split lines, what is no UTF-8, and the last line without an end."""

from __future__ import annotations

import base64
import json

import pytest

from processender.agent.framing import Framer
from processender.agent.settings import Style

AT = 1_700_000_000.1239
STAMP = "2023-11-14T22:13:20.123Z"
PLAIN = Style(timestamps=False, streams=False)


def framed(style: Style, *parts: bytes) -> bytes:
    """Return what becomes of *parts*, read one after the other, and of the end behind them."""
    framer = Framer("stdout", style)
    return b"".join(framer.feed(part, AT) for part in parts) + framer.end(AT)


class TestText:
    @pytest.mark.parametrize(
        ("style", "expected"),
        [
            (Style(), f"{STAMP} stdout hi\n"),
            (Style(timestamps=False), "stdout hi\n"),
            (Style(streams=False), f"{STAMP} hi\n"),
            (Style(prefix="web"), f"{STAMP} stdout web hi\n"),
            (PLAIN, "hi\n"),
        ],
    )
    def test_a_line_has_a_head(self, style: Style, expected: str) -> None:
        """The time in UTC with milliseconds, the stream, and a word."""
        assert expected.encode() == framed(style, b"hi\n")

    @pytest.mark.parametrize(
        ("parts", "expected"),
        [
            ((), b""),
            ((b"a\nb\n",), b"a\nb\n"),
            ((b"a", b"b\nc", b"\n"), b"ab\nc\n"),
            ((b"a\nb",), b"a\nb\n"),
            ((b"\n\n",), b"\n\n"),
            ((b"a\r\n",), b"a\r\n"),
            ((b"\xff\xfe\0\n",), b"\xff\xfe\0\n"),
        ],
    )
    def test_lines_are_whole_however_they_come(self, parts: tuple[bytes, ...], expected: bytes) -> None:
        """A last line without an end gets one; every other byte is kept."""
        assert expected == framed(PLAIN, *parts)

    @pytest.mark.parametrize("size", [1, 7, 64, 65536])
    def test_a_line_that_is_too_long_is_split_with_a_mark(self, size: int) -> None:
        """Every part but the last has it, and without marks and ends it is the line again."""
        line = bytes(range(32, 127)) * 5
        parts = [line[at : at + size] for at in range(0, len(line), size)]
        lines = framed(PLAIN.replace(max_line=64), *parts, b"\n").split(b"\n")[:-1]

        assert line == b"".join(each.removesuffix(b" [more]") for each in lines)
        assert [True] * (len(lines) - 1) + [False] == [each.endswith(b" [more]") for each in lines]
        assert max(len(each) for each in lines) == 64 + len(b" [more]")

    @pytest.mark.parametrize("letter", ["é", "€", "🙂"])
    def test_no_character_is_split(self, letter: str) -> None:
        """Each part can be read on its own."""
        for lead in range(4):
            text = "x" * lead + letter * 60
            lines = framed(PLAIN.replace(max_line=64), text.encode(), b"\n").decode().splitlines()

            assert text == "".join(line.removesuffix(" [more]") for line in lines)

    def test_bytes_that_are_no_text_are_split_anyway(self) -> None:
        """There is no character to keep whole."""
        lines = framed(PLAIN.replace(max_line=64), b"\x80" * 100).split(b"\n")

        assert [b"\x80" * 64 + b" [more]", b"\x80" * 36, b""] == lines

    def test_raw_output_is_left_as_it_is(self) -> None:
        """Also the end of a line that has none."""
        assert b"a\nb" == framed(Style(raw=True), b"a\n", b"b")


class TestObjects:
    def test_a_line_is_an_object(self) -> None:
        """With its time, its stream and its text."""
        assert {"at": STAMP, "stream": "stdout", "text": 'é"\t'} == json.loads(
            framed(Style(as_json=True), 'é"\t\n'.encode())
        )

    def test_bytes_that_are_no_text_survive(self) -> None:
        """Beside a text that every reader takes."""
        found = json.loads(framed(Style(as_json=True), b"a\xff\n"))

        assert ("a�", b"a\xff") == (found["text"], base64.b64decode(found["base64"]))

    def test_a_part_says_that_there_is_more(self) -> None:
        """Under a key of its own."""
        lines = framed(Style(as_json=True, max_line=64), b"x" * 65).splitlines()

        assert [True, None] == [json.loads(line).get("more") for line in lines]

    def test_without_times_there_is_none(self) -> None:
        """Another program adds its own."""
        assert {"stream": "stdout", "text": "web hi"} == json.loads(
            framed(Style(as_json=True, timestamps=False, prefix="web "), b"hi\n")
        )
