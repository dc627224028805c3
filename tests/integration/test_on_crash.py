"""What follows a crash: the notifiers, the handlers, the recovery, and the account that the next start makes."""

from __future__ import annotations

import errno
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from processender import Ender, HandlerError, StateError
from processender.testing.processes import Program
from tests.integration.agents import agent

LIMIT_S = 60.0


def configured(tmp_path: Path, text: str) -> Path:
    """Write a configuration."""
    path = tmp_path / "processender.toml"
    path.write_text(f'service = "shop"\n{text}', encoding="utf-8")
    return path


def crash(tmp_path: Path, text: str, script: str = "exit 3", **env: str) -> tuple[dict[str, Any], str]:
    """Crash under an agent with this configuration; return the account and the output."""
    state = tmp_path / "state"
    path = configured(tmp_path, text)
    with agent(["-c", str(path)], ["sh", "-c", script], PROCESSENDER_STATE=str(state), **env) as program:
        program.wait(LIMIT_S)
        output = program.output
    accounts = sorted(state.glob("shop/crashes/*.json"))
    return (json.loads(accounts[-1].read_text()) if accounts else {}), output


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent; refuses the first *refusals* requests."""

    got: ClassVar[list[tuple[dict[str, str], dict[str, Any]]]] = []
    refusals: ClassVar[int] = 0

    def do_POST(self) -> None:
        """Take an event."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).got.append(({name.lower(): value for name, value in self.headers.items()}, json.loads(body)))
        self.send_response(503 if len(self.got) <= type(self).refusals else 202)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[str]:
    """Return the URL of a webhook."""
    Receiver.got, Receiver.refusals = [], 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/crash"
    server.shutdown()
    server.server_close()


# The notifiers of the agent.


def test_a_webhook_gets_a_cloud_event(tmp_path: Path, receiver: str) -> None:
    """In structured mode: the content type, the required attributes, and the account as data."""
    crash(tmp_path, f'[on_crash.handlers.hook]\nwebhook = {{ url = "{receiver}" }}\n')
    ((headers, event),) = Receiver.got

    assert "application/cloudevents+json; charset=utf-8" == headers["content-type"]
    assert ("1.0", "/processender/shop", "dev.processender.crash.v1") == (
        event["specversion"],
        event["source"],
        event["type"],
    )
    assert ("exit", 3, event["id"]) == (event["data"]["cause"], event["data"]["exit"], event["data"]["id"])


def test_a_webhook_that_is_repeated_carries_the_same_id(tmp_path: Path, receiver: str) -> None:
    """So the receiver can tell a repetition."""
    Receiver.refusals = 2
    retry = 'retry = { attempts = 5, initial = "1ms" }'
    crash(tmp_path, f'[on_crash.handlers.hook]\nwebhook = {{ url = "{receiver}" }}\n{retry}\n')

    assert 3 == len(Receiver.got)
    assert 1 == len({event["id"] for _, event in Receiver.got})


def test_a_webhook_takes_its_secret_from_a_variable(tmp_path: Path, receiver: str) -> None:
    """And the account does not hold it."""
    hook = f'webhook = {{ url = "{receiver}", headers_env = {{ Authorization = "TOKEN" }} }}'
    account, _ = crash(tmp_path, f"[on_crash.handlers.hook]\n{hook}\n", TOKEN="Bearer hunter2")

    assert "Bearer hunter2" == Receiver.got[0][0]["authorization"]
    assert "hunter2" not in json.dumps(account)


