"""The steps to the end of a command: how long each has, and what the presets do."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from processender.agent.conditions import connections, parse_port
from processender.agent.steps import PRESETS, Step, lengths, timetable


class TestLengths:
    @pytest.mark.parametrize(
        ("waits", "span", "expected"),
        [
            ([None], 10.0, [10.0]),
            ([3.0], 10.0, [10.0]),
            ([3.0, None], 10.0, [3.0, 7.0]),
            ([None, 2.0], 10.0, [8.0, 2.0]),
            ([None, None], 10.0, [5.0, 5.0]),
            ([None, 2.0, None], 10.0, [4.0, 2.0, 4.0]),
            ([2.0, 3.0, 1.0], 10.0, [2.0, 3.0, 5.0]),
            ([10.0, 10.0], 10.0, [5.0, 5.0]),
            ([30.0, 10.0], 10.0, [7.5, 2.5]),
            ([30.0, None], 10.0, [5.0, 5.0]),
            ([None, 5.0], 2.0, [1.0, 1.0]),
            ([0.0, 5.0], 10.0, [0.0, 10.0]),
            ([0.0, 0.0], 10.0, [0.0, 10.0]),
            ([None, 5.0], 0.0, [0.0, 0.0]),
            ([5.0, 5.0], -1.0, [0.0, 0.0]),
        ],
    )
    def test_each_step_has_its_part_of_the_window(
        self, waits: list[float | None], span: float, expected: list[float]
    ) -> None:
        """Waits that fit are kept, others shortened in one measure; nothing of the window is left over."""
        assert expected == pytest.approx(lengths(waits, span))

    def test_nothing_is_left_over_and_nothing_exceeds(self) -> None:
        """Whatever the waits are."""
        for first in (None, 0.0, 0.3, 7.0, 1e6):
            for second in (None, 0.0, 2.0, 1e6):
                for third in (None, 0.0, 4.0):
                    for span in (0.0, 0.1, 6.0, 1000.0):
                        found = lengths([first, second, third], span)

                        assert span == pytest.approx(sum(found))
                        assert min(found) >= 0

    def test_what_is_left_after_a_step_is_shared_as_planned(self) -> None:
        """The worker computes the length anew at each step, and comes to the same."""
        waits, span = [4.0, None, 3.0, 9.0], 12.0
        planned, found = lengths(waits, span), []
        for number in range(len(waits)):
            found.append(lengths(waits[number:], span - sum(found))[0])

        assert planned[0] == found[0]
        assert span == pytest.approx(sum(found))

    def test_the_table_tells_when_each_begins(self) -> None:
        """One behind the other."""
        steps = (Step(signal.SIGTERM, wait=3.0), Step(signal.SIGINT, wait=2.0), Step(signal.SIGQUIT))

        assert [(0.0, 3.0), (3.0, 2.0), (5.0, 5.0)] == timetable(steps, 10.0)


class TestPresets:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("postgres", ["SIGINT", "SIGQUIT"]),
            ("nginx", ["SIGQUIT", "SIGTERM"]),
            ("java", ["SIGTERM", "SIGQUIT"]),
            ("apache", ["SIGWINCH", "SIGTERM"]),
            ("haproxy", ["SIGUSR1", "SIGTERM"]),
        ],
    )
    def test_a_preset_is_a_row_of_signals(self, name: str, expected: list[str]) -> None:
        """As the program's manual has them."""
        assert expected == [step.shown for step in PRESETS[name]]

    @pytest.mark.parametrize("name", PRESETS)
    def test_the_gentle_step_has_most_of_a_long_window(self, name: str) -> None:
        """The hard one waits for its last seconds."""
        table = timetable(PRESETS[name], 60.0)

        assert table[0][1] >= 55.0
        assert table[-1][1] <= 5.0


class TestPorts:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("8080", (b"", 8080)),
            (":8080", (b"", 8080)),
            ("127.0.0.1:1", (b"\x7f\0\0\1", 1)),
            ("0.0.0.0:80", (b"", 80)),
            ("[::]:80", (b"", 80)),
            ("[::1]:80", (b"\0" * 15 + b"\1", 80)),
        ],
    )
    def test_a_port_has_an_address_or_means_all(self, text: str, expected: tuple[bytes, int]) -> None:
        """As the kernel keeps it."""
        assert expected == parse_port(text)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", "names no port"),
            ("http", "names no port"),
            ("127.0.0.1", "names no port"),
            ("0", "names no port"),
            ("65536", "names no port"),
            ("localhost:80", "is no address"),
        ],
    )
    def test_anything_else_is_refused(self, text: str, expected: str) -> None:
        """With what it should look like."""
        with pytest.raises(ValueError, match=expected):
            parse_port(text)

    @pytest.mark.parametrize(
        ("family", "address", "seen"),
        [
            (socket.AF_INET, "127.0.0.1", b"\x7f\0\0\1"),
            (socket.AF_INET6, "::1", b"\0" * 15 + b"\1"),
            (socket.AF_INET6, "::ffff:127.0.0.1", b"\x7f\0\0\1"),
        ],
    )
    def test_connections_to_a_port_are_counted(self, family: socket.AddressFamily, address: str, seen: bytes) -> None:
        """Those that are established, not the one that listens, and none that is closed."""
        with socket.socket(family) as server:
            if family == socket.AF_INET6:
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            server.bind((address, 0))
            server.listen()
            port = server.getsockname()[1]
            before = connections(b"", port, os.getpid())
            with socket.create_connection((address, port)):
                accepted, _ = server.accept()
                while_open = connections(seen, port, os.getpid())
                elsewhere = connections(b"\x7f\0\0\7", port, os.getpid())
            accepted.close()

            assert (0, 1, 0) == (before, while_open, elsewhere)
            assert 0 == connections(b"", port, os.getpid())

    def test_a_process_that_is_gone_has_the_network_of_this_one(self) -> None:
        """Its /proc is no more."""
        assert 0 == connections(b"", 1, 2**22 + 1)
