"""What a real agent does after its command has crashed."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from processender.testing.processes import Program
from tests.integration.agents import SLEEPER, agent, stops_with

LIMIT_S = 60.0
OWES = """
import os, signal, sys
from processender import Ender
root = sys.argv[1]
ender = Ender(sys.argv[2])
ender.obligation('file', key=root + '/a', root=root).acquire()
open(root + '/a', 'w').close()
os.kill(os.getpid(), signal.SIGKILL)
"""


def crashes(state: Path) -> list[Path]:
    """Return the accounts of all crashes."""
    return sorted(state.glob("*/crashes/*.json"))


def crash(state: Path, script: str, *options: str) -> dict[str, Any]:
    """Run a shell script that crashes and return the account."""
    with agent(list(options), ["sh", "-c", script], PROCESSENDER_STATE=str(state)) as program:
        program.wait(LIMIT_S)
    (path,) = crashes(state)
    account: dict[str, Any] = json.loads(path.read_text())
    return account


def test_a_death_by_signal_is_accounted_for(tmp_path: Path) -> None:
    """Its name and the code that is passed on."""
    account = crash(tmp_path, "kill -SEGV $$")

    assert ("signal", "SIGSEGV", 139) == (account["cause"], account["signal"], account["exit"])


@pytest.mark.parametrize("limit", ["0", "$(ulimit -Hc)"])
def test_the_account_tells_whether_there_is_a_core_dump(limit: str, tmp_path: Path) -> None:
    """As the kernel says it of the same death, with the same limit, to a parent that waits for it."""
    script = f"ulimit -c {limit}; cd {tmp_path}; kill -SEGV $$"
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", script], os.environ)
    expected = os.WCOREDUMP(os.waitpid(pid, 0)[1])
    account = crash(tmp_path / "state", script)

    assert expected is account["core"]
    assert limit != "0" or not expected


def test_an_exit_that_nobody_asked_for_is_accounted_for(tmp_path: Path) -> None:
    """There was no notice, and the code is not 0."""
    account = crash(tmp_path, "exit 3")

    assert ("exit", "", 3) == (account["cause"], account["signal"], account["exit"])


def test_the_account_can_be_read_by_this_user_alone(tmp_path: Path) -> None:
    """Keys of obligations are nobody's business."""
    crash(tmp_path, "exit 3")

    assert 0o600 == stat.S_IMODE(crashes(tmp_path)[0].stat().st_mode)


def test_the_account_tells_the_last_events(tmp_path: Path) -> None:
    """The end of the run is among them."""
    account = crash(tmp_path, "exit 3")

    assert "run.ended" in [event["key"] for event in account["events"]]


def test_arguments_are_not_told(tmp_path: Path) -> None:
    """They may hold secrets."""
    account = crash(tmp_path, "exit 3 # hunter2")

    assert "hunter2" not in json.dumps(account)


@pytest.mark.parametrize("script", ["exit 0", "true"])
def test_a_clean_end_is_no_crash(tmp_path: Path, script: str) -> None:
    """There is nothing to account for."""
    with agent([], ["sh", "-c", script], PROCESSENDER_STATE=str(tmp_path)) as program:
        program.wait(LIMIT_S)

    assert [] == crashes(tmp_path)


def test_a_command_that_was_asked_to_end_has_not_crashed(tmp_path: Path) -> None:
    """It died of the signal that the agent sent."""
    with agent([], SLEEPER, PROCESSENDER_STATE=str(tmp_path)) as program:
        stops_with(program)

    assert [] == crashes(tmp_path)


def owing(root: Path, state: Path, *options: str) -> None:
    """Run, under an agent of the service `shop`, a program of that service that dies while it owes a file."""
    command = [sys.executable, "-c", OWES, str(root), "shop"]
    with agent(["--service", "shop", *options], command, PROCESSENDER_STATE=str(state)) as program:
        program.wait(LIMIT_S)


def test_what_the_command_owed_is_released(tmp_path: Path) -> None:
    """The agent recovers after the crash, without being asked."""
    owing(tmp_path, tmp_path / "state")

    assert not (tmp_path / "a").exists()


def test_the_account_tells_what_the_command_owed(tmp_path: Path) -> None:
    """As it was before the recovery."""
    owing(tmp_path, tmp_path / "state")
    account = json.loads(crashes(tmp_path / "state")[0].read_text())

    assert [str(tmp_path / "a")] == [each["key"] for each in account["obligations"]]


