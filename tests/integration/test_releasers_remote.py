"""The releasers of servers: PostgreSQL, Redis, object storage and databases of any kind, each on the real thing."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
import redis
import sqlalchemy

from processender import Ender, LockHeld, Obligation, ReleaserError, StateError, Transient
from processender.engine.clock import SystemClock
from processender.integrations import postgres
from processender.integrations import redis as redis_room
from processender.integrations import s3 as s3_room
from processender.integrations.jobs import JobReleaser
from processender.integrations.postgres import AdvisoryLockReleaser, SessionReleaser, advisory_lock, session
from processender.integrations.redis import LockReleaser, lock
from processender.integrations.s3 import ObjectReleaser, UploadReleaser, upload
from processender.integrations.sql import ConnectionReleaser, SqlReleaser, transaction
from processender.plugins import find_releaser
from processender.recovering import recover
from processender.testing.releasers import check_releaser, context

BUCKET = "artifacts"


@pytest.fixture
def ender(tmp_path: Path) -> Ender:
    """Return an Ender of its own state."""
    return Ender("remote", state=str(tmp_path / "state"))


def owed(key: str, ref: str = "", **args: Any) -> Obligation:
    """Return an obligation."""
    return Obligation("0-test", "thing", key, "releaser", args, ref=ref)


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def crash(tmp_path: Path, program: str, **env: str) -> None:
    """Run a program of the service `remote` that is killed, and recover in the same environment."""
    state = tmp_path / "state"
    given = {**os.environ, **env, "PROCESSENDER_STATE": str(state)}
    code = subprocess.run([sys.executable, "-c", program], env=given, check=False, timeout=60).returncode
    assert -signal.SIGKILL == code
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        left = recover(str(state / "remote"), find_releaser, SystemClock(), 30.0).open
    assert () == left


# PostgreSQL.


@pytest.fixture
def base(postgres_url: str) -> Iterator[Any]:
    """Return a connection to look around with."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def opened() -> Iterator[list[Any]]:
    """Return a list of connections that are closed in the end."""
    found: list[Any] = []
    yield found
    for each in found:
        each.close()


def holds(base: Any, high: int, low: int, parts: int) -> bool:
    """Tell whether somebody holds this advisory lock."""
    asked = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND (classid, objid, objsubid) = (%s, %s, %s)"
    return base.execute(asked, [high, low, parts]).fetchone() is not None


def identity(connection: Any) -> dict[str, Any]:
    """Return what tells a session."""
    pid, started = connection.execute(postgres._WHO).fetchone()
    return {"pid": pid, "started": started}


def lives(base: Any, pid: int) -> bool:
    """Tell whether a session is there."""
    return base.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone() is not None


def test_a_session_keeps_the_promises(postgres_url: str, base: Any, opened: list[Any]) -> None:
    """The conformance check passes."""

    def make(_key: str) -> dict[str, Any]:
        opened.append(psycopg.connect(postgres_url, autocommit=True))
        return {"url": postgres_url, **identity(opened[0])}

    check_releaser(SessionReleaser(), make, lambda _key: lives(base, opened[0].info.backend_pid))


def test_a_session_is_found_by_the_id_it_carries(postgres_url: str, base: Any) -> None:
    """The crash fell between the connection and the line in the journal."""
    with psycopg.connect(postgres_url, application_name="0-test") as connection:
        pid = connection.info.backend_pid
        SessionReleaser().release(owed("s", url=postgres_url), 1, context())

        assert not lives(base, pid)


