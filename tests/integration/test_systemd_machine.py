"""The agent under a real systemd, which is booted once in a container: what it says, and what becomes of its services."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.machine import TREE, play

pytestmark = pytest.mark.timeout(300)
SAY = """
import os, socket, sys, time
def say(text, fds=()):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(os.environ["NOTIFY_SOCKET"])
        socket.send_fds(sender, [text.encode()], fds)
def write(name, text):
    with open(f"/results/{name}.new", "w") as file:
        file.write(text)
    os.rename(f"/results/{name}.new", f"/results/{name}")
def handed():
    return f"{os.environ.get('LISTEN_FDS')} {os.environ.get('LISTEN_FDNAMES')} {os.environ.get('LISTEN_PID') == str(os.getpid())}"
"""
FILES = {
    "talk.sh": """
trap 'sleep 1; exit 0' TERM
sleep 0.3; echo yes > /results/talk.ready
systemd-notify --status='open for business'
systemd-notify --ready
while :; do sleep 0.1; done
""",
    "reload.sh": """
trap 'echo hup > /results/reload.hup' HUP
systemd-notify --ready
while :; do sleep 0.1; done
""",
    "slow.sh": "systemd-notify EXTEND_TIMEOUT_USEC=20000000; sleep 6; systemd-notify --ready; exec sleep 100\n",
    "itself.sh": "sh -c \"trap '' TERM; sleep 2\" & sleep 0.5; exit 0\n",
    "needs5.sh": """
trap 'sleep 5; echo done > /results/needs5.done; exit 0' TERM
echo ready > /results/needs5.ready
while :; do sleep 0.1; done
""",
    "deaf8.sh": "trap '' TERM; echo ready > /results/deaf8.ready; while :; do sleep 0.1; done\n",
    "deaf3.sh": "trap '' TERM; echo ready > /results/deaf3.ready; while :; do sleep 0.1; done\n",
    "hung.sh": """
mkdir /results/hung.d
processender track add file /results/hung.d/thing --arg root=/results
touch /results/hung.d/thing
echo ready > /results/hung.ready
exec sleep 100
""",
    "mute.sh": """
systemd-notify --ready
for each in 1 2 3; do systemd-notify WATCHDOG=1; sleep 0.3; done
echo "$WATCHDOG_USEC $WATCHDOG_PID $$" > /results/mute.fed
exec sleep 100
""",
    "store.py": SAY
    + """
if "LISTEN_FDS" not in os.environ:
    made = socket.socket(socket.AF_UNIX)
    made.bind("/results/store.sock")
    made.listen(8)
    say("FDSTORE=1\\nFDNAME=web", [made.fileno()])
    say("FDSTORE=1\\nFDNAME=pipe", [os.pipe()[0]])
    say("READY=1")
    write("store.1", handed())
    time.sleep(100)
made = socket.socket(fileno=3)
say("READY=1")
connection, _ = made.accept()
connection.sendall(b"still here")
write("store.2", handed())
time.sleep(100)
""",
    "act.py": SAY
    + """
made = socket.socket(fileno=3)
while True:
    connection, _ = made.accept()
    connection.sendall(handed().encode())
    connection.close()
""",
    "mixed.sh": "sleep 100 & sleep 100 & echo ready >> /results/mixed.ready; wait\n",
    "group.sh": "sleep 100 & sleep 100 & echo ready >> /results/group.ready; wait\n",
    "lock.toml": """
[sources.machine]
listen = "logind"
with = { every = "100ms" }
[handlers.flush]
phase = "flush"
run = ["/bin/sh", "-c", "sleep 1; grep -h WHO= /run/systemd/inhibit/*[0-9] > /results/lock.flush"]
""",
    "extend.toml": '[systemd]\nextend_to = "8s"\n',
}
ODD = ["a b", "$HOME", "100%", 'q"q', "it's", "", ";", "two\nlines", "back\\slash", "ä"]
"""Arguments that a unit would mistake."""


def service(name: str, *lines: str, options: str = "", program: str = "") -> str:
    """Return a unit for the agent in front of one of the files."""
    command = program or f"/bin/sh /results/{name}.sh"
    post = f"/usr/bin/processender post-mortem --service {name} --json >> /results/{name}.post"
    more = "\n".join(lines)
    return f"""\
