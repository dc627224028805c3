"""nginx, the real one: a server is put down in its include file and brought back."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from processender.core.handler import Handler
from processender.errors import HandlerError, Permanent, Transient
from processender.integrations.nginx import drain
from processender.integrations.nginx.servers import BACK, DOWN
from processender.rewriting import Rewriting
from processender.testing.drainers import check_drainer
from tests.integration import balancers
from tests.integration.agents import SLEEPER, agent, outcomes, stops_with
from tests.integration.balancers import Nginx
from tests.integration.drainers import Attempt, come_back, give_way, leave
from tests.integration.upstreams import Held, Upstream, upstreams, who

WAIT_S = 20.0


@pytest.fixture(scope="module")
def servers() -> Iterator[list[Upstream]]:
    """Return two servers."""
    with upstreams("one", "two") as found:
        yield found


@pytest.fixture
def nginx(servers: list[Upstream]) -> Iterator[Nginx]:
    """Return an nginx in front of both."""
    for each in servers:
        each.let_go.clear()
    with balancers.nginx({each.name: each.port for each in servers}) as found:
        yield found


def handler(nginx: Nginx, server: Upstream, **options: object) -> Handler:
    """Return the drainer of *server*."""
    given: dict[str, object] = {"pid": nginx.pid_file, "test": nginx.test, "wait": WAIT_S} | options
    return drain(nginx.include, f"127.0.0.1:{server.port}", **given)


def until(fact: object) -> None:
    """Wait until *fact*, a function, is true."""
    assert callable(fact)
    bell = threading.Event()
    assert any(fact() or bell.wait(0.02) for _ in range(int(WAIT_S / 0.02)))


def include(nginx: Nginx) -> str:
    """Return what is in the file."""
    return Path(nginx.include).read_text()


def test_a_server_leaves_and_comes_back(nginx: Nginx, servers: list[Upstream]) -> None:
    """No new request comes to it, and again after the way back, which leaves the file as it was."""
    before = include(nginx)
    check_drainer(lambda: handler(nginx, servers[0]), lambda: "one" in who(nginx.port))

    assert before == include(nginx)


def test_the_first_new_request_finds_it_down(nginx: Nginx, servers: list[Upstream]) -> None:
    """The handler has seen the new workers, so not one request goes there after it has returned."""
    notes = leave(handler(nginx, servers[0]))

    assert ([f"127.0.0.1:{servers[0].port}: down, and the old workers of nginx are gone"], {"two"}) == (
        notes, who(nginx.port, 50),
    )  # fmt: skip


def test_what_is_under_way_is_waited_for(nginx: Nginx, servers: list[Upstream]) -> None:
    """An old worker finishes its requests, and the handler waits for that."""
    held = Held(nginx.port, *servers)
    notes: list[str] = []
    thread = threading.Thread(target=lambda: notes.extend(leave(handler(nginx, held.at))))
    thread.start()
    until(lambda: held.at.name not in who(nginx.port, 4))
    assert [] == notes
    answer = held.finish()
    thread.join(WAIT_S)

    assert held.at.name == answer
    assert notes[0].endswith("the old workers of nginx are gone")


def test_a_drain_that_never_ends_is_bounded_and_names_what_is_left(nginx: Nginx, servers: list[Upstream]) -> None:
    """The old worker goes on, and its pid is noted."""
    held = Held(nginx.port, *servers)
    notes = leave(handler(nginx, held.at, wait=0.3))
    answer = held.finish()

    assert held.at.name == answer
    assert re.fullmatch(r"old workers of nginx still finish requests, \d+, after 0\.3 s, and it goes on", notes[0])


def test_a_drain_that_must_give_way_comes_back_at_once(nginx: Nginx, servers: list[Upstream]) -> None:
    """A cancellation ends the wait, although it has long to go."""
    held = Held(nginx.port, *servers)
    attempt = Attempt(600)
    thread = threading.Thread(target=give_way, args=(handler(nginx, held.at, wait=600), attempt))
    thread.start()
    until(lambda: held.at.name not in who(nginx.port, 4))
    attempt.cancel()
    thread.join(WAIT_S)
    held.finish()

    assert not thread.is_alive()


def test_replicas_that_leave_together_lose_nothing_of_each_other(nginx: Nginx, servers: list[Upstream]) -> None:
    """Each is down, many times over, and in the end the file is as it was."""
    before = include(nginx)
    untested = {"test": (), "wait": 0.0}
    for step in (leave, come_back):
        threads = [
            threading.Thread(target=step, args=(handler(nginx, each, **untested),)) for each in servers for _ in "ab"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        if step is leave:
            assert 2 == include(nginx).count(f" down;{DOWN}")

    assert before == include(nginx)


def test_the_last_server_is_noted(nginx: Nginx, servers: list[Upstream]) -> None:
    """Nobody is left to answer, which the report says beforehand."""
    leave(handler(nginx, servers[0]))
    notes = leave(handler(nginx, servers[1]))

    assert (f"no server in {nginx.include} is up: nginx will answer with 502", {"502"}) == (notes[0], who(nginx.port))


def test_an_unknown_server_is_refused_and_the_known_are_named(nginx: Nginx, servers: list[Upstream]) -> None:
    """Nothing is written."""
    before = include(nginx)
    with pytest.raises(Permanent, match=rf"no server '10\.0\.0\.7'; it names 127\.0\.0\.1:{servers[0].port}, 127"):
        leave(drain(nginx.include, "10.0.0.7", pid=nginx.pid_file, test=nginx.test))

    assert before == include(nginx)


def test_a_configuration_that_nginx_does_not_take_leaves_the_file_as_it_was(
    nginx: Nginx, servers: list[Upstream]
) -> None:
    """Somebody else's mistake, perhaps: nginx goes on, and the error quotes it."""
    with open(nginx.config, "a") as file:
        file.write("nonsense;\n")
    before = include(nginx)
    with pytest.raises(Permanent, match='unknown directive "nonsense"'):
        leave(handler(nginx, servers[0]))

    assert (before, {"one", "two"}) == (include(nginx), who(nginx.port))


