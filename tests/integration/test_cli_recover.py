"""`processender recover`: what it says, and how it ends, when not all could be done or nothing was there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from processender.core.obligation import Entry, Kind, Obligation, intent
from processender.engine.clock import SystemClock
from processender.journal.directory import read_owner, write_owner
from processender.journal.file import FileJournal
from processender.journal.owner import OwnerLock, adopt, claim
from processender.recovering import recover

LIMIT_S = 60.0
REPOSITORY = Path(__file__).parents[2]


class Host:
    """A state directory in which dead owners leave things."""

    def __init__(self, state: Path) -> None:
        self.state = state
        (state / "demo").mkdir(parents=True, mode=0o700)
        self.place = str(state / "demo")

    def owe(self, *obligations: Obligation, dead: bool = False) -> OwnerLock:
        """Write down what a process of this host owes; it holds no lock any more, so it is taken for dead."""
        lock = claim(os.path.join(self.place, "journal"))
        journal = FileJournal(lock, complain=print)
        for each in obligations:
            journal.append(intent(each))
            if dead:
                journal.append(Entry(Kind.FAILED, each.id, {"error": "no", "dead": True}))
        journal.close()
        return lock

    def run(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run `processender recover`."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROCESSENDER_")}
        command = [sys.executable, "-m", "processender", "recover", *words]
        return subprocess.run(
            command,
            env=inherited | {"PROCESSENDER_STATE": str(self.state)} | environ,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    def last(self, *words: str, **environ: str) -> tuple[int, str]:
        """Run it and return the code and the last line."""
        ran = self.run(*words, **environ)
        return ran.returncode, (ran.stdout.splitlines() or [ran.stderr])[-1]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Return a host with the state of one service."""
    return Host(tmp_path / "state")


def thing(id_: str, job: str = "", outlives: tuple[str, ...] = ()) -> Obligation:
    """Return a file that is not there, which can be released."""
    return Obligation(id_, "file", f"/nowhere/{id_}", "file", {"root": "/"}, job=job, outlives=outlives)


def unknown(id_: str) -> Obligation:
    """Return a thing whose releaser nobody here knows."""
    return Obligation(id_, "vm", id_, "vm.stop")


def test_a_journal_that_cannot_be_read_is_no_success(host: Host) -> None:
    """What it owes is not known, so nobody may say that nothing is left."""
    lock = host.owe(thing("a"))
    for segment in Path(lock.directory).glob("seg-*.pej"):
        segment.unlink()
        segment.symlink_to("/nowhere")

    assert (1, "1 journal could not be recovered") == host.last()
    assert 1 == host.last("--dry-run")[0]


@pytest.mark.parametrize("where", ["no/such/place", "demo", "demo/reports"])
def test_what_is_no_journal_is_a_mistake(host: Host, where: str) -> None:
    """And nothing of a service is touched then."""
    host.owe(thing("a"))
    code, said = host.last("--journal", str(host.state / where))

    assert (2, True) == (code, said.startswith("processender: there is no journal "))
    assert not (host.state / "demo" / "crashes").exists()


def test_the_states_of_a_service_are_no_journal(host: Host) -> None:
    """They would be taken for an owner's that owes nothing, and removed."""
    states = host.state / "demo" / "state"
    states.mkdir(mode=0o700)
    (states / "LOCK").touch(0o600)

    assert 2 == host.last("--journal", str(states))[0]


def test_only_the_named_journal_is_recovered_and_accounted_for(host: Host) -> None:
    """The other owners of the service are left for a recovery that means them."""
    named, other = host.owe(thing("a")), host.owe(thing("b"))
    done = host.last("--journal", named.directory)

    assert (
        0,
        f"1 released; nothing in {named.directory} is left; 1 other thing owed: `processender journal show`",
    ) == (done)
    assert "accounted" not in os.listdir(other.directory)


def test_another_job_is_not_said_to_be_nothing(host: Host) -> None:
    """A misspelt job is noticed."""
    host.owe(thing("a", job="job-1"), thing("b", job="job-1"))

    assert (0, "nothing of job 'job-2' is left; 2 other things owed: `processender journal show`") == host.last(
        "--job", "job-2"
    )


