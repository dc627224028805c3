"""`processender track`, inside a real agent, and for a process that is named."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from processender.core.obligation import Entry, Kind
from processender.identity import identify
from processender.journal.file import FileJournal
from processender.journal.owner import tracked
from tests.integration.agents import agent, python

LIMIT_S = 60.0
TRACK = f"{sys.executable} -m processender track"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a directory in which things are made."""
    made = tmp_path / "root"
    made.mkdir()
    return made


def in_agent(script: str, root: Path, **environ: str) -> str:
    """Run a shell script under an agent and return what both wrote."""
    with agent([], ["sh", "-c", f"cd {root}; {script}"], **environ) as program:
        program.wait(LIMIT_S)
        return program.output


def cli(*words: str, state: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line outside any agent."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROCESSENDER_")}
    environ = inherited | {"PROCESSENDER_STATE": str(state)}
    return subprocess.run(
        [sys.executable, "-m", "processender", *words],
        env=environ,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def tell(lines: bytes) -> Any:
    """Return a script that sends *lines* to the agent's socket and prints the answer."""
    return python(
        "import os, socket\n"
        "s = socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(os.environ['PROCESSENDER_CONTROL'])\n"
        f"s.sendall({lines!r}); print(s.makefile().readline())"
    )


def test_what_a_script_tracks_is_released_at_the_end_of_the_run(root: Path) -> None:
    """The agent owes it, not the short-lived `track`."""
    in_agent(f"{TRACK} add file {root}/a --arg root={root}; touch a", root)

    assert not (root / "a").exists()


def test_what_was_settled_is_left_alone(root: Path) -> None:
    """It is not owed any more."""
    in_agent(f"id=$({TRACK} add file {root}/a --arg root={root}); touch a; {TRACK} settle $id", root)

    assert (root / "a").exists()


def test_two_jobs_share_one_agent(root: Path) -> None:
    """Settling one job leaves what the other owes."""
    add = f"{TRACK} add file"
    in_agent(
        f"{add} {root}/a --arg root={root} --job one; {add} {root}/b --arg root={root} --job two; touch a b; "
        f"{TRACK} settle --job one",
        root,
    )

    assert ["a"] == sorted(os.listdir(root))


def test_an_agent_that_was_killed_leaves_it_to_recover(root: Path, tmp_path: Path) -> None:
    """The journal is the agent's, and its lock goes with it."""
    state = tmp_path / "state"
    script = f"{TRACK} add file {root}/a --arg root={root}; touch {root}/a; echo ready; exec sleep 60"
    with agent([], ["sh", "-c", script], PROCESSENDER_STATE=str(state)) as program:
        program.wait_for("ready", LIMIT_S)
        program.signal(signal.SIGKILL)
        program.wait(LIMIT_S)
        left = (root / "a").exists()
        cli("recover", state=state)

    assert (True, False) == (left, (root / "a").exists())


def test_an_agent_without_tracked_things_makes_no_journal(root: Path, tmp_path: Path) -> None:
    """It is opened by the first thing that is tracked."""
    in_agent("true", root, PROCESSENDER_STATE=str(tmp_path / "state"))

    assert [] == list((tmp_path / "state").glob("*/journal"))


def test_the_socket_is_private(root: Path) -> None:
    """Neither the directory nor the socket can be used by anybody else."""
    out = in_agent('stat -c %a "$PROCESSENDER_CONTROL" "$(dirname "$PROCESSENDER_CONTROL")"', root)

    assert ["600", "700"] == out.split()


def test_the_socket_goes_with_the_agent(root: Path) -> None:
    """Nothing is left in the directory for such things."""
    out = in_agent('dirname "$PROCESSENDER_CONTROL"', root)

    assert not os.path.exists(out.strip())


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"\xff\xfe\n", "is no JSON"),
        (b"[" * 60000 + b"\n", "is no JSON"),
        (b"[1]\n", "must be an object"),
        (b"{}\n", "cannot do None"),
        (b'{"do": "ad"}\n', "did you mean 'add'"),
        (b'{"do": "add", "kind": 7}\n', "cannot take kind"),
        (b'{"do": "add", "kind": "file", "key": "/x", "args": 7}\n', "args must be an object"),
        (b'{"do": "add", "kind": "fil", "key": "/x"}\n', "there is no releaser 'fil'; did you mean 'file'"),
        (b'{"do": "settle", "ids": "x"}\n', "must be a list"),
        (b"x" * 70000 + b"\n", "longer than"),
    ],
)
def test_what_makes_no_sense_is_refused_with_words(line: bytes, says: str) -> None:
    """Whatever comes, it is answered, and the agent goes on."""
    with agent([], tell(line)) as program:
        code = program.wait(LIMIT_S)

        assert (0, True) == (code, says in program.output), program.output