def test_systemd_is_told_the_summary_and_that_the_owner_died(tmp_path: Path) -> None:
    """One datagram with STATUS and ERRNO, and nothing is said about the state after it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(LIMIT_S)
        crash(tmp_path, "[on_crash.handlers.unit]\nsystemd = true\n", NOTIFY_SOCKET=str(tmp_path / "notify"))
        manager.setblocking(False)
        heard = list(iter(lambda: manager.recv(4096).decode(), "BARRIER=1"))
        told = [line for each in heard for line in each.split("\n") if line.startswith(("STATUS=", "ERRNO="))][-2:]

    assert told[0].startswith("STATUS=shop (process ")
    assert told[0].endswith("ended with 3")
    assert f"ERRNO={errno.EOWNERDEAD}" == told[1]


def test_the_termination_message_is_one_short_line_of_json(tmp_path: Path) -> None:
    """Below 1 KiB, so that it survives the division among twelve containers."""
    log = tmp_path / "termination-log"
    log.write_text("old " * 1000)
    crash(tmp_path, f'[on_crash.handlers.pod]\ntermination_log = "{log}"\n', "kill -ABRT $$")
    text = log.read_text()

    assert ("signal", "SIGABRT", 134) == tuple(
        json.loads(text)[key] for key in ("processender.crash.cause", "processender.crash.signal", "process.exit.code")
    )
    assert len(text) < 1024
    assert "\n" not in text


def test_a_command_is_told_of_the_crash_in_its_environment(tmp_path: Path) -> None:
    """The file of the account, the cause, the signal and a line for a person."""
    out = tmp_path / "out"
    words = "$PROCESSENDER_CRASH_CAUSE $PROCESSENDER_CRASH_SIGNAL $PROCESSENDER_CRASH_EXIT"
    script = f'test -s \\"$PROCESSENDER_CRASH\\" && echo {words} > {out}'
    crash(tmp_path, f'[on_crash.handlers.page]\nrun = ["sh", "-c", "{script}"]\n', "kill -SEGV $$")

    assert "signal SIGSEGV 139" == out.read_text().strip()


def test_the_handlers_stand_in_the_account_with_their_outcomes(tmp_path: Path) -> None:
    """In their order, the built-in recovery among them; one that fails stops nobody."""
    text = '[on_crash.handlers.bad]\nrun = ["false"]\n[on_crash.handlers.good]\nrun = ["true"]\n'
    text += 'phase = "release"\nafter = ["recovery"]\n'
    account, output = crash(tmp_path, text)

    assert ["bad failed", "recovery done", "good done"] == [f"{h['name']} {h['outcome']}" for h in account["handlers"]]
    assert "after the crash, bad: failed" in output


def test_one_line_tells_of_the_crash(tmp_path: Path) -> None:
    """Also without any handler; it names the file."""
    report, output = crash(tmp_path, "", "kill -SEGV $$")

    assert "died of SIGSEGV" in output
    assert f"the account is in {report['path']}" in output


def test_the_last_line_of_a_command_that_fails_stands_in_the_account(tmp_path: Path) -> None:
    """What it writes goes nowhere else."""
    text = "[on_crash.handlers.page]\nrun = ['sh', '-c', 'echo first; echo no pager; exit 3']\n"
    report, output = crash(tmp_path, text)

    assert ["no pager"] == [each["error"].rpartition(": ")[2] for each in report["handlers"] if each["name"] == "page"]
    assert "no pager" in output
    assert "first" not in output


def test_a_handler_that_hangs_is_cut_off_by_the_grace_of_the_crash(tmp_path: Path) -> None:
    """The exit code of the command is passed on all the same."""
    path = configured(tmp_path, '[on_crash]\ngrace = "2s"\n[on_crash.handlers.hangs]\nrun = ["sleep", "1000"]\n')
    with agent(["-c", str(path)], ["sh", "-c", "exit 3"], PROCESSENDER_STATE=str(tmp_path / "state")) as program:
        assert 3 == program.wait(LIMIT_S)


def test_without_a_place_for_the_account_the_notifiers_are_called_all_the_same(tmp_path: Path) -> None:
    """The disk may be what has died."""
    path = configured(tmp_path, f'[on_crash.handlers.page]\nrun = ["touch", "{tmp_path}/told"]\n')
    (tmp_path / "state").write_text("no directory")
    with agent(["-c", str(path)], ["false"], PROCESSENDER_STATE=str(tmp_path / "state")) as program:
        program.wait(LIMIT_S)

    assert (tmp_path / "told").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[on_crash.handlers.x]\n", "neither `run` nor `http` nor `webhook` nor `systemd` nor `termination_log`"),
        ('[on_crash.handlers.x]\nrun = ["true"]\nsystemd = true\n', "has both `run` and `systemd`"),
        ("[on_crash.handlers.x]\nsystemd = true\n", "NOTIFY_SOCKET is not set"),
        ('[on_crash.handlers.x]\ntermination_log = "/nowhere/log"\n', "there is no file /nowhere/log"),
        ('[on_crash.handlers.recovery]\nrun = ["true"]\n', "is the name of the built-in recovery"),
        ('[on_crash.handlers.x]\nrun = ["true"]\nafter = ["recovry"]\n', "did you mean 'recovery'"),
        ('[on_crash.handlers.x]\nwebhok = "http://x"\n', "did you mean 'webhook'"),
        ('[on_crash]\nrecover = false\n[on_crash.handlers.x]\nrun = ["true"]\nafter = ["recovery"]\n', "'recovery'"),
        ('[on_crash.handlers.x]\nwebhook = { url = "ftp://x" }\n', "needs http or https in front"),
    ],
)
def test_a_mistake_in_what_follows_a_crash_is_told_before_the_command_starts(
    tmp_path: Path, text: str, says: str
) -> None:
    """With the file and the line."""
    path = configured(tmp_path, text)
    with agent(["-c", str(path)], ["touch", str(tmp_path / "started")], NOTIFY_SOCKET="") as program:
        code, output = program.wait(LIMIT_S), program.output

    assert (125, True, True) == (code, says in output, f"{path}:" in output)
    assert not (tmp_path / "started").exists()


# The library, at the next start.

PROGRAM = """
import os, signal, sys
from processender import Ender
ender = Ender("shop", recover="on-start")
@ender.on_crash()
def tell(crash):
    owed = [each["key"] for each in crash.obligations]
    print("crash", crash.cause, crash.signal or "-", owed, len(crash.stacks) > 0, crash.exit, flush=True)
