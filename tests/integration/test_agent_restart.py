"""A real agent whose command ends, and is started again or given up; and why it has ended."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processender.testing.processes import Program
from tests.integration.agents import agent, lives, python, wait_until

LIMIT_S = 60.0
QUICK = 'backoff = { initial = "10ms", maximum = "20ms" }\n'
OWES = """
import os, signal, sys
from processender import Ender
root = sys.argv[1]
print('found', os.path.exists(root + '/a'), flush=True)
ender = Ender('shop')
ender.obligation('file', key=root + '/a', root=root).acquire()
open(root + '/a', 'w').close()
os.kill(os.getpid(), signal.SIGKILL)
"""


def configured(tmp_path: Path, text: str, command: list[str], *options: str) -> Program:
    """Return an agent with a configuration, whose state is in *tmp_path*."""
    config = tmp_path / "processender.toml"
    config.write_text(text, encoding="utf-8")
    return agent(["-c", str(config), *options], command, PROCESSENDER_STATE=str(tmp_path / "state"))


def accounts(tmp_path: Path) -> list[dict[str, Any]]:
    """Return the accounts of all crashes, oldest first."""
    return [json.loads(path.read_text()) for path in sorted(tmp_path.glob("state/*/crashes/*.json"))]


def counting(tmp_path: Path, then: str) -> list[str]:
    """Return a command that tells which of its lives this is, as `turn 2`, and goes on with *then*."""
    return ["sh", "-c", f"echo x >> {tmp_path}/lives; n=$(wc -l < {tmp_path}/lives); echo turn $n; {then}"]


def test_without_a_policy_nothing_is_started_again(tmp_path: Path) -> None:
    """The agent ends as its command does."""
    with agent([], counting(tmp_path, "exit 3")) as program:
        code = program.wait(LIMIT_S)

        assert (3, 1) == (code, program.output.count("turn"))


def test_after_a_failure_it_is_started_again(tmp_path: Path) -> None:
    """And after a success it is not."""
    text = f'[restart]\npolicy = "on-failure"\n{QUICK}'
    with configured(tmp_path, text, counting(tmp_path, "[ $n = 3 ] || exit 3")) as program:
        code = program.wait(LIMIT_S)

        assert (0, 3) == (code, program.output.count("turn"))


def test_the_flag_goes_before_the_file(tmp_path: Path) -> None:
    """And keeps what the file says about pauses."""
    text = f'[restart]\npolicy = "always"\n{QUICK}'
    with configured(tmp_path, text, counting(tmp_path, "exit 3"), "--restart", "never") as program:
        code = program.wait(LIMIT_S)

        assert (3, 1) == (code, program.output.count("turn"))


def test_always_also_after_a_success(tmp_path: Path) -> None:
    """Until it is given up."""
    with configured(tmp_path, f"[restart]\n{QUICK}", counting(tmp_path, "true"), "--restart", "always") as program:
        code = program.wait(LIMIT_S)

        assert (69, 5) == (code, program.output.count("turn"))


def test_giving_up_has_a_code_of_its_own(tmp_path: Path) -> None:
    """As configured."""
    text = f'[restart]\npolicy = "on-failure"\ngive_up = {{ after = 2, within = "60s", exit = 42 }}\n{QUICK}'
    with configured(tmp_path, text, counting(tmp_path, "exit 3")) as program:
        code = program.wait(LIMIT_S)

        assert (42, 2, True) == (code, program.output.count("turn"), "not started again" in program.output)


def test_an_expected_exit_is_no_failure(tmp_path: Path) -> None:
    """It ends the agent, and is no crash."""
    with configured(
        tmp_path, "", counting(tmp_path, "exit 3"), "--restart", "on-failure", "--expect-exit", "3"
    ) as program:
        code = program.wait(LIMIT_S)

        assert (0, 1) == (code, program.output.count("turn"))
    assert [] == accounts(tmp_path)


def test_every_crash_has_an_account_with_the_number_of_restarts(tmp_path: Path) -> None:
    """Not only the last."""
    text = f'[restart]\npolicy = "on-failure"\ngive_up = {{ after = 3 }}\n{QUICK}'
    with configured(tmp_path, text, counting(tmp_path, "exit 3")) as program:
        program.wait(LIMIT_S)

    assert [0, 1, 2] == [account["restarts"] for account in accounts(tmp_path)]


def test_what_follows_a_crash_follows_every_one(tmp_path: Path) -> None:
    """The handlers of on_crash run before each restart, and after the last crash."""
    text = f"""