def test_a_reload_that_nginx_refuses_is_seen(nginx: Nginx, servers: list[Upstream]) -> None:
    """Without a test beforehand the old workers go on, and that is no success."""
    with open(nginx.config, "a") as file:
        file.write("nonsense;\n")
    attempt = Attempt(1.0)
    with pytest.raises((Transient, TimeoutError), match="nginx"):
        attempt_leave(handler(nginx, servers[0], test=()), attempt)


def attempt_leave(drainer: Handler, attempt: Attempt) -> None:
    """Leave traffic in this attempt."""
    assert drainer.call is not None
    drainer.call(attempt)


def test_an_nginx_that_is_gone_may_come_back(nginx: Nginx, servers: list[Upstream], tmp_path: Path) -> None:
    """No pid file, or one with the number of somebody else, who gets no signal; the file is down all the same."""
    for text in ("", "no number", str(os.getpid()), "4194304"):
        pid = tmp_path / "nginx.pid"
        pid.write_text(text)
        with pytest.raises(Transient, match="names no running master"):
            leave(handler(nginx, servers[0], pid=str(pid)))

    assert DOWN in include(nginx)


def test_a_reload_can_be_a_command(nginx: Nginx, servers: list[Upstream]) -> None:
    """Such as one that has the right to it; what it says is shown when it fails."""
    leave(handler(nginx, servers[0], reload=["kill", "-HUP", str(nginx.pid)]))
    assert {"two"} == who(nginx.port)
    with pytest.raises(Transient, match=r"ended with 3: not today"):
        leave(handler(nginx, servers[1], reload=["sh", "-c", "echo not today; exit 3"]))
    with pytest.raises(Permanent, match="cannot run '/nonexistent"):
        leave(handler(nginx, servers[1], reload=["/nonexistent/nginx"]))