[Unit]
StartLimitIntervalSec=0
[Service]
Type=notify
NotifyAccess=main
Environment=PROCESSENDER_STATE=/results/state/{name}
ExecStart=/usr/bin/processender run --service {name} {options} -- {command}
ExecStopPost=/bin/sh -c '{post}'
KillMode=mixed
SuccessExitStatus=143 130
TimeoutStopSec=20
StandardOutput=append:/results/{name}.log
StandardError=append:/results/{name}.log
{more}
"""


def generated() -> str:
    """Return the unit that `processender unit` prints for a command with odd arguments."""
    script = 'printf "<%s>" "$@" > /results/shop.new; mv /results/shop.new /results/shop.args; exec sleep 100'
    argv = [sys.executable, "-m", "processender", "unit", "--service", "shop", "--program", "/usr/bin/processender"]
    told = subprocess.run(
        [*argv, "--", "/bin/sh", "-c", script, "sh", *ODD], check=True, capture_output=True, text=True
    )
    # What is started again has not failed.
    return told.stdout.replace("Restart=on-failure", "Restart=no")


def units() -> dict[str, str]:
    """Return the units of all scenarios."""
    python = f"{sys.executable} -S /results"
    return {
        "talk.service": service("talk", options="--ready notify"),
        "reload.service": service("reload", "ExecReload=/bin/kill -HUP $MAINPID", options="--ready notify --on-signal HUP:forward"),
        "slow.service": service("slow", "TimeoutStartSec=4", options="--ready notify"),
        "itself.service": service("itself"),
        "needs5.service": service("needs5", "TimeoutStopSec=3", options="-c /results/extend.toml"),
        "deaf8.service": service("deaf8", "TimeoutStopSec=3", options="-c /results/extend.toml"),
        "deaf3.service": service("deaf3", "TimeoutStopSec=3", "UnsetEnvironment=INVOCATION_ID", options="--grace 60s"),
        "hung.service": service("hung", "WatchdogSec=6", "WatchdogSignal=KILL"),
        "mute.service": service("mute", "WatchdogSec=6", options="--ready notify --watchdog pass"),
        "store.service": service(
            "store", "FileDescriptorStoreMax=4", "Restart=always", "RestartSec=100ms",
            options="--ready notify", program=f"{python}/store.py",
        ),
        "act.socket": "[Socket]\nListenStream=/results/act.sock\nFileDescriptorName=front\n",
        "act.service": service("act", program=f"{python}/act.py"),
        "mixed.service": service("mixed"),
        "group.service": service("group").replace("KillMode=mixed", "KillMode=control-group"),
        "longer.service": service("longer", "TimeoutStopSec=20", program="/bin/sleep 100"),
        "shorter.service": service("shorter", "TimeoutStopSec=10", options="--grace 60s", program="/bin/sleep 100"),
        "fits.service": service("fits", "TimeoutStopSec=10", options="--grace 4s", program="/bin/sleep 100"),
        "lock.service": service("lock", options="-c /results/lock.toml", program="/bin/sleep 100"),
        "witness.service": "[Service]\nExecStart=/bin/sleep 100\nExecStop=/bin/sleep 2\n",
        "shop.service": generated(),
        "processender-failure@.service": (TREE / "deploy/systemd/processender-failure@.service").read_text(),
    }  # fmt: skip


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Play everything in one boot."""
    return play(tmp_path_factory.mktemp("machine"), units(), FILES, Path(__file__).parent / "machine_driver.py")


def last_post(text: str) -> dict[str, Any]:
    """Return what the last `post-mortem --json` has printed."""
    found: dict[str, Any] = {}
    while text.strip():
        found, end = json.JSONDecoder().raw_decode(text.lstrip())
        text = text.lstrip()[end:]
    return found


def test_nothing_of_it_broke_down(machine: dict[str, Any]) -> None:
    """All scenarios were played to their end."""
    assert {} == {name: each["broken"] for name, each in machine.items() if "broken" in each}
    assert 13 == len(machine)