def test_what_the_living_owe_is_not_said_to_be_nothing(host: Host) -> None:
    """It is theirs, and it is there."""
    lock = claim(os.path.join(host.place, "journal"))
    journal = FileJournal(lock, complain=print)
    journal.append(intent(thing("a")))
    done, dry = host.last(), host.last("--dry-run", "--service", "demo")
    journal.close()

    assert (0, "nothing of the dead is left; the living owe 1 thing: `processender journal show`") == done == dry


def test_a_state_directory_that_is_not_there_is_named(host: Host) -> None:
    """A misspelt one is noticed."""
    done = host.last(PROCESSENDER_STATE="/nowhere/state")

    assert (0, "there is no state in /nowhere/state, so there is nothing to release") == done


def test_the_last_line_tells_what_each_kept_thing_waits_for(host: Host) -> None:
    """A human is needed for some only."""
    host.owe(thing("a"), unknown("b"))
    host.owe(thing("c"), dead=True)
    host.owe(thing("d", outlives=("c",)))
    code, said = host.last()

    assert 1 == code
    assert [
        "1 of 4 released",
        "1 dead: `processender journal dead` shows them",
        "1 will be tried again by the next `processender recover`",
        "1 can be released by --app MODULE:ENDER or an installed plugin only",
    ] == said.split("; ")


def test_a_dry_run_heads_the_states_as_such_and_counts_what_it_would_release(host: Host) -> None:
    """A dead letter would not be touched."""
    host.owe(thing("a"))
    host.owe(thing("b"), dead=True)
    ran = host.run("--dry-run")

    assert (1, "state") == (ran.returncode, ran.stdout.splitlines()[0].split()[-1])
    assert (
        "1 would be released, nothing was touched; 1 dead: `processender journal dead` shows them"
        == (ran.stdout.splitlines()[-1])
    )


def test_what_must_outlive_a_thing_of_another_journal_is_kept(host: Host) -> None:
    """Its owner lives, and needs both."""
    lock = claim(os.path.join(host.place, "journal"))
    journal = FileJournal(lock, complain=print)
    journal.append(intent(thing("disk")))
    host.owe(thing("volume", outlives=("disk",)))
    ran = host.run()
    journal.close()

    assert 1 == ran.returncode
    assert "it must outlive file /nowhere/disk, which is still there" in ran.stdout


def test_a_circle_holds_up_nobody_and_no_journal_stays_locked(host: Host) -> None:
    """The recovery ends, and the next process can adopt what is left."""
    lock = host.owe(thing("a", outlives=("b",)), thing("b", outlives=("a",)), thing("c"))
    recovered = recover(host.place, lambda _name: None, SystemClock(), 20.0)
    found = adopt(lock.directory)
    assert found.lock is not None
    found.lock.release()

    assert ["dead", "dead", "failed"] == [str(each.state) for each in recovered.settled]


def test_a_recovery_that_raises_gives_the_journals_back(host: Host) -> None:
    """Whoever comes next may try."""
    lock = host.owe(thing("a"))

    def fail(_standings: object) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        recover(host.place, lambda _name: None, SystemClock(), 20.0, found=fail)
    found = adopt(lock.directory)
    assert found.lock is not None
    found.lock.release()

    assert found.owner["pid"] == os.getpid()


