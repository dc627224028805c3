"""The probe face of a running agent: what a kubelet and a balancer see from the start to the end."""

from __future__ import annotations

import http.client
import socket
import time

import pytest

from processender.testing.processes import Program
from tests.integration.agents import agent, python
from tests.integration.servers import free_port

SLOW = python(
    "import os,signal,sys,time\n"
    # Not `print`: the signal may come while the line before it is still being printed.
    "def term(*_): os.write(1, b'asked\\n'); time.sleep(0.5); sys.exit(0)\n"
    "signal.signal(15, term); print('ready', flush=True)\n"
    "while True: signal.pause()"
)


def ask(port: int, path: str) -> int:
    """Return the status of *path*, 0 when nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def both(port: int) -> tuple[int, int]:
    """Return the status of liveness and of readiness."""
    return ask(port, "/livez"), ask(port, "/readyz")


def probed(port: int, *options: str, **environ: str) -> Program:
    """Return an agent with a probe face in front of a command that takes a while to end."""
    return agent(["--probe-listen", f"127.0.0.1:{port}", *options], SLOW, **environ)


def test_a_running_command_is_ready() -> None:
    """And alive."""
    port = free_port()
    with probed(port) as program:
        program.wait_for("ready")

        assert (200, 200) == both(port)


@pytest.mark.parametrize(("on_drain", "readyz"), [("fail-readiness", 503), ("keep-serving", 200)])
def test_readiness_in_the_delay_is_as_configured(on_drain: str, readyz: int) -> None:
    """It fails at once, or after the delay; liveness stays true."""
    port = free_port()
    with probed(port, "--drain-delay", "500ms", PROCESSENDER_ON_DRAIN=on_drain) as program:
        program.wait_for("ready")
        program.signal("TERM")
        program.wait_for("ending because of")
        time.sleep(0.1)
        in_delay = both(port)
        program.wait_for("asked")
        in_stop = both(port)

        assert (200, readyz) == in_delay
        assert (200, 503) == in_stop
        assert 0 == program.wait()
        assert (0, 0) == both(port)


def test_a_command_that_is_gone_is_not_ready() -> None:
    """While what it left behind is still ending."""
    port = free_port()
    command = [
        "sh",
        "-c",
        "(trap 'sleep 0.6; exit' TERM; echo ready; while :; do sleep 0.02; done) & sleep 0.2; exit 3",
    ]
    with agent(["--probe-listen", f"127.0.0.1:{port}"], command) as program:
        program.wait_for("ready")
        before = both(port)
        deadline = time.monotonic() + 5
        while ask(port, "/readyz") == 200 and time.monotonic() < deadline:
            time.sleep(0.01)
        after = both(port)

        assert ((200, 200), (200, 503)) == (before, after)
        assert 3 == program.wait()


def test_it_answers_while_clients_hang() -> None:
    """A hundred that say nothing."""
    port = free_port()
    with probed(port) as program:
        program.wait_for("ready")
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
        began = time.monotonic()
        found = both(port)
        took = time.monotonic() - began
        for client in idle:
            client.close()

        assert (200, 200) == found
        assert took < 4


def test_a_taken_port_starts_nothing() -> None:
    """125, with the next step."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        agent(["--probe-listen", f"127.0.0.1:{taken.getsockname()[1]}"], ["echo", "started"]) as program,
    ):
        assert 125 == program.wait()
        assert "choose another --probe-listen" in program.output
        assert "started" not in program.output
