"""Plays the scenarios inside the booted container, all at once, and writes down what came of each."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULTS = Path("/results")
LIMIT_S = 60.0
SHOWN = ("ActiveState", "SubState", "StatusText", "Result", "ExecMainCode", "ExecMainStatus", "NRestarts", "MainPID",
         "NFileDescriptorStore", "StatusErrno")  # fmt: skip


def systemctl(*words: str) -> int:
    """Run systemctl."""
    return subprocess.run(["systemctl", *words], check=False, capture_output=True).returncode


def show(unit: str) -> dict[str, str]:
    """Return what systemd says of a unit."""
    told = subprocess.run(["systemctl", "show", unit, *(f"-p{name}" for name in SHOWN)],
                          check=True, capture_output=True, text=True).stdout  # fmt: skip
    return dict(line.split("=", 1) for line in told.splitlines())


def until(what: Callable[[], Any], pause: float = 0.03) -> Any:
    """Wait until *what* is true and return it; what never comes true ends the scenario."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(pause)
    raise TimeoutError


def has_ended(unit: str) -> dict[str, str] | None:
    """Return what systemd says of a unit once it has ended for good."""
    told = show(unit)
    return told if told["ActiveState"] in {"inactive", "failed"} else None


def stop_watched(unit: str) -> dict[str, Any]:
    """Stop a unit; return everything that was seen meanwhile and how long it took."""
    begun = time.monotonic()
    systemctl("stop", "--no-block", unit)
    seen: list[str] = []

    def ended() -> dict[str, str] | None:
        told = show(unit)
        word = f"{told['ActiveState']}/{told['SubState']}: {told['StatusText']}"
        if word not in seen:
            seen.append(word)
        return told if told["ActiveState"] in {"inactive", "failed"} else None

    last = until(ended)
    return {"seen": seen, "seconds": time.monotonic() - begun, "last": last}


def read(name: str) -> str:
    """Return a file that a command has written; empty if there is none."""
    path = RESULTS / name
    return path.read_text() if path.exists() else ""


def accounts(unit: str) -> list[dict[str, Any]]:
    """Return the accounts of crashes of a unit."""
    return [json.loads(path.read_text()) for path in sorted((RESULTS / "state" / unit).glob("*/crashes/*.json"))]


def status(unit: str) -> str:
    """Return what the agent of a unit says of itself."""
    argv = ["/usr/bin/processender", "status", "--json", "--agent", show(unit)["MainPID"]]
    return subprocess.run(argv, check=False, capture_output=True, text=True).stdout