class TestNotify:
    def test_the_start_is_over_when_the_command_says_so(self, machine: dict[str, Any]) -> None:
        """On its own socket, from a shell's `systemd-notify`, whose MAINPID changes nothing."""
        talk = machine["talk"]

        assert (0, "yes") == (talk["code"], talk["mark"].strip())
        assert ("active", "open for business") == (talk["started"]["ActiveState"], talk["started"]["StatusText"])

    def test_the_end_is_told_step_by_step(self, machine: dict[str, Any]) -> None:
        """`systemctl status` shows what is waited for, and for how long at most."""
        stop = machine["talk"]["stop"]

        assert any(word.startswith("deactivating/stop-sigterm: ending: command, within ") for word in stop["seen"])
        assert "success" == stop["last"]["Result"]

    def test_an_end_that_nobody_asked_for_is_told_as_stopping(self, machine: dict[str, Any]) -> None:
        """The unit is deactivating, without any job, while what the command has left is brought to its end."""
        itself = machine["by_itself"]

        assert any(word.startswith("deactivating: ending") for word in itself["seen"])
        assert "success" == itself["last"]["Result"]

    def test_a_reload_ends_although_the_command_says_nothing_about_it(self, machine: dict[str, Any]) -> None:
        """`systemctl reload` comes back, the command has its HUP, and the unit is active again."""
        reload = machine["reload"]

        assert (0, "hup", "active") == (reload["code"], reload["got"].strip(), reload["state"]["ActiveState"])

    def test_a_command_may_ask_for_a_longer_start(self, machine: dict[str, Any]) -> None:
        """6 s in a unit that gives 4."""
        assert (0, "active") == (machine["slow_start"]["code"], machine["slow_start"]["state"]["ActiveState"])


class TestTheTimeToEnd:
    def test_it_is_extended_while_the_command_needs_it(self, machine: dict[str, Any]) -> None:
        """TimeoutStopSec is 3 s, the command needs 5, and `extend_to` allows 8: nothing is killed."""
        found = machine["extend"]["needs5"]

        assert ("success", "done") == (found["last"]["Result"], found["done"].strip())
        assert found["seconds"] > 4.9

    def test_it_is_extended_up_to_the_ceiling(self, machine: dict[str, Any]) -> None:
        """The agent itself kills a command that never ends, after more than 3 s and before 8."""
        found = machine["extend"]["deaf8"]

        assert ("exit-code", "137") == (found["last"]["Result"], found["last"]["ExecMainStatus"])
        assert found["seconds"] > 5

    def test_without_a_ceiling_the_unit_is_right(self, machine: dict[str, Any]) -> None:
        """systemd kills after TimeoutStopSec, and `post-mortem` accounts for it."""
        extend = machine["extend"]

        assert "timeout" == extend["deaf3"]["last"]["Result"]
        assert [("timeout", "SIGKILL")] == [(each["cause"], each["signal"]) for each in extend["accounts"]]


class TestWatchdog:
    def test_an_agent_that_hangs_is_killed_and_recovered(self, machine: dict[str, Any]) -> None:
        """What its command owed is released by ExecStopPost, and the account says what it was."""
        hung = machine["watchdog"]["hung"]
        post = last_post(hung["post"])
        (account,) = hung["accounts"]

        assert ("watchdog", True, False) == (hung["last"]["Result"], hung["before"], hung["after"])
        assert ("watchdog", "killed", "KILL") == tuple(post["end"][key] for key in ("result", "how", "status"))
        assert ["released"] == [each["state"] for each in post["services"]["hung"]["obligations"]]
        assert ("watchdog", "/results/hung.d/thing") == (account["cause"], account["obligations"][0]["key"])

    def test_a_command_that_hangs_is_ended_by_the_watchdog(self, machine: dict[str, Any]) -> None:
        """The agent feeds it only while the command does, hands on SIGABRT, and accounts for the crash itself."""
        mute = machine["watchdog"]["mute"]
        period, of, pid = mute["fed"].split()

        assert ("6000000", pid) == (period, of)
        assert ("watchdog", "134") == (mute["last"]["Result"], mute["last"]["ExecMainStatus"])
        assert ["SIGABRT"] == [each["signal"] for each in mute["accounts"]]
        assert last_post(mute["post"])["crash"] is None


