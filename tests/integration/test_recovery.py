"""Programs that are killed while they owe things, and what is done about it afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from processender.core.obligation import Obligation, intent
from processender.engine.clock import SystemClock
from processender.journal.directory import read_owner, write_owner
from processender.journal.file import FileJournal
from processender.journal.owner import claim
from processender.recovering import recover
from processender.testing.processes import Program

LIMIT_S = 30.0

PREAMBLE = """
import fcntl, os, signal, socket, subprocess, sys, threading, time
from processender import Ender
from processender.integrations.files import atomic_write, file_args
from processender.integrations.locks import lock_args
from processender.integrations.processes import process_args
from processender.integrations.sockets import socket_args

root = sys.argv[1]
def say(*words):
    os.write(1, (' '.join(map(str, words)) + '\\n').encode())
def path(name):
    return os.path.join(root, name)
def make(ender, name, **fields):
    held = ender.obligation('file', key=path(name), root=root, **fields).acquire()
    open(path(name), 'w').close()
    held.acquired(**file_args(path(name), root))
    return held
def die():
    os.kill(os.getpid(), signal.SIGKILL)
"""


class Scene:
    """A state directory and a root in which programs leave things."""

    def __init__(self, tmp_path: Path) -> None:
        self.state = tmp_path / "state"
        self.root = tmp_path / "root"
        self.root.mkdir()

    def program(self, source: str) -> Program:
        """Return a program that is called with the root."""
        import textwrap

        env = {"PROCESSENDER_STATE": str(self.state)}
        return Program(PREAMBLE + textwrap.dedent(source), str(self.root), env=env)

    def run(self, source: str) -> str:
        """Run a program to its end and return what it wrote."""
        with self.program(source) as running:
            running.wait(LIMIT_S)
            return running.output

    def cli(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run the command line."""
        env = {**os.environ, "PROCESSENDER_STATE": str(self.state)}
        command = [sys.executable, "-m", "processender", *argv]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=LIMIT_S, check=False)

    def recover(self, *argv: str) -> dict[str, Any]:
        """Recover, and return what `--json` says of the one service."""
        ran = self.cli("recover", "--json", *argv)
        assert ran.returncode in {0, 1}, ran.stderr
        services = json.loads(ran.stdout)["services"]
        return services["demo"]

    def left(self) -> list[str]:
        """Return what is in the root."""
        return sorted(os.listdir(self.root))

    def journals(self) -> list[Path]:
        """Return the directories of all journals."""
        return sorted((self.state / "demo" / "journal").glob("*"))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Return an empty scene."""
    return Scene(tmp_path)


def states(recovered: dict[str, Any]) -> list[str]:
    """Return the state of each obligation."""
    return [each["state"] for each in recovered["obligations"]]


def test_a_clean_end_releases_what_is_owed_and_leaves_no_journal(scene: Scene) -> None:
    """The graceful path uses the same releasers, and nothing is left to recover."""
    scene.run("with Ender('demo', grace=20) as ender: make(ender, 'a'); make(ender, 'b')")

    assert [] == scene.left()
    assert [] == scene.journals()


def test_leaving_the_block_releases_the_thing(scene: Scene) -> None:
    """It is gone before the process ends."""
    output = scene.run("""
    with Ender('demo', grace=20) as ender:
        with ender.obligation('file', key=path('a'), root=root) as held:
            open(path('a'), 'w').close()
        say('there', os.path.exists(path('a')))
    """)

    assert "there False" in output


def test_what_was_settled_is_left_alone(scene: Scene) -> None:
    """Its releaser is not called."""
    scene.run("with Ender('demo', grace=20) as ender: make(ender, 'a').settle()")

    assert ["a"] == scene.left()


def test_after_sigkill_everything_is_released_by_recover(scene: Scene) -> None:
    """A file, a tree, a lock that a child has inherited, a socket, and that child."""
    scene.run("""
    with Ender('demo', grace=20) as ender:
        make(ender, 'file')
        tree = ender.obligation('tree', key=path('tree'), root=root).acquire()
        os.makedirs(path('tree/a/b')); os.symlink('/etc', path('tree/a/link')); open(path('tree/f'), 'w').close()
        tree.acquired(**file_args(path('tree'), root))
        lock = ender.obligation('flock', key=path('lock'), root=root).acquire()
        fd = os.open(path('lock'), os.O_CREAT | os.O_RDWR); fcntl.flock(fd, fcntl.LOCK_EX)
        lock.acquired(**lock_args(path('lock'), root))
        listener = ender.obligation('socket', key=path('sock'), root=root).acquire()
        sock = socket.socket(socket.AF_UNIX); sock.bind(path('sock')); sock.listen()
        listener.acquired(**socket_args(path('sock'), root))
        die()
    """)
    recovered = scene.recover()

    assert ["released"] * 4 == states(recovered)
    assert [] == scene.left()
    assert [] == scene.journals()


def child_of(scene: Scene, *, known: bool) -> int:
    """Run a program that dies after it has started a child, and return the child's number."""
    acquired = "held.acquired(str(child.pid), **process_args(child.pid))" if known else ""
    output = scene.run(f"""
    with Ender('demo', grace=20) as ender:
        held = ender.obligation('process', key='child').acquire()
        # A session of its own, and no sign of the test in it: the fixture must not be the one that ends it.
        env = {{'PROCESSENDER_OBLIGATION': held.id}}
        child = subprocess.Popen(['sleep', '1000'], start_new_session=True, env=env, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        {acquired}
        say(child.pid)
        die()
    """)
    return int(output.split()[0])