def report(unit: str) -> dict[str, Any]:
    """Return the report of the last end of a unit."""
    (path,) = (RESULTS / "state" / unit).glob("*/reports/last.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def talk() -> dict[str, Any]:
    """A command that says when it is ready, and takes a moment to end."""
    code = systemctl("start", "talk")
    started = show("talk")
    return {"code": code, "started": started, "mark": read("talk.ready"), "stop": stop_watched("talk")}


def reload() -> dict[str, Any]:
    """A reload by HUP."""
    systemctl("start", "reload")
    code = systemctl("reload", "reload")
    got = until(lambda: read("reload.hup"))
    # It is over when the agent says so, a moment after the command has its signal.
    until(lambda: show("reload")["ActiveState"] == "active")
    state = show("reload")
    systemctl("stop", "reload")
    return {"code": code, "got": got, "state": state}


def slow_start() -> dict[str, Any]:
    """A command that takes longer to be ready than its unit gives, and says so."""
    return {"code": systemctl("start", "slow"), "state": show("slow"), "stop": systemctl("stop", "slow")}


def by_itself() -> dict[str, Any]:
    """A command that ends by itself, while what it has left takes a while."""
    systemctl("start", "itself")
    seen: list[str] = []

    def ended() -> bool:
        told = show("itself")
        seen.append(f"{told['ActiveState']}: {told['StatusText']}")
        return told["ActiveState"] in {"inactive", "failed"}

    until(ended)
    return {"seen": sorted(set(seen)), "last": show("itself")}


def extend() -> dict[str, Any]:
    """A command that needs 5 s of the 3 s that its unit gives, and one that never ends."""
    found: dict[str, Any] = {}

    def one(unit: str) -> None:
        systemctl("start", unit)
        until(lambda: read(f"{unit}.ready"))
        found[unit] = stop_watched(unit) | {"done": read(f"{unit}.done")}

    together(*(lambda unit=unit: one(unit) for unit in ("needs5", "deaf8", "deaf3")))
    return found | {"accounts": accounts("deaf3"), "post": read("deaf3.post")}


def watchdog() -> dict[str, Any]:
    """An agent that hangs, and a command that does."""
    found: dict[str, Any] = {}

    def hung_agent() -> None:
        systemctl("start", "hung")
        until(lambda: read("hung.ready"))
        before = os.path.exists("/results/hung.d/thing")
        os.kill(int(show("hung")["MainPID"]), signal.SIGSTOP)
        last = until(lambda: has_ended("hung"))
        found["hung"] = {"before": before, "after": os.path.exists("/results/hung.d/thing"), "last": last,
                         "post": read("hung.post"), "accounts": accounts("hung")}  # fmt: skip

    def hung_command() -> None:
        systemctl("start", "mute")
        last = until(lambda: has_ended("mute"))
        found["mute"] = {"last": last, "post": read("mute.post"), "accounts": accounts("mute"), "fed": read("mute.fed")}

    together(hung_agent, hung_command)
    return found


def store() -> dict[str, Any]:
    """A listening socket that outlives the agent."""
    systemctl("start", "store")
    first = until(lambda: read("store.1"))
    kept = show("store")["NFileDescriptorStore"]
    os.kill(int(show("store")["MainPID"]), signal.SIGKILL)
    with socket.socket(socket.AF_UNIX) as client:
        # It listens although nobody is there to accept.
        client.settimeout(LIMIT_S)
        client.connect("/results/store.sock")
        answer = client.recv(100).decode()
    second = until(lambda: read("store.2"))
    state = show("store")
    post = read("store.post")
    systemctl("stop", "store")
    return {"first": first, "second": second, "kept": kept, "answer": answer, "state": state, "post": post}


def activation() -> dict[str, Any]:
    """A command that is started by its first caller."""
    systemctl("start", "act.socket")
    answers = []
    for _ in range(2):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(LIMIT_S)
            client.connect("/results/act.sock")
            answers.append(client.recv(200).decode())
    systemctl("stop", "act.socket", "act.service")
    return {"answers": answers}


def modes() -> dict[str, Any]:
    """Stops with each kill mode, several times."""
    found: dict[str, Any] = {}

    def one(unit: str) -> None:
        ends = []
        for number in range(5):
            systemctl("start", unit)
            until(lambda number=number: read(f"{unit}.ready").count("ready") > number)
            systemctl("stop", unit)
            told = show(unit)
            ends.append([told["Result"], told["ExecMainStatus"]])
        found[unit] = {"ends": ends, "accounts": accounts(unit), "post": read(f"{unit}.post")}

    together(lambda: one("mixed"), lambda: one("group"))
    return found


def failure() -> dict[str, Any]:
    """The shipped units, as they are: a service whose agent is killed."""
    systemctl("start", "shop")
    until(lambda: read("shop.args"))
    os.kill(int(show("shop")["MainPID"]), signal.SIGKILL)
    until(lambda: has_ended("shop"))
    helper = "processender-failure@shop.service.service"
    told = until(
        lambda: (found := show(helper))["ExecMainCode"] != "0" and found["ActiveState"] != "activating" and found
    )
    crashes = [json.loads(path.read_text()) for path in Path("/var/lib/processender/shop/crashes").glob("*.json")]
    return {"args": read("shop.args"), "shop": show("shop"), "failure": told, "accounts": crashes}


def window() -> dict[str, Any]:
    """What the agent takes over of the time that its unit gives, and how long its end may take then."""
    found: dict[str, Any] = {}

    def one(unit: str) -> None:
        systemctl("start", unit)
        until(lambda: unit == "fits" or "TimeoutStopSec" in status(unit))
        systemctl("stop", unit)
        found[unit] = report(unit)

    together(*(lambda unit=unit: one(unit) for unit in ("longer", "shorter", "fits")))
    return found


def together(*functions: Callable[[], object]) -> None:
    """Do several things at once."""
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


SCENARIOS = (talk, reload, slow_start, by_itself, extend, watchdog, store, activation, modes, failure, window)


def login(*words: str) -> int:
    """Call a method of logind."""
    manager = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
    return subprocess.run(["busctl", "call", *manager, *words], check=False, capture_output=True).returncode


def locks() -> list[str]:
    """Return who holds up what, as logind keeps it."""
    found = [path.read_text() for path in Path("/run/systemd/inhibit").glob("*") if path.is_file()]
    return [text for text in found if "ProcessEnder" in text]


def shutdown() -> dict[str, Any]:
    """A shutdown that is planned, called off, and comes at last, when everything else is over; logind starts anew."""
    for unit in ("witness", "lock"):
        systemctl("start", unit)
    taken = until(locks)
    planned = str(int((time.time() + 300) * 1_000_000))
    codes = [login("ScheduleShutdown", "st", "dry-poweroff", planned)]
    until(lambda: "scheduled poweroff" in status("lock"))
    codes.append(login("CancelScheduledShutdown"))
    until(lambda: "scheduled poweroff called off" in status("lock"))
    pid = show("systemd-logind")["MainPID"]
    codes.append(systemctl("restart", "systemd-logind"))
    until(lambda: show("systemd-logind")["MainPID"] != pid and len(locks()) == 1 and locks() != taken)
    before = status("lock")
    begun = time.monotonic()
    codes.append(systemctl("poweroff"))
    until(lambda: show("witness")["ActiveState"] == "deactivating", pause=0.01)
    went_on = time.monotonic() - begun
    return {"codes": codes, "locks": taken, "before": before, "seconds": went_on, "flush": read("lock.flush"),
            "report": report("lock")}  # fmt: skip


def alone() -> dict[str, Any]:
    """What the manager says on its own socket, where there is no bus yet."""
    code = (
        "from processender.engine.clock import SystemClock; from processender.integrations.systemd.grace import ask_grace\n"
        "import os; found = ask_grace(SystemClock(), limit=30)\n"
        "print(found.seconds, found.known_from.split()[2], os.path.exists('/run/dbus/system_bus_socket'))"
    )
    environ = {**os.environ, "PYTHONPATH": f"{Path(__file__).parent.parent.parent}/src"}
    told = subprocess.run([sys.executable, "-c", code], env=environ, check=True, capture_output=True, text=True)
    return {"told": told.stdout.split()}


def main() -> None:
    """Play all of them."""

    def played(scenario: Callable[[], dict[str, Any]]) -> None:
        begun = time.monotonic()
        try:
            found = scenario()
        except BaseException:
            found = {"broken": traceback.format_exc()}
        found["took"] = time.monotonic() - begun
        (RESULTS / f"{scenario.__name__}.json").write_text(json.dumps(found, indent=1))

    played(alone)
    systemctl("start", "dbus.service", "systemd-logind.service")
    together(*(lambda scenario=scenario: played(scenario) for scenario in SCENARIOS))
    played(shutdown)
    sys.exit(0)


if __name__ == "__main__":
    main()
