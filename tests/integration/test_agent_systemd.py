"""The agent as the main process of a unit, in front of real commands; the manager is a datagram server."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from processender.testing.processes import Program
from tests.integration.agents import agent, lives, python
from tests.integration.machine import TREE

LIMIT_S = 30.0
SAY = """
import os, socket, sys, time, signal
def say(data, fds=()):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(os.environ["NOTIFY_SOCKET"])
        socket.send_fds(sender, [data if isinstance(data, bytes) else data.encode()], fds)
"""
SLOW = "trap 'sleep 0.5; exit 143' TERM; echo ready; while :; do sleep 0.05; done"
"""A command that takes a moment to end, in which its end can be seen."""


class Manager:
    """What the manager binds, and what it has heard."""

    def __init__(self, directory: Path) -> None:
        """Listen in *directory*."""
        self.address = str(directory / "manager")
        self.heard: list[str] = []
        self.descriptors = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while True:
            data, descriptors, _, _ = socket.recv_fds(self._socket, 4096, 16)
            for each in descriptors:
                os.close(each)
            if data == b"over":
                return
            with self._changed:
                self.heard.append(data.decode())
                self.descriptors += len(descriptors)
                self._changed.notify_all()

    def wait_for(self, text: str, times: int = 1) -> list[str]:
        """Wait until a datagram with *text* has come, so often; return all that have."""
        with self._changed:
            found = self._changed.wait_for(lambda: sum(text in each for each in self.heard) >= times, LIMIT_S)
            assert found, (text, self.heard)
            return list(self.heard)

    def close(self) -> None:
        """End the reader."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"over", self.address)
        self._thread.join()
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """Return a manager that listens."""
    made = Manager(tmp_path)
    yield made
    made.close()


def unit(manager: Manager, options: list[str], command: list[str], **environ: str) -> Program:
    """Return an agent whose manager is *manager*."""
    return agent(options, command, NOTIFY_SOCKET=manager.address, **environ)


def place(heard: list[str], text: str) -> int:
    """Return the number of the first datagram with *text*."""
    return next(number for number, each in enumerate(heard) if text in each)


class TestTheLife:
    @pytest.mark.parametrize("lean", [[], ["--lean"]], ids=["default", "lean"])
    def test_it_is_told_from_ready_to_the_barrier(self, manager: Manager, lean: list[str]) -> None:
        """READY as the command is started, STOPPING at the notice, each step, and a barrier before the exit."""
        with unit(manager, lean, ["sh", "-c", SLOW]) as program:
            program.wait_for("ready")
            manager.wait_for("READY=1")
            program.signal("TERM")
            assert 143 == program.wait()
        heard = manager.wait_for("BARRIER=1")
        order = [
            place(heard, each)
            for each in ("starting sh", "READY=1", "STOPPING=1", "ending: command", "sh has ended", "BARRIER=1")
        ]

        assert sorted(order) == order
        assert heard[order[2]].startswith("STOPPING=1\nSTATUS=ending (SIGTERM), within 30.0 s")

    def test_a_command_that_ends_by_itself_stops_the_unit(self, manager: Manager) -> None:
        """And its code is that of the agent."""
        with unit(manager, [], ["sh", "-c", "exit 0"]) as program:
            assert 0 == program.wait()
        heard = manager.wait_for("BARRIER=1")

        assert place(heard, "STOPPING=1") < place(heard, "sh has ended")

    def test_the_status_of_a_crash_stays(self, manager: Manager) -> None:
        """`systemctl status` shows it after the end."""
        with unit(manager, [], ["sh", "-c", "exit 3"]) as program:
            assert 3 == program.wait()
        heard = manager.wait_for("BARRIER=1")

        assert "STATUS=sh has crashed" == [each for each in heard if "STATUS=" in each][-1]

    def test_a_command_that_cannot_be_started_is_never_ready(self, manager: Manager, tmp_path: Path) -> None:
        """Its code says why, and no socket of it is left behind."""
        with unit(manager, [], ["no-such-program"], TMPDIR=str(tmp_path), XDG_RUNTIME_DIR="") as program:
            assert 127 == program.wait()

        assert not any("READY=1" in each for each in manager.heard)
        assert [] == list(tmp_path.glob("processender-*"))

    def test_a_manager_that_is_not_there_changes_nothing(self) -> None:
        """Its socket may have gone with it."""
        with agent([], ["sh", "-c", "exit 5"], NOTIFY_SOCKET="/no/such/socket") as program:
            assert 5 == program.wait()


