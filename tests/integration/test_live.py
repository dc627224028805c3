"""A run while it is on: on a real terminal, in a pipe, and for who watches from elsewhere."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from processender.testing.processes import Program
from tests.integration.agents import agent
from tests.integration.inits import Terminal
from tests.integration.servers import free_port
from tests.integration.test_agent_drain import steer
from tests.screens import Seen

ROWS, COLUMNS = 24, 76
SLOW = """
import os, signal, time
heard = []
signal.signal(signal.SIGTERM, lambda *_: heard.append(1))
signal.signal(signal.SIGHUP, lambda *_: heard.append(1))
print("ready", flush=True)
while not heard: time.sleep(0.01)
number = 0
while not os.path.exists(os.environ["GO"]):
    time.sleep(0.05)
    number += 1
    try: print(f"closing {number}\\nand a second line of {number}", flush=True)
    except OSError: break
"""
"""A command whose end waits for a file, and that goes on writing meanwhile."""
APP = """
import os, threading
from processender import Ender
ender = Ender("orders", grace=99)
go = threading.Event()
@ender.handler(phase="drain")
def leave(): pass
@ender.handler(phase="flush")
def flush(ctx):
    while not os.path.exists(os.environ["GO"]) and not ctx.cancelled: go.wait(0.02)
with ender:
    os.write(1, b"ready\\n")
    ender.stopping.wait()
"""
"""An application whose end waits for a file."""
SERVER = """
import asyncio, os, sys
from processender import Ender, progress
from processender.integrations import uvicorn
ender = Ender("web", grace=10, drain_delay=0.0, observers=[progress()])
@ender.handler(phase="flush")
async def flush():
    while not os.path.exists(os.environ["GO"]): await asyncio.sleep(0.02)
async def app(scope, receive, send):
    while scope["type"] == "lifespan":
        told = await receive()
        await send({"type": told["type"] + ".complete"})
        if told["type"] == "lifespan.shutdown": return
uvicorn.run(ender, app, port=int(sys.argv[1]))
"""
STUCK = """
import os, threading, time
from processender import Ender
ender = Ender("stuck", dump="SIGUSR1")
def deep_in_a_library(): threading.Event().wait(60)
with ender:
    other = threading.Thread(target=deep_in_a_library, name="importer", daemon=True)
    other.start()
    os.write(1, b"ready\\n")
    ender.stopping.wait()
