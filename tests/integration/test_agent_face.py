"""The control face: what it tells everybody, and what it does for whoever has a token."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from processender.testing.processes import Program
from tests.integration.agents import SLEEPER, agent
from tests.integration.servers import free_port
from tests.integration.test_agent_drain import steer
from tests.integration.test_agent_probes import ask as probe

TOKEN = "4f1d8a6be0c94e0d"
OTHER = "97c1d8b2a5e64f3b"


def ask(port: int, method: str, path: str, token: str = "", scheme: str = "Bearer") -> tuple[int, str]:
    """Return the status and the body of a request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, headers={"Authorization": f"{scheme} {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a configuration with two tokens, one in a variable and one in a file."""
    (tmp_path / "secret").write_text(f"{OTHER}\n")
    file = tmp_path / "pe.toml"
    file.write_text(
        f'service = "shop"\n[control.tokens]\nops = {{ env = "OPS_TOKEN" }}\nkube = {{ file = "{tmp_path}/secret" }}\n'
    )
    return file


@pytest.fixture
def served(config: Path) -> Iterator[tuple[Program, int]]:
    """Return a running agent with a control face, and its port."""
    port = free_port()
    with agent(["-c", str(config), "--control-listen", f":{port}"], SLEEPER, OPS_TOKEN=TOKEN) as program:
        program.wait_for("ready")
        yield program, port


def test_status_is_for_everybody_who_gets_there(served: tuple[Program, int]) -> None:
    """As JSON, and without a secret."""
    program, port = served
    code, body = ask(port, "GET", "/status")

    assert (200, "running", program.pid) == (code, json.loads(body)["state"], json.loads(body)["agent"]["pid"])
    assert TOKEN not in body


def test_metrics_have_the_form_that_prometheus_reads(served: tuple[Program, int]) -> None:
    """Each with its help and its type; signals by name."""
    program, port = served
    program.signal("WINCH")
    steer(program, "status")
    code, body = ask(port, "GET", "/metrics")
    samples = dict(line.rsplit(" ", 1) for line in body.splitlines() if not line.startswith("#"))

    assert 200 == code
    assert ("1", "1", "0") == tuple(
        samples[f"processender_{name}"] for name in ("command_running", "ready", "draining")
    )
    assert "1" == samples['processender_signals_total{signal="SIGWINCH"}']
    assert float(samples["processender_resident_memory_bytes"]) > 1_000_000
    assert "processender_shutdowns_initiated_total" in body
    assert {re.split("{|_bucket|_sum|_count", name)[0] for name in samples} <= {
        line.split(" ")[2] for line in body.splitlines() if line.startswith("# TYPE ")
    }


def test_who_has_a_token_drains_and_resumes_and_stops(served: tuple[Program, int]) -> None:
    """Recorded under the name of the token, whose secret stands nowhere."""
    program, port = served
    codes = [ask(port, "POST", "/drain", TOKEN)[0]]
    program.wait_for("drained")
    codes.append(ask(port, "POST", "/resume", OTHER)[0])
    program.wait_for("ended cancelled")
    codes.append(ask(port, "POST", "/stop", OTHER)[0])
    code = program.wait()
    files = [path for path in program.state.rglob("*") if path.is_file()]

    assert ([200, 200, 200], 143) == (codes, code)
    assert "token kube" == program.report()["notices"][0]["sender"]
    assert "heard drain from token ops" in program.output
    assert not [path for path in files if TOKEN.encode() in path.read_bytes() or OTHER.encode() in path.read_bytes()]
    assert TOKEN not in program.output


@pytest.mark.parametrize(
    ("token", "scheme"),
    [
        ("", ""),
        ("wrong", "Bearer"),
        (TOKEN[:-1], "Bearer"),
        (TOKEN + "0", "Bearer"),
        (TOKEN, "Basic"),
        ("ops", "Bearer"),
    ],
)
def test_a_wrong_token_is_refused(served: tuple[Program, int], token: str, scheme: str) -> None:
    """401, told in a line, and nothing happens."""
    program, port = served
    code, _ = ask(port, "POST", "/stop", token, scheme)
    program.wait_for("refused 1 request without a valid token, the last one for /stop")

    assert (401, "running") == (code, json.loads(ask(port, "GET", "/status")[1])["state"])


def test_many_wrong_tokens_are_counted_and_not_told_one_by_one(served: tuple[Program, int]) -> None:
    """Whoever guesses does not fill the log."""
    program, port = served
    codes = {ask(port, "POST", "/stop", f"guess{number}")[0] for number in range(50)}
    metrics = ask(port, "GET", "/metrics")[1]

    assert {401} == codes
    assert 1 == program.output.count("without a valid token")
    assert "processender_refused_requests_total 50\n" in metrics


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/stop", 405), ("GET", "/drain", 405), ("POST", "/status", 405), ("GET", "/readyz", 404),
        ("GET", "/", 404), ("POST", "/restart", 404), ("DELETE", "/stop", 405),
    ],
)  # fmt: skip
def test_nothing_else_is_there(served: tuple[Program, int], method: str, path: str, expected: int) -> None:
    """Even with a token."""
    assert expected == ask(served[1], method, path, TOKEN)[0]


