"""The archive in a real PostgreSQL: the same answers as from an index, whoever writes, and however often."""

from __future__ import annotations

import json
import random
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from processender.archive.answers import Overview, Question
from processender.archive.exporter import exporter
from processender.archive.find import open_archive
from processender.archive.postgres import connected, write
from processender.engine.brief import BriefContext
from processender.engine.clock import SystemClock
from processender.errors import AccountRefused, ArchiveError, ReleaserError, Unreachable
from tests.integration.agents import SLEEPER, agent, stops_with
from tests.integration.servers import free_port
from tests.unit.archive.accounts import DAY, NOON, account, handler, kept, opened


def stored(url: str, *accounts: dict[str, Any]) -> None:
    """Write *accounts* at once."""
    write(connected(url), accounts)


def asked(url: str, question: Question | None = None) -> Overview:
    """Return an overview."""
    with open_archive(url) as archive:
        return archive.overview(question)


def runs(count: int) -> list[dict[str, Any]]:
    """Return accounts of all kinds, always the same; names of the worst kind among them."""
    chance, found = random.Random(3), []
    for number in range(count):
        at = NOON - chance.randrange(5 * 86400)
        outcome = chance.choice(["done", "done", "failed", "skipped", "timed_out"])
        reason = "" if outcome == "done" else chance.choice(["no time", 'it\'s "%s" ?\n<b>'])
        deeds = [
            handler("flush", outcome, chance.uniform(0.001, 9.0), reason=reason),
            handler("it's/\"\n%s?", phase="drain"),
        ]
        about = {
            "zone": chance.choice("ab"),
            "cause": chance.choice(["SIGTERM", "spot"]),
            "version": chance.choice("123"),
        }
        ended = None if chance.random() < 0.1 else at + 5.0
        verdict = chance.choice(["clean", "degraded", "forced", "cancelled"])
        retries = [{"handler": "flush"}] * chance.randrange(3)
        seconds = chance.uniform(0.1, 30.0)
        run = account(f"r{number}", at=at, handlers=deeds, verdict=verdict, retries=retries, seconds=seconds, **about)
        found.append({**run, "ended": ended, "service": chance.choice(["shop", "till"])})
    return found


QUESTIONS = (
    Question(),
    Question(service="shop"),
    Question(zone="b", cause="spot"),
    Question(version="2", since=NOON - 3.2 * DAY, until=NOON - 0.7 * DAY),
    Question(since=NOON - 100.0, until=NOON - 50.0),
)


def test_it_answers_as_an_index_does(archive_url: str, tmp_path: Path) -> None:
    """Every question, to the last figure, entry and page."""
    accounts = runs(400)
    for each in accounts:
        kept(tmp_path, each)
    for start in range(0, 400, 80):
        stored(archive_url, *accounts[start : start + 80])
    with opened(tmp_path) as index, open_archive(archive_url) as server:
        for question in QUESTIONS:
            assert index.overview(question) == server.overview(question)
            page = index.recent(question, 30)
            assert page == server.recent(question, 30)
            assert index.recent(question, 30, page[-1].id if page else "") == server.recent(
                question, 30, page[-1].id if page else ""
            )


def test_an_account_that_comes_twice_is_there_once(archive_url: str) -> None:
    """In whatever order the provisional one and the final one come."""
    begun = account("1", ended=None)
    for each in (begun, account("1"), account("1"), begun, account("1")):
        stored(archive_url, each)
    with open_archive(archive_url) as archive:
        found, last = archive.overview().counts, archive.account("1")

    assert (1, 1) == (found.runs, found.clean)
    assert account("1") == last


def test_a_run_that_was_killed_is_seen(archive_url: str) -> None:
    """Its provisional account was sent, and nothing else came."""
    stored(archive_url, account("1", ended=None))
    with open_archive(archive_url) as archive:
        assert (1, "killed") == (archive.overview().counts.killed, archive.recent(Question())[0].verdict)
        assert archive.account() == account("1", ended=None)