def test_a_session_with_a_reused_number_is_left_alone(postgres_url: str, base: Any) -> None:
    """Its start is another."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        meant = identity(connection) | {"started": "2020-01-01 00:00:00.000000"}
        SessionReleaser().release(owed("s", url=postgres_url, **meant), 1, context())

        assert lives(base, meant["pid"])


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("4711", (0, 4711, 1)),
        ("-1", (0xFFFFFFFF, 0xFFFFFFFF, 1)),
        (str(1 << 40), (256, 0, 1)),
        ("1,2", (1, 2, 2)),
        ("-1,-2", (0xFFFFFFFF, 0xFFFFFFFE, 2)),
    ],
)
def test_an_advisory_lock_keeps_the_promises(
    postgres_url: str, base: Any, opened: list[Any], key: str, place: tuple[int, int, int]
) -> None:
    """Both forms of the key, also below zero."""

    def make(key: str) -> dict[str, Any]:
        opened.append(psycopg.connect(postgres_url, autocommit=True))
        opened[0].execute(f"SELECT pg_advisory_lock({key})")
        return {"url": postgres_url, **identity(opened[0])}

    check_releaser(AdvisoryLockReleaser(), make, lambda _key: holds(base, *place), key)


def test_an_advisory_lock_that_another_has_taken_since_is_left_alone(postgres_url: str, base: Any) -> None:
    """Its session is not the obligation's."""
    with psycopg.connect(postgres_url, autocommit=True) as heir:
        heir.execute("SELECT pg_advisory_lock(12)")
        obligation = owed("12", url=postgres_url, pid=1, started="2020-01-01 00:00:00.000000")
        AdvisoryLockReleaser().release(obligation, 1, context())

        assert not AdvisoryLockReleaser().check(obligation)
        assert holds(base, 0, 12, 1)


