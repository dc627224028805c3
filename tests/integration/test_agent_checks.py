"""A real agent that checks the health of its command: by commands, requests and connections."""

from __future__ import annotations

import json
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from processender.testing.processes import Program
from tests.integration.agents import SLEEPER, agent, lives, stops_with, wait_until
from tests.integration.servers import free_port

LIMIT_S = 60.0
QUICK = 'backoff = { initial = "1ms", maximum = "1ms" }\n'
SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(open(sys.argv[2]).read()) if self.path == '/health' else 404)
        self.end_headers()
    def log_message(self, *args): pass
server = http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler)
print('ready', flush=True)
server.serve_forever()
"""


class Probed:
    """An agent whose probe face is asked."""

    def __init__(self, tmp_path: Path, text: str, command: list[str], *options: str) -> None:
        """Take the configuration and the command."""
        config = tmp_path / "processender.toml"
        config.write_text(text, encoding="utf-8")
        self.port = free_port()
        flags = ["-c", str(config), "--probe-listen", f"127.0.0.1:{self.port}", *options]
        self.program: Program = agent(flags, command, PROCESSENDER_STATE=str(tmp_path / "state"))

    def ask(self, path: str) -> int:
        """Return the status of *path*; 0 if nobody listens."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def all(self) -> tuple[int, int, int]:
        """Return the status of the three probes: live, ready, started."""
        return self.ask("/livez"), self.ask("/readyz"), self.ask("/startupz")

    def comes_to(self, *expected: int) -> None:
        """Wait until the three probes say this; fail when they do not in time."""
        wait_until(lambda: self.all() == expected)


def exists(name: str, path: Path, more: str = "") -> str:
    """Return a check that succeeds while a file is there."""
    return f'[checks.{name}]\nrun = ["test", "-e", "{path}"]\nevery = "50ms"\ntimeout = "20s"\n{more}'


def test_without_checks_a_command_is_ready_and_started_as_it_runs(tmp_path: Path) -> None:
    """There is nobody who knows better."""
    probed = Probed(tmp_path, "", SLEEPER)
    with probed.program as program:
        program.wait_for("ready", LIMIT_S)
        probed.comes_to(200, 200, 200)
        stops_with(program)


def test_a_ready_check_opens_and_shuts_readiness(tmp_path: Path) -> None:
    """Once started it stays started, and it is alive all the while."""
    file = tmp_path / "well"
    probed = Probed(tmp_path, exists("up", file), SLEEPER)
    with probed.program as program:
        program.wait_for("ready", LIMIT_S)
        probed.comes_to(200, 503, 503)
        file.touch()
        probed.comes_to(200, 200, 200)
        file.unlink()
        probed.comes_to(200, 503, 200)
        stops_with(program)


def test_a_startup_check_holds_the_others_back(tmp_path: Path) -> None:
    """Nothing is asked about life and readiness before it has succeeded."""
    up, never = tmp_path / "up", tmp_path / "never"
    text = exists("up", up, 'kind = "startup"\n') + exists("alive", never, 'kind = "live"\nfailures = 1\n')
    probed = Probed(tmp_path, text, SLEEPER)
    with probed.program as program:
        program.wait_for("ready", LIMIT_S)
        probed.comes_to(200, 503, 503)
        time.sleep(0.3)
        before = probed.all()
        up.touch()
        probed.comes_to(503, 200, 200)
        stops_with(program)

    assert (200, 503, 503) == before


def test_the_ready_hook_runs_at_the_first_success(tmp_path: Path) -> None:
    """Once, although the check goes on."""
    file = tmp_path / "well"
    text = exists("up", file) + f'[hooks.ready.note]\nrun = ["sh", "-c", "echo ready >> {tmp_path}/told"]\n'
    probed = Probed(tmp_path, text, SLEEPER)
    with probed.program as program:
        program.wait_for("ready", LIMIT_S)
        probed.comes_to(200, 503, 503)
        before = (tmp_path / "told").exists()
        file.touch()
        wait_until((tmp_path / "told").exists)
        file.unlink()
        probed.comes_to(200, 503, 200)
        file.touch()
        probed.comes_to(200, 200, 200)
        stops_with(program)

    assert (False, "ready\n") == (before, (tmp_path / "told").read_text())


def test_a_live_check_that_fails_ends_the_command_and_starts_it_anew(tmp_path: Path) -> None:
    """As at the end of all: it is asked first. It is a crash, whatever the policy says."""
    text = (
        exists("alive", tmp_path / "well", 'kind = "live"\nfailures = 2\non_failure = "restart"\n')
        + f"[restart]\n{QUICK}"
    )
    script = f"trap 'echo asked; exit 0' TERM; echo x >> {tmp_path}/lives; touch {tmp_path}/well; echo ready; while :; do sleep 0.02; done"
    probed = Probed(tmp_path, text, ["sh", "-c", script])
    with probed.program as program:
        program.wait_for("ready", LIMIT_S)
        probed.comes_to(200, 200, 200)
        (tmp_path / "well").unlink()
        wait_until(lambda: (tmp_path / "lives").read_text().count("x") == 2)
        probed.comes_to(200, 200, 200)
        program.signal("TERM")
        code = program.wait(LIMIT_S)

        assert (0, 2) == (code, program.output.count("asked"))
    (account,) = [json.loads(path.read_text()) for path in tmp_path.glob("state/*/crashes/*.json")]
    assert ("check", 0) == (account["cause"], account["restarts"])


def test_a_command_that_is_never_well_is_given_up(tmp_path: Path) -> None:
    """Restarts for its health count as all others."""
    text = exists("alive", tmp_path / "no", 'kind = "live"\nfailures = 1\non_failure = "restart"\n')
    text += f"[restart]\ngive_up = {{ after = 3 }}\n{QUICK}"
    probed = Probed(tmp_path, text, SLEEPER)
    with probed.program as program:
        code = program.wait(LIMIT_S)

    assert 69 == code