[restart]
policy = "on-failure"
give_up = {{ after = 3 }}
{QUICK}
[on_crash.handlers.note]
run = ["sh", "-c", "echo told >> {tmp_path}/told"]
"""
    with configured(tmp_path, text, counting(tmp_path, "exit 3")) as program:
        program.wait(LIMIT_S)

    assert 3 == (tmp_path / "told").read_text().count("told")


def test_what_the_dead_owed_is_released_before_the_next_start(tmp_path: Path) -> None:
    """The new one finds nothing of the old one."""
    text = f'service = "shop"\n[restart]\npolicy = "on-failure"\ngive_up = {{ after = 3 }}\n{QUICK}'
    with configured(tmp_path, text, [sys.executable, "-c", OWES, str(tmp_path)]) as program:
        program.wait(LIMIT_S)

        assert (3, 0) == (program.output.count("found False"), program.output.count("found True"))


def test_what_the_dead_has_started_is_ended_before_the_next_start(tmp_path: Path) -> None:
    """It would hold the port."""
    script = f"[ -e {tmp_path}/pid ] && kill -0 $(cat {tmp_path}/pid) && echo still; setsid sleep 60 & echo $! > {tmp_path}/pid; exit 3"
    with configured(tmp_path, f"[restart]\n{QUICK}", ["sh", "-c", script], "--restart", "on-failure") as program:
        program.wait(LIMIT_S)

        assert "still" not in program.output
    assert not lives(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("name", ["TERM", "INT", "QUIT"])
def test_a_stop_during_the_pause_ends_at_once(tmp_path: Path, name: str) -> None:
    """Nobody waits for the next start."""
    text = '[restart]\npolicy = "on-failure"\nbackoff = { initial = "1h", maximum = "1h" }\n'
    with configured(tmp_path, f'drain_delay = "20s"\ngrace = "60s"\n{text}', counting(tmp_path, "exit 3")) as program:
        program.wait_for("started again in", LIMIT_S)
        wait_until(lambda: len(accounts(tmp_path)) == 1)
        begun = time.monotonic()
        program.signal(name)
        code = program.wait(LIMIT_S)

        assert (3, 1, True) == (code, program.output.count("turn"), time.monotonic() - begun < 15)


def test_a_crash_before_a_stop_is_told_of_once(tmp_path: Path) -> None:
    """It was accounted for when it happened."""
    text = '[restart]\npolicy = "on-failure"\nbackoff = { initial = "1h", maximum = "1h" }\n'
    with configured(tmp_path, text, counting(tmp_path, "kill -SEGV $$")) as program:
        program.wait_for("started again in", LIMIT_S)
        program.signal("TERM")
        code = program.wait(LIMIT_S)

    assert (139, 1) == (code, len(accounts(tmp_path)))


def test_a_command_that_is_asked_to_end_is_not_started_again(tmp_path: Path) -> None:
    """However it ends then."""
    with configured(tmp_path, "", counting(tmp_path, "trap 'exit 4' TERM; echo ready; while :; do sleep 0.02; done"),
                    "--restart", "always") as program:  # fmt: skip
        program.wait_for("ready", LIMIT_S)
        program.signal("TERM")
        code = program.wait(LIMIT_S)

        assert (4, 1) == (code, program.output.count("turn"))


def test_signals_reach_the_command_of_today(tmp_path: Path) -> None:
    """Not the number of the one before."""
    script = "[ $n = 1 ] && exit 3; trap 'echo got; exit 0' USR1; echo ready; while :; do sleep 0.02; done"
    with configured(tmp_path, f"[restart]\n{QUICK}", counting(tmp_path, script), "--restart", "on-failure") as program:
        program.wait_for("ready", LIMIT_S)
        program.signal("USR1")
        code = program.wait(LIMIT_S)

        assert (0, True) == (code, "got" in program.output)


def test_a_lean_agent_restarts_too(tmp_path: Path) -> None:
    """It loads what it needs when the first end comes."""
    text = f'[restart]\npolicy = "on-failure"\n{QUICK}'
    with configured(tmp_path, text, counting(tmp_path, "[ $n = 3 ] || exit 3"), "--lean") as program:
        code = program.wait(LIMIT_S)

        assert (0, 3) == (code, program.output.count("turn"))


def test_a_command_that_is_gone_from_the_disk_is_given_up(tmp_path: Path) -> None:
    """A start that fails counts as an end."""
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\nrm $0\nexit 3\n")
    script.chmod(0o755)
    with configured(tmp_path, f"[restart]\n{QUICK}", [str(script)], "--restart", "on-failure") as program:
        code = program.wait(LIMIT_S)

        assert (69, True) == (code, "there is no such file" in program.output)


# No memory.


def _memory_group() -> tuple[Path, str]:
    """Return where a control group of memory can be made and the name of its limit."""
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        return Path("/sys/fs/cgroup"), "memory.max"
    return Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"


@pytest.fixture
def group() -> Iterator[Path]:
    """Make a control group with 80 MB of memory, and remove it."""
    root, limit = _memory_group()
    if limit == "memory.max":
        (root / "cgroup.subtree_control").write_text("+memory")
    made = root / f"processender-test-{os.getpid()}"
    made.mkdir()
    try:
        (made / limit).write_text("80000000")
        yield made
    finally:
        for _ in range(500):
            try:
                made.rmdir()
                break
            except OSError:
                time.sleep(0.02)


def in_group(group: Path, program: Program) -> Program:
    """Return *program* so that it and all that it starts are in *group*."""
    program.argv = ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh", *program.argv]
    return program


@pytest.mark.parametrize("command", [
    python("x = bytearray(400_000_000)"),
    ["sh", "-c", f"{sys.executable} -IS -c 'x = bytearray(400_000_000)'; exit $?"],
], ids=["itself", "its child"])  # fmt: skip
def test_the_kernel_that_kills_for_want_of_memory_is_named(tmp_path: Path, group: Path, command: list[str]) -> None:
    """The counter of the control group has grown."""
    with in_group(group, configured(tmp_path, "", command)) as program:
        code = program.wait(LIMIT_S)
    (account,) = accounts(tmp_path)

    assert (137, "oom") == (code, account["cause"])


def test_a_kill_by_somebody_is_no_want_of_memory(tmp_path: Path, group: Path) -> None:
    """The counter has not grown."""
    with in_group(group, configured(tmp_path, "", ["sh", "-c", "kill -KILL $$"])) as program:
        program.wait(LIMIT_S)
    (account,) = accounts(tmp_path)

    assert ("signal", "SIGKILL") == (account["cause"], account["signal"])


# No sign of life.

TOUCHES = """
import os, sys, time
for _ in range(int(sys.argv[2])):
    open(sys.argv[1], 'w').close()
    os.utime(sys.argv[1])
    time.sleep(0.05)