def alive(pid: int) -> bool:
    """Tell whether a process runs."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return status not in {"Z", "X"}


@pytest.mark.parametrize("known", [True, False], ids=["after its number was known", "before its number was known"])
def test_a_child_is_ended_after_a_crash(scene: Scene, known: bool) -> None:
    """It is found by its identity, or by the id that it carries."""
    pid = child_of(scene, known=known)
    before = alive(pid)
    scene.recover()

    assert (True, False) == (before, alive(pid))


def test_what_belongs_to_the_living_is_left_alone(scene: Scene) -> None:
    """Nothing is released while its owner lives, and recover says so."""
    with scene.program("with Ender('demo', grace=20) as e: make(e, 'a'); say('ready'); e.stopping.wait()") as running:
        running.wait_for("ready", LIMIT_S)
        recovered = scene.recover()
        left = scene.left()

    assert [] == recovered["obligations"]
    assert f"its owner, process {running.pid}, lives" == recovered["left_alone"][0]["why"]
    assert ["a"] == left


def test_a_stopped_owner_keeps_what_it_owes(scene: Scene) -> None:
    """A process under SIGSTOP may go on at any time."""
    with scene.program("with Ender('demo', grace=20) as e: make(e, 'a'); say('ready'); e.stopping.wait()") as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("STOP")
        os.waitid(os.P_PID, running.pid, os.WSTOPPED | os.WNOWAIT)
        recovered = scene.recover()
        left = scene.left()

    assert "is stopped" in recovered["left_alone"][0]["why"]
    assert ["a"] == left


def test_a_fork_child_does_not_keep_the_journal(scene: Scene) -> None:
    """The lock is not inherited: the parent's death is seen although its child lives."""
    source = """
    with Ender('demo', grace=20) as ender:
        make(ender, 'a')
        if os.fork() == 0:
            time.sleep(1000)
        say('ready')
        die()
    """
    with scene.program(source) as running:
        running.wait(LIMIT_S)
        recovered = scene.recover()

    assert ["released"] == states(recovered)


def test_a_fork_child_releases_nothing_of_its_parent(scene: Scene) -> None:
    """It owes nothing, also when it leaves the same block."""
    output = scene.run("""
    with Ender('demo', grace=20) as ender:
        with ender.obligation('file', key=path('a'), root=root) as held:
            open(path('a'), 'w').close()
            pid = os.fork()
            if pid == 0:
                held.__exit__(None, None, None)
                os._exit(0)
            os.waitpid(pid, 0)
            say('there', os.path.exists(path('a')))
    """)

    assert "there True" in output