"""


def on_terminal(argv: list[str], state: Path, **environ: str) -> Terminal:
    """Return a program on a terminal of its own, of a known size."""
    sized = f'stty rows {ROWS} cols {COLUMNS}; exec "$@"'
    told = {"TERM": "xterm", "PROCESSENDER_STATE": str(state), "GO": str(state / "go"), **environ}
    return Terminal(["sh", "-c", sized, "sh", *argv], **told)


def run_slow(*options: str) -> list[str]:
    """Return the command line of an agent in front of the slow command."""
    return [sys.executable, "-m", "processender", "run", "--grace", "20s", *options, "--", sys.executable, "-c", SLOW]


def seen(terminal: Terminal) -> Seen:
    """Return what stands on the terminal now."""
    return Seen(ROWS, COLUMNS).write(terminal.output)


def test_the_end_is_shown_and_tears_nothing(tmp_path: Path) -> None:
    """The picture stands in the last lines while the command writes above; afterwards all is as it was found."""
    with on_terminal(run_slow(), tmp_path) as terminal:
        terminal.wait_for("ready")
        terminal.signal(signal.SIGTERM)
        drawn = len(terminal.wait_for("▸ command"))
        terminal.wait_for(f"line of {terminal.output[:drawn].count('closing') + 9}\n")
        during = seen(terminal)
        (tmp_path / "go").touch()
        code = terminal.wait()
        after = seen(terminal)
    written = [line for line in after.told if not line.startswith(("ready", "processender: "))]
    lines = [
        f"{text} {number + 1}" for number in range(len(written) // 2) for text in ("closing", "and a second line of")
    ]

    assert [" ▸ command"] == [line[:10] for line in during.lines if "▸" in line]
    assert any("left of" in line and line.startswith("ending: SIGTERM") for line in during.lines)
    assert not during.whole
    assert after.whole
    assert lines == written
    assert 0 == code


def test_what_follows_the_command_is_shown_after_a_ctrl_c(tmp_path: Path) -> None:
    """The command has gone, and the terminal is still ours: the clean-up that goes on is seen."""
    config = tmp_path / "own.toml"
    config.write_text(
        '[handlers.flush]\nphase = "flush"\nrun = ["sh", "-c", "until test -e $GO; do sleep 0.05; done"]\n'
    )
    argv = [
        sys.executable,
        "-m",
        "processender",
        "run",
        "--config",
        str(config),
        "--",
        "sh",
        "-c",
        "echo ready; sleep 99",
    ]
    with on_terminal(argv, tmp_path) as terminal:
        terminal.wait_for("ready")
        terminal.type("\x03")
        terminal.wait_for("▸ flush")
        (tmp_path / "go").touch()
        terminal.wait()
        after = seen(terminal)

    assert after.whole
    assert any("flush: done" in line for line in after.told)


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"PROCESSENDER_PROGRESS": "lines"}])
def test_who_wants_no_picture_gets_lines(tmp_path: Path, environ: dict[str, str]) -> None:
    """A terminal that cannot be steered, or is not to be, is told nothing but text."""
    with on_terminal(run_slow(), tmp_path, **environ) as terminal:
        terminal.wait_for("ready")
        terminal.signal(signal.SIGTERM)
        terminal.wait_for("closing 16")
        (tmp_path / "go").touch()
        terminal.wait()

        assert "\x1b" not in terminal.output
        assert "processender: ended clean" in terminal.output


def test_a_terminal_that_goes_away_ends_nothing_early(tmp_path: Path) -> None:
    """The window is closed in the middle of the picture: the run goes to its end, and is clean."""
    with Program([sys.executable, "-c", _HANGUP, str(tmp_path), *run_slow()], env={"GO": "/none"}) as program:
        program.wait_for("over")
    (report,) = [json.loads(path.read_text()) for path in tmp_path.glob("*/reports/last.json")]

    assert "clean" == report["verdict"]


_HANGUP = """
import os, pty, sys, time, fcntl, struct, termios
pid, master = pty.fork()
if not pid:
    os.environ.update(TERM="xterm", PROCESSENDER_STATE=sys.argv[1])
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    os.execvp(sys.argv[2], sys.argv[2:])
told = b""
while b"ready" not in told: told += os.read(master, 4096)
os.kill(pid, 15)
while b"left of" not in told: told += os.read(master, 4096)
os.close(master)
os.waitpid(pid, 0)
print("over", flush=True)
"""


def test_ctrl_c_at_uvicorn_is_not_garbled(tmp_path: Path) -> None:
    """The lines of uvicorn are whole, and so is the picture, which goes with the run."""
    port = free_port()
    with on_terminal([sys.executable, "-c", SERVER, str(port)], tmp_path) as terminal:
        terminal.wait_for("running on")
        terminal.type("\x03")
        terminal.wait_for("left of")
        terminal.wait_for("▸ flush")
        during = seen(terminal)
        (tmp_path / "go").touch()
        terminal.wait()
        after = seen(terminal)

    assert any(line.startswith("ending: SIGINT") for line in during.lines)
    assert any("▸ flush" in line for line in during.lines)
    assert {"INFO:     Shutting down", "INFO:     Application shutdown complete."} <= set(after.told)
    assert after.whole
    assert not any("left of" in line for line in after.told)


def test_one_view_has_a_terminal(tmp_path: Path) -> None:
    """Several processes may show their ends on one terminal: the second one writes lines."""
    looks = (
        "import os; from processender.live.view import terminal_of; found = terminal_of(2, os.environ);"
        "second = terminal_of(2, os.environ); print(found is not None, second, flush=True)"
    )
    with on_terminal([sys.executable, "-c", looks], tmp_path) as terminal:
        terminal.wait()

        assert "True None" in terminal.output


def test_a_pipe_is_told_nothing_but_text(tmp_path: Path) -> None:
    """Where nothing can be drawn each step is a line, as ever."""
    with agent([], [sys.executable, "-c", SLOW], GO=str(tmp_path / "go")) as program:
        program.wait_for("ready")
        program.signal("TERM")
        program.wait_for("closing 16")
        (tmp_path / "go").touch()
        program.wait()

        assert "\x1b" not in program.output


def watching(program: Program, *options: str) -> subprocess.Popen[str]:
    """Return who watches the agent *program* from elsewhere, and writes to a pipe."""
    argv = [sys.executable, "-m", "processender", "status", "--watch", "--agent", str(program.pid), *options]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_an_end_is_watched_from_elsewhere_with_who_has_joined(tmp_path: Path) -> None:
    """Each change is a line, the handlers of an application that has joined under its name, up to the end."""
    go = tmp_path / "go"
    with agent(["--service", "shop"], [sys.executable, "-c", APP], GO=str(go)) as program:
        program.wait_for("ready")
        with watching(program) as watcher:
            assert watcher.stdout is not None
            first = watcher.stdout.readline()
            program.signal("TERM")
            told = ""
            while "orders/flush" not in told:
                told = watcher.stdout.readline()
                assert told, "it has ended without the handler of the application"
            go.touch()
            rest = watcher.stdout.read()
            code = watcher.wait()
        program.wait()

    assert "shop: running, ready\n" == first
    assert told.startswith("shop: ending, ")
    assert "command (" in told
    assert "the agent has gone" == rest.splitlines()[-1]
    assert 0 == code


def test_what_is_watched_is_data_too(tmp_path: Path) -> None:
    """With --json each change is one line, with the course of the run in it."""
    go = tmp_path / "go"
    with agent(["--service", "shop"], [sys.executable, "-c", APP], GO=str(go)) as program:
        program.wait_for("ready")
        with watching(program, "--json") as watcher:
            assert watcher.stdout is not None
            watcher.stdout.readline()
            program.signal("TERM")
            run = json.loads(watcher.stdout.readline())["run"]
            while "orders/flush" not in run["handlers"] or run["handlers"]["orders/flush"]["state"] != "runs":
                run = json.loads(watcher.stdout.readline())["run"]
            go.touch()
        program.wait()

    assert ("ending", "SIGTERM") == (run["state"], run["cause"])
    assert "done" == run["handlers"]["orders/leave"]["state"]


def test_who_watches_may_go(tmp_path: Path) -> None:
    """A reader that closes the pipe ends the watching and not the agent."""
    with agent([], [sys.executable, "-c", SLOW], GO=str(tmp_path / "go")) as program:
        program.wait_for("ready")
        with watching(program) as watcher:
            assert watcher.stdout is not None
            watcher.stdout.readline()
            watcher.stdout.close()
            program.signal("TERM")
            code = watcher.wait()
        (tmp_path / "go").touch()
        program.wait()

        assert (0, "clean") == (code, program.report()["verdict"])


def test_a_watched_end_is_drawn_on_a_terminal(tmp_path: Path) -> None:
    """The picture takes the place of the one before, and the last one stays."""
    go = tmp_path / "go"
    with agent(["--service", "shop"], [sys.executable, "-c", APP], GO=str(go)) as program:
        program.wait_for("ready")
        argv = [sys.executable, "-m", "processender", "status", "--watch", "--agent", str(program.pid)]
        with on_terminal(argv, tmp_path) as terminal:
            terminal.wait_for("shop: running, ready")
            program.signal("TERM")
            terminal.wait_for("orders/flush")
            go.touch()
            code = terminal.wait()
            drawn = seen(terminal)
        program.wait()

    assert 0 == code
    assert ["the agent has gone"] == [line for line in drawn.told if "gone" in line]
    assert 1 == sum("orders/flush" in line for line in drawn.told)


def test_a_signal_prints_the_state_and_all_stacks_of_an_ender(tmp_path: Path) -> None:
    """Its handlers, each thread by name, and where each of them stands; the process goes on."""
    with Program(STUCK) as program:
        program.wait_for("ready")
        program.signal("USR1")
        told = program.wait_for("is importer")
        program.signal("TERM")
        code = program.wait()

    assert "in deep_in_a_library" in told
    assert "processender: stuck (" in told
    assert "is running; its handlers: body" in told
    assert 0 == code


def test_a_signal_prints_the_state_and_all_stacks_of_an_agent() -> None:
    """It is not handed on where it is told to be a dump: the command, which would die of it, lives."""
    with agent(["--service", "shop", "--on-signal", "USR1:dump"], [sys.executable, "-c", APP], GO="/") as program:
        program.wait_for("ready")
        program.signal("USR1")
        told = program.wait_for("thread MainThread:")
        still = json.loads(steer(program, "status", "--json").stdout)
        program.signal("TERM")
        program.wait()

    assert "processender: shop is running, ready" in told
    assert "joined: orders (" in told
    assert "in Agent._stand_guard" in program.output
    assert still["command"]["running"]
