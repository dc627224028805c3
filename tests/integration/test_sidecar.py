"""A real sidecar beside real applications that it has not started, on good days and on bad ones."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from processender.testing.processes import Program
from tests.integration.agents import lives
from tests.integration.servers import free_port

LIMIT_S = 60.0
"""How long anything may take on a busy machine."""
PROCESSENDER = [sys.executable, "-m", "processender"]
OWES = """
import signal, sys
from processender import Ender
ender = Ender("shop", state=sys.argv[1])
held = ender.obligation("file", key=sys.argv[2], root=sys.argv[3]).acquire()
open(sys.argv[2], "w").close()
held.acquired()
print("ready", flush=True)
signal.pause()
"""


APP_NAME = f"shop-{os.getpid()}"
"""Of this run alone: another one on the same machine watches by name too."""


@contextmanager
def app(pid_file: Path | None = None, script: str = "sleep 60 & wait", name: str = APP_NAME) -> Iterator[Program]:
    """Run an application that a sidecar may see under a name, or through a pid file."""
    write = f"echo $$ > {pid_file}; " if pid_file else ""
    with Program(["bash", "-c", f"{write}exec -a {name} bash -c 'echo ready; {script}'"]) as program:
        program.wait_for("ready", LIMIT_S)
        yield program


def sidecar(tmp_path: Path, *options: str, **environ: str) -> Program:
    """Return a sidecar of the service `shop`, not started yet."""
    env = {"TMPDIR": str(tmp_path), "PROCESSENDER_STATE": str(tmp_path / "state"), **environ}
    return Program([*PROCESSENDER, "sidecar", "--service", "shop", "--grace", "40s", *options], env=env, cwd="/")


def pre_stop(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Call the hook and wait for it."""
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    argv = [*PROCESSENDER, "pre-stop", *options]
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def says(program: Program, text: str) -> None:
    """Wait until *program* has written *text*."""
    program.wait_for(text, LIMIT_S)


def until(holds, limit: float = LIMIT_S) -> bool:
    """Wait until something holds; tell whether it does."""
    end = time.monotonic() + limit
    while not holds() and time.monotonic() < end:
        threading.Event().wait(0.02)
    return bool(holds())


def test_pre_stop_holds_until_the_application_has_gone(tmp_path: Path) -> None:
    """The application is told, waited for, and only then does the hook return, with 0."""
    pid_file = tmp_path / "pid"
    with app(pid_file) as program, sidecar(tmp_path, "--pid-file", str(pid_file), "--tell-signal", "TERM") as agent:
        says(agent, "watching process")
        done = pre_stop(tmp_path)
        gone = not lives(program.pid)
        agent.signal("TERM")
        code = agent.wait(LIMIT_S)

    assert (0, "", True, 0) == (done.returncode, done.stderr, gone, code)


def test_an_alarm_from_before_is_no_end(tmp_path: Path) -> None:
    """It survives an exec, and is not taken for a last resort."""
    program = sidecar(tmp_path, "--watch-name", "alarm-app", "--once")
    started = f"import os, signal\nsignal.alarm(4)\nos.execv({program.argv[0]!r}, {program.argv!r})"
    program.argv = [sys.executable, "-c", started]
    with app(script="sleep 6 & wait", name="alarm-app") as running, program:
        # Who is dead and was not waited for is still seen.
        running.wait(LIMIT_S)

        assert 0 == program.wait(LIMIT_S)


def test_pre_stop_twice_and_by_two_at_once_is_one_end(tmp_path: Path) -> None:
    """All callers wait for the same end, and who comes later is answered at once."""
    with app() as program, sidecar(tmp_path, "--watch-name", APP_NAME) as agent:
        says(agent, "watching process")
        env = {**os.environ, "TMPDIR": str(tmp_path)}
        callers = [subprocess.Popen([*PROCESSENDER, "pre-stop"], env=env) for _ in range(2)]
        says(agent, "heard pre-stop")
        program.signal("KILL")
        codes = [caller.wait(LIMIT_S) for caller in callers]
        later = pre_stop(tmp_path).returncode
        agent.signal("TERM")
        code = agent.wait(LIMIT_S)

    assert ([0, 0], 0, 0) == (codes, later, code)
    assert 1 == agent.output.count("ending because of")


