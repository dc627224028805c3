"""`processender journal`: looking into journals, and letting dead letters be tried again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from processender.core.obligation import Entry, Kind, Obligation, intent
from processender.journal.file import FileJournal
from processender.journal.owner import claim

LIMIT_S = 60.0


class Host:
    """A state directory with a journal that a dead owner has left: one thing intended, one dead."""

    def __init__(self, state: Path) -> None:
        self.state = state
        (state / "demo").mkdir(parents=True, mode=0o700)
        lock = claim(str(state / "demo" / "journal"))
        journal = FileJournal(lock, complain=print)
        journal.append(intent(Obligation("id-1", "file", "/nowhere/a", "file", {"root": "/nowhere"}, job="7")))
        journal.append(intent(Obligation("id-2", "vm", "vm-\x1b[31m1", "vm.stop")))
        journal.append(Entry(Kind.RELEASING, "id-2"))
        journal.append(Entry(Kind.FAILED, "id-2", {"error": "OSError: refused", "dead": True}))
        journal.close()
        self.journal = Path(lock.directory)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `processender journal`."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROCESSENDER_")}
        environ = inherited | {"PROCESSENDER_STATE": str(self.state)}
        command = [sys.executable, "-m", "processender", "journal", *words]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=LIMIT_S, check=False)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Return a host with one journal."""
    return Host(tmp_path / "state")


def test_ls_lists_each_journal_with_what_it_owes(host: Host) -> None:
    """Two things are owed."""
    ran = host.run("ls")

    assert 0 == ran.returncode
    assert [str(host.journal), "demo", str(os.getpid()), "no", "4", "2", "sound"] == (
        ran.stdout.splitlines()[1].split()
    )


def test_show_tells_each_obligation_and_disturbs_no_terminal(host: Host) -> None:
    """A key is hostile input."""
    ran = host.run("show")

    assert "/nowhere/a" in ran.stdout
    assert "vm-?[31m1" in ran.stdout


def test_show_as_data_tells_everything(host: Host) -> None:
    """For programs."""
    (journal,) = json.loads(host.run("show", "--json").stdout)["journals"]

    assert [("id-1", "intended", "7"), ("id-2", "dead", "")] == [
        (each["id"], each["state"], each["job"]) for each in journal["owed"]
    ]


def test_verify_of_a_sound_journal_exits_with_zero(host: Host) -> None:
    """All records are valid."""
    ran = host.run("verify")

    assert (0, True) == (ran.returncode, "all valid" in ran.stdout)


def test_verify_of_a_damaged_journal_exits_with_one_and_says_where(host: Host) -> None:
    """Reading touches nothing."""
    (segment, *_) = sorted(host.journal.glob("seg-*.pej"))
    data = bytearray(segment.read_bytes())
    data[4096 + 30] ^= 1
    segment.write_bytes(data)
    ran = host.run("verify", str(host.journal))

    assert 1 == ran.returncode
    assert "has no valid record" in ran.stdout
    assert bytes(data) == segment.read_bytes()


def test_a_damaged_last_record_is_told_by_verify_and_by_recover(host: Host) -> None:
    """It was acknowledged, so it must not vanish without a word; a copy of the file stays."""
    (segment, *_) = sorted(host.journal.glob("seg-*.pej"))
    data = bytearray(segment.read_bytes())
    end = len(data.rstrip(b"\0"))
    data[end - 8 : end - 6] = b"!!"
    segment.write_bytes(data)
    verified = host.run("verify", str(host.journal))
    command = [sys.executable, "-m", "processender", "recover"]
    environ = os.environ | {"PROCESSENDER_STATE": str(host.state)}
    recovered = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=LIMIT_S, check=False)

    assert 1 == verified.returncode
    assert "has a damaged record 4 at its end" in verified.stdout
    assert [bytes(data)] == [each.read_bytes() for each in host.journal.glob("*.damaged")]
    assert (1, True) == (recovered.returncode, "has a damaged record 4 at its end" in recovered.stdout)


