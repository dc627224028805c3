"""The words to the manager of a unit, against a datagram server that is byte for byte what the manager binds."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from processender.agent.proxy import AT_ONCE, Proxy, words
from processender.agent.sockets import Sockets
from processender.integrations.systemd import LONGEST, Handed, Manager, handed, is_listening
from processender.integrations.systemd.end import UnitEnd

LIMIT_S = 30.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[socket.socket]:
    """Return what the manager binds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "notify"))
        made.settimeout(LIMIT_S)
        yield made


@pytest.fixture
def manager(server: socket.socket) -> Iterator[Manager]:
    """Return the client."""
    made = Manager(server.getsockname())
    yield made
    made.close()


class TestWords:
    @pytest.mark.parametrize(
        ("method", "arguments", "datagram"),
        [
            ("ready", (), "READY=1"),
            ("ready", ("open",), "READY=1\nSTATUS=open"),
            ("status", ("two\nlines",), "STATUS=two lines"),
            ("stopping", ("bye",), "STOPPING=1\nSTATUS=bye"),
            ("alive", (), "WATCHDOG=1"),
            ("watch_within", (2.5,), "WATCHDOG=1\nWATCHDOG_USEC=2500000"),
            ("extend", (1.5,), "EXTEND_TIMEOUT_USEC=1500000"),
            ("unstore", ("web",), "FDSTOREREMOVE=1\nFDNAME=web"),
        ],
    )
    def test_each_is_one_datagram(
        self, manager: Manager, server: socket.socket, method: str, arguments: tuple[object, ...], datagram: str
    ) -> None:
        """As sd_notify(3) has it."""
        assert getattr(manager, method)(*arguments)
        assert datagram == server.recv(LONGEST).decode()

    def test_a_reload_carries_its_instant(self, manager: Manager, server: socket.socket) -> None:
        """In microseconds of the monotonic clock, in the same datagram, as Type=notify-reload wants it."""
        before = time.monotonic()
        manager.reloading()
        after = time.monotonic()
        first, second = server.recv(LONGEST).decode().split("\n")

        assert "RELOADING=1" == first
        assert second.startswith("MONOTONIC_USEC=")
        assert before - 0.001 < int(second.partition("=")[2]) / 1e6 < after + 0.001

    def test_an_abstract_address_is_reached(self) -> None:
        """One that begins with @."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
            name = f"processender-test-{os.urandom(4).hex()}"
            made.bind(f"\0{name}")
            made.settimeout(LIMIT_S)
            manager = Manager(f"@{name}")
            assert manager.ready()
            assert b"READY=1" == made.recv(LONGEST)
            manager.close()

    def test_a_long_status_is_cut_by_letters(self, manager: Manager, server: socket.socket) -> None:
        """The manager drops a datagram that is too long, or no UTF-8."""
        manager.status("ä" * 5000)
        data = server.recv(LONGEST)

        assert len(data) < LONGEST
        assert set(data.decode().partition("=")[2]) == {"ä"}

    @pytest.mark.parametrize("address", ["/no/such/socket", "", "vsock:2:1", "/" + "x" * 200])
    def test_nobody_there_is_no_error(self, address: str) -> None:
        """It is told by the answer, with the reason."""
        manager = Manager(address)

        assert not manager.ready()
        assert manager.trouble
        manager.close()

    def test_a_manager_that_does_not_read_is_waited_for_once(self, manager: Manager, server: socket.socket) -> None:
        """Then what is said is lost, at once, until it reads again."""
        while manager.alive():
            pass
        assert not manager.alive()
        for _ in range(3):
            server.recv(LONGEST)
        assert manager.alive()
        assert not manager.trouble


class TestDescriptors:
    def test_a_barrier_ends_when_the_manager_closes_its_end(self, manager: Manager, server: socket.socket) -> None:
        """Until then it waits, for as long as it was told."""
        assert not manager.barrier(0.01)
        data, descriptors, _, _ = socket.recv_fds(server, LONGEST, 4)
        os.close(descriptors[0])

        assert (b"BARRIER=1", 1) == (data, len(descriptors))

    def test_a_listening_socket_is_stored(self, manager: Manager, server: socket.socket) -> None:
        """With its name."""
        with socket.socket() as made:
            made.bind(("127.0.0.1", 0))
            made.listen()
            assert manager.store("web", [made.fileno()])
            data, descriptors, _, _ = socket.recv_fds(server, LONGEST, 4)
            with socket.socket(fileno=descriptors[0]) as same:
                assert made.getsockname() == same.getsockname()
        assert b"FDSTORE=1\nFDNAME=web" == data

    @pytest.mark.parametrize("name", ["", "a:b", "ä", "x" * 256, "a\nb"])
    def test_a_name_that_the_manager_would_refuse_is_refused(self, manager: Manager, name: str) -> None:
        """Before anything is sent."""
        with pytest.raises(ValueError, match="cannot store under the name"):
            manager.store(name, [])

    def test_what_does_not_listen_is_not_stored(self, manager: Manager) -> None:
        """A pipe, a connection, a number that is nothing."""
        reading, writing = os.pipe()
        with socket.socket() as plain:
            for each in (reading, plain.fileno(), 9999):
                assert not is_listening(each)
                with pytest.raises(ValueError, match="no listening socket"):
                    manager.store("web", [each])
        os.close(reading)
        os.close(writing)

    @pytest.mark.parametrize(
        "environ",
        [
            {},
            {"LISTEN_FDS": "1", "LISTEN_PID": "1"},
            {"LISTEN_FDS": "x", "LISTEN_PID": str(os.getpid())},
            {"LISTEN_FDS": "-1", "LISTEN_PID": str(os.getpid())},
        ],
        ids=["nothing", "somebody else's", "no number", "less than none"],
    )
    def test_what_was_not_handed_to_this_process_is_left_alone(self, environ: dict[str, str]) -> None:
        """As sd_listen_fds(3) has it."""
        assert [] == handed(environ)

    def test_a_socket_is_kept_once_and_dropped_by_name(self) -> None:
        """Whoever stores it anew at each start finds one of it."""
        kept = Sockets([])
        with socket.socket() as made:
            made.listen()
            assert [made.fileno()] == kept.keep("web", [made.fileno()])
            kept.keep("web", [made.fileno(), made.fileno()])
            assert {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"} == kept.variables()
        kept.drop("web")

        assert {} == kept.variables()

    def test_names_follow_the_order(self) -> None:
        """Of those handed over."""
        assert {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"} == Sockets([Handed("a", 3), Handed("b", 4)]).variables()


class TestProxy:
    def test_what_cannot_be_understood_means_nothing(self) -> None:
        """No text, no assignment, a NUL; the last of a key counts."""
        assert {} == words(b"\xff\xfe=1")
        assert {} == words(b"")
        assert {"READY": "1"} == words(b"nonsense\nREADY=1\nSTATUS=a\0b")
        assert {"STATUS": "b"} == words(b"STATUS=a\nSTATUS=b")

    def test_a_flood_is_read_in_turns_and_nothing_leaks(self, tmp_path: Path) -> None:
        """Too long is dropped; every descriptor that came along is closed."""
        heard: list[dict[str, str]] = []
        proxy = Proxy(str(tmp_path), lambda said, _: heard.append(said))
        before = len(os.listdir("/proc/self/fd"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(proxy.path)
            sender.setblocking(False)
            sender.send(b"STATUS=" + b"x" * 2 * LONGEST)
            socket.send_fds(sender, [b"STATUS=y"], [0] * 200)
            sent = 0
            while proxy.read():
                pass
            for _ in range(AT_ONCE):
                try:
                    sender.send(b"WATCHDOG=1")
                except BlockingIOError:
                    break
                sent += 1
        after = len(os.listdir("/proc/self/fd"))
        while proxy.read():
            pass
        proxy.close()

        assert [{"STATUS": "y"}] == heard[:1]
        assert sent == len(heard) - 1
        assert before == after
        assert [] == os.listdir(tmp_path)


class TestUnitEnd:
    @pytest.mark.parametrize(
        ("result", "how", "status", "cause", "signal", "silent"),
        [
            ("success", "exited", "0", "success", "", False),
            ("exit-code", "exited", "3", "exit-code", "", False),
            ("signal", "killed", "KILL", "signal", "SIGKILL", True),
            ("core-dump", "dumped", "ABRT", "signal", "SIGABRT", True),
            ("watchdog", "killed", "ABRT", "watchdog", "SIGABRT", True),
            ("watchdog", "exited", "134", "watchdog", "", False),
            ("timeout", "killed", "KILL", "timeout", "SIGKILL", True),
            ("oom-kill", "killed", "KILL", "oom-kill", "SIGKILL", True),
            ("start-limit-hit", "", "", "start-limit-hit", "", False),
        ],
    )
    @pytest.mark.parametrize("before", ["", "MONITOR_"])
    def test_what_the_manager_tells(
        self, before: str, result: str, how: str, status: str, cause: str, signal: str, silent: bool
    ) -> None:
        """For ExecStopPost=, and with MONITOR_ for OnFailure=."""
        told = {"SERVICE_RESULT": result, "EXIT_CODE": how, "EXIT_STATUS": status, "INVOCATION_ID": "7"}
        end = UnitEnd.read({before + name: text for name, text in told.items()})

        assert end is not None
        assert (cause, signal, silent, "7") == (end.cause, end.signal, end.silent, end.invocation)

    @pytest.mark.parametrize("environ", [{}, {"SERVICE_RESULT": ""}, {"SERVICE_RESULT": "x", "EXIT_CODE": "odd"}])
    def test_what_it_does_not_tell_is_nothing(self, environ: dict[str, str]) -> None:
        """Nor what it never says."""
        assert UnitEnd.read(environ) is None
