"""What commands and systems do to an init on a bad day."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from processender.testing.processes import Program
from tests.integration.agents import agent, lives, python
from tests.integration.inits import LIMIT_S, until

RUN = [sys.executable, "-m", "processender", "run"]
SLEEPS = "import os, time; os.write(1, b'ready %d\\n' % os.getpid()); time.sleep(600)"
DOUBLE_FORK = """
import os, sys, time
out, into = os.pipe()
if os.fork():
    os.read(out, 1)
    if 'stay' in sys.argv:
        time.sleep(600)
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.write(1, open('/proc/self/cgroup', 'rb').read())
os.write(1, b'ready %d\\n' % os.getpid())
os.write(into, b'!')
time.sleep(600)
"""
"""A daemon; the command that has made it ends when it runs."""


def ready_pid(program: Program) -> int:
    """Wait until the program says its number."""
    return int(program.wait_for("ready ", LIMIT_S).partition("ready ")[2].split()[0])


class TestCommands:
    @pytest.mark.parametrize("options", [[], ["--lean"]])
    def test_a_daemon_is_ended_too(self, options: list[str]) -> None:
        """Who forks twice and takes a session of its own belongs to the agent then."""
        with agent([*options, "--grace", "5s"], python(DOUBLE_FORK)) as program:
            pid = ready_pid(program)
            program.wait(LIMIT_S)

            assert not lives(pid)

    def test_who_changes_its_group_is_ended(self) -> None:
        """And whoever it has started."""
        source = f"import os, subprocess\nsubprocess.Popen(['sleep', '600'], process_group=0)\n{SLEEPS}"
        with agent(["--grace", "5s"], python(source)) as program:
            pid = ready_pid(program)
            children = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
            program.signal("TERM")
            program.wait(LIMIT_S)

            assert not [each for each in (pid, *children) if lives(each)]

    @pytest.mark.parametrize("how", ["itself", "somebody"])
    def test_who_is_stopped_is_ended(self, how: str) -> None:
        """A stopped process hears nothing before it goes on, so it is made to."""
        stops = "import os,signal; os.write(1, b'ready %d\\n' % os.getpid()); os.kill(os.getpid(), signal.SIGSTOP); signal.pause()"
        with agent(["--grace", "10s"], python(stops if how == "itself" else SLEEPS)) as program:
            pid = ready_pid(program)
            if how == "somebody":
                os.kill(pid, signal.SIGSTOP)
            assert until("T", pid)
            program.signal("TERM")

            assert 143 == program.wait(LIMIT_S)

    def test_an_exec_changes_nothing(self) -> None:
        """The number is the same, and so is the command."""
        with agent([], ["sh", "-c", "exec sh -c 'echo ready; exec sleep 600'"]) as program:
            program.wait_for("ready")
            program.signal("TERM")

            assert 143 == program.wait(LIMIT_S)

    @pytest.mark.parametrize("number", sorted({*range(1, 32), 34, 50, 64} - {17, 18, 19, 20, 21, 22, 23, 28}))
    def test_every_death_is_told_as_in_a_shell(self, number: int) -> None:
        """128 and the number of the signal."""
        die = f"import os,signal,resource; resource.setrlimit(4, (0, 0)); {number} in (9, 19) or signal.signal({number}, signal.SIG_DFL); os.kill(os.getpid(), {number})"
        with agent(["--lean"], python(die)) as program:
            assert 128 + number == program.wait(LIMIT_S)

    def test_who_keeps_standard_output_holds_nobody(self) -> None:
        """What was left is ended, and then the pipe with it."""
        with agent(["--grace", "5s"], ["sh", "-c", "sleep 600 & exit 4"]) as program:
            assert 4 == program.wait(LIMIT_S)

    @pytest.mark.alone
    def test_a_bomb_of_forks_is_ended(self) -> None:
        """Under a limit of processes, with everybody deaf to TERM."""
        bomb = (
            '$SIG{TERM} = "IGNORE"; $| = 1; print "ready\\n"; while (1) { fork // select(undef, undef, undef, 0.01) }'
        )
        # root has no limit of processes, so the bomb is a user of its own.
        limited = ["setpriv", "--reuid=4242", "--clear-groups", "prlimit", "--nproc=60", "perl", "-e", bomb]
        with agent(["--grace", "3s"], limited) as program:
            program.wait_for("ready")
            program.signal("TERM")
            code = program.wait(60)

            assert 137 == code
            assert not [
                entry.name for entry in Path("/proc").glob("[0-9]*")
                if (entry / "status").exists() and "\nUid:\t4242\t" in (entry / "status").read_text()
                and "State:\tZ" not in (entry / "status").read_text()
            ]  # fmt: skip


def without_proc(options: list[str], command: list[str], *, first: bool) -> Program:
    """Return an agent that has no /proc, as process 1 of a namespace or not."""
    spaces = ["--mount", *(["--pid", "--fork", "--kill-child"] if first else [])]
    script = ["sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]
    return Program(["unshare", *spaces, *script, *RUN, *options, "--", *command], cwd="/")


class TestSystems:
    def test_without_proc_a_command_is_ended(self) -> None:
        """Its group is still known."""
        script = f"mount -t tmpfs none /proc && exec {' '.join(RUN)} --grace 3s -- sh -c 'exit 5'"

        assert (
            5
            == subprocess.run(
                ["unshare", "--mount", "--pid", "--fork", "sh", "-c", script], check=False, timeout=60, cwd="/"
            ).returncode
        )

    @pytest.mark.parametrize("first", [True, False], ids=["as PID 1", "as another"])
    @pytest.mark.parametrize("lean", [[], ["--lean"]])
    def test_without_proc_what_is_left_is_asked_to_end(self, first: bool, lean: list[str]) -> None:
        """Nobody sees it, but the kernel knows who it is; and it is not waited for in vain."""
        source = "sh -c 'trap \"echo asked; exit\" TERM; echo ready; while :; do sleep 0.02; done' & sleep 0.5; exit 5"
        with without_proc(["--grace", "60s", *lean], ["sh", "-c", source], first=first) as program:
            assert 5 == program.wait(30)
            assert 1 == program.output.count("asked")

    @pytest.mark.parametrize("first", [True, False], ids=["as PID 1", "as another"])
    def test_without_proc_what_is_deaf_is_killed(self, tmp_path: Path, first: bool) -> None:
        """That it has no name is said."""
        deaf = tmp_path / "deaf"
        source = f"(trap '' TERM; : > {deaf}; while :; do sleep 0.02; done) & until [ -e {deaf} ]; do sleep 0.02; done; exit 5"
        with without_proc(["--grace", "2s"], ["sh", "-c", source], first=first) as program:
            assert 5 == program.wait(30)
            assert "what is left (it cannot be seen: there is no /proc)" in program.output

    def test_without_proc_even_a_daemon_is_killed_by_pid_1(self) -> None:
        """It has left the command's session and group, but not the namespace."""
        source = "setsid sh -c 'trap \"\" TERM; echo deaf; while :; do sleep 0.02; done' & sleep 0.5; exit 5"
        with without_proc(["--grace", "2s"], ["sh", "-c", source], first=True) as program:
            assert 5 == program.wait(30)
            assert "there is no /proc) did not end" in program.output

    def test_without_ctypes_it_says_so_once(self, tmp_path: Path) -> None:
        """Orphans are not adopted then; all else works, also for a lean agent."""
        (tmp_path / "_ctypes.py").write_text("raise ImportError('no ctypes here')\n")
        with agent(["--lean", "--parent-death", "TERM"], ["sh", "-c", "exit 3"], PYTHONPATH=str(tmp_path)) as program:
            assert 3 == program.wait(LIMIT_S)
            assert 1 == program.output.count("cannot adopt orphans (no ctypes here)")
            assert 1 == program.output.count("cannot ask for SIGTERM at the parent's death")

    @pytest.mark.parametrize("calls", ["prctl", "pidfd_open", "prctl,pidfd_open,pidfd_send_signal"])
    def test_calls_that_are_forbidden_are_done_without(self, calls: str) -> None:
        """A sandbox answers them with EPERM."""
        inject = [word for call in calls.split(",") for word in ("-e", f"inject={call}:error=EPERM")]
        words = [
            "strace",
            "-qq",
            "-o",
            "/dev/null",
            *inject,
            *RUN,
            "--grace",
            "4s",
            "--",
            "sh",
            "-c",
            "sleep 600 & echo ready; wait",
        ]
        with Program(words, cwd="/") as program:
            program.wait_for("ready", LIMIT_S)
            tracer = program.pid
            inside = int(Path(f"/proc/{tracer}/task/{tracer}/children").read_text().split()[0])
            os.kill(inside, signal.SIGTERM)

            assert 143 == program.wait(30)

    def test_pid_1_without_rights_works(self) -> None:
        """It needs none."""
        bare = ["unshare", "--pid", "--fork", "setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
        with Program([*bare, *RUN, "--grace", "4s", "--", *python(DOUBLE_FORK)], cwd="/") as program:
            program.wait_for("ready", LIMIT_S)

            assert 0 == program.wait(LIMIT_S)


class TestTheGroupOfItsOwn:
    def test_one_write_ends_who_escapes(self, delegated: Path, tmp_path: Path) -> None:
        """In a group that is delegated the command has one of its own, which goes with it."""
        daemon = tmp_path / "daemon.py"
        daemon.write_text(DOUBLE_FORK)
        command = f"{' '.join(RUN)} --grace 4s -- {sys.executable} -IS {daemon} stay"
        with Program(["sh", "-c", f"echo 0 > {delegated}/cgroup.procs; exec {command}"], cwd="/") as program:
            pid = ready_pid(program)
            own = next(line for line in program.output.splitlines() if line.startswith("0::"))
            outside = Path(f"/proc/{program.pid}/cgroup").read_text()

            assert f"0::/{delegated.name}/processender-{program.pid}" == own
            assert f"0::/{delegated.name}\n" in outside

            program.signal("TERM")

            assert 143 == program.wait(LIMIT_S)
            assert not lives(pid)
            assert [] == [each.name for each in delegated.iterdir() if each.is_dir()]

    def test_a_group_that_is_not_delegated_is_left_alone(self, delegated: Path) -> None:
        """Its master is somebody else."""
        os.removexattr(delegated, "user.delegate")
        join = f"echo 0 > {delegated}/cgroup.procs; exec {' '.join(RUN)} -- cat /proc/self/cgroup"
        with Program(["sh", "-c", join], cwd="/") as program:
            assert 0 == program.wait(LIMIT_S)
            assert f"0::/{delegated.name}\n" in program.output

    def test_a_group_that_may_not_be_divided_is_told_once(self, delegated: Path, tmp_path: Path) -> None:
        """The command runs without one of its own, at each of its starts."""
        (delegated / "cgroup.max.descendants").write_text("0")
        config = tmp_path / "shop.toml"
        config.write_text('[restart]\npolicy = "always"\nbackoff.initial = "0s"\ngive_up.after = 3\n')
        command = f"{' '.join(RUN)} -c {config} -- cat /proc/self/cgroup"
        with Program(["sh", "-c", f"echo 0 > {delegated}/cgroup.procs; exec {command}"], cwd="/") as program:
            code = program.wait(LIMIT_S)

        assert (69, 3) == (code, program.output.count(f"0::/{delegated.name}\n"))
        assert 1 == program.output.count(f"cannot make the control group {delegated}/processender-")


@pytest.fixture
def delegated() -> Iterator[Path]:
    """Return a control group of version 2 that is marked as its holder's own."""
    mounts = [
        line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines() if " - cgroup2 " in line
    ]
    made = Path(mounts[0], f"processender-test-{os.getpid()}")
    made.mkdir()
    os.setxattr(made, "user.delegate", b"1")
    yield made
    (made / "cgroup.kill").write_text("1")
    until("-", *map(int, (made / "cgroup.procs").read_text().split()))
    for directory in [*made.glob("*/"), made]:
        directory.rmdir()
