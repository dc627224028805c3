"""`processender journal`: looking into journals, and letting dead letters be tried again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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
    assert [str(host.journal), "4", "2"] == ran.stdout.splitlines()[1].split()


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
    assert "`processender journal dead` lists them" in ran.stderr


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