def test_verify_notes_a_torn_last_record_and_exits_with_zero(host: Host) -> None:
    """A crash in the middle of a write is no damage."""
    (segment, *_) = sorted(host.journal.glob("seg-*.pej"))
    data = segment.read_bytes()
    segment.write_bytes(data.rstrip(b"\0")[:-8].ljust(len(data), b"\0"))
    ran = host.run("verify", str(host.journal))
    (said,) = json.loads(host.run("verify", str(host.journal), "--json").stdout)["journals"]

    assert (0, True) == (ran.returncode, "all valid" in ran.stdout)
    assert "ends with a torn record 4; nothing in it was acknowledged" in ran.stdout
    assert ([], 1) == (said["troubles"], len(said["notes"]))


def test_export_prints_every_record_as_a_line_of_json(host: Host) -> None:
    """For who wants to keep them."""
    lines = [json.loads(line) for line in host.run("export").stdout.splitlines()]

    assert ["intent", "intent", "releasing", "failed"] == [line["kind"] for line in lines]


def test_dead_lists_the_dead_letters_and_exits_with_one(host: Host) -> None:
    """A monitor can look at the code."""
    ran = host.run("dead")

    assert 1 == ran.returncode
    assert "OSError: refused" in ran.stdout
    assert "/nowhere/a" not in ran.stdout


def test_retry_lets_a_dead_letter_be_tried_again(host: Host) -> None:
    """The count begins anew."""
    ran = host.run("retry", "id-2")
    (journal,) = json.loads(host.run("show", "--json").stdout)["journals"]

    assert 0 == ran.returncode
    assert [("failed", 0)] == [(each["state"], each["attempts"]) for each in journal["owed"] if each["id"] == "id-2"]


def test_retry_of_an_unknown_id_says_where_to_look(host: Host) -> None:
    """The message gives the next step."""
    ran = host.run("retry", "id-9")

    assert 2 == ran.returncode
    assert "`processender journal show` lists it all" in ran.stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["sho"], "did you mean 'show'"),
        (["show", "/nowhere"], "there is no journal '/nowhere'"),
        (["ls", "--service", "dem"], "did you mean 'demo'"),
    ],
)
def test_a_mistake_is_answered_with_the_nearest_name(host: Host, words: list[str], text: str) -> None:
    """As everywhere."""
    ran = host.run(*words)

    assert 2 == ran.returncode
    assert text in ran.stderr


def test_ls_tells_which_owner_lives_and_which_journal_is_damaged(host: Host) -> None:
    """A living owner holds the lock; damage is told beside, and the code is 1."""
    lock = claim(str(host.state / "demo" / "journal"))
    damage(host)
    ran = host.run("ls")
    rows = {line.split()[0]: line.split()[1:] for line in ran.stdout.splitlines()[1:]}
    lock.release()

    assert 1 == ran.returncode
    assert ("demo", "yes", "sound") == (rows[lock.directory][0], rows[lock.directory][2], rows[lock.directory][-1])
    assert ("no", "damaged") == (rows[str(host.journal)][2], rows[str(host.journal)][-1])
    assert "has no valid record" in ran.stderr


def test_ls_as_data_tells_the_owner(host: Host) -> None:
    """As the text does."""
    (journal,) = json.loads(host.run("ls", "--json").stdout)["journals"]

    assert ("demo", os.getpid(), False) == (journal["service"], journal["pid"], journal["lives"])


def damage(host: Host) -> None:
    """Spoil the first record of the journal."""
    (segment, *_) = sorted(host.journal.glob("seg-*.pej"))
    data = bytearray(segment.read_bytes())
    data[4096 + 30] ^= 1
    segment.write_bytes(data)


def make_unreadable(host: Host) -> None:
    """Let the journal be one that this version cannot read."""
    for segment in host.journal.glob("seg-*.pej"):
        segment.unlink()
        segment.symlink_to("/nowhere")


@pytest.mark.parametrize("verb", ["ls", "show", "dead", "export"])
@pytest.mark.parametrize("spoil", [damage, make_unreadable], ids=["damaged", "not to be read"])
def test_a_journal_that_cannot_be_read_in_full_is_told_and_exits_with_one(
    host: Host, verb: str, spoil: Callable[[Host], None]
) -> None:
    """Also by who only wants to see what is owed."""
    spoil(host)
    ran = host.run(verb)

    assert 1 == ran.returncode
    assert "processender: " in ran.stderr