def test_the_next_start_recovers_in_the_background(scene: Scene) -> None:
    """`recover="on-start"` settles what the process before has left."""
    scene.run("with Ender('demo', grace=20) as ender: make(ender, 'a'); die()")
    output = scene.run("""
    with Ender('demo', grace=20, recover='on-start') as ender:
        say('recovered', ender.recovered.wait(20), os.listdir(root))
    """)

    assert "recovered True []" in output


def test_the_next_start_tells_of_a_journal_that_cannot_be_read(scene: Scene) -> None:
    """What it owes is not known, so somebody must look."""
    scene.run("with Ender('demo', grace=20) as ender: make(ender, 'a'); die()")
    (journal,) = scene.journals()
    for segment in journal.glob("seg-*.pej"):
        segment.unlink()
        segment.symlink_to("/nowhere")
    output = scene.run("""
    with Ender('demo', grace=20, recover='on-start') as ender:
        say('recovered', ender.recovered.wait(20))
    """)

    assert f"cannot recover {journal}: " in output


def test_two_recoveries_at_once_release_each_thing_once(scene: Scene) -> None:
    """Adopting is taking the lock of the dead."""
    scene.run("""
    with Ender('demo', grace=20) as ender:
        for number in range(30):
            make(ender, f'{number}')
        die()
    """)
    env = {**os.environ, "PROCESSENDER_STATE": str(scene.state)}
    command = [sys.executable, "-m", "processender", "recover", "--json"]
    both = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    found = [json.loads(each.communicate(timeout=LIMIT_S)[0])["services"]["demo"] for each in both]

    assert 30 == sum(len(each["obligations"]) for each in found)
    assert [] == scene.left()


def test_a_recovery_that_is_killed_is_taken_up_by_the_next(scene: Scene) -> None:
    """However often it dies, nothing is lost."""
    scene.run("""
    ender = Ender('demo', grace=20)
    @ender.releaser('deadly')
    def release(obligation):
        pass
    with ender:
        make(ender, 'a')
        ender.obligation('deadly', key='x').acquire()
        die()
    """)
    app = scene.root.parent / "app.py"
    app.write_text(
        "import os\nfrom processender import Ender\nender = Ender('demo')\n"
        "@ender.releaser('deadly')\ndef release(obligation): os._exit(9)\n",
        encoding="utf-8",
    )
    codes = []
    for _ in range(9):
        env = {**os.environ, "PROCESSENDER_STATE": str(scene.state)}
        command = [sys.executable, "-m", "processender", "recover", "--app", "app:ender"]
        codes.append(subprocess.run(command, env=env, cwd=app.parent, capture_output=True, timeout=LIMIT_S).returncode)  # noqa: PLW1510 - its code is what counts
    dead = json.loads(scene.cli("journal", "dead", "--json").stdout)["journals"][0]["owed"]

    assert [9] * 8 + [1] == codes
    assert [("deadly", "dead", 8)] == [(each["kind"], each["state"], each["attempts"]) for each in dead]
    assert [] == scene.left()


def test_two_jobs_share_one_owner(scene: Scene) -> None:
    """Cleaning up after one job walks its own things, never those of the other."""
    scene.run("""
    with Ender('demo', grace=20) as ender:
        make(ender, 'a1', job='a'); make(ender, 'b1', job='b'); make(ender, 'a2', job='a')
        die()
    """)
    scene.recover("--job", "a")

    assert ["b1"] == scene.left()