def test_who_connects_and_says_nothing_holds_up_nobody(root: Path) -> None:
    """Others are answered meanwhile."""
    source = (
        "import os, socket, subprocess, sys\n"
        "calls = [socket.socket(socket.AF_UNIX) for _ in range(5)]\n"
        "for s in calls: s.connect(os.environ['PROCESSENDER_CONTROL'])\n"
        "print(subprocess.call([sys.executable, '-m', 'processender', 'track', 'list']))"
    )
    with agent([], [sys.executable, "-c", source]) as program:
        program.wait(LIMIT_S)

        assert ["nothing", "0"] == program.output.split()


def test_outside_any_agent_it_says_what_to_do(tmp_path: Path) -> None:
    """There is nobody who could owe it."""
    done = cli("track", "add", "file", "/x", state=tmp_path)

    assert (2, True) == (done.returncode, "say --owner-pid $$" in done.stderr)


def test_an_argument_without_a_value_is_a_mistake(tmp_path: Path) -> None:
    """It says how one is written."""
    done = cli("track", "add", "file", "/x", "--arg", "root", state=tmp_path)

    assert (2, True) == (done.returncode, "write --arg NAME=VALUE" in done.stderr)


class Owner:
    """A process for which things are tracked."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(["sleep", "120"])

    def end(self) -> None:
        """Let it be dead."""
        self.process.kill()
        self.process.wait()


@pytest.fixture
def owner() -> Any:
    """Return a process that lives, and end it."""
    made = Owner()
    yield made
    made.end()


def owe(owner: Owner, root: Path, state: Path, name: str) -> str:
    """Track a file for *owner*, make it, and return the id."""
    done = cli(
        "track", "add", "file", f"{root}/{name}", "--arg", f"root={root}", "--owner-pid", str(owner.process.pid),
        state=state,
    )  # fmt: skip
    (root / name).touch()
    return done.stdout.strip()


def test_what_a_living_process_owes_is_not_released(owner: Owner, root: Path, tmp_path: Path) -> None:
    """It lives, although no process holds the lock."""
    owe(owner, root, tmp_path / "state", "a")
    cli("recover", state=tmp_path / "state")

    assert (root / "a").exists()


def test_what_a_dead_process_owed_is_released(owner: Owner, root: Path, tmp_path: Path) -> None:
    """Its identity is nobody's any more."""
    owe(owner, root, tmp_path / "state", "a")
    owner.end()
    cli("recover", state=tmp_path / "state")

    assert not (root / "a").exists()


def test_all_that_one_process_owes_is_in_one_journal(owner: Owner, root: Path, tmp_path: Path) -> None:
    """The second `track` finds what the first has made."""
    ids = [owe(owner, root, tmp_path / "state", name) for name in ("a", "b")]
    done = cli("track", "list", "--owner-pid", str(owner.process.pid), "--json", state=tmp_path / "state")

    assert ids == [each["id"] for each in json.loads(done.stdout)["owed"]]


def test_what_is_settled_for_a_process_leaves_nothing(owner: Owner, root: Path, tmp_path: Path) -> None:
    """An empty journal is removed."""
    made = owe(owner, root, tmp_path / "state", "a")
    cli("track", "settle", made, "--owner-pid", str(owner.process.pid), state=tmp_path / "state")

    assert [] == list((tmp_path / "state").glob("*/journal/*"))


def fail_for_good(owner: Owner, state: Path, wanted: str) -> None:
    """Let what *owner* owes under an id be a dead letter, as a releaser that keeps failing does."""
    identity = identify(owner.process.pid)
    assert identity is not None
    found = tracked(str(state / "tracked" / "journal"), identity)
    assert found is not None
    assert found.lock is not None
    journal = FileJournal(found.lock, complain=pytest.fail)
    journal.append(Entry(Kind.RELEASING, wanted))
    journal.append(Entry(Kind.FAILED, wanted, {"error": "OSError: it is busy", "dead": True}))
    journal.close()