@ender.on_crash(phase="release", after=["recovery"])
async def later(crash, ctx):
    print("later", ctx.cause, os.path.basename(os.path.dirname(crash.path)), flush=True)
@ender.releaser("thing")
def thing(obligation):
    print("released", obligation.key, flush=True)
@ender.handler
def cut():
    if sys.argv[1] == "cut":
        os.kill(os.getpid(), signal.SIGKILL)
with ender:
    ender.recovered.wait()
    if sys.argv[1] in {"SEGV", "KILL"}:
        ender.obligation("thing", key="a").acquire()
        os.kill(os.getpid(), signal.Signals["SIG" + sys.argv[1]])
"""


def lives(tmp_path: Path, *ways: str) -> list[str]:
    """Let processes of one service live one after another; return what the last one has said."""
    said: list[str] = []
    for way in ways:
        with Program(PROGRAM, way, env={"PROCESSENDER_STATE": str(tmp_path)}) as program:
            program.wait(LIMIT_S)
            said = program.output.splitlines()
    return [line for line in said if line.split()[0] in {"crash", "later", "released"}]


def test_the_next_start_finds_who_was_killed(tmp_path: Path) -> None:
    """It tells what was owed, then releases it, then calls who waits for that."""
    said = lives(tmp_path, "KILL", "clean")

    assert ["crash killed - ['a'] False None", "released a", "later crash crashes"] == said


def test_the_next_start_finds_a_fatal_signal_with_its_stacks(tmp_path: Path) -> None:
    """The last words of the process tell which."""
    assert "crash signal SIGSEGV ['a'] True None" == lives(tmp_path, "SEGV", "clean")[0]


def test_the_next_start_finds_a_clean_up_that_was_cut_off(tmp_path: Path) -> None:
    """Its run had begun and has no end."""
    assert "crash cut - [] False None" == lives(tmp_path, "cut", "clean")[0]


def test_a_clean_end_is_no_crash(tmp_path: Path) -> None:
    """Nobody is called."""
    assert [] == lives(tmp_path, "clean", "clean")


def test_a_crash_is_told_of_once(tmp_path: Path) -> None:
    """Not at every start from then on."""
    assert [] == lives(tmp_path, "KILL", "clean", "clean")


def test_what_follows_a_crash_does_not_stand_in_the_report_of_the_next_run(tmp_path: Path) -> None:
    """It belongs to another life."""
    lives(tmp_path, "KILL", "clean")
    report = json.loads((tmp_path / "shop" / "reports" / "last.json").read_text())

    assert ["body", "cut", "obligations"] == sorted(handler["name"] for handler in report["handlers"])


def test_nothing_is_left_of_a_crash_but_its_account(tmp_path: Path) -> None:
    """No journal, no stacks; beside it only what the end of the next one has taught."""
    lives(tmp_path, "SEGV", "clean")

    learnt = {"archive", "history.tsv", "history.tsv.lock", "totals", "totals.lock"}
    assert {"crashes", "journal", "reports"} == set(os.listdir(tmp_path / "shop")) - learnt
    assert [] == os.listdir(tmp_path / "shop" / "journal")


def test_a_crash_is_not_followed_where_nobody_looks_for_one() -> None:
    """The error says how to look."""
    with pytest.raises(StateError, match='recover="on-start"'):
        Ender("shop").on_crash()


def test_an_option_of_on_crash_that_does_not_exist_is_named() -> None:
    """With the nearest one."""
    with pytest.raises(Exception, match="did you mean 'timeout'"):
        Ender("shop", recover="on-start").on_crash(timeut=3)(print)


@pytest.mark.parametrize("form", ["sync", "async"])
def test_a_resource_may_wait_for_the_recovery(tmp_path: Path, form: str) -> None:
    """It is set up when what the dead have left is gone."""
    a, within = ("async ", "asyncio.run(main())") if form == "async" else ("", "with ender: pass")
    program = f"""