class TestWhatTheCommandSays:
    def test_ready_waits_for_its_word(self, manager: Manager) -> None:
        """With `--ready notify`; its status and its demand for time come along, its MAINPID does not."""
        script = (
            SAY
            + "say('READY=1\\nSTATUS=open\\nMAINPID=1\\nEXTEND_TIMEOUT_USEC=7000000\\nERRNO=5\\nX=1'); time.sleep(60)"
        )
        with unit(manager, ["--ready", "notify"], python(script)) as program:
            heard = manager.wait_for("READY=1")
            program.signal("TERM")
            program.wait()

        assert "READY=1\nERRNO=5\nSTATUS=open\nEXTEND_TIMEOUT_USEC=7000000" == heard[place(heard, "READY=1")]

    def test_a_configuration_can_ask_for_it(self, manager: Manager, tmp_path: Path) -> None:
        """`ready = "notify"`."""
        config = tmp_path / "processender.toml"
        config.write_text('ready = "notify"\n')
        with unit(manager, ["-c", str(config)], ["sh", "-c", "exit 0"]) as program:
            program.wait()

        assert not any("READY=1" in each for each in manager.wait_for("BARRIER=1"))

    def test_what_is_hostile_changes_nothing(self, manager: Manager) -> None:
        """Too long, no text, a terminal's escapes, numbers that are none, a name with a colon, and a flood."""
        script = (
            SAY
            + """
for data in (b"x" * 8192, b"\\xff\\xfe", b"", b"=", b"\\n\\n", b"STATUS=\\x1b[2J", b"ERRNO=-1", b"EXTEND_TIMEOUT_USEC=1e9",
             b"EXTEND_TIMEOUT_USEC=" + b"9" * 400, b"FDSTORE=1\\nFDNAME=a:b", b"MAINPID=1", b"WATCHDOG_USEC=1", b"BARRIER=1"):
    say(data)
say("FDSTORE=1", [0] * 100)
for each in range(2000):
    say("X_NOTHING=1")
say("STATUS=alive")
time.sleep(60)
"""
        )
        with unit(manager, [], python(script)) as program:
            heard = manager.wait_for("STATUS=alive")
            descriptors = len(os.listdir(f"/proc/{program.pid}/fd"))
            program.signal("TERM")
            program.wait()
        said = heard[place(heard, "READY=1") + 1 :]

        assert ["STATUS=alive"] == said
        assert descriptors < 20

    def test_a_name_under_which_nothing_can_be_stored_is_told_once(self, manager: Manager) -> None:
        """The command cannot hear of it, so whoever runs it must."""
        script = (
            SAY + 'for _ in range(3): say("FDSTORE=1\\nFDNAME=a:b")\nsay("FDNAME=c:d\\nSTATUS=said")\ntime.sleep(60)'
        )
        with unit(manager, [], python(script)) as program:
            manager.wait_for("STATUS=said")
            program.signal("TERM")
            program.wait()

        assert 1 == program.output.count("cannot store under the name 'a:b'")
        assert "c:d" not in program.output

    def test_its_barrier_is_answered(self, manager: Manager) -> None:
        """As `systemd-notify` waits for it."""
        with unit(manager, [], ["sh", "-c", "systemd-notify --status=heard && exit 4"]) as program:
            assert 4 == program.wait()

        assert "STATUS=heard" in manager.heard

    def test_its_socket_is_private_and_goes_with_the_agent(self, manager: Manager, tmp_path: Path) -> None:
        """In the directory of the agent, for this user only."""
        script = (
            'stat -c %a "$NOTIFY_SOCKET"; stat -c %a "$(dirname "$NOTIFY_SOCKET")"; echo "$WATCHDOG_USEC$WATCHDOG_PID."'
        )
        with unit(
            manager, [], ["sh", "-c", script], TMPDIR=str(tmp_path), XDG_RUNTIME_DIR="", WATCHDOG_USEC="9000000"
        ) as program:
            assert 0 == program.wait()
            assert ["600", "700", "."] == program.output.split()

        assert [] == list(tmp_path.glob("processender-*"))

    def test_one_that_has_no_place_is_told(self, manager: Manager, tmp_path: Path) -> None:
        """The command starts without it, and the agent speaks for it."""
        nowhere = "import processender.agent.control as control; control.roots = lambda _environ: ['/proc/none']"
        door = f"import sys; {nowhere}; from processender.cli.main import main; sys.exit(main(sys.argv[1:]))"
        program = unit(manager, ["--ready", "notify"], ["sh", "-c", 'echo "<$NOTIFY_SOCKET>"'])
        program.argv = [sys.executable, "-c", door, *program.argv[program.argv.index("run") :]]
        with program:
            assert 0 == program.wait()
            assert "<>" in program.output
            assert "cannot hear what the command says to systemd" in program.output

        assert any("READY=1" in each for each in manager.wait_for("BARRIER=1"))

    def test_it_cannot_ask_for_more_than_the_agent_has_at_the_end(self, manager: Manager) -> None:
        """The agent kills it then, whatever it asks for."""
        script = (
            SAY
            + """
signal.signal(signal.SIGTERM, lambda *_: (say("EXTEND_TIMEOUT_USEC=3600000000"), sys.exit(0)))
print("ready", flush=True)
time.sleep(60)
"""
        )
        with unit(manager, ["--grace", "10s"], python(script)) as program:
            program.wait_for("ready")
            program.signal("TERM")
            program.wait()
        heard = manager.wait_for("EXTEND_TIMEOUT_USEC=")
        asked = int(heard[place(heard, "EXTEND_TIMEOUT_USEC=")].partition("=")[2])

        assert 0 < asked <= 10_000_000


