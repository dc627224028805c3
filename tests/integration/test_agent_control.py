"""The agent's private socket, on bad days, and the command line that asks on it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processender.agent.answers import LINES
from processender.agent.control import lives, sockets
from processender.joining import call
from processender.testing.processes import Program
from tests.integration.agents import SLEEPER, agent, kill, python
from tests.integration.test_agent_drain import steer

LIMIT_S = 60.0
TELLS = ["sh", "-c", 'echo "at $PROCESSENDER_CONTROL ready"; exec sleep 60']
STATUS = b'{"v": 1, "do": "status"}\n'


def place(program: Program) -> str:
    """Return where the agent listens, as its command was told."""
    return program.wait_for("ready").partition("at ")[2].partition(" ready")[0]


class Caller:
    """One connection to an agent."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        call(self.socket, path, LIMIT_S)
        self._file = self.socket.makefile("rb")

    def ask(self, data: bytes) -> dict[str, Any]:
        """Send *data* and return the next line."""
        self.socket.sendall(data)
        return self.hear()

    def hear(self) -> dict[str, Any]:
        """Return the next line; nothing when the agent has hung up."""
        line = self._file.readline()
        return dict(json.loads(line)) if line else {}

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self.socket.close()


@pytest.fixture
def running() -> Iterator[Program]:
    """Return an agent whose command has told where it listens."""
    with agent([], TELLS) as program:
        program.wait_for("ready")
        yield program


def test_one_connection_carries_many_requests(running: Program) -> None:
    """Each answered by a line, in order, with the version of what is spoken."""
    caller = Caller(place(running))
    answers = [caller.ask(STATUS), caller.ask(b'{"do": "list"}\n'), caller.ask(STATUS + STATUS), caller.hear()]
    caller.close()

    assert [1, 1, 1, 1] == [each["v"] for each in answers]
    assert ["running", None, "running", "running"] == [each.get("state") for each in answers]
    assert [] == answers[1]["owed"]


def test_status_tells_how_the_command_is(running: Program) -> None:
    """And nothing that could be a secret: no argument of it."""
    caller = Caller(place(running))
    found = caller.ask(STATUS)
    caller.close()

    assert ("sh", True, 0) == tuple(found["command"][key] for key in ("program", "running", "restarts"))
    assert running.pid == found["agent"]["pid"]
    assert "exec sleep" not in json.dumps(found)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b'{"v": 2, "do": "status"}\n', "this agent speaks 1"),
        (b'{"v": true, "do": "status"}\n', "this agent speaks 1"),
        (b'{"do": "statsu"}\n', "did you mean 'status'"),
        (b'{"do": ["status"]}\n', "cannot do ['status']"),
        (b'{"do": "signal", "signal": "NOPE"}\n', "there is no signal 'NOPE'"),
        (b'{"do": "signal", "signal": "SIGURS1"}\n', "there is no signal 'SIGURS1'; did you mean 'USR1'?"),
        (b'{"do": "signal"}\n', "there is no signal 'None'"),
        (b'{"do": "stop", "within": "soon"}\n', "must be seconds"),
        (b'{"do": "stop", "within": -1}\n', "must be seconds"),
        (b'{"do": "stop", "within": true}\n', "must be seconds"),
        (b'{"do": "stop", "within": NaN}\n', "must be seconds"),
        (b'{"do": "stop", "reason": 7}\n', "must be at most"),
        (b'{"do": "stop", "reason": "a\\u001b[2J"}\n', "must be at most"),
        (b'{"do": "settle", "ids": [], "job": ""}\n', "cannot settle what nobody names"),
        (b'{"do": "settle"}\n', "cannot settle what nobody names"),
        (b'{"do": "report", "report": {}}\n', "join first"),
        (b"\0\0\0\n", "is no JSON"),
        (b"\n", "is no JSON"),
    ],
)
def test_what_makes_no_sense_is_answered_and_changes_nothing(running: Program, line: bytes, says: str) -> None:
    """On the same connection the next request is answered as ever."""
    caller = Caller(place(running))
    answer, after = caller.ask(line), caller.ask(STATUS)
    caller.close()

    assert says in answer["error"]
    assert ("running", []) == (after["state"], after["asked"])