def test_many_write_at_once(archive_url: str) -> None:
    """The first of them makes the tables; none is lost, none counted twice, none waits for ever."""
    troubles: list[Exception] = []

    def write_some(number: int) -> None:
        try:
            for each in range(8):
                stored(
                    archive_url, account(f"{number % 4}-{each}", zone=f"z{each}", handlers=[handler(f"h{number % 4}")])
                )
        except Exception as error:
            troubles.append(error)

    threads = [threading.Thread(target=write_some, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = asked(archive_url)

    assert [] == troubles
    assert 32 == found.counts.runs == sum(group.counts.runs for group in found.zones)
    assert [8] * 4 == [each.runs for each in found.handlers]


def test_a_crash_is_there_too(archive_url: str) -> None:
    """As the agent sends it."""
    stored(archive_url, {"schema": 1, "id": "c", "service": "shop", "cause": "oom", "at": NOON, "pid": 7})

    assert (1, "oom") == (asked(archive_url).counts.crashed, asked(archive_url).causes[0].name)


def test_who_may_only_read_can_ask(archive_url: str) -> None:
    """A dashboard has no need to write; and who may not write is told so."""
    stored(archive_url, account("1"))
    reader = archive_url.replace("postgres@", "reader@")
    with psycopg.connect(archive_url, autocommit=True) as server:
        server.execute("DROP ROLE IF EXISTS reader")
        server.execute("CREATE ROLE reader LOGIN")
        server.execute("GRANT USAGE ON SCHEMA processender TO reader")
        server.execute("GRANT SELECT ON ALL TABLES IN SCHEMA processender TO reader")
    found = asked(reader).counts.runs
    with pytest.raises(ArchiveError, match="permission denied"):
        stored(reader, account("2"))
    with psycopg.connect(archive_url, autocommit=True) as server:
        server.execute("DROP OWNED BY reader")
        server.execute("DROP ROLE reader")

    assert 1 == found


def test_a_server_without_an_archive_says_so(archive_url: str) -> None:
    """And what makes one."""
    with pytest.raises(ArchiveError, match=r"there is no archive in PostgreSQL at 127.0.0.1:.* the first account"):
        open_archive(archive_url)


def test_an_archive_of_a_later_version_is_left_alone(archive_url: str) -> None:
    """By who reads and who writes."""
    stored(archive_url, account("1"))
    with psycopg.connect(archive_url) as server:
        server.execute("UPDATE processender.meta SET value = '7'")
    for use in (open_archive, lambda place: stored(place, account("2"))):
        with pytest.raises(ArchiveError, match=r"has the version 7, .* update processender"):
            use(archive_url)


def test_a_writer_that_is_locked_out_gives_up_in_time(archive_url: str) -> None:
    """The end of a process waits for nobody."""
    stored(archive_url, account("1"))
    with psycopg.connect(archive_url) as server:
        server.execute("SELECT pg_advisory_xact_lock(hashtext('processender_archive'))")
        with pytest.raises(ArchiveError, match="statement timeout"):
            write(connected(archive_url), [account("2")], within=0.2)
    stored(archive_url, account("2"))

    assert 2 == asked(archive_url).counts.runs


def test_a_url_with_a_password_is_found_by_reference_and_never_shown(
    archive_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a variable, or in a file."""
    secret = archive_url.replace("postgres@", "postgres:geheim@")
    (tmp_path / "url").write_text(f"{secret}\n")
    monkeypatch.setenv("ARCHIVE_URL", secret)
    stored({"env": "ARCHIVE_URL"}, account("1"))  # type: ignore[arg-type]
    assert 1 == asked({"file": str(tmp_path / "url")}).counts.runs  # type: ignore[arg-type]
    for wrong in (f"{secret}&=", secret.replace("127.0.0.1:", "127.0.0.1:1"), "postgresql://u:geheim@[::1/x"):
        with pytest.raises(ArchiveError) as caught:
            open_archive(wrong)
        assert "geheim" not in str(caught.value)


def test_a_password_with_an_unquoted_sign_is_not_taken_for_a_host() -> None:
    """What looks up the name would quote it."""
    with pytest.raises(ArchiveError, match="cannot read the URL of the archive") as error:
        connected("postgresql://who:p@s3cret@127.0.0.1:1/db", 2.0)

    assert "s3cret" not in str(error.value)


def context(seconds: float = 10.0) -> BriefContext:
    """Return what an exporter is called with."""
    clock = SystemClock()
    return BriefContext(clock.now() + seconds, clock, handler="export-db", cause="export", key="1")


def test_the_exporter_writes_accounts(archive_url: str) -> None:
    """And says whether another try is of use."""
    made = exporter(archive_url, name="db")
    made.send(account("1"), context())
    with pytest.raises(AccountRefused, match="cannot take it"):
        made.send({"nothing": 1}, context())
    with pytest.raises(Unreachable, match="cannot reach the archive"):
        exporter(f"postgresql://127.0.0.1:{free_port()}/x").send(account("2"), context())
    with pytest.raises(ReleaserError, match="password"):
        exporter("postgresql://me:secret@host/x")

    assert ("db", 1) == (made.name, asked(archive_url).counts.runs)


def test_an_agent_writes_there(archive_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its configuration; the account is the one that it has on disk."""
    file = tmp_path / "pe.toml"
    file.write_text('[export.fleet]\nkind = "postgresql"\nurl = { env = "ARCHIVE" }\n')
    with agent(["--service", "shop", "-c", str(file)], SLEEPER, ARCHIVE=archive_url) as program:
        stops_with(program)
        report = program.report()
    with open_archive(archive_url) as archive:
        found = archive.account()

    assert json.loads(json.dumps(report)) == found
