"""What is an answer of the Extensions API: a pure function over what has come so far."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.integrations.aws_lambda.api import MOST, Answer, parse

BODY = b'{"eventType":"SHUTDOWN"}'
SIZED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 24\r\n\r\n" + BODY
CHUNKED = (
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na;x=y\r\n{"eventTyp\r\nE\r\ne":"SHUTDOWN"}\r\n0\r\n\r\n'
)
TO_THE_END = b"HTTP/1.0 200 OK\r\n\r\n" + BODY


class TestWhole:
    @pytest.mark.parametrize("data", [SIZED, CHUNKED, TO_THE_END])
    def test_a_body_however_its_length_is_told(self, data: bytes) -> None:
        """By a number, in chunks, or by the end of the connection."""
        answer = parse(data, ended=True)

        assert answer is not None
        assert (200, BODY) == (answer.status, answer.body)

    def test_fields_have_small_names(self) -> None:
        """Their case means nothing."""
        answer = parse(
            b"HTTP/1.1 200 OK\r\nLambda-Extension-Identifier:  x y \r\nContent-Length: 0\r\n\r\n", ended=False
        )

        assert Answer(200, {"lambda-extension-identifier": "x y", "content-length": "0"}, b"") == answer

    def test_a_status_needs_no_words(self) -> None:
        """HTTP/2 has none, and some servers leave them out."""
        answer = parse(b"HTTP/1.1 202\r\nContent-Length: 0\r\n\r\n", ended=False)

        assert answer is not None
        assert 202 == answer.status


class TestPieces:
    @pytest.mark.parametrize("data", [SIZED, CHUNKED])
    def test_no_beginning_is_the_whole(self, data: bytes) -> None:
        """Each byte but the last asks for more; a connection that ends there has broken off."""
        whole = 2 if data is CHUNKED else 0
        for length in range(len(data) - whole):
            assert parse(data[:length], ended=False) is None
            with pytest.raises(ConnectionError):
                parse(data[:length], ended=True)

    def test_the_end_of_the_connection_is_waited_for(self) -> None:
        """Without it nobody knows whether there is more."""
        assert parse(TO_THE_END, ended=False) is None


class TestGarbage:
    @pytest.mark.parametrize(
        "data",
        [
            b"\x15\x03\x01\x00",
            b"HTTP/2 200\r\n\r\n",
            b"HTTP/1.1\r\n\r\n",
            b"HTTP/1.1 OK 200\r\n\r\n",
            b"HTTP/1.1 2e2 OK\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + bytes(MOST),
        ],
    )
    def test_what_is_no_answer_is_said_at_once(self, data: bytes) -> None:
        """Nothing more is waited for."""
        with pytest.raises(ValueError, match="is no"):
            parse(data, ended=False)

    @given(st.binary(max_size=200), st.booleans(), st.booleans())
    def test_whatever_comes_it_is_an_answer_more_or_none(self, data: bytes, ended: bool, begins: bool) -> None:
        """Nothing else is raised, whatever a server says."""
        try:
            answer = parse((b"HTTP/1.1 200 OK\r\n" if begins else b"") + data, ended=ended)
        except (ValueError, ConnectionError):
            return

        assert answer is None or isinstance(answer, Answer)