def test_a_check_that_fails_can_end_all(tmp_path: Path) -> None:
    """The clean-up runs as after a notice."""
    text = exists("alive", tmp_path / "no", 'kind = "live"\nfailures = 1\non_failure = "stop"\n')
    text += f'[handlers.clean]\nrun = ["touch", "{tmp_path}/clean"]\n'
    probed = Probed(tmp_path, text, SLEEPER)
    with probed.program as program:
        code = program.wait(LIMIT_S)

        assert (143, True) == (code, "the check 'alive' has failed" in program.output)
    assert (tmp_path / "clean").exists()


def test_a_check_that_hangs_has_failed(tmp_path: Path) -> None:
    """When its time is up; and nothing of it is left."""
    text = f"""
[checks.hang]
run = ["sh", "-c", "echo $$ > {tmp_path}/pid; exec sleep 600"]
every = "50ms"
timeout = "300ms"
kind = "live"
failures = 2
on_failure = "stop"
"""
    probed = Probed(tmp_path, text, SLEEPER)
    with probed.program as program:
        code = program.wait(LIMIT_S)

        assert (143, True) == (code, "the check 'hang' has failed" in program.output)
    assert not lives(int((tmp_path / "pid").read_text()))


def test_a_check_can_ask_by_http(tmp_path: Path) -> None:
    """Only the statuses that are expected mean well."""
    status, port = tmp_path / "status", free_port()
    status.write_text("200")
    text = f'[checks.web]\nhttp = "http://127.0.0.1:{port}/health"\nevery = "50ms"\ntimeout = "20s"\nfailures = 1\n'
    probed = Probed(tmp_path, text, [sys.executable, "-c", SERVER, str(port), str(status)])
    with probed.program as program:
        program.wait_for("ready", LIMIT_S)
        probed.comes_to(200, 200, 200)
        status.write_text("500")
        probed.comes_to(200, 503, 200)
        stops_with(program)


def test_a_server_that_drips_does_not_hold_a_check(tmp_path: Path) -> None:
    """The whole look has one limit, however many bytes come one by one."""
    port = free_port()
    source = f"""
import socket, time
server = socket.create_server(('127.0.0.1', {port}))
while True:
    c, _ = server.accept()
    try:
        while True:
            c.send(b'HTTP/1.1 200 OK\\r\\nx: ' if not time.sleep(0.05) else b'')
    except OSError: pass
"""
    text = f'[checks.web]\nhttp = "http://127.0.0.1:{port}/"\nevery = "50ms"\ntimeout = "500ms"\nfailures = 1\nkind = "live"\non_failure = "stop"\n'
    probed = Probed(tmp_path, text, [sys.executable, "-c", source])
    with probed.program as program:
        code = program.wait(LIMIT_S)

        assert (143, True) == (code, "the check 'web' has failed" in program.output)


def test_a_check_can_try_a_connection(tmp_path: Path) -> None:
    """Whoever accepts it is well."""
    port = free_port()
    source = f"import socket; print('ready', flush=True); input if 0 else None\nimport os, time\nwhile not os.path.exists('{tmp_path}/go'): time.sleep(0.02)\ns = socket.create_server(('127.0.0.1', {port}))\nwhile True: s.accept()"
    text = f'[checks.port]\ntcp = "127.0.0.1:{port}"\nevery = "50ms"\ntimeout = "20s"\n'
    probed = Probed(tmp_path, text, [sys.executable, "-c", source])
    with probed.program as program:
        program.wait_for("ready", LIMIT_S)
        probed.comes_to(200, 503, 503)
        (tmp_path / "go").touch()
        probed.comes_to(200, 200, 200)
        stops_with(program)


def test_readiness_fails_at_the_end_whatever_the_checks_say(tmp_path: Path) -> None:
    """Liveness does not: the platform would kill what drains."""
    text = 'drain_delay = "2s"\n' + exists("up", tmp_path) + exists("alive", tmp_path, 'kind = "live"\n')
    probed = Probed(tmp_path, text, SLEEPER)
    with probed.program as program:
        program.wait_for("ready", LIMIT_S)
        probed.comes_to(200, 200, 200)
        program.signal("TERM")
        wait_until(lambda: probed.ask("/readyz") == 503)
        alive = probed.ask("/livez")
        code = program.wait(LIMIT_S)

    assert (200, 143) == (alive, code)


@pytest.mark.parametrize(("text", "mistake"), [
    ("[checks.a]\n", "neither `run` nor `http` nor `tcp`"),
    ('[checks.a]\nrun = ["true"]\ntcp = ":80"\n', "both `run` and `tcp`"),
    ('[checks.a]\nhttp = "ftp://x"\n', "needs http or https"),
    ('[checks.a]\ntcp = "nowhere"\n', "names no port"),
    ("[checks.a]\nrun = []\n", "is empty"),
    ('[checks.a]\nrun = ["true"]\nkind = "alive"\n', "did you mean 'live'"),
    ('[checks.a]\nrun = ["true"]\nexpect = [200]\n', "goes with `http`"),
    ('[checks.a]\nrun = ["true"]\nfailures = 0\n', "out of range"),
])  # fmt: skip
def test_mistakes_in_checks_are_named(tmp_path: Path, text: str, mistake: str) -> None:
    """Before anything is started."""
    probed = Probed(tmp_path, text, SLEEPER)
    with probed.program as program:
        code = program.wait(LIMIT_S)

        assert (125, True) == (code, mistake in program.output)