print('hangs', flush=True)
time.sleep(600)
"""


def test_a_heartbeat_that_stops_ends_the_command(tmp_path: Path) -> None:
    """After a time without a touch it is killed, and the account says why."""
    text = f'[heartbeat]\nfile = "{tmp_path}/alive"\nwithin = "2s"\nfirst = "30s"\n'
    with configured(tmp_path, text, [sys.executable, "-c", TOUCHES, str(tmp_path / "alive"), "5"]) as program:
        code = program.wait(LIMIT_S)

        assert (137, True) == (code, "no sign of life" in program.output)
    assert ["heartbeat"] == [account["cause"] for account in accounts(tmp_path)]


def test_a_heartbeat_that_goes_on_keeps_the_command_alive(tmp_path: Path) -> None:
    """For many times the length that one may take."""
    source = TOUCHES.replace("print('hangs', flush=True)\ntime.sleep(600)", "")
    text = f'[heartbeat]\nfile = "{tmp_path}/alive"\nwithin = "1s"\nfirst = "30s"\n'
    with configured(tmp_path, text, [sys.executable, "-c", source, str(tmp_path / "alive"), "80"]) as program:
        code = program.wait(LIMIT_S)

        assert 0 == code


def test_a_command_that_never_gives_a_sign_is_started_again(tmp_path: Path) -> None:
    """A hang is a failure as any other."""
    text = f"""
[restart]
policy = "on-failure"
{QUICK}
[heartbeat]
file = "{tmp_path}/alive"
within = "300ms"
first = "500ms"
"""
    with configured(tmp_path, text, counting(tmp_path, "[ $n = 3 ] || exec sleep 600")) as program:
        code = program.wait(LIMIT_S)

        assert (0, 3) == (code, program.output.count("turn"))
    assert ["heartbeat", "heartbeat"] == [account["cause"] for account in accounts(tmp_path)]


PINGS = """
import os, socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for _ in range(40):
    s.sendto(b'!', os.environ['PROCESSENDER_HEARTBEAT'])
    time.sleep(0.05)