import asyncio, os, signal, sys, time
from processender import Ender
ender = Ender("shop", recover="on-start")
@ender.releaser("thing")
def thing(obligation):
    time.sleep(0.3)
    print("released", flush=True)
@ender.resource(after_recovery=True)
{a}def pool():
    print("set up", flush=True)
    yield
async def main():
    async with ender:
        pass
if sys.argv[1] == "crash":
    ender.obligation("thing", key="a").acquire()
    os.kill(os.getpid(), signal.SIGKILL)
{within}
"""
    for way in ("crash", "clean"):
        with Program(program, way, env={"PROCESSENDER_STATE": str(tmp_path)}) as running:
            running.wait(LIMIT_S)
            output = running.output

    assert ["released", "set up"] == [line for line in output.splitlines() if line in {"released", "set up"}]


def test_a_recovery_before_the_next_start_takes_no_crash_away(tmp_path: Path) -> None:
    """It accounts for it, and the next start tells of it, once."""
    with Program(PROGRAM, "KILL", env={"PROCESSENDER_STATE": str(tmp_path)}) as program:
        program.wait(LIMIT_S)
    argv = [sys.executable, "-m", "processender", "recover"]
    subprocess.run(argv, env={**os.environ, "PROCESSENDER_STATE": str(tmp_path)}, check=False, capture_output=True)

    assert "crash killed - ['a'] False None" == lives(tmp_path, "clean")[0]
    assert [] == lives(tmp_path, "clean")


def test_an_order_that_makes_no_sense_stops_nobody_from_being_told(tmp_path: Path) -> None:
    """The mistake is reported, and everybody is called."""
    program = PROGRAM.replace('after=["recovery"]', 'after=["nobody"]')
    for way in ("KILL", "clean"):
        with Program(program, way, env={"PROCESSENDER_STATE": str(tmp_path)}) as running:
            running.wait(LIMIT_S)
            output = running.output

    assert (True, True, True) == ("crash killed" in output, "later crash" in output, "'nobody'" in output)


@pytest.mark.parametrize("name", ["recovery", "tell"])
def test_a_name_that_is_taken_is_refused(name: str) -> None:
    """The built-in one, and one of the application's own."""
    ender = Ender("shop", recover="on-start")
    ender.on_crash(name="tell")(print)
    with pytest.raises(HandlerError, match="there is one of this name"):
        ender.on_crash(name=name)(print)