def test_what_a_command_owes_under_another_name_is_released_and_accounted_for(tmp_path: Path) -> None:
    """Its Ender need not have the name of the agent's service; what others have left there stays."""
    command = [sys.executable, "-c", OWES, str(tmp_path), "orders"]
    with agent(["--service", "shop"], command, PROCESSENDER_STATE=str(tmp_path / "state")) as program:
        program.wait(LIMIT_S)
    (path,) = crashes(tmp_path / "state")
    account = json.loads(path.read_text())

    assert ("shop", [str(tmp_path / "a")]) == (account["service"], [each["key"] for each in account["obligations"]])
    assert not (tmp_path / "a").exists()


def test_recovery_can_be_turned_off(tmp_path: Path) -> None:
    """Then a human decides."""
    config = tmp_path / "processender.toml"
    config.write_text("[on_crash]\nrecover = false\n")
    owing(tmp_path, tmp_path / "state", "-c", str(config))

    assert (tmp_path / "a").exists()


def test_a_misspelt_key_of_on_crash_is_named(tmp_path: Path) -> None:
    """With its line and the nearest name."""
    config = tmp_path / "processender.toml"
    config.write_text("[on_crash]\nrecovr = false\n")
    with agent(["-c", str(config)], ["true"]) as program:
        code = program.wait(LIMIT_S)

        assert (125, True, True) == (code, ":2:" in program.output, "did you mean 'recover'" in program.output)


def test_the_newest_accounts_are_kept(tmp_path: Path) -> None:
    """A service may crash a thousand times."""
    directory = tmp_path / "sh" / "crashes"
    directory.mkdir(parents=True, mode=0o700)
    directory.parent.chmod(0o700)
    for number in range(70):
        (directory / f"{number:011x}-000000.json").write_text("{}")
    with agent([], ["sh", "-c", "exit 3"], PROCESSENDER_STATE=str(tmp_path)) as program:
        program.wait(LIMIT_S)

    assert 64 == len(crashes(tmp_path))


def dies(state: Path, root: Path, name: str) -> None:
    """Run, under no agent, a program of the service `shop` that dies while it owes a file."""
    root.mkdir()
    with Program(OWES, str(root), name, env={"PROCESSENDER_STATE": str(state)}) as program:
        program.wait(LIMIT_S)


def test_each_crash_has_an_account_of_its_own(tmp_path: Path) -> None:
    """A process that died before, and was not accounted for, is not mixed into the account of the command."""
    dies(tmp_path / "state", tmp_path / "before", "shop")
    owing(tmp_path, tmp_path / "state")
    accounts = [json.loads(path.read_text()) for path in crashes(tmp_path / "state")]
    told = {(each["cause"], tuple(owed["key"] for owed in each["obligations"])) for each in accounts}

    assert {("killed", (f"{tmp_path}/before/a",)), ("signal", (f"{tmp_path}/a",))} == told
    assert 2 == len({each["pid"] for each in accounts})


def test_a_draft_of_a_writer_that_was_killed_is_removed_when_it_is_old(tmp_path: Path) -> None:
    """One that is young may still be written."""
    directory = tmp_path / "sh" / "crashes"
    directory.mkdir(parents=True, mode=0o700)
    directory.parent.chmod(0o700)
    for name in ("old", "young"):
        (directory / f"{name}.json.new").touch()
    os.utime(directory / "old.json.new", (1.0, 1.0))
    crash(tmp_path, "exit 3")

    assert ["young.json.new"] == [path.name for path in directory.glob("*.new")]


def test_an_account_is_on_the_disk_before_it_has_its_name(tmp_path: Path) -> None:
    """The mark that it was made comes later, and must not outlast it."""
    trace = tmp_path / "trace"
    with agent([], ["sh", "-c", "exit 3"], PROCESSENDER_STATE=str(tmp_path)) as program:
        program.wait(LIMIT_S)
    (path,) = crashes(tmp_path)
    script = (
        "import json, sys\nfrom processender.core.crash import CrashReport\n"
        "from processender.telemetry.crash import write_crash\n"
        "write_crash(sys.argv[1], CrashReport.read(json.load(open(sys.argv[2]))))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "sh"), str(path)]
    traced = ["strace", "-f", "-y", "-e", "trace=fsync,rename,renameat,renameat2", "-o", str(trace), *command]
    subprocess.run(traced, check=True, timeout=LIMIT_S)
    calls = [
        line.split(maxsplit=1)[1].partition("(")[0] for line in trace.read_text().splitlines() if "crashes" in line
    ]

    assert ["fsync", "rename", "fsync"] == calls