def test_dead_letters_of_a_process_are_shown_and_retried(owner: Owner, root: Path, tmp_path: Path) -> None:
    """`dead` exits with 1 while there are some; after `retry` there are none, and they are still owed."""
    state, words = tmp_path / "state", ["--owner-pid", str(owner.process.pid)]
    ids = [owe(owner, root, state, name) for name in ("a", "b", "c")]
    none_yet = cli("track", "dead", *words, state=state)
    for each in ids[:2]:
        fail_for_good(owner, state, each)
    dead = cli("track", "dead", *words, "--json", state=state)
    text = cli("track", "dead", *words, state=state)
    one = cli("track", "retry", ids[0], *words, state=state)
    left = cli("track", "dead", *words, "--json", state=state)
    rest = cli("track", "retry", *words, "--json", state=state)
    gone = cli("track", "dead", *words, state=state)
    owed = cli("track", "list", *words, "--json", state=state)

    assert 0 == none_yet.returncode
    assert (1, ids[:2]) == (dead.returncode, [each["id"] for each in json.loads(dead.stdout)["owed"]])
    assert (1, True) == (text.returncode, "OSError: it is busy" in text.stdout)
    assert (0, "1 will be tried again\n") == (one.returncode, one.stdout)
    assert ids[1:2] == [each["id"] for each in json.loads(left.stdout)["owed"]]
    assert ids[:2] == json.loads(rest.stdout)["retry"]  # what has failed and is no dead letter is tried again, too
    assert 0 == gone.returncode
    assert [("failed", 0), ("failed", 0), ("intended", 0)] == [
        (each["state"], each["attempts"]) for each in json.loads(owed.stdout)["owed"]
    ]


def test_inside_an_agent_there_are_no_dead_letters_to_begin_with(root: Path) -> None:
    """`dead` and `retry` ask the agent, and it answers with nothing."""
    said = in_agent(f"{TRACK} add file {root}/a --arg root={root}; {TRACK} dead; echo $?; {TRACK} retry", root)

    assert "\n0\n" in said
    assert "0 will be tried again" in said


def test_a_process_that_is_not_there_cannot_owe(tmp_path: Path) -> None:
    """It would be released at once."""
    done = cli("track", "add", "file", "/x", "--owner-pid", "4194304", state=tmp_path)

    assert (2, True) == (done.returncode, "there is none" in done.stderr)


@pytest.mark.parametrize("words", [["list"], ["dead"], ["retry"], ["settle", "--job", "x"]])
def test_who_only_asks_for_a_process_leaves_nothing_behind(owner: Owner, tmp_path: Path, words: list[str]) -> None:
    """No journal, not even a directory of the service."""
    done = cli("track", *words, "--owner-pid", str(owner.process.pid), state=tmp_path / "state")

    assert 0 == done.returncode, done.stderr
    assert not (tmp_path / "state").exists()


def test_what_is_refused_for_a_process_leaves_no_journal(owner: Owner, tmp_path: Path) -> None:
    """Nothing is owed."""
    words = ["track", "add", "fil", "/x", "--owner-pid", str(owner.process.pid)]
    done = cli(*words, state=tmp_path / "state")
    missing = cli("track", "settle", "x", "--owner-pid", str(owner.process.pid), state=tmp_path / "state")

    assert (2, 2) == (done.returncode, missing.returncode)
    assert [] == list((tmp_path / "state").glob("*/journal/*"))


def test_a_list_reads_the_journal_and_changes_no_file_of_it(owner: Owner, root: Path, tmp_path: Path) -> None:
    """Another `track` may write meanwhile."""
    owe(owner, root, tmp_path / "state", "a")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "state").rglob("*")}
    cli("track", "list", "--owner-pid", str(owner.process.pid), state=tmp_path / "state")

    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "state").rglob("*")}


def test_a_disk_that_refuses_is_told_in_words(owner: Owner, tmp_path: Path) -> None:
    """No traceback."""
    (tmp_path / "state" / "tracked" / "track.lock").mkdir(parents=True)
    for each in (tmp_path / "state", tmp_path / "state" / "tracked"):
        each.chmod(0o700)
    done = cli("track", "add", "file", "/x", "--arg", "root=/", "--owner-pid", str(owner.process.pid),
               state=tmp_path / "state")  # fmt: skip

    assert (2, True) == (done.returncode, done.stderr.startswith("processender: cannot track it: ")), done.stderr


def test_the_verb_alone_is_required(tmp_path: Path) -> None:
    """The message does not ask for what may be left out."""
    done = cli("track", state=tmp_path)

    assert (2, True) == (done.returncode, "required: add|settle|list|dead|retry;" in done.stderr)