def test_a_handler_that_raises_or_hangs_stops_nobody(tmp_path: Path) -> None:
    """The recovery goes on, and the account tells what became of each."""
    program = PROGRAM.replace(
        "@ender.releaser",
        "@ender.on_crash()\ndef bad(crash):\n    raise ValueError('no')\n"
        "@ender.on_crash(timeout=0.2)\ndef hangs(crash):\n    import threading; threading.Event().wait()\n@ender.releaser",
    )
    for way in ("KILL", "clean"):
        with Program(program, way, env={"PROCESSENDER_STATE": str(tmp_path)}) as running:
            running.wait(LIMIT_S)
    (path,) = (tmp_path / "shop" / "crashes").glob("*.json")
    told = {each["name"]: each["outcome"] for each in json.loads(path.read_text())["handlers"]}

    assert {"bad": "failed", "hangs": "abandoned", "recovery": "done", "tell": "done", "later": "done"} == told


@pytest.mark.parametrize("kind", ["directory", "fifo", "link", "odd name"])
def test_what_is_no_file_of_stacks_holds_nobody_up(tmp_path: Path, kind: str) -> None:
    """The directory may hold anything."""
    lives(tmp_path, "KILL")
    place = tmp_path / "shop"
    (stacks,) = place.glob("stacks-*.txt")
    stacks.unlink()
    if kind == "directory":
        stacks.mkdir()
    elif kind == "fifo":
        os.mkfifo(stacks)
    elif kind == "link":
        stacks.symlink_to("/etc/passwd")
    else:
        (place / "stacks-²-x.txt").touch()

    assert ["crash killed - ['a'] False None", "released a", "later crash crashes"] == lives(tmp_path, "clean")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"told": false}', b'{"told": false, "id": 3}', b"[" * 100_000])
def test_what_is_no_account_holds_nobody_up(tmp_path: Path, content: bytes) -> None:
    """The directory may hold anything."""
    lives(tmp_path, "clean")
    (tmp_path / "shop" / "crashes").mkdir(mode=0o700)
    (tmp_path / "shop" / "crashes" / "0.json").write_bytes(content)

    assert 3 == len(lives(tmp_path, "KILL", "clean"))


def test_what_goes_wrong_after_a_crash_does_not_change_the_exit_code(tmp_path: Path) -> None:
    """The journal of the dead cannot be read."""
    journal = tmp_path / "state" / "shop" / "journal"
    journal.mkdir(parents=True, mode=0o700)
    journal.parent.chmod(0o700)
    (journal / "1-1-aaaaaa").mkdir(mode=0o700)
    (journal / "1-1-aaaaaa" / "LOCK").mkdir()
    path = configured(tmp_path, f'[on_crash.handlers.page]\nrun = ["touch", "{tmp_path}/told"]\n')
    with agent(["-c", str(path)], ["sh", "-c", "exit 3"], PROCESSENDER_STATE=str(tmp_path / "state")) as program:
        code = program.wait(LIMIT_S)

    assert (3, True) == (code, (tmp_path / "told").exists())