def test_half_a_line_and_the_end_is_a_request() -> None:
    """Whoever hangs up its half has said all."""
    with agent([], TELLS) as program:
        caller = Caller(place(program))
        caller.socket.sendall(STATUS.rstrip())
        caller.socket.shutdown(socket.SHUT_WR)
        answers = [caller.hear(), caller.hear()]
        caller.close()

        assert ["running", None] == [each.get("state") for each in answers]
        assert {} == answers[1]


def test_half_a_line_is_not_waited_for_for_ever(running: Program) -> None:
    """It is refused in words, and the connection is closed."""
    caller = Caller(place(running))
    answer, after = caller.ask(b'{"do": "sta'), caller.hear()
    caller.close()

    assert "the line did not end" in answer["error"]
    assert {} == after


def test_a_hundred_megabytes_are_refused(running: Program) -> None:
    """In words, and without keeping them."""
    caller = Caller(place(running))
    piece = b"x" * (1 << 20)
    try:
        for _ in range(100):
            caller.socket.sendall(piece)
    except OSError:
        # It has heard enough.
        pass
    status = Path(f"/proc/{running.pid}/status").read_text(encoding="utf-8")
    peak = int(status.partition("VmHWM:")[2].split()[0])
    caller.close()

    assert peak < 100_000
    assert 0 == steer(running, "status").returncode


def test_callers_that_say_nothing_keep_nobody_out(running: Program) -> None:
    """However many there are: the newest is served."""
    path = place(running)
    idle = [Caller(path) for _ in range(3 * LINES)]
    for _ in range(5):
        caller = Caller(path)

        assert "running" == caller.ask(STATUS)["state"]
        idle.append(caller)
    for each in idle:
        each.close()


def test_callers_that_read_nothing_keep_nobody_out(running: Program) -> None:
    """What they do not take is kept for a moment only."""
    path = place(running)
    deaf = [Caller(path) for _ in range(20)]
    for each in deaf:
        each.socket.setblocking(False)
        try:
            for _ in range(1000):
                each.socket.send(STATUS)
        except BlockingIOError:
            continue
    caller = Caller(path)

    assert "running" == caller.ask(STATUS)["state"]
    for each in (*deaf, caller):
        each.close()


def test_who_hangs_up_before_the_answer_is_no_trouble(running: Program) -> None:
    """A hundred of them."""
    path = place(running)
    for _ in range(100):
        caller = Caller(path)
        caller.socket.sendall(STATUS)
        caller.close()

    assert 0 == steer(running, "status").returncode


def test_another_user_is_not_answered(running: Program) -> None:
    """Neither the directory nor the kernel lets it."""
    source = (
        "import os, socket\n"
        "os.setgid(65534); os.setuid(65534); s = socket.socket(socket.AF_UNIX)\n"
        f"try: s.connect({place(running)!r}); print('in')\n"
        "except PermissionError: print('refused')"
    )
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    done = subprocess.run(python(source), capture_output=True, text=True, check=False, timeout=LIMIT_S)

    assert "refused\n" == done.stdout


def test_a_path_that_is_too_long_gives_way_to_a_shorter_one(tmp_path: Path) -> None:
    """The next directory is taken."""
    long = tmp_path / ("x" * 100)
    long.mkdir()
    with agent([], TELLS, XDG_RUNTIME_DIR=str(long), TMPDIR=str(tmp_path)) as program:
        path = place(program)

        assert path.startswith((f"{tmp_path}/processender-", "/tmp/processender-"))
        assert 0 == steer(program, "status", "--agent", path).returncode


def test_a_directory_that_is_not_there_gives_way_to_another(tmp_path: Path) -> None:
    """So does a file in its place."""
    (tmp_path / "file").touch()
    with agent([], TELLS, XDG_RUNTIME_DIR=f"{tmp_path}/none", TMPDIR=f"{tmp_path}/file") as program:
        assert place(program).startswith("/tmp/processender-")