def test_a_job_of_two_dead_owners_is_walked_from_the_newest_to_the_oldest(tmp_path: Path) -> None:
    """Whatever the names of their journals are, and however their things were made by turns."""
    journals = [FileJournal(claim(str(tmp_path / "journal")), complain=pytest.fail) for _ in range(2)]
    for number in range(1, 7):
        made = Obligation(str(number), "thing", f"/{number}", "thing", {}, "a", created=float(number))
        journals[number % 2].append(intent(made))
    for journal in journals:
        journal.close()
    released: list[str] = []

    class Noting:
        def check(self, obligation: Obligation) -> bool:
            return obligation.id not in released

        def release(self, obligation: Obligation, token: int, ctx: object) -> None:
            released.append(obligation.id)

    recover(str(tmp_path), lambda _name: Noting(), SystemClock(), 20.0, job="a")

    assert ["6", "5", "4", "3", "2", "1"] == released


def test_leaving_the_scope_of_a_job_releases_its_own(scene: Scene) -> None:
    """The other job goes on."""
    output = scene.run("""
    with Ender('demo', grace=20) as ender:
        other = make(ender, 'b1', job='b')
        with ender.scope('a') as job:
            for name in ('a1', 'a2'):
                job.obligation('file', key=path(name), root=root).acquire()
                open(path(name), 'w').close()
        say(os.listdir(root))
    """)

    assert "['b1']" in output


def test_a_partial_file_is_removed_after_a_crash(scene: Scene) -> None:
    """A file appears whole or not at all."""
    scene.run("""
    with Ender('demo', grace=20) as ender:
        with atomic_write(ender, path('whole'), root=root) as file:
            file.write(b'all of it')
        with atomic_write(ender, path('half'), root=root) as file:
            file.write(b'half'); file.flush()
            die()
    """)
    before = scene.left()
    scene.recover()

    assert 2 == len(before)
    assert ["whole"] == scene.left()


def test_a_partial_file_that_cannot_be_made_is_owed_no_longer(scene: Scene) -> None:
    """The block was never entered, so nobody leaves it."""
    output = scene.run("""
    with Ender('demo', grace=20) as ender:
        try:
            with atomic_write(ender, path('missing') + '/report', root=root):
                say('entered')
        except FileNotFoundError:
            say('refused')
        die()
    """)

    assert "refused" == output.strip()
    assert [] == states(scene.recover())


def test_a_dry_run_touches_nothing(scene: Scene) -> None:
    """It says what would be released."""
    scene.run("with Ender('demo', grace=20) as ender: make(ender, 'a'); die()")
    before = {path: path.read_bytes() for path in scene.state.rglob("*.pej")}
    recovered = scene.recover("--dry-run")

    assert ["acquired"] == states(recovered)
    assert before == {path: path.read_bytes() for path in scene.state.rglob("*.pej")}
    assert ["a"] == scene.left()


def test_what_was_saved_is_there_for_the_next_process(scene: Scene) -> None:
    """Snapshots and deltas survive SIGKILL."""
    scene.run("""
    with Ender('demo', grace=20) as ender:
        ender.save('offset', {'n': 1}); ender.save('offset', {'n': 2}); ender.extend('offset', 3)
        die()
    """)
    output = scene.run("""
    with Ender('demo', grace=20) as ender:
        saved = ender.load('offset')
        say(saved.version, saved.data, saved.deltas, ender.load('nothing'))
    """)

    assert "2 {'n': 2} (3,) None" in output


def on_a_terminal(scene: Scene, *argv: str) -> str:
    """Run the command line with its standard error on a terminal and return what it shows there."""
    master, slave = os.openpty()
    env = {**os.environ, "PROCESSENDER_STATE": str(scene.state)}
    command = [sys.executable, "-m", "processender", *argv]
    with subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=slave) as ran:
        os.close(slave)
        shown = b""
        while True:
            try:
                said = os.read(master, 65536)
            except OSError:  # how Linux says that nobody has the other end open any more
                break
            if not said:
                break
            shown += said
        ran.wait(LIMIT_S)
    os.close(master)
    return shown.decode()