def test_what_cannot_be_done_is_said(served: tuple[Program, int]) -> None:
    """409, and why."""
    code, body = ask(served[1], "POST", "/resume", TOKEN)

    assert (409, True) == (code, "nothing is drained" in body)


def test_without_tokens_nobody_changes_anything() -> None:
    """The default."""
    port = free_port()
    with agent(["--control-listen", f"127.0.0.1:{port}"], SLEEPER) as program:
        program.wait_for("ready")

        assert 401 == ask(port, "POST", "/stop", "x")[0]
        assert 200 == ask(port, "GET", "/status")[0]


def test_a_port_alone_means_loopback(served: tuple[Program, int]) -> None:
    """Not every address, as it does for probes."""
    listening = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]]
    hosts = {words[1].split(":")[0] for words in listening if int(words[1].split(":")[1], 16) == served[1]}

    assert {"0100007F"} == hosts


def test_both_faces_are_told_apart(config: Path) -> None:
    """Probes do not steer, and who steers is no probe."""
    one, two = free_port(), free_port()
    options = ["-c", str(config), "--control-listen", f":{one}", "--probe-listen", f"127.0.0.1:{two}"]
    with agent(options, SLEEPER, OPS_TOKEN=TOKEN) as program:
        program.wait_for("ready")

        assert [200, 200, 200, 404] == [probe(two, path) for path in ("/livez", "/readyz", "/startupz", "/status")]
        assert 404 == ask(two, "POST", "/stop", TOKEN)[0]


def test_a_taken_port_names_its_option() -> None:
    """125."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with agent(["--control-listen", address], SLEEPER) as program:
            assert 125 == program.wait()
            assert "choose another --control-listen" in program.output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('a = { env = "NO_SUCH_TOKEN" }', "the variable 'NO_SUCH_TOKEN', which should hold its secret, is not set"),
        ('a = { file = "/no/such/file" }', "cannot be read"),
        ("a = {}", "needs one of both"),
        ('a = { env = "OPS_TOKEN", file = "/x" }', "needs one of both"),
        ('a = { env = "EMPTY" }', "its secret is empty"),
        ('"" = { env = "OPS_TOKEN" }', "is no name"),
        ('a = { value = "secret" }', "no such key"),
        ('a = "secret"', "control.tokens.a"),
    ],
)
def test_a_token_that_makes_no_sense_starts_nothing(tmp_path: Path, text: str, says: str) -> None:
    """All that is wrong is told, with its line, and no secret."""
    file = tmp_path / "pe.toml"
    file.write_text(f"[control.tokens]\n{text}\n")
    with agent(["-c", str(file)], SLEEPER, OPS_TOKEN=TOKEN, EMPTY="") as program:
        code = program.wait()

        assert (125, True) == (code, says in program.output), program.output
        assert TOKEN not in program.output