def test_what_a_killed_agent_left_is_removed_by_the_next(tmp_path: Path) -> None:
    """And nothing else: neither another's, nor what only looks like it."""
    (tmp_path / "processender-notes").mkdir()
    (tmp_path / "processender-1-aa").mkdir()
    with agent([], TELLS, XDG_RUNTIME_DIR=str(tmp_path)) as killed:
        left = Path(place(killed)).parent
        killed.signal(signal.SIGKILL)
        killed.wait()
        was_left = left.exists()
        with (
            agent([], TELLS, XDG_RUNTIME_DIR=str(tmp_path)) as living,
            agent([], TELLS, XDG_RUNTIME_DIR=str(tmp_path)) as other,
        ):
            names = {Path(place(each)).parent.name for each in (living, other)}

            assert was_left
            assert names | {"processender-notes", "processender-1-aa"} == set(os.listdir(tmp_path))


def left_by_process_1(place: Path) -> Path:
    """Return the directory of an agent that was killed, and was process 1, as in a container."""
    left = place / "processender-1-00ff00ff00ff"
    left.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(left / "control"))
        dead.listen()
    return left


def test_a_dead_agent_with_the_number_of_another_process_is_removed(tmp_path: Path) -> None:
    """There is a process 1 everywhere: the number of an agent says nothing about its life."""
    left = left_by_process_1(tmp_path)
    with agent([], TELLS, XDG_RUNTIME_DIR=str(tmp_path)) as living:
        own = Path(place(living)).parent.name

        assert [own] == os.listdir(tmp_path)
        assert not left.exists()


def test_an_agent_that_is_looked_at_is_not_woken(tmp_path: Path) -> None:
    """The next one sees that it lives without calling it, so it loads nothing for that."""
    with agent(["--lean"], TELLS, XDG_RUNTIME_DIR=str(tmp_path)) as first:
        path = place(first)
        threads = Path(f"/proc/{first.pid}/task")
        with agent(["--lean"], TELLS, XDG_RUNTIME_DIR=str(tmp_path)) as second:
            place(second)
            quiet = len(os.listdir(threads))
            called = Caller(path)
            called.ask(STATUS)
            called.close()

            assert quiet + 1 == len(os.listdir(threads))


@pytest.mark.parametrize("inside", [(), ("heartbeat",)])
def test_what_a_killed_agent_left_without_its_socket_is_removed_too(tmp_path: Path, inside: tuple[str, ...]) -> None:
    """It was killed between two calls to the kernel; another may just be about to make its socket."""
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    left, new = tmp_path / f"processender-{gone.pid}-aa", tmp_path / f"processender-{gone.pid}-bb"
    for each in (left, new):
        each.mkdir()
    for name in inside:
        (left / name).touch()
    os.utime(left, (0, 0))
    with agent([], TELLS, XDG_RUNTIME_DIR=str(tmp_path)) as program:
        name = Path(place(program)).parent.name

        assert {name, new.name} == set(os.listdir(tmp_path))
        assert [program.pid] == [pid for pid, _ in sockets(str(tmp_path))]
        assert lives(str(new / "control"))


def test_an_agent_inside_an_agent_has_a_socket_of_its_own() -> None:
    """The inner one is asked by the innermost command."""
    inner = f"{sys.executable} -m processender run -- {sys.executable} -m processender status --json"
    with agent([], ["sh", "-c", f"{inner}; echo done"]) as program:
        program.wait_for("done", LIMIT_S)
        found = json.loads(program.output.partition("done")[0])

        assert program.pid != found["agent"]["pid"]