def test_pre_stop_without_a_sidecar_says_so(tmp_path: Path) -> None:
    """It returns 3 and words, and does not hang."""
    done = pre_stop(tmp_path)

    assert (3, True) == (done.returncode, "there is no sidecar here" in done.stderr)


def test_pre_stop_of_two_services_asks_which(tmp_path: Path) -> None:
    """It does not guess; with the name it ends that one only."""
    watch = ("--watch-name", "nobody-yet")
    with sidecar(tmp_path, *watch) as first, sidecar(tmp_path, *watch, "--service", "other") as second:
        says(first, "there is no process")
        says(second, "there is no process")
        either = pre_stop(tmp_path)
        named = pre_stop(tmp_path, "--service", "other")
        says(second, "ended clean")

    assert (3, True, 0) == (either.returncode, "other, shop" in either.stderr, named.returncode)
    assert "ended" not in first.output


def test_pre_stop_does_not_trust_the_directory_of_somebody_else(tmp_path: Path) -> None:
    """A place that others can write to is no meeting place, for neither side."""
    place = tmp_path / "processender-sidecar-shop"
    place.mkdir()
    place.chmod(0o777)
    with sidecar(tmp_path, "--watch-name", "nobody-yet") as agent:
        code = agent.wait(LIMIT_S)

    assert (125, True) == (code, "not a private directory" in agent.output)
    assert 3 == pre_stop(tmp_path, "--service", "shop").returncode


def test_pre_stop_finds_the_socket_that_a_dead_sidecar_has_left(tmp_path: Path) -> None:
    """Nobody answers there: 3; and the next sidecar takes the place."""
    with app():
        with sidecar(tmp_path, "--watch-name", APP_NAME) as agent:
            says(agent, "watching process")
            agent.signal("KILL")
            agent.wait(LIMIT_S)
        alone = pre_stop(tmp_path)
        with sidecar(tmp_path, "--watch-name", APP_NAME) as agent:
            says(agent, "watching process")
            agent.signal("TERM")
            says(agent, "heard SIGTERM")

    assert (3, True) == (alone.returncode, "there is no sidecar at" in alone.stderr)


def test_pre_stop_of_a_sidecar_that_is_killed_meanwhile_says_so(tmp_path: Path) -> None:
    """The drain was not done, so the hook must not claim it."""
    with app(), sidecar(tmp_path, "--watch-name", APP_NAME) as agent:
        says(agent, "watching process")
        env = {**os.environ, "TMPDIR": str(tmp_path)}
        caller = subprocess.Popen([*PROCESSENDER, "pre-stop"], env=env, stderr=subprocess.PIPE, text=True)
        says(agent, "heard pre-stop")
        agent.signal("KILL")
        _, said = caller.communicate(timeout=LIMIT_S)

    assert (3, True) == (caller.returncode, "without an answer" in said)


def test_two_sidecars_of_one_service_are_refused(tmp_path: Path) -> None:
    """The second cannot start, and the first goes on."""
    with sidecar(tmp_path, "--watch-name", "nobody-yet") as first:
        says(first, "there is no process")
        with sidecar(tmp_path, "--watch-name", "nobody-yet") as second:
            code = second.wait(LIMIT_S)

    assert (125, True) == (code, "another sidecar of this service" in second.output)


def test_what_the_application_has_left_is_recovered(tmp_path: Path) -> None:
    """Its journal is settled after it has gone, before the hook returns."""
    made = tmp_path / "made"
    argv = [sys.executable, "-c", OWES, str(tmp_path / "state"), str(made), str(tmp_path)]
    with Program(["sh", "-c", f'echo $$ > {tmp_path}/pid; exec "$@"', "sh", *argv]) as program:
        program.wait_for("ready", LIMIT_S)
        with sidecar(tmp_path, "--pid-file", str(tmp_path / "pid"), "--tell-signal", "KILL", "--grace", "4s") as agent:
            says(agent, "watching process")
            there = made.exists()
            done = pre_stop(tmp_path)

            assert (True, 0, False) == (there, done.returncode, made.exists())