def test_a_command_hears_signals_although_an_agent_has_them_blocked(nginx: Nginx, servers: list[Upstream]) -> None:
    """What it inherits is what programs expect, as any other command of a handler."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        with pytest.raises(Transient, match="ended with -15"):
            leave(handler(nginx, servers[0], reload=["sh", "-c", "kill -TERM $$; exit 0"]))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def test_an_nginx_that_cannot_be_seen_is_waited_for(nginx: Nginx, servers: list[Upstream]) -> None:
    """In another container, say: there is no evidence, which is noted."""
    reload = ["kill", "-HUP", str(nginx.pid)]
    notes = leave(handler(nginx, servers[0], pid="/nonexistent", reload=reload, wait=0.1))

    assert [f"nginx cannot be seen from here; 127.0.0.1:{servers[0].port} is down in its file since 0.1 s"] == notes


def test_a_test_that_hangs_is_killed(nginx: Nginx, servers: list[Upstream]) -> None:
    """The file is as it was, and nothing of the program is left."""
    before = include(nginx)
    with pytest.raises(TimeoutError, match="has not ended in time"):
        leave(handler(nginx, servers[0], test=["sh", "-c", "sleep 1000 & wait"]), 0.3)

    assert before == include(nginx)


@pytest.mark.parametrize("moment", ["drained", "written"])
def test_what_a_killed_process_has_left_the_next_one_takes_back(
    nginx: Nginx, servers: list[Upstream], moment: str
) -> None:
    """KILL comes after the drain, or between the file and the reload."""
    before = include(nginx)
    program = """
import os, signal, sys
from processender.integrations.nginx import drain
from processender.testing.releasers import context
include, server, pid, moment = sys.argv[1:]
die = ["sh", "-c", f"kill -KILL {os.getpid()}"] if moment == "written" else ()
drain(include, server, pid=pid, test=(), reload=die).call(context())
os.kill(os.getpid(), signal.SIGKILL)
"""
    argv = [nginx.include, f"127.0.0.1:{servers[0].port}", nginx.pid_file, moment]
    code = subprocess.run([sys.executable, "-c", program, *argv], check=False, timeout=60).returncode
    assert -signal.SIGKILL == code
    assert DOWN in include(nginx)
    notes = come_back(handler(nginx, servers[0]))

    assert ([f"127.0.0.1:{servers[0].port}: up again"], before) == (notes, include(nginx))
    assert {"one", "two"} == who(nginx.port)


def test_a_way_back_that_was_killed_before_the_reload_is_made_good(nginx: Nginx, servers: list[Upstream]) -> None:
    """The file says `up` already, and its mark that nginx may not know."""
    before = include(nginx)
    leave(handler(nginx, servers[0]))
    with pytest.raises(Permanent, match="cannot run"):
        come_back(handler(nginx, servers[0], reload=["/nonexistent/nginx"]))
    assert (True, {"two"}) == (BACK in include(nginx), who(nginx.port))
    come_back(handler(nginx, servers[0]))

    assert (before, {"one", "two"}) == (include(nginx), who(nginx.port))


def test_a_server_that_somebody_else_has_put_down_stays_down(nginx: Nginx, servers: list[Upstream]) -> None:
    """Neither is it marked, nor brought back."""
    text = include(nginx).replace(f"{servers[0].port} max_fails=0;", f"{servers[0].port} max_fails=0 down;")
    Path(nginx.include).write_text(text)
    notes = leave(handler(nginx, servers[0]))
    come_back(handler(nginx, servers[0]))

    assert ([f"127.0.0.1:{servers[0].port} is down already, by another; it stays so"], text) == (notes, include(nginx))


def test_a_start_without_a_drain_before_it_changes_nothing(nginx: Nginx, servers: list[Upstream]) -> None:
    """No reload, and no note."""
    workers = Path(f"/proc/{nginx.pid}/task/{nginx.pid}/children").read_text()

    assert ([], workers) == (
        come_back(handler(nginx, servers[0])),
        Path(f"/proc/{nginx.pid}/task/{nginx.pid}/children").read_text(),
    )


def test_nonsense_is_refused_at_once() -> None:
    """No file, no server, and a command that is a text."""
    for arguments in (("", "a"), ("a", "")):
        with pytest.raises(HandlerError, match="give the file"):
            drain(*arguments)
    with pytest.raises(HandlerError, match="a list of the program"):
        drain("a", "b", test="nginx -t")


def test_an_agent_drains_it(nginx: Nginx, servers: list[Upstream], tmp_path: Path) -> None:
    """Its reaper of strangers takes the exit code of the test from nobody; the next life brings the server back."""
    file = tmp_path / "pe.toml"
    given = {"include": nginx.include, "server": f"127.0.0.1:{servers[0].port}", "pid": nginx.pid_file}
    words = ", ".join(f"{key} = {json.dumps(value)}" for key, value in {**given, "test": nginx.test}.items())
    file.write_text(f'[handlers.balancer]\ndrain = "nginx"\nwith = {{ {words} }}\n')
    with agent(["-c", str(file)], SLEEPER) as program:
        code = stops_with(program)
        seen = outcomes(program)["balancer"]
    assert (143, "done", {"two"}) == (code, seen, who(nginx.port))
    with agent(["-c", str(file)], SLEEPER) as program:
        program.wait_for("ready")
        until(lambda: DOWN not in include(nginx) and who(nginx.port, 4) == {"one", "two"})
        program.signal("TERM")
        program.wait()
    with open(nginx.config, "a") as config:
        config.write("nonsense;\n")
    with agent(["-c", str(file)], SLEEPER) as program:
        stops_with(program)

        assert "failed" == outcomes(program)["balancer"]


# The file itself.


def test_a_link_is_followed_and_mode_and_owner_stay(tmp_path: Path) -> None:
    """What is read by its link is replaced behind it, and no piece of the work is left there but the lock."""
    file, link = tmp_path / "web.conf", tmp_path / "link"
    file.write_text("server a;\r\n")
    file.chmod(0o640)
    link.symlink_to(file)
    with Rewriting(str(link), Attempt()) as held:
        text = held.read()
        held.write(f"{text}# \udcff\n")

    assert (True, b"server a;\r\n# \xff\n") == (link.is_symlink(), file.read_bytes())
    assert 0o640 == stat.S_IMODE(file.stat().st_mode)
    assert {".web.conf.lock", "link", "web.conf"} == {each.name for each in tmp_path.iterdir()}


def test_a_file_that_another_holds_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    """A stopped process may hold it."""
    file = tmp_path / "web.conf"
    file.write_text("")
    with (
        Rewriting(str(file), Attempt()),
        pytest.raises(Transient, match="another process is at it"),
        Rewriting(str(file), Attempt(0.1)),
    ):
        pass


@pytest.mark.parametrize(("folder", "lock"), [(0o755, 0o600), (0o775, 0o660), (0o777, 0o666), (0o700, 0o600)])
def test_who_may_only_read_cannot_hold_it(tmp_path: Path, folder: int, lock: int) -> None:
    """Its lock is there for those who may write in its directory, and a reader could hold it for ever."""
    file = tmp_path / "web.conf"
    file.write_text("server a;\n")
    file.chmod(0o644)
    tmp_path.chmod(folder)
    with Rewriting(str(file), Attempt()):
        found = (tmp_path / ".web.conf.lock").stat()

    assert (lock, tmp_path.stat().st_gid) == (stat.S_IMODE(found.st_mode), found.st_gid)


def test_a_lock_that_cannot_be_taken_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a file system that has none, or when it is full."""
    file = tmp_path / "web.conf"
    file.write_text("")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("processender.rewriting.fcntl.flock", refuse)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="No locks available"), Rewriting(str(file), Attempt()):
        pass

    assert before == os.listdir("/proc/self/fd")