class TestClient:
    def test_the_only_agent_is_found(self, tmp_path: Path) -> None:
        """Without being named."""
        with agent([], TELLS, XDG_RUNTIME_DIR=str(tmp_path)) as program:
            program.wait_for("ready")
            done = self.status(tmp_path)

            assert (0, True) == (done.returncode, done.stdout.startswith("sh: running, ready\n")), done.stderr

    def test_of_several_one_must_be_named(self, tmp_path: Path) -> None:
        """They are listed."""
        with (
            agent([], TELLS, XDG_RUNTIME_DIR=str(tmp_path)) as one,
            agent([], TELLS, XDG_RUNTIME_DIR=str(tmp_path)) as two,
        ):
            one.wait_for("ready")
            two.wait_for("ready")
            done, named = self.status(tmp_path), self.status(tmp_path, "--agent", str(two.pid))

            assert 3 == done.returncode
            assert str(one.pid) in done.stderr
            assert str(two.pid) in done.stderr
            assert 0 == named.returncode

    def test_a_dead_one_with_the_number_of_another_process_is_none(self, tmp_path: Path) -> None:
        """The living one is chosen, although what the dead one has left lies beside it."""
        with agent([], TELLS, XDG_RUNTIME_DIR=str(tmp_path)) as program:
            place(program)
            left_by_process_1(tmp_path)
            done = self.status(tmp_path)

        assert (0, "") == (done.returncode, done.stderr)

    def test_of_several_with_one_number_a_path_must_be_given(self, tmp_path: Path) -> None:
        """As of two containers that share a directory; each is on a line of its own."""
        with agent([], TELLS, XDG_RUNTIME_DIR=str(tmp_path)) as one, contextlib.ExitStack() as stack:
            path = place(one)
            second = tmp_path / f"processender-{one.pid}-ff"
            second.mkdir()
            other = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            other.bind(str(second / "control"))
            other.listen(1)
            done, named = self.status(tmp_path, "--agent", str(one.pid)), self.status(tmp_path, "--agent", path)
            lines = done.stderr.splitlines()

        assert (3, 0) == (done.returncode, named.returncode)
        assert f"several agents have the number {one.pid}; give the path of one:" in lines[0]
        assert sorted([f"  {path}", f"  {second}/control"]) == sorted(lines[1:])

    def test_without_an_agent_it_says_so(self, tmp_path: Path) -> None:
        """3, and the next step."""
        done = self.status(tmp_path)

        assert (3, True) == (done.returncode, "start one with `processender run`" in done.stderr)

    def test_an_agent_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        """3 too."""
        done = self.status(tmp_path, "--agent", "4194304")

        assert (3, True) == (done.returncode, "cannot find an agent 4194304" in done.stderr)

    def test_a_socket_that_is_none_is_named(self, tmp_path: Path) -> None:
        """With the reason."""
        done = self.status(tmp_path, "--agent", str(tmp_path / "nothing"))

        assert (3, True) == (done.returncode, "cannot ask the agent at" in done.stderr)

    def test_an_agent_that_hangs_up_is_no_answer(self, tmp_path: Path) -> None:
        """Nor is one that speaks something else."""
        path = str(tmp_path / "control")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
            listening.bind(path)
            listening.listen(1)
            with subprocess.Popen(
                [sys.executable, "-m", "processender", "status", "--agent", path], stderr=subprocess.PIPE, text=True
            ) as asking:
                listening.accept()[0].close()
                said = asking.communicate(timeout=LIMIT_S)[1]

        assert (3, True) == (asking.returncode, "it may have ended" in said)

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            (["stop", "--within", "5"], "has no unit"),
            (["signal"], "SIGNAL"),
            (["status", "now"], "there is no 'now'"),
        ],
    )
    def test_a_mistake_leaves_with_2(self, words: list[str], says: str) -> None:
        """Before anybody is asked."""
        done = subprocess.run(
            [sys.executable, "-m", "processender", *words], capture_output=True, text=True, check=False, timeout=60
        )

        assert (2, True) == (done.returncode, says in done.stderr)

    def test_a_signal_is_sent_to_the_command(self) -> None:
        """With its rewrite, and recorded."""
        command = ["sh", "-c", "trap 'echo usr2' USR2; echo ready; while :; do sleep 0.02; done"]
        with agent(["--rewrite", "USR1:USR2"], command) as program:
            program.wait_for("ready")
            done = steer(program, "signal", "USR1")
            program.wait_for("usr2")
            found = json.loads(steer(program, "status", "--json").stdout)

            assert (0, "SIGUSR1 is sent\n") == (done.returncode, done.stdout)
            assert found["asked"][0].startswith("SIGUSR1 by process ")

    def test_stop_can_wait_for_the_end(self) -> None:
        """The agent is gone when it comes back."""
        with agent([], SLEEPER) as program:
            program.wait_for("ready")
            done = steer(program, "stop", "--wait")

            assert 0 == done.returncode
            assert 143 == program.wait(1.0)

    def test_reload_without_a_configuration_is_refused(self) -> None:
        """1, and why."""
        with agent([], SLEEPER) as program:
            program.wait_for("ready")
            done = steer(program, "reload")

            assert (1, True) == (done.returncode, "there is no configuration to read" in done.stderr)

    @staticmethod
    def status(runtime: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """Ask for the status with *runtime* as the only directory of agents."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROCESSENDER_")}
        roots = {"XDG_RUNTIME_DIR": str(runtime), "TMPDIR": str(runtime)}
        source = (
            "import sys\n"
            "from processender.agent import control\n"
            "from processender.cli import client, main\n"
            # Other agents of this user may run on the host; the last resort of a place is not looked at.
            "client.roots = lambda environ: [environ['XDG_RUNTIME_DIR']]\n"
            "sys.exit(main.main(sys.argv[1:]))"
        )
        return subprocess.run(
            [sys.executable, "-c", source, "status", *words],
            env=inherited | roots, capture_output=True, text=True, check=False, timeout=LIMIT_S,
        )  # fmt: skip


class TestRestart:
    COUNTS = ("sh", "-c", 'echo one >> $COUNT; echo "life $(wc -l < $COUNT)"; exec sleep 60')

    def test_the_command_is_ended_and_started_again(self, tmp_path: Path) -> None:
        """The agent stays, and so does its socket."""
        with agent([], list(self.COUNTS), COUNT=str(tmp_path / "count")) as program:
            program.wait_for("life 1")
            done = steer(program, "restart")
            program.wait_for("life 2")
            found = json.loads(steer(program, "status", "--json").stdout)
            steer(program, "stop")

            assert (0, 1, "running") == (done.returncode, found["command"]["restarts"], found["state"])
            assert 143 == program.wait()
            assert "clean" == program.report()["verdict"]

    def test_one_that_is_deaf_is_killed_first(self) -> None:
        """In the time that a plan would give it."""
        command = ["sh", "-c", "trap '' TERM; echo ready $$; while :; do sleep 0.02; done"]
        with agent(["--grace", "1s"], command) as program:
            first = program.wait_for("ready").split()[1]
            steer(program, "restart")
            program.wait_for("was killed")
            deadline = 200
            while program.output.count("ready") < 2 and deadline:
                deadline -= 1
                signal.sigtimedwait([], 0.05)
            kill(int(first))

            assert 2 == program.output.count("ready")

    def test_what_cannot_be_started_again_ends_the_agent(self, tmp_path: Path) -> None:
        """With the code that a shell would give."""
        script = tmp_path / "once"
        script.write_text("#!/bin/sh\necho ready; exec sleep 60\n")
        script.chmod(0o755)
        with agent([], [str(script)]) as program:
            program.wait_for("ready")
            script.unlink()
            steer(program, "restart")

            assert 127 == program.wait()

    def test_a_stop_in_the_middle_counts(self) -> None:
        """It is not started again."""
        command = ["sh", "-c", "trap 'echo asked; sleep 1; exit 0' TERM; echo ready; while :; do sleep 0.02; done"]
        with agent([], command) as program:
            program.wait_for("ready")
            steer(program, "restart")
            program.wait_for("asked")
            program.signal("TERM")
            code = program.wait()

            assert (0, 1) == (code, program.output.count("ready"))