class TestReload:
    def test_a_hup_is_told_around_the_command(self, manager: Manager) -> None:
        """RELOADING with its instant, then READY."""
        with unit(
            manager,
            ["--on-signal", "HUP:forward"],
            ["sh", "-c", "trap 'echo again' HUP; echo ready; while :; do sleep 0.05; done"],
        ) as program:
            program.wait_for("ready")
            program.signal("HUP")
            program.wait_for("again")
            heard = manager.wait_for("READY=1", times=2)
            program.signal("TERM")
            program.wait()

        assert place(heard, "READY=1") < place(heard, "RELOADING=1\nMONOTONIC_USEC=")

    def test_a_command_that_says_so_itself_is_not_spoken_for(self, manager: Manager) -> None:
        """Its reload ends with its own READY."""
        script = (
            SAY
            + """
def hup(*_):
    say("RELOADING=1")
    time.sleep(1.5)
    say("READY=1\\nSTATUS=again")
signal.signal(signal.SIGHUP, hup)
say("READY=1")
while True:
    signal.pause()
"""
        )
        with unit(manager, ["--ready", "notify", "--on-signal", "HUP:forward"], python(script)) as program:
            manager.wait_for("READY=1")
            program.signal("HUP")
            heard = manager.wait_for("READY=1", times=2)
            program.signal("TERM")
            program.wait()

        assert "READY=1\nSTATUS=again" == [each for each in heard if each.startswith("READY=1")][1]


class TestWatchdog:
    def test_it_is_fed_until_the_command_hangs(self, manager: Manager) -> None:
        """With `--watchdog pass`: the command finds its own period and number, and must feed it."""
        script = (
            SAY
            + """
print(os.environ["WATCHDOG_USEC"], os.environ["WATCHDOG_PID"] == str(os.getpid()), flush=True)
for each in range(3):
    say("WATCHDOG=1")
    time.sleep(0.2)
time.sleep(60)
"""
        )
        with unit(manager, ["--watchdog", "pass"], python(script), WATCHDOG_USEC="600000") as program:
            program.wait_for("600000 True")
            heard = manager.wait_for("has not fed its watchdog")
            program.signal("TERM")
            program.wait()

        assert place(heard, "WATCHDOG=1") < place(heard, "has not fed")
        assert sum(each == "WATCHDOG=1" for each in heard) < 12

    def test_an_agent_that_was_stopped_goes_on_feeding(self, manager: Manager) -> None:
        """Longer than its timer: what its wait brings then is no signal."""
        with unit(manager, [], ["sleep", "60"], WATCHDOG_USEC="200000") as program:
            manager.wait_for("WATCHDOG=1", times=2)
            for _ in range(3):
                os.kill(program.pid, signal.SIGSTOP)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    subprocess.run(["sleep", "60"], timeout=0.4, check=False)
                count = len(manager.heard)
                os.kill(program.pid, signal.SIGCONT)
                manager.wait_for("WATCHDOG=1", times=count + 2)
            program.signal("TERM")
            assert 143 == program.wait()

    def test_one_of_somebody_else_is_left_alone(self, manager: Manager) -> None:
        """WATCHDOG_PID names the process that it is for."""
        with unit(manager, [], ["sleep", "0.5"], WATCHDOG_USEC="100000", WATCHDOG_PID="1") as program:
            program.wait()

        assert not any("WATCHDOG=1" in each for each in manager.wait_for("BARRIER=1"))