def test_a_crash_is_accounted_for_and_the_next_one_is_watched(tmp_path: Path) -> None:
    """The application dies unasked; what it owed is released, and its successor is taken up."""
    made = tmp_path / "made"
    argv = [sys.executable, "-c", OWES, str(tmp_path / "state"), str(made), str(tmp_path)]
    with Program(["sh", "-c", f'echo $$ > {tmp_path}/pid; exec "$@"', "sh", *argv]) as program:
        program.wait_for("ready", LIMIT_S)
        with sidecar(tmp_path, "--pid-file", str(tmp_path / "pid")) as agent:
            says(agent, "watching process")
            program.signal("SEGV")
            program.wait(LIMIT_S)
            says(agent, "owing 1 thing")
            released = until(lambda: not made.exists())
            with app(tmp_path / "pid") as successor:
                says(agent, f"process {successor.pid}")
                agent.signal("TERM")
                says(agent, "heard SIGTERM")

    assert released


def test_with_once_the_sidecar_ends_with_the_application(tmp_path: Path) -> None:
    """It passes on what the kernel tells of the end, or that nobody knows it."""
    with app() as program, sidecar(tmp_path, "--watch-name", APP_NAME, "--once") as agent:
        says(agent, "watching process")
        program.signal("KILL")
        program.wait(LIMIT_S)
        code = agent.wait(LIMIT_S)

    assert code in {0, 137}
    assert "shop (process" in agent.output


def test_an_application_that_never_ends_is_left_alone(tmp_path: Path) -> None:
    """The window ends the wait; nothing is killed, the hook returns 1, and the sidecar says it with 70."""
    with app(script='trap "" TERM; while :; do sleep 0.05; done') as program:
        with sidecar(tmp_path, "--watch-name", APP_NAME, "--grace", "4s", "--tell-signal", "TERM") as agent:
            says(agent, "watching process")
            done = pre_stop(tmp_path)
            agent.signal("TERM")
            code = agent.wait(LIMIT_S)
        alive = lives(program.pid)

    assert (1, 70, True) == (done.returncode, code, alive)
    assert "left to whoever has started it" in agent.output
    assert waits_as_long_as_it_says(agent.output)


def waits_as_long_as_it_says(output: str) -> bool:
    """Tell whether the time that a handler took holds the time in which what it has ended did not end."""
    ((took, waited),) = re.findall(r"failed after ([\d.]+) s \(.*did not end in ([\d.]+) s", output)
    return float(waited) <= float(took)


def test_a_ladder_that_names_kill_kills(tmp_path: Path) -> None:
    """TERM first, KILL when the time is nearly up."""
    with app(script='trap "" TERM; while :; do sleep 0.05; done') as program:
        ladder = ("--tell-signal", "TERM", "--tell-signal", "KILL")
        with sidecar(tmp_path, "--watch-name", APP_NAME, "--grace", "4s", *ladder) as agent:
            says(agent, "watching process")
            done = pre_stop(tmp_path)
        code = program.wait(LIMIT_S)

    assert (0, -9) == (done.returncode, code)


def test_the_application_is_told_by_a_file(tmp_path: Path) -> None:
    """It watches for the file and ends."""
    told = tmp_path / "stop"
    with app(script=f"while [ ! -e {told} ]; do sleep 0.05; done") as program:
        with sidecar(tmp_path, "--watch-name", APP_NAME, "--tell-file", str(told)) as agent:
            says(agent, "watching process")
            done = pre_stop(tmp_path)
        code = program.wait(LIMIT_S)

    assert (0, 0) == (done.returncode, code)


def test_another_process_that_takes_the_name_is_neither_told_nor_waited_for(tmp_path: Path) -> None:
    """Who comes after the end has begun is not the application that was meant."""
    late = "trap 'exit 0' TERM; while :; do sleep 0.05; done"
    slow = 'trap "sleep 1; exit 0" TERM; while :; do sleep 0.05; done'
    options = ("--watch-name", APP_NAME, "--tell-signal", "TERM")
    with app(script=slow) as program, sidecar(tmp_path, *options) as agent:
        says(agent, "watching process")
        env = {**os.environ, "TMPDIR": str(tmp_path)}
        caller = subprocess.Popen([*PROCESSENDER, "pre-stop"], env=env)
        says(agent, "readiness: done")
        program.wait(LIMIT_S)
        with app(script=late.replace("'", '"')) as other:
            code = caller.wait(LIMIT_S)
            alive = lives(other.pid)

    assert (0, True) == (code, alive)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("999999", "the file is stale"),
        ("rubbish", "holds no number"),
        ("", "holds no number"),
        ("-1", "holds no number"),
    ],
)
def test_a_pid_file_that_is_wrong_is_told(tmp_path: Path, text: str, words: str) -> None:
    """Nobody is watched by it, and why is said once."""
    pid_file = tmp_path / "pid"
    pid_file.write_text(text)
    with sidecar(tmp_path, "--pid-file", str(pid_file)) as agent:
        says(agent, words)
        done = pre_stop(tmp_path)

    assert (0, 1) == (done.returncode, agent.output.count(words))


