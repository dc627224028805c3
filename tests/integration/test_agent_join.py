"""An application with an Ender under an agent: one deadline, one report, one place for both."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from processender.joining import understand
from processender.testing.processes import Program
from tests.integration.agents import agent
from tests.integration.test_agent_drain import status, steer, wait_until

LIMIT_S = 30.0
APP = """
import os, sys, threading, time
from processender import Ender

ender = Ender("orders", grace=99)

@ender.handler(phase="drain", expected=0.0)
def leave(): print("app left", flush=True)

@ender.handler(phase="flush")
def flush(ctx): print(f"flush {ctx.cause} {ctx.remaining():.1f}", flush=True)

with ender:
    MORE
    listening = sum(t.name == "processender-joined" for t in threading.enumerate())
    # In one write: the log goes to the same pipe.
    os.write(1, f"ready {listening}\\n".encode())
    ender.stopping.wait()
"""


def app(more: str = "pass") -> list[str]:
    """Return the command of an application that does *more* before it is ready."""
    return [sys.executable, "-c", APP.replace("MORE", more)]


def joined(*options: str, more: str = "pass", **environ: str) -> Program:
    """Return an agent in front of the application."""
    return agent(["--service", "shop", *options], app(more), **environ)


def own_reports(program: Program) -> list[Path]:
    """Return the reports that are kept."""
    return [path for path in program.state.glob("*/reports/*.json") if path.name != "last.json"]


@pytest.mark.parametrize("lean", [[], ["--lean"]])
def test_one_report_tells_both(lean: list[str]) -> None:
    """That of the application stands in that of the agent, its handlers under its name."""
    with joined(*lean) as program:
        program.wait_for("ready 1")
        steer(program, "stop")
        code = program.wait()
        report = program.report()
        inner = report["command"]

        assert (0, "clean", "clean") == (code, report["verdict"], inner["verdict"])
        assert {"orders/flush": "done", "orders/leave": "done"}.items() <= {
            each["name"]: each["outcome"] for each in inner["handlers"]
        }.items()
        assert [program.state / "shop" / "reports" / f"{report['id']}.json"] == own_reports(program)


def test_the_agent_decides_the_deadline() -> None:
    """The window of the application is what the agent has left it, whatever its own grace is."""
    # A busy machine has a second to hear of it before the signal comes, which is a twentieth of the grace at most.
    with joined("--grace", "30s", "--drain-delay", "1s") as program:
        program.wait_for("ready")
        program.signal("TERM")
        program.wait()
        report = program.report()
        inner = report["command"]
        step = next(each for each in report["handlers"] if each["name"] == "command")
        left = report["window"]["work_s"] - step["started_s"]

        assert "told" == inner["window"]["kind"]
        assert 0 < inner["window"]["length_s"] <= left
        assert left * 0.8 < inner["window"]["length_s"]


def test_the_application_knows_who_asked() -> None:
    """The agent tells it the cause and the sender, for which a busy machine has a second."""
    with joined("--grace", "30s") as program:
        program.wait_for("ready")
        program.signal("TERM")
        program.wait()
        notices = program.report()["command"]["notices"]
        told = next(each for each in notices if each["origin"] == "agent")

        assert ("SIGTERM", f"process {os.getpid()} of user {os.getuid()}") == (told["cause"], told["sender"])


def test_what_the_application_owes_is_in_the_place_of_the_agent(tmp_path: Path) -> None:
    """So that one recovery finds both; it was released by the end."""
    target = tmp_path / "lock"
    more = f"o = ender.obligation('file', key={str(target)!r}, root={str(tmp_path)!r}); o.acquire(); open({str(target)!r}, 'w')"
    with joined(more=more) as program:
        program.wait_for("ready")
        owing = sorted(path.parent.parent.name for path in program.state.glob("*/journal/*"))
        program.signal("TERM")
        program.wait()

        assert ["shop"] == owing
        assert not target.exists()
        assert 0 == program.report()["command"]["journal"]["owed"]


def test_the_application_drains_and_resumes_with_the_agent() -> None:
    """Its own handlers of that phase run, and it goes on."""
    with joined() as program:
        program.wait_for("ready")
        steer(program, "drain")
        program.wait_for("app left")
        program.wait_for("drained")
        steer(program, "resume")
        program.wait_for("ended cancelled")
        steer(program, "stop")
        code = program.wait()
        inner = program.report()["command"]

        assert (0, 2) == (code, program.output.count("app left"))
        assert "clean" == inner["verdict"]


def test_status_names_who_has_joined() -> None:
    """With its handlers."""
    with joined() as program:
        program.wait_for("ready")
        found = status(program)["joined"]

        assert [("orders", ["leave", "flush"])] == [(each["service"], each["handlers"]) for each in found]


@pytest.mark.parametrize("environ", [{"PROCESSENDER_JOIN": "0"}, {"XDG_RUNTIME_DIR": "/no/such", "TMPDIR": "/no/such"}])
def test_it_can_stay_alone(environ: dict[str, str]) -> None:
    """Then it has a place and a report of its own, and no thread for a conversation."""
    command = app() if "PROCESSENDER_JOIN" in environ else ["env", "PROCESSENDER_CONTROL=", *app()]
    with agent(["--service", "shop"], command, **environ) as program:
        program.wait_for("ready 0")
        program.signal("TERM")
        program.wait()

        assert {"shop", "orders"} == {path.parent.parent.name for path in own_reports(program)}


def test_an_application_that_ends_by_itself_has_told_all() -> None:
    """The agent's run begins when it has gone."""
    with joined(more="sys.exit(3)") as program:
        code = program.wait(LIMIT_S)
        report = program.report()

        assert (3, "exit", "exit") == (code, report["cause"], report["command"]["cause"].replace("error", "exit"))