class TestExtend:
    def test_time_is_asked_for_up_to_the_ceiling_and_no_more(self, manager: Manager, tmp_path: Path) -> None:
        """At once at the notice, again while it is needed, and the ceiling is the grace."""
        config = tmp_path / "processender.toml"
        config.write_text('[systemd]\nextend_to = "4s"\n')
        script = "trap 'sleep 1.5; exit 0' TERM; echo $PROCESSENDER_GRACE ready; while :; do sleep 0.05; done"
        with unit(manager, ["-c", str(config)], ["sh", "-c", script]) as program:
            said = program.wait_for("ready")
            program.signal("TERM")
            assert 0 == program.wait()
        asked = [int(each.partition("=")[2]) for each in manager.wait_for("BARRIER=1") if each.startswith("EXTEND")]

        assert float(said.split()[-2].removesuffix("s")) < 4
        assert len(asked) >= 2
        assert max(asked) <= 4_000_000

    def test_without_a_manager_the_grace_is_what_it_was(self, tmp_path: Path) -> None:
        """Nobody would give more."""
        config = tmp_path / "processender.toml"
        config.write_text('grace = "4s"\n[systemd]\nextend_to = "60s"\n')
        with agent(["-c", str(config)], ["sh", "-c", "echo $PROCESSENDER_GRACE"]) as program:
            program.wait()
            assert float(program.output.strip().removesuffix("s")) < 4