def test_a_pid_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    """Whoever may put a link there could have anybody watched, and signalled."""
    with app(tmp_path / "pid") as program, sidecar(tmp_path, "--pid-file", str(tmp_path / "link")) as agent:
        says(agent, "no pid file")
        (tmp_path / "link").symlink_to(tmp_path / "pid")
        says(agent, "it is a symbolic link")
        alive = lives(program.pid)

    assert alive


def test_a_pid_file_older_than_its_process_is_stale(tmp_path: Path) -> None:
    """The number was given to another meanwhile."""
    with app(tmp_path / "pid"):
        os.utime(tmp_path / "pid", (1_000_000_000, 1_000_000_000))
        with sidecar(tmp_path, "--pid-file", str(tmp_path / "pid")) as agent:
            says(agent, "it has begun after the file was written")


def test_a_pid_file_that_comes_later_is_found(tmp_path: Path) -> None:
    """A native sidecar is the first to start."""
    with sidecar(tmp_path, "--pid-file", str(tmp_path / "pid")) as agent:
        says(agent, "no pid file")
        with app(tmp_path / "pid") as program:
            says(agent, f"process {program.pid}")


def test_a_sidecar_that_is_alone_in_its_namespace_says_so() -> None:
    """As process 1 it can see nobody, and tells what to set."""
    argv = ["unshare", "--pid", "--fork", "--mount-proc", *PROCESSENDER, "sidecar", "--watch-name", APP_NAME]
    with Program(argv, cwd="/") as agent:
        says(agent, "shareProcessNamespace: true")


def test_without_proc_a_name_cannot_be_looked_for() -> None:
    """The words name the other ways."""
    hidden = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]
    with Program([*hidden, *PROCESSENDER, "sidecar", "--watch-name", APP_NAME], cwd="/") as agent:
        says(agent, "/proc does not show the processes here")


def test_without_proc_a_pid_file_is_enough(tmp_path: Path) -> None:
    """The kernel's descriptor is all of the identity."""
    hidden = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]
    env = {"TMPDIR": str(tmp_path), "PROCESSENDER_STATE": str(tmp_path / "state")}
    argv = [*hidden, *PROCESSENDER, "sidecar", "--pid-file", str(tmp_path / "pid"), "--tell-signal", "TERM"]
    with app(tmp_path / "pid") as program, Program(argv, env=env, cwd="/") as agent:
        says(agent, "watching process")
        done = pre_stop(tmp_path)
        gone = not lives(program.pid)

    assert (0, True) == (done.returncode, gone)


def test_a_cgroup_is_watched(tmp_path: Path) -> None:
    """Whoever is in it is the application."""
    cgroup = Path("/sys/fs/cgroup/unified") if Path("/sys/fs/cgroup/unified").is_dir() else Path("/sys/fs/cgroup")
    place = cgroup / f"processender-{os.getpid()}"
    place.mkdir()
    try:
        with app() as program, sidecar(tmp_path, "--watch-cgroup", str(place), "--tell-signal", "TERM") as agent:
            says(agent, "no process in the cgroup")
            (place / "cgroup.procs").write_text(str(program.pid))
            says(agent, f"process {program.pid}")
            done = pre_stop(tmp_path)
            gone = not lives(program.pid)
    finally:
        until(lambda: not (place / "cgroup.procs").read_text())
        place.rmdir()

    assert (0, True) == (done.returncode, gone)


def test_a_heartbeat_that_stops_is_a_crash(tmp_path: Path) -> None:
    """Silence is all that tells the end of somebody who cannot be seen."""
    path = str(tmp_path / "alive")
    with sidecar(tmp_path, "--heartbeat", path, "--silence", "300ms") as agent:
        assert until(lambda: os.path.exists(path))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as beat:
            beat.sendto(b"WATCHDOG=1", path)
            says(agent, "'alive'")
            says(agent, "went silent")
            beat.sendto(b"WATCHDOG=1", path)
            assert until(lambda: agent.output.count("watching 'alive'") == 2)