class TestSockets:
    def test_a_stored_socket_outlives_a_killed_agent(self, machine: dict[str, Any]) -> None:
        """A client that calls in between is answered by the next; a pipe was not stored."""
        store = machine["store"]

        assert ("None None False", "1 web True") == (store["first"], store["second"])
        assert ("1", "still here", "active") == (store["kept"], store["answer"], store["state"]["ActiveState"])
        assert "SIGKILL" == last_post(store["post"])["crash"]["signal"]

    def test_an_activated_command_finds_its_socket(self, machine: dict[str, Any]) -> None:
        """At number 3, with its name, and LISTEN_PID is its own number."""
        assert ["1 front True"] * 2 == machine["activation"]["answers"]


@pytest.mark.parametrize("mode", ["mixed", "group"])
def test_children_that_die_first_are_no_crash(machine: dict[str, Any], mode: str) -> None:
    """KillMode=mixed and control-group: five stops each, all a success."""
    found = machine["modes"][mode]

    assert ["success"] * 5 == [result for result, _ in found["ends"]]
    assert [] == found["accounts"]
    assert ("success", "143") == tuple(last_post(found["post"])["end"][key] for key in ("result", "status"))


class TestShippedUnits:
    def test_arguments_arrive_as_they_were_given(self, machine: dict[str, Any]) -> None:
        """Through the unit that `processender unit` prints, whatever means something to systemd."""
        assert "".join(f"<{word}>" for word in ODD) == machine["failure"]["args"]

    def test_a_failure_is_seen_to_once(self, machine: dict[str, Any]) -> None:
        """ExecStopPost has made the account; the OnFailure unit finds it and makes no second one."""
        failure = machine["failure"]

        assert ("failed", "signal") == (failure["shop"]["ActiveState"], failure["shop"]["Result"])
        assert ("success", "0") == (failure["failure"]["Result"], failure["failure"]["ExecMainStatus"])
        assert ["SIGKILL"] == [each["signal"] for each in failure["accounts"]]


class TestWhatTheManagerGives:
    """TimeoutStopSec, read over D-Bus, and the grace that fits into it."""

    @pytest.mark.parametrize(
        ("unit", "grace", "told"), [("longer", 18.0, 20), ("shorter", 9.0, 10), ("fits", 4.0, None)]
    )
    def test_the_grace_fits_into_it(self, machine: dict[str, Any], unit: str, grace: float, told: int | None) -> None:
        """All of it without a grace; no more of it than was given; a grace that fits stays, and nothing is told."""
        report = machine["window"][unit]
        heard = [each["cause"] for each in report["notices"] if each["origin"] == "systemd"]

        assert grace == report["window"]["length_s"]
        assert ([] if told is None else [f"TimeoutStopSec of {unit}.service is {told} s"]) == heard

    def test_it_is_known_without_a_bus(self, machine: dict[str, Any]) -> None:
        """Root asks the manager on its own socket."""
        assert ["90.0", "driver.service", "False"] == machine["alone"]["told"]


class TestShutdown:
    """The real logind, which is started anew before."""

    def test_it_waits_for_the_clean_up_and_no_longer(self, machine: dict[str, Any]) -> None:
        """The lock is held while the handlers run, and other services are stopped when it is given back."""
        found = machine["shutdown"]

        assert ([0] * 4, 1) == (found["codes"], len(found["locks"]))
        assert "WHO=ProcessEnder" == found["flush"].strip()
        assert 1.0 < found["seconds"] < 4.5

    def test_the_report_says_what_was_heard(self, machine: dict[str, Any]) -> None:
        """What was planned, that it was called off, and what came; the window is logind's delay."""
        report = machine["shutdown"]["report"]
        heard = [each["cause"] for each in report["notices"] if each["origin"] == "machine"]

        assert ["scheduled poweroff", "scheduled poweroff called off", "shutdown"] == heard
        assert ("shutdown", 5.0, "told") == (report["cause"], report["window"]["length_s"], report["window"]["kind"])
        assert ("clean", []) == (report["verdict"], report["troubles"])