def test_a_recovery_shows_on_a_terminal_how_far_it_has_come(scene: Scene) -> None:
    """Each thing as it ends, with its number of all."""
    scene.run("with Ender('demo', grace=20) as ender: make(ender, 'a'); make(ender, 'b'); die()")
    shown = on_a_terminal(scene, "recover").splitlines()

    assert "processender: releasing 2 things that the dead have left" == shown[0]
    assert ["[1/2]", "[2/2]"] == [line.split()[1] for line in shown[1:3]]
    assert {f"{scene.root}/a", f"{scene.root}/b"} == {line.split()[3] for line in shown[1:3]}
    assert all(line.endswith(": released") for line in shown[1:3])


def test_a_recovery_that_prints_data_shows_no_progress(scene: Scene) -> None:
    """Not even on a terminal."""
    scene.run("with Ender('demo', grace=20) as ender: make(ender, 'a'); die()")

    assert "" == on_a_terminal(scene, "recover", "--json")


def test_an_unclean_recovery_exits_with_one_and_names_the_next_step(scene: Scene) -> None:
    """What could not be released is kept, and a human is told where."""
    scene.run("""
    ender = Ender('demo', grace=20)
    ender.releaser('only-here')(lambda obligation: None)
    with ender:
        ender.obligation('only-here', key='x').acquire()
        die()
    """)
    ran = scene.cli("recover")

    assert 1 == ran.returncode
    assert "there is no releaser 'only-here' here" in ran.stdout
    assert "0 of 1 released; 1 can be released by --app MODULE:ENDER or an installed plugin only" in ran.stdout


def test_a_journal_whose_owner_lives_is_refused_with_three(scene: Scene) -> None:
    """Who names a journal wants to know that it was not touched."""
    with scene.program("with Ender('demo', grace=20) as e: make(e, 'a'); say('ready'); e.stopping.wait()") as running:
        running.wait_for("ready", LIMIT_S)
        ran = scene.cli("recover", "--journal", str(scene.journals()[0]))

    assert 3 == ran.returncode


def test_a_link_in_the_place_of_a_journal_is_not_followed(scene: Scene, tmp_path: Path) -> None:
    """It is named, and left alone."""
    scene.run("with Ender('demo', grace=20) as ender: make(ender, 'a'); die()")
    (journal,) = scene.journals()
    journal.rename(tmp_path / "elsewhere")
    journal.symlink_to(tmp_path / "elsewhere")
    recovered = scene.recover()

    assert "it is no directory; a link is never followed" == recovered["left_alone"][0]["why"]
    assert ["a"] == scene.left()


def test_a_journal_of_another_boot_is_recovered(scene: Scene) -> None:
    """Its owner cannot live."""
    scene.run("with Ender('demo', grace=20) as ender: make(ender, 'a'); die()")
    (journal,) = scene.journals()
    owner = journal / "owner.json"
    said = read_owner(str(journal))
    owner.unlink()
    write_owner(str(journal), {**said, "boot": "another", "pid": os.getpid()})

    assert ["released"] == states(scene.recover())


def test_a_process_that_was_given_the_number_of_the_dead_is_left_alone(scene: Scene) -> None:
    """A number is not an identity."""
    scene.run("""
    with Ender('demo', grace=20) as ender:
        args = process_args(os.getppid())
        args['identity']['started'] -= 1
        ender.obligation('process', key='child', **args).acquire()
        die()
    """)

    # The number is that of this very process: it would not come to the next line.
    assert ["released"] == states(scene.recover())


def test_things_outside_the_root_are_never_touched(scene: Scene, tmp_path: Path) -> None:
    """A record is hostile input: neither a dotted path nor a link leads out."""
    precious = tmp_path / "precious"
    precious.write_text("x")
    (scene.root / "link").symlink_to(tmp_path)
    (scene.state / "demo").mkdir(parents=True)
    scene.run("""
    from processender.core.obligation import Obligation, intent
    from processender.recovering import open_own
    journal = open_own(os.path.join(os.environ['PROCESSENDER_STATE'], 'demo'), 'refuse', say)
    for key in (path('../precious'), path('link/precious'), os.path.dirname(root) + '/precious'):
        journal.append(intent(Obligation(key, 'file', key, 'file', {'root': root})))
    die()
    """)
    recovered = scene.recover()

    assert ["dead"] * 3 == states(recovered)
    assert precious.exists()