def test_a_heartbeat_that_says_goodbye_is_no_crash(tmp_path: Path) -> None:
    """`STOPPING=1` tells that the silence is meant."""
    path = str(tmp_path / "alive")
    with sidecar(tmp_path, "--heartbeat", path, "--silence", "300ms", "--once") as agent:
        assert until(lambda: os.path.exists(path))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as beat:
            beat.sendto(b"READY=1\nSTOPPING=1", path)
        code = agent.wait(LIMIT_S)

    assert (0, False) == (code, "silent" in agent.output)


class Health(BaseHTTPRequestHandler):
    """An application that can be told what to answer."""

    answers: ClassVar[dict[str, object]] = {}

    def do_GET(self) -> None:
        """Answer as it was told: with a status, or not at all."""
        status = self.answers["status"]
        if status == "hang":
            self.answers["end"].wait(20)
            return
        if status == "flap":
            self.answers["count"] = int(self.answers.get("count", 0)) + 1
            status = 500 if self.answers["count"] % 3 else 200
        self.send_response(status)
        self.end_headers()

    def do_POST(self) -> None:
        """Take the end, and refuse to be healthy from now on."""
        self.answers["status"] = 503
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@contextmanager
def health(status: object = 200) -> Iterator[str]:
    """Run an application that can only be asked; give its address."""
    Health.answers = {"status": status, "end": threading.Event()}
    with ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            Health.answers["end"].set()
            server.shutdown()
            thread.join()


def test_an_application_that_can_only_be_asked_is_told_and_waited_for(tmp_path: Path) -> None:
    """A request ends it, and three failures in a row say that it has gone."""
    with health() as url:
        options = ("--watch-http", f"{url}/healthz", "--every", "200ms", "--tell-http", f"{url}/quit")
        with sidecar(tmp_path, *options) as agent:
            says(agent, "watching ")
            done = pre_stop(tmp_path)

    assert (0, 503) == (done.returncode, Health.answers["status"])


def test_a_health_page_that_hangs_counts_as_failed(tmp_path: Path) -> None:
    """No answer in time is none."""
    with health() as url, sidecar(tmp_path, "--watch-http", url, "--every", "200ms") as agent:
        says(agent, "watching ")
        Health.answers["status"] = "hang"
        says(agent, "went silent")


def test_a_health_page_that_flaps_is_no_crash(tmp_path: Path) -> None:
    """Two failures in a row may be the network's."""
    with health() as url, sidecar(tmp_path, "--watch-http", url, "--every", "500ms") as agent:
        says(agent, "watching ")
        Health.answers["status"] = "flap"
        assert until(lambda: int(Health.answers.get("count", 0)) > 9)

    assert "silent" not in agent.output


def test_the_probe_face_tells_of_the_application(tmp_path: Path) -> None:
    """It is ready while the application is there, and not once the end has begun."""
    port = free_port()

    def ready() -> int:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            return int(client.recv(64).split()[1])

    options = ("--watch-name", APP_NAME, "--probe-listen", f"127.0.0.1:{port}")
    with sidecar(tmp_path, *options) as agent:
        says(agent, "there is no process")
        before = ready()
        with app():
            says(agent, "watching process")
            there = ready()
            agent.signal("TERM")
            says(agent, "readiness: done")
            draining = ready()

    assert [503, 200, 503] == [before, there, draining]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "0 ways to watch"),
        (["--watch-name", "a", "--pid-file", "b"], "2 ways to watch"),
        (["--watch-http", "nowhere"], "--watch-http"),
        (["--watch-name", "a", "--tell-signal", "SIGNAL"], "there is no signal"),
        (["--heartbeat", "/tmp/x", "--tell-signal", "TERM"], "--tell-signal needs a process in sight"),
        (["--watch-name", "a", "--grace", "soon"], "--grace"),
        (["--heartbeat", "/nowhere/at/all"], "cannot listen for heartbeats"),
    ],
)
def test_a_mistake_is_told_and_ends_with_125(tmp_path: Path, options: list[str], words: str) -> None:
    """Nothing is watched half."""
    with sidecar(tmp_path, *options) as agent:
        code = agent.wait(LIMIT_S)

    assert (125, True) == (code, words in agent.output), agent.output