class TestSockets:
    def run(self, command: list[str], count: int, options: list[str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run an agent that was handed *count* listening sockets, as the manager does."""
        made = [socket.socket() for _ in range(count)]
        for each in made:
            each.listen()
        high = [os.dup(each.fileno()) for each in made]
        argv = [sys.executable, "-m", "processender", "run", *(options or []), "--", *command]
        names = ":".join(f"s{number}" for number in range(count))
        script = f"import os,sys\nfor n, fd in enumerate({high}): os.dup2(fd, 200 + n)\nfor n in range({count}): os.dup2(200 + n, 3 + n)\nos.closerange(3 + {count}, 300)\nos.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='{count}', LISTEN_FDNAMES='{names}')\nos.execv(sys.argv[1], sys.argv[1:])"
        done = subprocess.run(
            [sys.executable, "-IS", "-c", script, *argv],
            pass_fds=high,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            timeout=LIMIT_S,
        )
        for fd in high:
            os.close(fd)
        for each in made:
            each.close()
        return done

    def test_they_are_handed_on_to_the_command(self) -> None:
        """From 3 on, in their order, for its own number, and nothing else is open."""
        script = "import os; print(os.environ['LISTEN_PID'] == str(os.getpid()), os.environ['LISTEN_FDS'], os.environ['LISTEN_FDNAMES'], sorted(map(int, os.listdir('/proc/self/fd')))[:-1])"
        done = self.run(python(script), 3)

        assert "True 3 s0:s1:s2 [0, 1, 2, 3, 4, 5]" == done.stdout.strip()

    @pytest.mark.parametrize(
        ("command", "code"), [("no-such-program", 127), ("/etc/passwd", 126), ("/etc/passwd/x", 127)]
    )
    def test_what_cannot_be_started_has_the_code_of_a_shell(self, command: str, code: int) -> None:
        """Also by this way of starting."""
        done = self.run([command], 1)

        assert code == done.returncode
        assert f"cannot start {command!r}" in done.stderr

    def test_the_command_begins_with_its_own_signals(self) -> None:
        """Nothing is blocked, nothing ignored that was not; it leads its session."""
        script = "import os; print(os.getsid(0) == os.getpid(), [line.split()[1] for line in open('/proc/self/status') if line.startswith('SigBlk')])"
        done = self.run(python(script), 1)

        assert "True ['0000000000000000']" == done.stdout.strip()


@pytest.mark.parametrize("number", ["TERM", "INT"])
def test_a_command_that_heard_it_first_has_not_crashed(manager: Manager, number: str) -> None:
    """KillMode=control-group signals every process of the unit, in any order."""
    with unit(manager, [], ["sleep", "60"]) as program:
        heard = manager.wait_for("READY=1")
        pid = int(heard[place(heard, "READY=1")].split()[-1])
        os.kill(pid, getattr(signal, f"SIG{number}"))
        os.kill(program.pid, getattr(signal, f"SIG{number}"))
        assert 128 + getattr(signal, f"SIG{number}") == program.wait()
        assert [] == list(program.state.glob("*/crashes/*"))
        assert not lives(pid)


class TestPostMortem:
    def run(self, state: Path, *options: str, **told: str) -> subprocess.CompletedProcess[str]:
        """Run it as ExecStopPost= does."""
        argv = [sys.executable, "-m", "processender", "post-mortem", *options]
        kept = {name: text for name, text in os.environ.items() if not name.startswith("PROCESSENDER_")}
        return subprocess.run(
            argv,
            env={**kept, "PROCESSENDER_STATE": str(state), **told},
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )

    def killed(self, tmp_path: Path) -> None:
        """Leave what a killed agent leaves that owed a file."""
        thing = tmp_path / "thing"
        script = f"{sys.executable} -m processender track add file {thing} --arg root={tmp_path} && touch {thing} && echo ready && exec sleep 60"
        with agent(["--service", "shop"], ["sh", "-c", script], PROCESSENDER_STATE=str(tmp_path / "state")) as program:
            program.wait_for("ready")
            program.signal("KILL")
            program.wait()

    def test_it_accounts_for_what_the_agent_could_not_and_recovers(self, tmp_path: Path) -> None:
        """The account says what was owed; what was owed is gone; on_crash is told after the recovery if it wants."""
        self.killed(tmp_path)
        config = tmp_path / "processender.toml"
        config.write_text(
            f'[on_crash.handlers.tell]\nrun = ["sh", "-c", "test ! -e {tmp_path}/thing && touch {tmp_path}/told"]\nafter = ["recovery"]\nphase = "release"\n'
        )
        done = self.run(
            tmp_path / "state",
            "--service",
            "shop",
            "-c",
            str(config),
            "--json",
            SERVICE_RESULT="watchdog",
            EXIT_CODE="killed",
            EXIT_STATUS="KILL",
            INVOCATION_ID="one",
        )
        crash = json.loads(done.stdout)["crash"]

        assert 0 == done.returncode
        assert ("watchdog", "SIGKILL", "one", [str(tmp_path / "thing")]) == (
            crash["cause"],
            crash["signal"],
            crash["invocation"],
            [each["key"] for each in crash["obligations"]],
        )
        assert ["recovery", "tell"] == sorted(each["name"] for each in crash["handlers"] if each["outcome"] == "done")
        assert not (tmp_path / "thing").exists()
        assert (tmp_path / "told").exists()

    def test_a_second_one_finds_it_done(self, tmp_path: Path) -> None:
        """The OnFailure unit comes after ExecStopPost, and a release is tried once."""
        self.killed(tmp_path)
        told = {"SERVICE_RESULT": "signal", "EXIT_CODE": "killed", "EXIT_STATUS": "KILL", "INVOCATION_ID": "one"}
        first = self.run(tmp_path / "state", "--service", "shop", **told)
        second = self.run(
            tmp_path / "state", **{f"MONITOR_{name}": text for name, text in told.items()}, MONITOR_UNIT="shop.service"
        )

        assert (0, 0) == (first.returncode, second.returncode)
        assert "thing: released" in first.stdout
        assert "shop: signal (killed KILL)" == second.stdout.strip()
        assert 1 == len(list((tmp_path / "state" / "shop" / "crashes").iterdir()))

    def test_what_cannot_be_released_is_told_and_kept(self, tmp_path: Path) -> None:
        """Exit code 1, which systemd shows."""
        self.killed(tmp_path)
        (tmp_path / "thing").unlink()
        (tmp_path / "thing").mkdir()
        (tmp_path / "thing" / "inside").touch()
        done = self.run(
            tmp_path / "state", "--service", "shop", SERVICE_RESULT="signal", EXIT_CODE="killed", EXIT_STATUS="KILL"
        )

        assert 1 == done.returncode, done.stdout

    @pytest.mark.parametrize(
        ("options", "said"),
        [([], "SERVICE_RESULT is not set"), (["--service", "x", "--window", "0"], "--window")],
    )
    def test_a_mistake_is_2(self, tmp_path: Path, options: list[str], said: str) -> None:
        """With what to do."""
        done = self.run(tmp_path, *options)

        assert 2 == done.returncode
        assert said in done.stderr

    def test_a_broken_configuration_does_not_keep_it_from_recovering(self, tmp_path: Path) -> None:
        """It is told."""
        self.killed(tmp_path)
        (tmp_path / "bad.toml").write_text("grce = 1\n")
        done = self.run(
            tmp_path / "state",
            "--service",
            "shop",
            "-c",
            str(tmp_path / "bad.toml"),
            SERVICE_RESULT="signal",
            EXIT_CODE="killed",
            EXIT_STATUS="KILL",
        )

        assert 0 == done.returncode
        assert "cannot run what on_crash says" in done.stderr
        assert not (tmp_path / "thing").exists()


EXAMPLE = [
    *("--service", "example", "--grace", "20s", "--watchdog", "30s"),
    *("--", "/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", "8080"),
]
"""What the example that is shipped was printed for."""


class TestUnits:
    @pytest.mark.parametrize(
        "path", sorted((TREE / "deploy" / "systemd").glob("*.service")), ids=lambda path: path.name
    )
    def test_those_that_are_shipped_are_units(self, path: Path, tmp_path: Path) -> None:
        """systemd finds nothing wrong with them, where the program is."""
        text = path.read_text().replace("/usr/bin/processender", "/bin/true")
        name = path.name.replace("@", "@x")
        (tmp_path / name).write_text(text)
        told = subprocess.run(
            ["systemd-analyze", "verify", str(tmp_path / name)], capture_output=True, text=True, check=False
        )

        assert (0, "") == (told.returncode, told.stderr)

    @pytest.mark.parametrize(
        ("path", "words"),
        [("example.service", EXAMPLE), ("processender-failure@.service", ["--failure"])],
    )
    def test_what_is_shipped_is_what_is_printed(self, path: str, words: list[str]) -> None:
        """For a program where a package of the system puts it; so an installed program needs no file beside it."""
        argv = [sys.executable, "-m", "processender", "unit", "--program", "/usr/bin/processender", *words]
        printed = subprocess.run(argv, check=True, capture_output=True, text=True).stdout

        assert (TREE / "deploy" / "systemd" / path).read_text() == printed

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ([], "there is no command"),
            (["--service", "a b", "--", "x"], "cannot be the name of a unit"),
            (["--grace", "5", "--", "x"], "--grace"),
            (["-c", "/no/such.toml", "--", "x"], "/no/such.toml"),
            (["--watchdog", "30", "--", "x"], "--watchdog: '30' has no unit"),
            (["--watchdog", "pass", "--", "x"], "use --watchdog TIME and --watchdog-pass"),
            (["--failure", "--", "x"], "leave the command out"),
        ],
    )
    def test_a_mistake_is_2(self, options: list[str], said: str) -> None:
        """And nothing is printed."""
        argv = [sys.executable, "-m", "processender", "unit", *options]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)

        assert (2, "") == (done.returncode, done.stdout)
        assert said in done.stderr

    def test_all_that_was_said_is_in_it(self, tmp_path: Path) -> None:
        """And systemd finds nothing wrong with it."""
        (tmp_path / "pe.toml").write_text('grace = "42s"\n')
        argv = [
            sys.executable,
            "-m",
            "processender",
            "unit",
            "-c",
            str(tmp_path / "pe.toml"),
            "--user",
            "www-data",
            "--ready",
            "notify",
            "--watchdog",
            "10s",
            "--watchdog-pass",
            "--reload",
            "--service",
            "shop",
            "--",
            "true",
        ]
        text = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
        (tmp_path / "shop.service").write_text(text)
        told = subprocess.run(
            ["systemd-analyze", "verify", str(tmp_path / "shop.service")], capture_output=True, text=True, check=False
        )

        assert (0, "") == (told.returncode, told.stderr)
        assert {"User=www-data", "TimeoutStopSec=47", "WatchdogSec=10", "StateDirectory=processender-shop"} <= set(
            text.split("\n")
        )
        assert f"--config {tmp_path}/pe.toml --ready notify --on-signal HUP:forward --watchdog pass -- true" in text
