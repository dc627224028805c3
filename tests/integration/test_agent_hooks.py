"""A real agent with hooks at every point of the life of its command; and hooks that fail, hang and flood."""

from __future__ import annotations

import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from processender.testing.processes import Program
from tests.integration.agents import SLEEPER, agent, lives, stops_with

LIMIT_S = 60.0
POINTS = ("pre_start", "post_start", "ready", "pre_stop", "post_stop", "on_restart")
QUICK = 'policy = "on-failure"\nbackoff = { initial = "1ms", maximum = "1ms" }\n'


def configured(tmp_path: Path, text: str, command: list[str], *options: str) -> Program:
    """Return an agent with a configuration."""
    config = tmp_path / "processender.toml"
    config.write_text(text, encoding="utf-8")
    return agent(["-c", str(config), *options], command)


def noting(tmp_path: Path, *points: str) -> str:
    """Return hooks that each write the name of their point into a file."""
    tables = [f'[hooks.{point}.note]\nrun = ["sh", "-c", "echo {point} >> {tmp_path}/told"]\n' for point in points]
    return "".join(tables)


def told(tmp_path: Path) -> list[str]:
    """Return what was written, in order."""
    return (tmp_path / "told").read_text().split()


def appears(path: Path, limit: float = LIMIT_S) -> str:
    """Wait until the file is there and has a line; return what it holds."""
    until = time.monotonic() + limit
    while not path.exists() or not path.read_text().endswith("\n"):
        assert time.monotonic() < until
        time.sleep(0.02)
    return path.read_text()


def test_each_point_has_its_hooks_in_the_order_of_a_life(tmp_path: Path) -> None:
    """Before and after the start, before and after the end."""
    command = [
        "sh",
        "-c",
        f"trap 'echo end >> {tmp_path}/told; exit 0' TERM; echo command >> {tmp_path}/told; while :; do sleep 0.02; done",
    ]
    with configured(tmp_path, noting(tmp_path, "pre_start", "pre_stop", "post_stop"), command) as program:
        until = time.monotonic() + LIMIT_S
        while "command" not in ((tmp_path / "told").read_text() if (tmp_path / "told").exists() else ""):
            assert time.monotonic() < until
            time.sleep(0.02)
        program.signal("TERM")
        code = program.wait(LIMIT_S)

    assert (0, ["pre_start", "command", "pre_stop", "end", "post_stop"]) == (code, told(tmp_path))


def test_what_follows_the_start_and_readiness_runs_beside_the_command(tmp_path: Path) -> None:
    """Without checks a command is ready as soon as it runs."""
    with configured(tmp_path, noting(tmp_path, "post_start", "ready"), SLEEPER) as program:
        until = time.monotonic() + LIMIT_S
        while not (tmp_path / "told").exists() or len(told(tmp_path)) < 2:
            assert time.monotonic() < until
            time.sleep(0.02)
        stops_with(program)

    assert ["post_start", "ready"] == sorted(told(tmp_path))


def test_a_restart_has_the_hooks_of_an_end_and_of_a_start(tmp_path: Path) -> None:
    """And one of its own between them."""
    command = ["sh", "-c", f"echo command >> {tmp_path}/told; [ $(grep -c command {tmp_path}/told) = 2 ] || exit 3"]
    text = f"[restart]\n{QUICK}" + noting(tmp_path, "pre_start", "pre_stop", "post_stop", "on_restart")
    with configured(tmp_path, text, command) as program:
        code = program.wait(LIMIT_S)

    life = ["pre_start", "command", "post_stop"]
    assert (0, [*life, "on_restart", *life]) == (code, told(tmp_path))


def test_hooks_of_one_point_have_an_order(tmp_path: Path) -> None:
    """As handlers have."""
    text = f"""
[hooks.pre_start.second]
run = ["sh", "-c", "echo second >> {tmp_path}/told"]
after = ["first"]
[hooks.pre_start.first]
run = ["sh", "-c", "sleep 0.2; echo first >> {tmp_path}/told"]
"""
    with configured(tmp_path, text, ["true"]) as program:
        program.wait(LIMIT_S)

    assert ["first", "second"] == told(tmp_path)