print('hangs', flush=True)
time.sleep(600)
"""


def test_a_heartbeat_can_come_through_a_socket(tmp_path: Path) -> None:
    """Its path is in the environment; the command is told from its last word."""
    text = '[heartbeat]\nsocket = true\nwithin = "1s"\nfirst = "30s"\n'
    with configured(tmp_path, text, python(PINGS)) as program:
        code = program.wait(LIMIT_S)

        assert (137, True) == (code, "hangs" in program.output)
    assert ["heartbeat"] == [account["cause"] for account in accounts(tmp_path)]


def test_a_deadlock_shows_its_stacks_before_the_kill(tmp_path: Path) -> None:
    """The signal that is configured is sent first, and there is a moment to answer it."""
    source = "import faulthandler, signal, threading; faulthandler.register(signal.SIGQUIT); print('up', flush=True); threading.Lock().acquire() or threading.Event().wait()"
    text = '[heartbeat]\nsocket = true\nwithin = "60s"\n[deadlock]\nsilent = "1s"\nstacks_signal = "QUIT"\nstacks_wait = "1s"\n'
    with configured(tmp_path, text, [sys.executable, "-c", source + "\nthreading.Event().wait()"]) as program:
        code = program.wait(LIMIT_S)

        assert (137, True) == (code, "most recent call first" in program.output)
    assert ["deadlock"] == [account["cause"] for account in accounts(tmp_path)]


def test_a_deadlocked_command_that_dies_of_the_question_has_its_cause_too(tmp_path: Path) -> None:
    """As Go does on QUIT."""
    text = '[deadlock]\nsilent = "500ms"\nstacks_wait = "30s"\n'
    with configured(tmp_path, text, ["sleep", "600"]) as program:
        code = program.wait(LIMIT_S)

    assert (131, ["deadlock"]) == (code, [account["cause"] for account in accounts(tmp_path)])


def test_a_command_that_writes_is_not_deadlocked(tmp_path: Path) -> None:
    """It ends by itself, after many times the silence that is allowed; what it wrote is passed on."""
    script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo line $i; sleep 0.15; done"
    with configured(tmp_path, '[deadlock]\nsilent = "1s"\n', ["sh", "-c", script]) as program:
        code = program.wait(LIMIT_S)

        assert (0, 20) == (code, program.output.count("line"))


def test_a_heartbeat_without_a_way_to_come_is_a_mistake(tmp_path: Path) -> None:
    """So is a deadlock that nothing can tell of."""
    with configured(tmp_path, "[deadlock]\n[heartbeat]\nstacks_signal = 'NOPE'\n", ["true"]) as program:
        code = program.wait(LIMIT_S)

        assert (125, True, True) == (code, "neither `file` nor `socket`" in program.output, "'NOPE'" in program.output)


# In between.


def test_what_shells_let_the_agent_track_is_released_before_the_next_start(tmp_path: Path) -> None:
    """It was made by the life that is over."""
    track = f"{sys.executable} -m processender track add file {tmp_path}/made --arg root={tmp_path}"
    script = f"[ -e {tmp_path}/made ] && echo still; {track} && touch {tmp_path}/made; exit 3"
    text = f'[restart]\npolicy = "on-failure"\ngive_up = {{ after = 2 }}\n{QUICK}'
    with configured(tmp_path, text, counting(tmp_path, script)) as program:
        code = program.wait(LIMIT_S)

        assert (69, 2, False) == (code, program.output.count("turn"), "still" in program.output)
    assert not (tmp_path / "made").exists()


def test_a_stop_while_the_command_is_ended_for_a_restart_is_a_stop(tmp_path: Path) -> None:
    """It is ended once, in the time of the stop, and not started again."""
    text = """