def test_an_application_that_is_cut_has_told_what_it_was_at() -> None:
    """The report that comes before the first effect is there, and says `forced`."""
    more = "ender.add(lambda: (print('hanging', flush=True), time.sleep(60)), name='hang', phase='drain')"
    with joined("--grace", "20s", more=more) as program:
        program.wait_for("ready")
        program.signal("TERM")
        program.wait_for("hanging")
        os.kill(status(program)["joined"][0]["pid"], signal.SIGKILL)
        program.wait(LIMIT_S)
        inner = program.report()["command"]

        assert ("forced", None) == (inner["verdict"], inner["ended"])


def test_an_agent_that_is_killed_leaves_an_application_that_does_all_itself() -> None:
    """With a report of its own, in the same place."""
    with joined() as program:
        program.wait_for("ready")
        pid = status(program)["joined"][0]["pid"]
        program.signal("KILL")
        program.wait()
        os.kill(pid, signal.SIGTERM)
        # The provisional one is being written for a moment; the final one takes its place at once.
        wait_until(lambda: any('"verdict": "clean"' in path.read_text() for path in own_reports(program)))
        found = [json.loads(path.read_text()) for path in own_reports(program)]

        assert [("orders", "clean")] == [(each["service"], each["verdict"]) for each in found]


def test_an_agent_that_speaks_nonsense_is_not_joined(tmp_path: Path) -> None:
    """It is said, and the application goes on alone."""
    path = str(tmp_path / "control")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        listening.listen(1)
        with Program(APP.replace("MORE", "pass"), env={"PROCESSENDER_CONTROL": path}) as program:
            connection, _ = listening.accept()
            connection.sendall(b"hello\n")
            program.wait_for("cannot join the agent")
            program.wait_for("ready 0")
            program.signal("TERM")
            code = program.wait()
            connection.close()

        assert 0 == code


def test_workers_join_one_by_one() -> None:
    """The first stands in the report, the others in it."""
    source = (
        "import os, signal, sys\n"
        "from processender import Ender\n"
        "children = []\n"
        "for n in range(3):\n"
        "    pid = os.fork()\n"
        "    if not pid:\n"
        "        with Ender(f'worker{n}') as ender:\n"
        "            print('working', flush=True); ender.stopping.wait()\n"
        "        sys.exit(0)\n"
        "    children.append(pid)\n"
        "def term(*_):\n"
        "    for pid in children: os.kill(pid, 15)\n"
        "signal.signal(15, term)\n"
        "print('ready', flush=True)\n"
        "for pid in children: os.waitpid(pid, 0)"
    )
    with agent(["--service", "shop"], [sys.executable, "-c", source]) as program:
        # Only then their parent hears TERM, and waits for them.
        wait_until(lambda: program.output.count("working") == 3 and "ready" in program.output)
        steer(program, "stop")
        program.wait()
        inner = program.report()["command"]

        assert 3 == len({inner["service"], *(each["service"] for each in inner["others"])})


def test_an_agent_that_comes_to_speak_nonsense_is_complained_of_once(tmp_path: Path) -> None:
    """The application would not hear of the end from it."""
    path = str(tmp_path / "control")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        listening.listen(1)
        with Program(APP.replace("MORE", "pass"), env={"PROCESSENDER_CONTROL": path}) as program:
            connection, _ = listening.accept()
            connection.sendall(b'{"joined": true, "service": "shop"}\n')
            program.wait_for("ready 1")
            connection.sendall(b'{"kept": true}\nhello\nhello\n{"notice": 7}\n{"notice": {"cause": "over"}}\n')
            code = program.wait()
            connection.close()

        assert 1 == program.output.count("cannot understand what the agent says: b'hello'")
        assert 1 == program.output.count("cannot understand what the agent says")
        assert 0 == code


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b"7", b'"x"', b'{"notice": 7}', b'{"notice": {}}',
     b'{"notice": {"cause": "x", "action": "dance"}}', b'{"notice": {"cause": "x"}, "deadline_s": "soon"}'],
)  # fmt: skip
def test_what_is_no_notice_is_passed_over_and_told(line: bytes) -> None:
    """Whatever comes."""
    told: list[str] = []

    assert understand(line, 0.0, told.append) is None
    assert 1 == len(told)


def test_an_answer_is_no_notice_and_no_trouble() -> None:
    """It is for whoever has asked."""
    told: list[str] = []

    assert understand(b'{"v": 1, "kept": true}', 0.0, told.append) is None
    assert [] == told


def test_a_notice_has_the_deadline_that_the_agent_tells() -> None:
    """From now on."""
    found: Any = understand(b'{"notice": {"cause": "x", "sender": "y"}, "deadline_s": 5}', 10.0, pytest.fail)

    assert ("x", "y", 15.0, "agent") == (found.cause, found.sender, found.deadline, found.origin)