def test_a_hook_can_be_a_request(tmp_path: Path) -> None:
    """As a handler can."""
    heard: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Tell nothing."""

    server = HTTPServer(("127.0.0.1", 0), Server)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        text = f'[hooks.pre_start.tell]\nhttp = {{ url = "http://127.0.0.1:{server.server_port}/starts" }}\n'
        with configured(tmp_path, text, ["true"]) as program:
            program.wait(LIMIT_S)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

    assert ["/starts"] == heard


def test_a_hook_before_the_start_that_fails_lets_nothing_be_started(tmp_path: Path) -> None:
    """The code says that the agent could not start, and the hook is named."""
    text = '[hooks.pre_start.migrate]\nrun = ["sh", "-c", "echo no table; exit 4"]\n'
    with configured(tmp_path, text, ["sh", "-c", "echo ran"]) as program:
        code = program.wait(LIMIT_S)

        assert (125, False, True) == (code, "ran" in program.output, "pre-start.migrate: failed" in program.output)


def test_a_hook_before_the_start_may_be_tried_again(tmp_path: Path) -> None:
    """As its retry allows."""
    text = f"""
[hooks.pre_start.wait]
run = ["sh", "-c", "echo x >> {tmp_path}/told; [ $(wc -l < {tmp_path}/told) = 3 ] || exit 75"]
retry = {{ attempts = 5, initial = "10ms" }}
"""
    with configured(tmp_path, text, ["sh", "-c", "echo ran"]) as program:
        code = program.wait(LIMIT_S)

        assert (0, True) == (code, "ran" in program.output)


def test_a_hook_before_the_start_that_hangs_has_its_time(tmp_path: Path) -> None:
    """Then it is ended, and has failed."""
    text = (
        f'[hooks.pre_start.hang]\nrun = ["sh", "-c", "echo $$ > {tmp_path}/pid; exec sleep 600"]\ntimeout = "500ms"\n'
    )
    with configured(tmp_path, text, ["sh", "-c", "echo ran"]) as program:
        code = program.wait(LIMIT_S)

        assert (125, False) == (code, "ran" in program.output)
    assert not lives(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("point", ["post_start", "ready", "pre_stop", "post_stop", "on_restart"])
def test_any_other_hook_that_fails_is_told_and_stops_nothing(tmp_path: Path, point: str) -> None:
    """The command runs, and its code is passed on."""
    text = f'[hooks.{point}.bad]\nrun = ["sh", "-c", "echo oh no; exit 4"]\n[restart]\n{QUICK}'
    script = f"echo runs; [ -e {tmp_path}/twice ] && exec sleep 60; echo > {tmp_path}/twice; exit 3"
    with configured(tmp_path, text, ["sh", "-c", script]) as program:
        until = time.monotonic() + LIMIT_S
        while program.output.count("runs") < 2:
            assert time.monotonic() < until
            time.sleep(0.02)
        name = f"{point.replace('_', '-')}.bad: failed"
        if point not in {"pre_stop", "post_stop"}:
            program.wait_for(name, LIMIT_S)
        program.signal("TERM")
        code = program.wait(LIMIT_S)

        assert (143, True) == (code, name in program.output)


@pytest.mark.parametrize("point", ["post_start", "ready"])
def test_a_hook_that_hangs_beside_the_command_is_ended_with_it(tmp_path: Path, point: str) -> None:
    """It holds nothing up, and nothing of it is left."""
    text = f'[hooks.{point}.hang]\nrun = ["sh", "-c", "echo $$ > {tmp_path}/pid; exec sleep 600"]\n'
    with configured(tmp_path, text, SLEEPER) as program:
        pid = int(appears(tmp_path / "pid"))
        begun = time.monotonic()
        code = stops_with(program)

        assert (143, True) == (code, time.monotonic() - begun < 20)
    assert not lives(pid)


def test_a_hook_that_hangs_at_the_stop_has_only_its_time(tmp_path: Path) -> None:
    """The end goes on without it."""
    text = 'grace = "60s"\n' + "".join(
        f'[hooks.{point}.hang]\nrun = ["sleep", "600"]\ntimeout = "300ms"\n' for point in ("pre_stop", "post_stop")
    )
    with configured(tmp_path, text, SLEEPER) as program:
        begun = time.monotonic()
        code = stops_with(program)

        assert (143, True) == (code, time.monotonic() - begun < 20)


def test_a_gigabyte_of_output_of_a_hook_goes_nowhere(tmp_path: Path) -> None:
    """It neither blocks the hook nor fills the memory of the agent."""
    text = f"""