grace = "4s"
[checks.never]
run = ["false"]
every = "50ms"
failures = 1
kind = "live"
on_failure = "restart"
"""
    with configured(tmp_path, text, counting(tmp_path, "trap '' TERM; while :; do sleep 0.02; done")) as program:
        program.wait_for("has failed", LIMIT_S)
        program.signal("TERM")
        code = program.wait(LIMIT_S)

        assert (137, 1) == (code, program.output.count("turn"))


def test_a_stop_right_at_each_moment_of_a_restart_ends_it(tmp_path: Path) -> None:
    """Whether before, at or after the start; nothing is left, and nobody hangs."""
    text = f'[restart]\npolicy = "always"\ngive_up = {{ after = 0 }}\n{QUICK}'
    for number in range(6):
        with configured(tmp_path, text, ["sh", "-c", f"echo turn $$ >> {tmp_path}/pids"]) as program:
            wait_until(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().count("turn") > 2)
            time.sleep(number * 0.005)
            program.signal("TERM")
            code = program.wait(LIMIT_S)

            assert code in {0, 143}
        pids = [int(line.split()[1]) for line in (tmp_path / "pids").read_text().splitlines()]
        (tmp_path / "pids").unlink()

        assert [] == [pid for pid in pids if lives(pid)]


def test_without_a_private_directory_there_is_no_heartbeat_by_socket(tmp_path: Path) -> None:
    """Said before anything is started."""
    code = (
        "import sys, processender.agent.control as control; control.roots = lambda _environ: ['/proc/none']\n"
        "from processender.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    program = configured(tmp_path, "[heartbeat]\nsocket = true\n", ["sh", "-c", "echo ran"])
    program.argv = [sys.executable, "-c", code, *program.argv[program.argv.index("run") :]]
    with program:
        code = program.wait(LIMIT_S)

        assert (125, False, True) == (code, "ran" in program.output, "XDG_RUNTIME_DIR" in program.output)


def test_a_stop_does_not_wait_for_ever_for_what_follows_a_crash(tmp_path: Path) -> None:
    """It has the time of the stop, however much it was given for itself; nothing of it is left."""
    text = f"""
grace = "8s"
[restart]
policy = "always"
[on_crash]
grace = "10m"
[on_crash.handlers.hang]
run = ["sh", "-c", "echo $$ > {tmp_path}/pid; exec sleep 600"]
"""
    with configured(tmp_path, text, counting(tmp_path, "exit 3")) as program:
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().endswith("\n"))
        begun = time.monotonic()
        program.signal("TERM")
        code = program.wait(LIMIT_S)

        assert (3, 1, True) == (code, program.output.count("turn"), time.monotonic() - begun < 30)
    assert not lives(int((tmp_path / "pid").read_text()))


ASKS = """
import sys
from processender.agent import kernel
mask = kernel.block()
from processender.agent.children import Children
from processender.agent.ending import leave
from processender.agent.runner import Agent
from processender.agent.settings import Settings
agent = Agent(sys.argv[1:], Settings(), Children(), mask)

def ask(number):
    agent.make_again().restart()
    if number:
        agent._alarms.after(1.5, lambda: ask(number - 1))

agent._alarms.after(1.5, lambda: ask(1))
leave(agent.run(), reraise=False)
"""


def test_a_restart_that_was_asked_for_is_no_crash(tmp_path: Path) -> None:
    """The command is asked to end, and what it leaves behind too; then it is started anew, without any policy."""
    script = "trap 'echo asked; exit 7' TERM; setsid sleep 60 & echo $! >> $0/left; while :; do sleep 0.02; done"
    command = counting(tmp_path, f"[ $n = 3 ] && exit 0; {script}")
    with Program(ASKS, *command, str(tmp_path), env={"PROCESSENDER_STATE": str(tmp_path / "state")}) as program:
        code = program.wait(LIMIT_S)

        assert (0, 3, 2) == (code, program.output.count("turn"), program.output.count("asked"))
        left = [int(line) for line in (tmp_path / "left").read_text().split()]
        assert [False, False] == [lives(pid) for pid in left]
    assert [] == accounts(tmp_path)


@pytest.mark.parametrize("most", [40, 20, 8, 5, 3])
def test_no_room_for_threads_and_processes_ends_in_words(tmp_path: Path, most: int) -> None:
    """Under a limit of the control group a life is prepared and restarted, or refused; nobody hangs or falls over."""
    v2 = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    root = Path("/sys/fs/cgroup") if v2 else Path("/sys/fs/cgroup/pids")
    if v2:
        (root / "cgroup.subtree_control").write_text("+pids")
    made = root / f"processender-test-{os.getpid()}"
    made.mkdir()
    try:
        (made / "pids.max").write_text(str(most))
        text = f'[restart]\npolicy = "on-failure"\n{QUICK}[hooks.pre_start.a]\nrun = ["true"]\n'
        with in_group(made, configured(tmp_path, text, ["sh", "-c", "exit 3"])) as program:
            code = program.wait(LIMIT_S)

            assert (True, False) == (code in {69, 125}, "Traceback" in program.output)
    finally:
        until = time.monotonic() + LIMIT_S
        while made.exists() and time.monotonic() < until:
            with contextlib.suppress(OSError):
                made.rmdir()