def test_a_session_that_holds_another_lock_is_left_alone(postgres_url: str, base: Any) -> None:
    """The lock of the obligation is gone, and the session goes on with other work."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(13)")
        AdvisoryLockReleaser().release(owed("14", url=postgres_url, **identity(connection)), 1, context())

        assert holds(base, 0, 13, 1)


def test_a_session_that_waits_for_the_lock_is_ended(postgres_url: str, base: Any) -> None:
    """It would get the lock after its owner's death."""
    with psycopg.connect(postgres_url, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(15)")
        waits = "import psycopg, sys; psycopg.connect(sys.argv[1], application_name='0-test', autocommit=True)"
        argv = [sys.executable, "-c", f"{waits}.execute('SELECT pg_advisory_lock(15)')", postgres_url]
        asked = "SELECT FROM pg_stat_activity WHERE application_name = '0-test' AND wait_event = 'advisory'"
        with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as waiter:
            while base.execute(asked).fetchone() is None:
                assert waiter.poll() is None
            AdvisoryLockReleaser().release(owed("15", url=postgres_url), 1, context())

            assert 0 != waiter.wait(30)


@pytest.mark.parametrize("key", ["", "a", "1,2,3", str(1 << 63), f"1,{1 << 31}"])
def test_what_is_no_key_of_an_advisory_lock_is_refused(postgres_url: str, key: str) -> None:
    """A record is hostile input."""
    with pytest.raises(ReleaserError, match="is no key of an advisory lock"):
        AdvisoryLockReleaser().release(owed(key, url=postgres_url), 1, context())


def test_a_dead_clients_session_that_its_child_keeps_open_is_ended(
    postgres_url: str, base: Any, tmp_path: Path
) -> None:
    """A child that inherited the socket keeps the lock; only the server can end it."""
    program = """
import os, signal, subprocess, sys
from processender import Ender
from processender.integrations.postgres import advisory_lock
ender = Ender("remote")
block = advisory_lock(ender, {"env": "DATABASE"}, 21)
connection = block.__enter__()
keeper = subprocess.Popen(["sleep", "1000"], pass_fds=[connection.fileno()])
open(sys.argv[1] if len(sys.argv) > 1 else os.environ["KEEPER"], "w").write(str(keeper.pid))
os.kill(os.getpid(), signal.SIGKILL)
"""
    keeper = tmp_path / "keeper"
    try:
        crash(tmp_path, program, DATABASE=postgres_url, KEEPER=str(keeper))
        os.kill(int(keeper.read_text()), 0)

        assert not holds(base, 0, 21, 1)
    finally:
        os.kill(int(keeper.read_text()), signal.SIGKILL)


def test_an_advisory_lock_that_is_held_is_told_at_once(postgres_url: str, base: Any, ender: Ender) -> None:
    """Nothing stays owed."""
    base.execute("SELECT pg_advisory_lock(31)")
    with pytest.raises(LockHeld, match="another session holds it"), advisory_lock(ender, postgres_url, 31):
        pass

    assert [] == ender._home().journal().live()


def test_an_advisory_lock_can_be_waited_for(postgres_url: str, base: Any, ender: Ender) -> None:
    """For the time that was said."""
    base.execute("SELECT pg_advisory_lock(32)")
    with pytest.raises(LockHeld, match=r"since 0\.05 s"), advisory_lock(ender, postgres_url, 32, timeout=0.05):
        pass


def test_leaving_the_block_frees_the_lock_and_settles(postgres_url: str, ender: Ender) -> None:
    """Another session can have it, and nothing is owed."""
    with advisory_lock(ender, postgres_url, 33) as connection:
        assert (1,) == connection.execute("SELECT 1").fetchone()

    with advisory_lock(ender, postgres_url, 33, timeout=30):
        pass
    assert [] == ender._home().journal().live()


def test_a_session_rolls_back_when_it_is_left(postgres_url: str, base: Any, ender: Ender) -> None:
    """What was not committed was never there."""
    base.execute("CREATE TABLE IF NOT EXISTS notes (text text)")
    with session(ender, postgres_url) as connection:
        connection.execute("INSERT INTO notes VALUES ('lost')")

    assert (0,) == base.execute("SELECT count(*) FROM notes").fetchone()


def test_a_server_that_is_down_may_come_back(ender: Ender) -> None:
    """The attempt is repeated, not given up."""
    with pytest.raises(Transient, match=r"postgres at postgres@127.0.0.1|postgres at 127.0.0.1"):
        SessionReleaser().release(
            owed("s", url=f"postgresql://postgres@127.0.0.1:{free_port()}/postgres"), 1, context()
        )


def test_a_role_that_may_not_end_the_session_is_told(postgres_url: str, base: Any) -> None:
    """Another attempt would not help."""
    base.execute("DROP ROLE IF EXISTS weak")
    base.execute("CREATE ROLE weak LOGIN")
    base.execute("GRANT pg_read_all_stats TO weak")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        url = postgres_url.replace("postgres@", "weak@")
        with pytest.raises(ReleaserError, match=r"superuser|permission"):
            SessionReleaser().release(owed("s", url=url, **identity(connection)), 1, context())


@pytest.mark.parametrize("url", ["postgresql://u:hunter2@h/d", "postgresql://h/d?password=hunter2"])
def test_a_url_with_a_password_is_refused(ender: Ender, url: str) -> None:
    """The journal would hold it; the message does not."""
    with pytest.raises(ReleaserError, match="the journal must not") as caught:
        session(ender, url)

    assert "hunter2" not in str(caught.value)


def test_a_secret_is_named_and_never_kept(
    postgres_url: str, ender: Ender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file of the state holds it."""
    monkeypatch.setenv("DATABASE", postgres_url.replace("postgres@", "postgres:hunter2@"))
    with session(ender, {"env": "DATABASE"}):
        kept = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())

    assert (True, False) == (b"DATABASE" in kept, b"hunter2" in kept)


# Redis.


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    """Return a client to look around with, of an empty database."""
    with redis.Redis.from_url(redis_url) as found:
        found.flushdb()
        yield found


def test_a_lock_of_redis_keeps_the_promises(redis_url: str, client: Any) -> None:
    """The conformance check passes."""

    def make(key: str) -> dict[str, Any]:
        client.set(key, "0-test")
        return {"url": redis_url}

    check_releaser(LockReleaser(), make, lambda key: client.exists(key) == 1)


def test_a_lock_of_redis_that_another_has_taken_since_is_left_alone(redis_url: str, client: Any) -> None:
    """The comparison and the removal are one step."""
    client.set("l", "heir")
    LockReleaser().release(owed("l", url=redis_url), 1, context())

    assert b"heir" == client.get("l")


def test_a_lock_of_redis_is_held_for_its_block(redis_url: str, client: Any, ender: Ender) -> None:
    """With a time to live, and nothing is owed afterwards."""
    with lock(ender, redis_url, "l", ttl=30.0):
        assert 0 < client.pttl("l") <= 30_000

    assert (0, []) == (client.exists("l"), ender._home().journal().live())


def test_a_lock_of_redis_that_is_held_is_told(redis_url: str, client: Any, ender: Ender) -> None:
    """Nothing stays owed, and the holder keeps it."""
    client.set("l", "other")
    with pytest.raises(LockHeld, match="somebody holds it"), lock(ender, redis_url, "l", ttl=30.0):
        pass

    assert (b"other", []) == (client.get("l"), ender._home().journal().live())


def test_the_fencing_token_of_redis_grows_with_each_holder(redis_url: str, client: Any, ender: Ender) -> None:
    """What the lock guards can refuse a late one."""
    tokens = []
    for _ in range(3):
        with lock(ender, redis_url, "l", ttl=30.0) as held:
            tokens.append(held.token)

    assert [1, 2, 3] == tokens


def test_a_lock_of_redis_can_be_renewed_while_it_is_held(redis_url: str, client: Any, ender: Ender) -> None:
    """And not any more when it has expired."""
    with lock(ender, redis_url, "l", ttl=30.0) as held:
        client.pexpire("l", 1000)
        held.renew()
        assert client.pttl("l") > 1000
        client.set("l", "heir")
        with pytest.raises(LockHeld, match="it has expired"):
            held.renew()


def test_a_redis_that_is_down_may_come_back() -> None:
    """The attempt is repeated, not given up."""
    with pytest.raises(Transient, match=r"redis at 127\.0\.0\.1"):
        LockReleaser().release(owed("l", url=f"redis://127.0.0.1:{free_port()}/0"), 1, context())


def test_a_wrong_password_of_redis_is_told(redis_url: str, client: Any) -> None:
    """Another attempt would not help, and the message does not hold it."""
    client.config_set("requirepass", "right")
    try:
        with pytest.raises(ReleaserError, match=r"redis at 127\.0\.0\.1") as caught:
            LockReleaser().release(owed("l", url=redis_url.replace("//", "//:hunter2@")), 1, context())
    finally:
        client.execute_command("AUTH", "right")
        client.config_set("requirepass", "")

    assert "hunter2" not in str(caught.value)


def test_a_killed_holder_of_a_lock_of_redis_is_recovered(redis_url: str, client: Any, tmp_path: Path) -> None:
    """Before its time to live is over."""
    program = """
import os, signal
from processender import Ender
from processender.integrations.redis import lock
block = lock(Ender("remote"), {"env": "REDIS"}, "l", ttl=600.0)
block.__enter__()
import redis
assert redis.Redis.from_url(os.environ["REDIS"]).exists("l")
os.kill(os.getpid(), signal.SIGKILL)
"""
    crash(tmp_path, program, REDIS=redis_url)

    assert 0 == client.exists("l")


# Object storage.


@pytest.fixture
def store(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a client to look around with, and an empty bucket."""
    for name, value in {"ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "y", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    client = boto3.client("s3", endpoint_url=s3_url)
    client.create_bucket(Bucket=BUCKET)
    yield client
    for each in uploads(client):
        client.abort_multipart_upload(Bucket=BUCKET, Key=each["Key"], UploadId=each["UploadId"])
    for each in client.list_object_versions(Bucket=BUCKET).get("Versions", []):
        client.delete_object(Bucket=BUCKET, Key=each["Key"], VersionId=each["VersionId"])
    client.close()


def uploads(client: Any) -> list[dict[str, Any]]:
    """Return the uploads that are on."""
    found: list[dict[str, Any]] = client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    return found


def test_an_upload_keeps_the_promises(s3_url: str, store: Any) -> None:
    """The conformance check passes, by the key alone."""

    def make(key: str) -> dict[str, Any]:
        store.create_multipart_upload(Bucket=BUCKET, Key=key.partition("/")[2])
        return {"endpoint": s3_url, "exclusive": True}

    check_releaser(UploadReleaser(), make, lambda _key: bool(uploads(store)), f"{BUCKET}/a/b")


def test_an_upload_that_may_be_anothers_is_named_and_left_alone(s3_url: str, store: Any) -> None:
    """Without its id, and without the word that nobody else uploads there."""
    made = store.create_multipart_upload(Bucket=BUCKET, Key="a")
    with pytest.raises(ReleaserError, match=made["UploadId"][:20]):
        UploadReleaser().release(owed(f"{BUCKET}/a", endpoint=s3_url), 1, context())

    assert 1 == len(uploads(store))


def test_only_the_upload_of_the_obligation_is_aborted(s3_url: str, store: Any) -> None:
    """Another to the same key, and one to a longer key, stay."""
    meant = store.create_multipart_upload(Bucket=BUCKET, Key="a")["UploadId"]
    others = {store.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"] for key in ("a", "a/b")}
    UploadReleaser().release(owed(f"{BUCKET}/a", meant, endpoint=s3_url), 1, context())

    assert others == {each["UploadId"] for each in uploads(store)}


def test_an_exclusive_key_does_not_take_longer_keys_along(s3_url: str, store: Any) -> None:
    """The service lists by prefix."""
    store.create_multipart_upload(Bucket=BUCKET, Key="a")
    store.create_multipart_upload(Bucket=BUCKET, Key="ab")
    UploadReleaser().release(owed(f"{BUCKET}/a", endpoint=s3_url, exclusive=True), 1, context())

    assert ["ab"] == [each["Key"] for each in uploads(store)]


def test_an_upload_completes_in_its_block(s3_url: str, store: Any, ender: Ender) -> None:
    """The object is there, and nothing is owed."""
    with upload(ender, BUCKET, "whole", endpoint=s3_url) as running:
        running.put(b"x" * (5 << 20))
        running.put(b"y")
        running.complete()

    assert (5 << 20) + 1 == store.head_object(Bucket=BUCKET, Key="whole")["ContentLength"]
    assert [] == ender._home().journal().live()


def test_an_upload_that_is_left_is_aborted(s3_url: str, store: Any, ender: Ender) -> None:
    """Parts cost until they are gone."""
    with upload(ender, BUCKET, "part", endpoint=s3_url, finish="complete") as running:
        running.put(b"x")

    assert ([], []) == (uploads(store), ender._home().journal().live())


UPLOADS = """
import os, signal, sys
from processender import Ender
from processender.integrations import s3
ender = Ender("remote")
block = s3.upload(ender, "artifacts", "a", endpoint=os.environ["S3"], finish="complete")
running = block.__enter__()
running.put(b"x" * (5 << 20))
running.put(b"y")
if os.environ["SENT"] == "all":
    running._held.acquired(running.id, parts=2)
elif os.environ["SENT"] == "too few":
    running._held.acquired(running.id, parts=3)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("sent", "there"), [("all", 1), ("too few", 0), ("unknown", 0)])
def test_after_a_crash_an_upload_is_completed_only_if_all_its_parts_were_sent(
    s3_url: str, store: Any, tmp_path: Path, sent: str, there: int
) -> None:
    """Otherwise it is aborted; nothing is left on."""
    crash(tmp_path, UPLOADS, S3=s3_url, SENT=sent)

    assert (there, []) == (store.list_objects_v2(Bucket=BUCKET)["KeyCount"], uploads(store))


def test_all_pages_of_parts_and_uploads_are_read(s3_url: str, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service answers in pages of at most a thousand."""
    meant = store.create_multipart_upload(Bucket=BUCKET, Key="a")["UploadId"]
    where = {"Bucket": BUCKET, "Key": "a", "UploadId": meant}
    for number in (1, 2, 3):
        store.upload_part(**where, PartNumber=number, Body=b"x" * (5 << 20))
    pages = store.get_paginator("list_parts").paginate(**where, PaginationConfig={"PageSize": 2})

    assert [1, 2, 3] == [each["PartNumber"] for page in pages for each in page["Parts"]]
    assert [1, 2, 3] == [each["PartNumber"] for each in s3_room._parts(store, where)]


def test_an_object_keeps_the_promises(s3_url: str, store: Any) -> None:
    """The conformance check passes."""

    def make(key: str) -> dict[str, Any]:
        etag = store.put_object(Bucket=BUCKET, Key=key.partition("/")[2], Body=b"x")["ETag"]
        return {"endpoint": s3_url, "etag": etag}

    check_releaser(
        ObjectReleaser(), make, lambda _key: store.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1, f"{BUCKET}/o"
    )


def test_an_object_that_was_written_anew_is_left_alone(s3_url: str, store: Any) -> None:
    """Its ETag is another."""
    etag = store.put_object(Bucket=BUCKET, Key="o", Body=b"ours")["ETag"]
    store.put_object(Bucket=BUCKET, Key="o", Body=b"theirs")
    ObjectReleaser().release(owed(f"{BUCKET}/o", endpoint=s3_url, etag=etag), 1, context())

    assert 1 == store.list_objects_v2(Bucket=BUCKET)["KeyCount"]


def test_one_version_of_an_object_is_deleted(s3_url: str, store: Any) -> None:
    """The real id names it; the others stay."""
    store.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    first = store.put_object(Bucket=BUCKET, Key="v", Body=b"1")["VersionId"]
    second = store.put_object(Bucket=BUCKET, Key="v", Body=b"2")["VersionId"]
    ObjectReleaser().release(owed(f"{BUCKET}/v", first, endpoint=s3_url), 1, context())

    assert [second] == [each["VersionId"] for each in store.list_object_versions(Bucket=BUCKET)["Versions"]]


def test_a_bucket_that_is_gone_holds_nothing(s3_url: str, store: Any) -> None:
    """Neither an upload nor an object."""
    assert not UploadReleaser().check(owed("nowhere/a", "id", endpoint=s3_url))
    assert not ObjectReleaser().check(owed("nowhere/a", endpoint=s3_url))


def test_a_storage_that_is_down_may_come_back(store: Any) -> None:
    """The attempt is repeated, not given up."""
    with pytest.raises(Transient, match="cannot reach the object storage"):
        ObjectReleaser().release(owed("b/a", endpoint=f"http://127.0.0.1:{free_port()}"), 1, context())


def test_a_storage_without_credentials_is_told(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another attempt would not help."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ReleaserError, match="credentials"):
        ObjectReleaser().release(owed("b/a", endpoint=s3_url, region="us-east-1"), 1, context())


@pytest.mark.parametrize("key", ["", "bucket", "/key", "bucket/"])
def test_what_is_no_place_of_an_object_is_refused(s3_url: str, store: Any, key: str) -> None:
    """A record is hostile input."""
    with pytest.raises(ReleaserError, match="its key must be"):
        ObjectReleaser().release(owed(key, endpoint=s3_url), 1, context())


# Databases of any kind.

LEASE = "DELETE FROM leases WHERE name = :key AND owner = :id"


@pytest.fixture(params=["sqlite", "postgres"])
def leases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Any]]:
    """Return the URL of a database with a table of leases, and an engine."""
    url = f"sqlite:///{tmp_path}/leases.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url").replace("postgresql:", "postgresql+psycopg:")
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP TABLE IF EXISTS leases"))
        connection.execute(sqlalchemy.text("CREATE TABLE leases (name text, owner text)"))
    yield url, engine
    engine.dispose()


def count(engine: Any) -> int:
    """Return how many leases there are."""
    with engine.begin() as connection:
        return int(connection.execute(sqlalchemy.text("SELECT count(*) FROM leases")).scalar())


def put(engine: Any, owner: str = "0-test") -> None:
    """Take the lease `l`."""
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("INSERT INTO leases VALUES ('l', :owner)"), {"owner": owner})


def test_a_row_keeps_the_promises(leases: tuple[str, Any]) -> None:
    """The conformance check passes, with a query that looks and a statement that releases."""
    url, engine = leases

    def make(_key: str) -> dict[str, Any]:
        put(engine)
        looks = "SELECT count(*) FROM leases WHERE name = :key AND owner = :id"
        return {"url": url, "check": looks, "release": LEASE}

    check_releaser(SqlReleaser(), make, lambda _key: count(engine) == 1, "l")


def test_the_row_of_another_owner_is_left_alone(leases: tuple[str, Any]) -> None:
    """The statement says whose it is."""
    url, engine = leases
    put(engine, "heir")
    SqlReleaser().release(owed("l", url=url, release=LEASE), 1, context())

    assert 1 == count(engine)


def test_the_statements_count_together_or_not_at_all(leases: tuple[str, Any]) -> None:
    """The first is rolled back when the second fails."""
    url, engine = leases
    put(engine)
    with pytest.raises((ReleaserError, Transient), match="nowhere"):
        SqlReleaser().release(owed("l", url=url, release=[LEASE, "DELETE FROM nowhere"]), 1, context())

    assert 1 == count(engine)


def test_a_record_cannot_put_sql_into_a_statement(leases: tuple[str, Any]) -> None:
    """What it says is bound, never written into the text."""
    url, engine = leases
    put(engine)
    SqlReleaser().release(owed("l'; DELETE FROM leases; --", url=url, release=LEASE), 1, context())

    assert 1 == count(engine)


@pytest.mark.parametrize("release", [None, [], 3, [3], "DELETE FROM leases WHERE name = :other"])
def test_what_is_no_statement_is_refused(leases: tuple[str, Any], release: Any) -> None:
    """The message says what is wanted."""
    with pytest.raises(ReleaserError, match=r"release=, a statement|is no statement|cannot bind 'other'"):
        SqlReleaser().release(owed("l", url=leases[0], release=release), 1, context())


def test_a_database_that_is_down_may_come_back() -> None:
    """The attempt is repeated, not given up."""
    url = f"postgresql+psycopg://postgres@127.0.0.1:{free_port()}/postgres"
    with pytest.raises(Transient, match="the database refused"):
        SqlReleaser().release(owed("l", url=url, release="SELECT 1"), 1, context())


def test_a_database_that_nobody_knows_is_told() -> None:
    """Another attempt would not help."""
    with pytest.raises(ReleaserError, match="cannot reach the database"):
        SqlReleaser().release(owed("l", url="nosuch://h/d", release="SELECT 1"), 1, context())


def test_a_prepared_transaction_is_rolled_back(postgres_url: str, base: Any) -> None:
    """It would hold its locks for ever."""
    base.execute("CREATE TABLE IF NOT EXISTS two (n int)")
    connection = psycopg.connect(postgres_url)
    connection.tpc_begin("job-1")
    connection.execute("INSERT INTO two VALUES (1)")
    connection.tpc_prepare()
    connection.close()
    url = postgres_url.replace("postgresql:", "postgresql+psycopg:")
    looks = "SELECT count(*) FROM pg_prepared_xacts WHERE gid = :key"
    args = {"url": url, "check": looks, "release": "ROLLBACK PREPARED 'job-1'", "autocommit": True}
    SqlReleaser().release(owed("job-1", **args), 1, context())

    assert not SqlReleaser().check(owed("job-1", **args))


class Watched:
    """A connection that tells what was done to it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda: self.done.append(name)


def test_a_transaction_commits_when_it_is_left(ender: Ender) -> None:
    """And closes, and nothing is owed."""
    connection = Watched()
    with transaction(ender, connection, "t"):
        pass

    assert (["commit", "close"], []) == (connection.done, ender._home().journal().live())


def test_a_transaction_rolls_back_when_it_raises(ender: Ender) -> None:
    """And closes, and nothing is owed."""
    connection = Watched()
    with pytest.raises(KeyError), transaction(ender, connection, "t"):
        raise KeyError

    assert (["rollback", "close"], []) == (connection.done, ender._home().journal().live())


@pytest.mark.parametrize("at_end", ["rollback", "commit"])
def test_the_end_of_the_process_ends_a_transaction_by_its_policy(tmp_path: Path, at_end: str) -> None:
    """From another thread; the block is told when it goes on."""
    path = tmp_path / "t.db"
    sqlite3.connect(path).execute("CREATE TABLE t (n int)").connection.close()
    connection = sqlite3.connect(path, check_same_thread=False)
    ender = Ender("remote", state=str(tmp_path / "state"), exit="return", grace=10)
    with pytest.raises(StateError, match=f"got a {at_end}"), ender:  # noqa: SIM117 - the order matters
        with transaction(ender, connection, "t", at_end=at_end):
            connection.execute("INSERT INTO t VALUES (1)")
            ender.tell_now = ender._home().release_all(context())
    with sqlite3.connect(path) as base:
        found = base.execute("SELECT count(*) FROM t").fetchone()[0]
    base.close()

    assert int(at_end == "commit") == found


def test_a_connection_of_a_dead_process_needs_nothing() -> None:
    """It died with it."""
    assert not ConnectionReleaser().check(owed("t"))


def test_a_connection_that_refuses_another_thread_is_told(tmp_path: Path, ender: Ender) -> None:
    """With what the driver said."""
    import threading

    connection = sqlite3.connect(":memory:")
    errors: list[BaseException] = []
    block = transaction(ender, connection, "t")
    block.__enter__()
    (standing,) = ender._home().journal().live()

    def end() -> None:
        try:
            ConnectionReleaser().release(standing.obligation, 1, context())
        except ReleaserError as error:
            errors.append(error)

    thread = threading.Thread(target=end)
    thread.start()
    thread.join()
    connection.close()

    assert "thread" in str(errors[0])


# Jobs.


@pytest.mark.parametrize("then", ["cancel", "requeue"])
def test_a_job_is_cancelled_or_queued_again_by_a_callback(ender: Ender, then: str) -> None:
    """As its record says, once."""
    calls: list[tuple[str, str]] = []
    queue = {"job-1"}

    def said(what: str) -> Any:
        return lambda obligation: (calls.append((what, obligation.key)), queue.discard(obligation.key))

    ender.releaser("job")(JobReleaser(said("cancel"), said("requeue"), active=lambda each: each.key in queue))
    with ender.obligation("job", key="job-1", then=then) as held:
        pass
    held.release()

    assert [(then, "job-1")] == calls


@pytest.mark.parametrize("then", ["requeue", "explode", 3])
def test_a_job_with_a_fate_that_nobody_knows_is_told(then: Any) -> None:
    """With those that are known."""
    with pytest.raises(ReleaserError, match="is none of: cancel"):
        JobReleaser(print).release(owed("job-1", then=then), 1, context())


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line that installs it."""
    for name in ("psycopg", "redis", "boto3", "boto3.session", "sqlalchemy"):
        monkeypatch.setitem(sys.modules, name, None)
    said = []
    for releaser, args in (
        (SessionReleaser(), {"url": "postgresql://h"}),
        (LockReleaser(), {"url": "redis://h"}),
        (ObjectReleaser(), {}),
        (SqlReleaser(), {"url": "sqlite://", "release": "SELECT 1"}),
    ):
        with pytest.raises(ReleaserError) as caught:
            releaser.release(owed("b/a", **args), 1, context())
        said.append(str(caught.value).partition("pip install ")[2].split("]")[0])

    assert ["'processender[postgres", "'processender[redis", "'processender[s3", "'processender[sqlalchemy"] == said
    assert redis_room.__name__.startswith("processender")