[hooks.pre_start.flood]
run = ["sh", "-c", "head -c 1000000000 /dev/zero; echo done > {tmp_path}/done"]
"""
    with configured(tmp_path, text, SLEEPER) as program:
        program.wait_for("ready", LIMIT_S)
        status = Path(f"/proc/{program.pid}/status").read_text()
        peak = int(status.partition("VmHWM:")[2].split()[0])
        stops_with(program)

    assert ((tmp_path / "done").exists(), True) == (True, peak < 100_000)


@pytest.mark.parametrize("name", ["TERM", "INT"])
def test_a_stop_before_the_start_ends_at_once(tmp_path: Path, name: str) -> None:
    """The hook gets TERM, and the command is never started."""
    text = f"""
grace = "60s"
drain_delay = "30s"
[hooks.pre_start.slow]
run = ["sh", "-c", "trap 'echo told >> {tmp_path}/told; exit 1' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.02; done"]
"""
    with configured(tmp_path, text, ["sh", "-c", "echo ran"]) as program:
        pid = int(appears(tmp_path / "pid"))
        begun = time.monotonic()
        program.signal(name)
        code = program.wait(LIMIT_S)

        expected = 143 if name == "TERM" else 130
        assert (expected, False, True) == (code, "ran" in program.output, time.monotonic() - begun < 20)
    assert (["told"], False) == (told(tmp_path), lives(pid))


def test_a_hook_that_ignores_everything_does_not_outlive_the_agent(tmp_path: Path) -> None:
    """It is killed."""
    text = f"""
[hooks.pre_start.deaf]
run = ["sh", "-c", "trap '' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.02; done"]
"""
    with configured(tmp_path, text, ["sh", "-c", "echo ran"]) as program:
        pid = int(appears(tmp_path / "pid"))
        program.signal("TERM")
        code = program.wait(LIMIT_S)

    assert (143, False) == (code, lives(pid))


def test_hooks_do_not_begin_before_the_end_of_one_that_has_gone(tmp_path: Path) -> None:
    """What must be asked to end is not there any more: pre_stop is left out, post_stop is not."""
    with configured(tmp_path, noting(tmp_path, "pre_stop", "post_stop"), ["true"]) as program:
        code = program.wait(LIMIT_S)

    assert (0, ["post_stop"]) == (code, told(tmp_path))


def test_a_lean_agent_has_hooks_too(tmp_path: Path) -> None:
    """Loaded with the configuration."""
    with configured(tmp_path, noting(tmp_path, "pre_start", "post_stop"), ["true"], "--lean") as program:
        code = program.wait(LIMIT_S)

    assert (0, ["pre_start", "post_stop"]) == (code, told(tmp_path))


def test_mistakes_in_hooks_are_named(tmp_path: Path) -> None:
    """With line and key, all at once."""
    text = """[hooks.pre_start.a]
run = []
[hooks.ready.b]
[hooks.post_stop.c]
run = ["true"]
after = ["nobody"]
[hooks.prestart.d]
run = ["true"]
"""
    with configured(tmp_path, text, ["true"]) as program:
        code = program.wait(LIMIT_S)
        found = [
            mistake in program.output
            for mistake in ("hooks.pre_start.a.run", "hooks.ready.b", "did you mean 'pre_start'")
        ]

        assert (125, [True, True, True]) == (code, found)


def test_a_hook_that_names_an_unknown_one_is_named(tmp_path: Path) -> None:
    """Its order cannot be kept."""
    text = '[hooks.post_stop.c]\nrun = ["true"]\nafter = ["nobody"]\n'
    with configured(tmp_path, text, ["true"]) as program:
        code = program.wait(LIMIT_S)

        assert (125, True) == (code, "post-stop.nobody" in program.output)


def test_the_hooks_of_the_end_stand_in_the_report(tmp_path: Path) -> None:
    """They are handlers of the plan."""
    with configured(tmp_path, noting(tmp_path, "pre_stop", "post_stop"), SLEEPER) as program:
        stops_with(program)
        names = {handler["name"] for handler in program.report()["handlers"]}

    assert {"pre-stop.note", "post-stop.note"} <= names
    assert os.path.exists(tmp_path / "told")