class Hanging:
    """A releaser that comes back when it is told to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def check(self, _obligation: Obligation) -> bool:
        """There is always something."""
        return True

    def release(self, _obligation: Obligation, _token: int, _ctx: object) -> None:
        """Wait."""
        self.go_on.wait(LIMIT_S)


def test_the_journal_of_a_releaser_that_hangs_is_kept_until_it_comes_back(host: Host) -> None:
    """Another recovery would run the same releaser beside it."""
    lock, hanging = host.owe(thing("a")), Hanging()
    recover(host.place, lambda _name: hanging, SystemClock(), 0.5)
    meanwhile = adopt(lock.directory)
    hanging.go_on.set()
    for _ in range(600):
        if not os.path.exists(lock.directory):
            break
        threading.Event().wait(0.1)

    assert None is meanwhile.lock
    assert not os.path.exists(lock.directory)


def test_a_journal_that_another_recovery_works_on_is_not_said_to_have_a_living_owner(host: Host) -> None:
    """The owner is dead; the other recovery holds the lock."""
    gone = subprocess.Popen(["sleep", "120"])
    lock = host.owe(thing("a"))
    owner = read_owner(lock.directory)
    (Path(lock.directory) / "owner.json").unlink()
    write_owner(lock.directory, {**owner, "pid": gone.pid})
    gone.send_signal(signal.SIGKILL)
    gone.wait()
    held = adopt(lock.directory)
    ran = host.run("--journal", lock.directory)
    assert held.lock is not None
    held.lock.release()

    assert 1 == ran.returncode
    assert "another recovery is at work on it" in ran.stdout


def unit(host: Host, **environ: str) -> str:
    """Return the unit that is printed."""
    return host.run("--print-unit", **environ).stdout


def test_the_printed_unit_recovers_what_lies_where_the_state_is_now(host: Host) -> None:
    """It has the place in its environment and in its condition, quoted as systemd wants it."""
    said = unit(host, PROCESSENDER_STATE="/srv/the state/100%")

    assert 'Environment="PROCESSENDER_STATE=/srv/the state/100%%"\n' in said
    assert "ConditionPathExists=/srv/the state/100%%\n" in said


def test_the_unit_that_ships_is_the_one_that_root_prints(host: Host) -> None:
    """With the program where a package of the system puts it."""
    shipped = (REPOSITORY / "deploy" / "systemd" / "processender-recover.service").read_text().splitlines()
    said = unit(host, PROCESSENDER_STATE="/var/lib/processender").splitlines()
    own = ("ExecStart=", "User=")

    assert [line for line in shipped if not line.startswith(own)] == [line for line in said if not line.startswith(own)]
    assert ["ExecStart=/usr/bin/processender recover --window 5m"] == [line for line in shipped if line.startswith(own)]


def test_an_option_that_is_misspelt_is_answered_with_the_nearest(host: Host) -> None:
    """As everywhere."""
    ran = host.run("--dryrun")

    assert (2, True) == (ran.returncode, "there is no option '--dryrun'; did you mean '--dry-run'?" in ran.stderr)


def test_a_service_is_found_by_the_name_that_its_ender_has(host: Host) -> None:
    """Signs that no directory can have are mapped as the Ender maps them."""
    (host.state / "demo").rename(host.state / "a-b")

    assert (0, "nothing is left behind") == host.last("--service", "a/b")


def test_a_service_that_cannot_be_looked_into_keeps_no_other_from_being_recovered(host: Host) -> None:
    """It is told, and the code says that not all was done."""
    host.owe(thing("a"))
    (host.state / "alas").mkdir(mode=0o700)
    (host.state / "alas" / "journal").write_text("in the way")
    ran = host.run()

    assert 1 == ran.returncode
    assert "trouble with alas: cannot look into" in ran.stdout
    assert "1 released" in ran.stdout


def test_of_a_job_that_a_living_process_owes_it_is_not_said_that_nothing_is_left(host: Host) -> None:
    """What is left belongs to it."""
    lock = claim(os.path.join(host.place, "journal"))
    journal = FileJournal(lock, complain=print)
    journal.append(intent(thing("a", job="7")))
    code, last = host.last("--job", "7")
    named = host.last("--journal", lock.directory)
    journal.append(Entry(Kind.RELEASED, "a"))
    journal.close()

    assert (0, "nothing of job '7' is left by the dead; the living owe 1 thing of it") == (code, last)
    assert (3, "nothing was touched") == named


def test_a_journal_that_somebody_holds_and_nobody_has_made_is_not_said_to_be_of_the_living(host: Host) -> None:
    """Its file of the owner is gone, and the number in its name is nobody's."""
    lock = claim(os.path.join(host.place, "journal"))
    os.unlink(os.path.join(lock.directory, "owner.json"))
    os.rename(lock.directory, os.path.join(host.place, "journal", "999999999-1-aaaaaa"))
    ran = host.run()
    lock.release()

    assert 1 == ran.returncode
    assert "nothing says whose it is" in ran.stdout