def test_dead_lists_what_no_releaser_is_known_for_and_nothing_else_also_as_data(host: Host) -> None:
    """It waits for a human as much as what keeps failing; what can be released by the next recovery does not."""
    lock = claim(str(host.state / "demo" / "journal"))
    journal = FileJournal(lock, complain=print)
    journal.append(intent(Obligation("id-3", "vm", "vm-3", "vm.stop")))
    journal.close()
    ran = host.run("dead", "--json")
    owed = [each for journal in json.loads(ran.stdout)["journals"] for each in journal["owed"]]

    assert 1 == ran.returncode
    assert [("id-2", "OSError: refused")] == [(each["id"], each["error"]) for each in owed if each["state"] == "dead"]
    assert ["there is no releaser 'vm.stop' here"] == [
        each["error"].partition(": ")[2].partition(";")[0] for each in owed if each["id"] == "id-3"
    ]
    assert {"id-2", "id-3"} == {each["id"] for each in owed}


def test_what_a_living_owner_can_release_itself_is_no_dead_letter(host: Host) -> None:
    """Its own releasers are known to it alone."""
    lock = claim(str(host.state / "demo" / "journal"))
    journal = FileJournal(lock, complain=print)
    journal.append(intent(Obligation("id-3", "vm", "vm-3", "vm.stop")))
    ran = host.run("dead")
    journal.close()

    assert "id-3" not in ran.stdout


def test_a_dead_letter_can_be_settled_by_hand(host: Host) -> None:
    """What a human has released is owed no more; the rest stays, and the crash is accounted for."""
    ran = host.run("settle", "id-2")
    (journal,) = json.loads(host.run("show", "--json").stdout)["journals"]

    assert (0, "1 settled\n") == (ran.returncode, ran.stdout)
    assert ["id-1"] == [each["id"] for each in journal["owed"]]
    assert 1 == len(list(host.state.glob("demo/crashes/*.json")))


def test_settling_the_last_removes_the_journal_and_keeps_the_account_of_the_crash(host: Host) -> None:
    """Nobody could make it afterwards."""
    host.run("settle", "id-1", "id-2")

    assert not host.journal.exists()
    assert 1 == len(list(host.state.glob("demo/crashes/*.json")))


@pytest.mark.parametrize(("words", "text"), [(["settle"], "without an ID"), (["settle", "x"], "there is no 'x'")])
def test_what_cannot_be_settled_is_a_mistake(host: Host, words: list[str], text: str) -> None:
    """Nothing is settled by accident."""
    ran = host.run(*words)

    assert (2, True) == (ran.returncode, text in ran.stderr)


def test_retry_touches_no_journal_in_which_nothing_matches(host: Host) -> None:
    """Its files stay as they are, and one that owes nothing is not removed before its crash is accounted for."""
    empty = claim(str(host.state / "demo" / "journal"))
    FileJournal(empty, complain=print)
    empty.release()
    before = sorted(os.listdir(empty.directory))
    host.run("retry", "id-2")

    assert before == sorted(os.listdir(empty.directory))


def test_retry_goes_on_after_a_journal_that_cannot_be_read(host: Host) -> None:
    """The others are tried again, and the trouble is told."""
    other = claim(str(host.state / "demo" / "journal"))
    journal = FileJournal(other, complain=print)
    journal.append(intent(Obligation("id-5", "vm", "vm-5", "vm.stop")))
    journal.append(Entry(Kind.FAILED, "id-5", {"error": "no", "dead": True}))
    journal.close()
    make_unreadable(host)
    ran = host.run("retry")

    assert (1, "1 will be tried again by the next `processender recover`\n") == (ran.returncode, ran.stdout)
    assert str(host.journal) in ran.stderr


def test_a_directory_that_is_no_journal_is_refused(host: Host) -> None:
    """It would else look like one that owes nothing."""
    codes = [host.run(verb, str(host.state / "demo")).returncode for verb in ("show", "export", "verify", "ls")]

    assert [2, 2, 2, 2] == codes


def test_a_verb_alone_is_required(host: Host) -> None:
    """The message does not ask for what may be left out."""
    ran = host.run()

    assert (2, True, False) == (ran.returncode, "required: ls|show" in ran.stderr, "DIR" in ran.stderr)


def test_a_service_is_found_by_the_name_that_its_ender_has(host: Host) -> None:
    """Signs that no directory can have are mapped as the Ender maps them."""
    (host.state / "demo").rename(host.state / "a-b")

    assert 0 == host.run("ls", "--service", "a/b").returncode