def test_a_full_state_directory_refuses_before_the_effect(scene: Scene) -> None:
    """What cannot be written down must not be made."""
    scene.state.mkdir()
    (scene.state / "demo").write_text("a file where the directory should be")
    output = scene.run("""
    with Ender('demo', grace=20) as ender:
        try:
            make(ender, 'a')
        except Exception as error:
            say(type(error).__name__, error)
    """)

    assert "JournalError there is no journal" in output
    assert [] == scene.left()


def test_without_a_journal_things_may_be_allowed(scene: Scene) -> None:
    """The caller decides: `allow-unjournaled` owes it for as long as the process lives."""
    scene.state.mkdir()
    (scene.state / "demo").write_text("a file where the directory should be")
    output = scene.run("""
    with Ender('demo', grace=20, journal='allow-unjournaled') as ender:
        make(ender, 'a')
        say(os.listdir(root))
    """)

    assert "['a']" in output
    assert [] == scene.left()


def test_signals_of_the_end_release_too(scene: Scene) -> None:
    """TERM is the ordinary way."""
    with scene.program("with Ender('demo', grace=20) as e: make(e, 'a'); say('ready'); e.stopping.wait()") as running:
        running.wait_for("ready", LIMIT_S)
        running.signal(signal.SIGTERM)
        code = running.wait(LIMIT_S)

    assert (0, []) == (code, scene.left())


def test_an_end_by_force_leaves_no_empty_journal(scene: Scene) -> None:
    """A process that must be left by force has removed what nobody needs any more."""
    with scene.program("""
    ender = Ender('demo', grace=2)
    ender.add(lambda: time.sleep(1000), name='stuck', timeout=0.2)
    with ender:
        make(ender, 'a').release()
        say('ready')
        ender.stopping.wait()
    """) as running:
        running.wait_for("ready", LIMIT_S)
        running.signal("TERM")
        code = running.wait(LIMIT_S)

    assert 143 == code
    assert [] == scene.journals()


def test_the_report_tells_what_is_still_owed(tmp_path: Path) -> None:
    """How much, and the first of it with the reason."""
    program = """
from processender import Ender
with Ender("demo", grace=5) as ender:
    @ender.releaser("bad")
    def bad(obligation):
        raise ValueError("no")
    ender.obligation("thing", key="a", releaser="bad").acquire()
"""
    with Program(program, env={"PROCESSENDER_STATE": str(tmp_path)}) as running:
        running.wait(60)
    report = json.loads((tmp_path / "demo" / "reports" / "last.json").read_text())

    assert 1 == report["journal"]["owed"]
    assert ("thing a", "failed", True) == (
        report["journal"]["first"][0]["what"],
        report["journal"]["first"][0]["state"],
        "no" in report["journal"]["first"][0]["error"],
    )


def test_the_unit_that_is_printed_is_one(tmp_path: Path) -> None:
    """systemd finds nothing wrong with it, and what it starts is this very command."""
    argv = [sys.executable, "-m", "processender", "recover", "--print-unit"]
    unit = tmp_path / "processender-recover.service"
    unit.write_text(subprocess.run(argv, check=True, capture_output=True, text=True).stdout, encoding="utf-8")
    told = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    (start,) = [line for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    program = start.removeprefix("ExecStart=").split()
    done = subprocess.run(
        [*program[:-2], "--dry-run"], env={**os.environ, "PROCESSENDER_STATE": str(tmp_path)}, check=False
    )

    assert (0, "") == (told.returncode, told.stderr)
    assert "remote-fs.target" in unit.read_text()
    assert 0 == done.returncode