def test_a_change_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """Neither half of a text, nor the file that it was to be."""
    file = tmp_path / "web.conf"
    file.write_text("server a;\n")
    with Rewriting(str(file), Attempt()) as held, pytest.raises(UnicodeEncodeError):
        held.write("server \ud800;\n")

    assert {".web.conf.lock", "web.conf"} == {each.name for each in tmp_path.iterdir()}
    assert "server a;\n" == file.read_text()


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Nothing is made in its stead."""
    with pytest.raises(Permanent, match="No such file"), Rewriting(str(tmp_path / "none"), Attempt()):
        pass

    assert [] == [*tmp_path.iterdir()]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_file_without_rights_is_told_what_it_lacks(tmp_path: Path) -> None:
    """Its directory is not this user's to write in."""
    file = tmp_path / "web.conf"
    file.write_text("server 10.0.0.7:8000;")
    file.chmod(0o644)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    program = """
import os, sys
from processender.integrations.nginx import drain
from processender.testing.releasers import context
handler = drain(sys.argv[1], "10.0.0.7:8000", test=())
os.setuid(65534)
try:
    handler.call(context())
except Exception as error:
    print(type(error).__name__, error)
"""
    said = subprocess.check_output([sys.executable, "-c", program, str(file)], text=True)

    assert said.startswith(f"Permanent cannot change {file}: Permission denied; it needs to write there")