def test_the_sidecar_never_takes_its_own_commands_for_the_application(tmp_path: Path) -> None:
    """A clean-up step runs a program of the watched name, and is not waited for."""
    config = tmp_path / "processender.toml"
    config.write_text('[handlers.busy]\nrun = ["bash", "-c", "exec -a ' + APP_NAME + ' sleep 1"]\nphase = "drain"\n')
    with sidecar(tmp_path, "-c", str(config), "--watch-name", APP_NAME) as agent:
        says(agent, "there is no process")
        agent.signal("TERM")
        code = agent.wait(LIMIT_S)

    assert (0, False) == (code, "watching process" in agent.output)


def test_asyncio_is_never_loaded() -> None:
    """A sidecar is as lean as an agent in this."""
    code = "import sys, processender.cli.sidecar; print('asyncio' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "False\n" == said


@pytest.mark.parametrize(
    ("options", "service"),
    [
        (["--watch-name", "nobody-yet"], "nobody-yet"),
        (["--pid-file", "/run/nobody-yet.pid"], "nobody-yet"),
        (["--watch-cgroup", "/sys/fs/cgroup/system.slice/nobody-yet.service/"], "nobody-yet"),
        (["--heartbeat", "{place}/alive.sock"], "alive"),
        (["--watch-http", "http://me:secret@127.0.0.1:9/healthz"], "127.0.0.1:9"),
    ],
)
def test_without_a_service_it_has_the_name_of_what_is_watched(tmp_path: Path, options: list[str], service: str) -> None:
    """Its socket and the journals that it recovers are named so, whoever is there."""
    env = {"TMPDIR": str(tmp_path), "PROCESSENDER_STATE": str(tmp_path / "state")}
    given = [each.format(place=tmp_path) for each in options]
    with Program([*PROCESSENDER, "sidecar", *given], env=env, cwd="/") as agent:
        assert until(lambda: list(tmp_path.glob("processender-sidecar-*/control")))

        status = asked(tmp_path, *tmp_path.glob("processender-sidecar-*"))
        agent.signal("TERM")

    assert service == json.loads(status.stdout)["service"]


def test_two_sidecars_without_a_service_watch_two_applications(tmp_path: Path) -> None:
    """Each has its own name."""
    env = {"TMPDIR": str(tmp_path), "PROCESSENDER_STATE": str(tmp_path / "state")}
    argv = [*PROCESSENDER, "sidecar", "--watch-name"]
    with (
        Program([*argv, "nobody-one"], env=env, cwd="/") as one,
        Program([*argv, "nobody-two"], env=env, cwd="/") as two,
    ):
        says(one, "there is no process")
        says(two, "there is no process")


def test_what_an_application_of_another_name_has_left_is_recovered(tmp_path: Path) -> None:
    """The journals are those of the name that is watched, not of a program that was never seen."""
    made = tmp_path / "made"
    env = {"TMPDIR": str(tmp_path), "PROCESSENDER_STATE": str(tmp_path / "state")}
    with Program([sys.executable, "-c", OWES, str(tmp_path / "state"), str(made), str(tmp_path)]) as program:
        program.wait_for("ready", LIMIT_S)
        program.signal("KILL")
        program.wait(LIMIT_S)
    with Program([*PROCESSENDER, "sidecar", "--watch-name", "shop"], env=env, cwd="/") as agent:
        says(agent, "there is no process")
        agent.signal("TERM")
        code = agent.wait(LIMIT_S)

    assert (0, False) == (code, made.exists())


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[restart]\npolicy = "always"', "[restart]"),
        ("[restart.give_up]\nafter = 3", "[restart]"),
        ('[checks.page]\nhttp = "http://127.0.0.1:9/"', "[checks]"),
        ('[heartbeat]\nfile = "/run/alive"', "[heartbeat]"),
        ("[deadlock]", "[deadlock]"),
        ('[control]\nlisten = ":9180"', "[control]"),
        ('[[command.stop]]\nsignal = "QUIT"', "[command]"),
        ('[command]\nstop_signal = "QUIT"', "[command]"),
        ("[output]\ncapture = true", "[output]"),
        ('[output]\nprefix = "x"', "[output]"),
        ('[hooks.pre_start.x]\nrun = ["true"]', "[hooks.pre_start]"),
        ('[hooks.ready.x]\nrun = ["true"]', "[hooks.ready]"),
        ('ready = "notify"', "ready"),
        ('exit = "reraise"', "exit"),
        ('[systemd]\nwatchdog = "pass"', "[systemd]"),
        ('[systemd]\nextend_to = "5m"', "[systemd]"),
    ],
)
def test_a_configuration_that_a_sidecar_cannot_follow_is_refused(tmp_path: Path, text: str, key: str) -> None:
    """Nothing that was asked for is left out in silence."""
    config = tmp_path / "processender.toml"
    config.write_text(text)
    with sidecar(tmp_path, "-c", str(config), "--watch-name", "nobody-yet") as agent:
        code = agent.wait(LIMIT_S)

    assert (125, True) == (code, f"{config}: {key} is not for a sidecar" in agent.output), agent.output


def test_everything_that_a_sidecar_cannot_follow_is_named(tmp_path: Path) -> None:
    """At once, also where it comes from the environment."""
    options = {"PROCESSENDER_RESTART__POLICY": "always", "PROCESSENDER_OUTPUT__CAPTURE": "true"}
    with sidecar(tmp_path, "--watch-name", "nobody-yet", **options) as agent:
        code = agent.wait(LIMIT_S)

    assert (125, True, True) == (code, "environment: [restart]" in agent.output, "[output]" in agent.output)


def test_a_configuration_of_the_end_is_followed(tmp_path: Path) -> None:
    """The hooks that belong to the plan run, and so does what stands at the root."""
    config = tmp_path / "processender.toml"
    config.write_text(
        'strict = true\ngrace = "20s"\n[on_crash]\nrecover = true\n'
        f'[hooks.pre_stop.x]\nrun = ["touch", "{tmp_path}/before"]\n'
        f'[hooks.post_stop.x]\nrun = ["touch", "{tmp_path}/after"]\n'
    )
    with sidecar(tmp_path, "-c", str(config), "--watch-name", "nobody-yet") as agent:
        says(agent, "there is no process")
        agent.signal("TERM")
        code = agent.wait(LIMIT_S)

    assert (0, True, True) == (code, (tmp_path / "before").exists(), (tmp_path / "after").exists())


def asked(tmp_path: Path, place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Ask the sidecar that listens in *place*: for its status, or for what *words* say."""
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    argv = [*PROCESSENDER, *(words or ("status", "--json")), "--agent", str(place)]
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def test_a_sidecar_tells_its_status(tmp_path: Path) -> None:
    """As an agent does: how the application is, before it comes and while it is there."""
    place = tmp_path / "processender-sidecar-shop"
    with sidecar(tmp_path, "--pid-file", str(tmp_path / "pid")) as agent:
        says(agent, "no pid file")
        before = asked(tmp_path, place)
        words = asked(tmp_path, place, "status")
        with app(tmp_path / "pid") as program:
            says(agent, "watching process")
            there = json.loads(asked(tmp_path, place).stdout)

    assert ("waiting", False) == (json.loads(before.stdout)["state"], json.loads(before.stdout)["ready"])
    assert (0, True) == (words.returncode, "not there" in words.stdout), words
    assert ("running", True, "shop") == (there["state"], there["ready"], there["service"])
    assert (program.pid, True) == (there["command"]["pid"], there["command"]["running"])
    assert (agent.pid, 40.0) == (there["agent"]["pid"], there["grace_s"])


def test_a_sidecar_can_be_asked_to_stop(tmp_path: Path) -> None:
    """The end is that of a signal; who has asked for it is told."""
    place = tmp_path / "processender-sidecar-shop"
    with app(), sidecar(tmp_path, "--watch-name", APP_NAME, "--tell-signal", "TERM") as agent:
        says(agent, "watching process")
        done = asked(tmp_path, place, "stop", "--reason", "moving", "--wait")
        code = agent.wait(LIMIT_S)

    assert (0, "the end has begun\n", 0) == (done.returncode, done.stdout, code), done.stderr
    assert "moving" in agent.output


@pytest.mark.parametrize(
    ("words", "says_so"),
    [(["drain"], "a sidecar does status, stop, pre-stop"), (["stop", "--within", "200h"], "--within")],
)
def test_what_a_sidecar_does_not_do_is_refused(tmp_path: Path, words: list[str], says_so: str) -> None:
    """And named, with what it does."""
    with sidecar(tmp_path, "--watch-name", "nobody-yet") as agent:
        says(agent, "there is no process")
        done = asked(tmp_path, tmp_path / "processender-sidecar-shop", *words)

    assert (True, True) == (done.returncode in {1, 2}, says_so in done.stderr), done
