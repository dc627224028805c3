"""The releasers of servers: PostgreSQL, Redis, object storage and databases of any kind, each on the real thing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
import redis

from processender import Ender, LockHeld, Obligation, ObligationError, ReleaserError, Transient
from processender.engine.clock import SystemClock
from processender.integrations import redis as redis_room
from processender.integrations.jobs import JobReleaser
from processender.integrations.postgres import SessionReleaser, advisory_lock
from processender.integrations.redis import LockReleaser, lock
from processender.integrations.s3 import ObjectReleaser, UploadReleaser, upload
from processender.integrations.s3 import releaser as s3_room
from processender.integrations.sql import SqlReleaser
from processender.plugins import find_releaser
from processender.recovering import recover
from processender.testing.releasers import check_releaser, context
from tests.integration.servers import free_port

BUCKET = "artifacts"


@pytest.fixture
def ender(tmp_path: Path) -> Ender:
    """Return an Ender of its own state."""
    return Ender("remote", state=str(tmp_path / "state"))


def owed(key: str, ref: str = "", **args: Any) -> Obligation:
    """Return an obligation."""
    return Obligation("0-test", "thing", key, "releaser", args, ref=ref)


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


def holds(base: Any, high: int, low: int, parts: int) -> bool:
    """Tell whether somebody holds this advisory lock."""
    asked = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND (classid, objid, objsubid) = (%s, %s, %s)"
    return base.execute(asked, [high, low, parts]).fetchone() is not None


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
    with (
        pytest.raises(LockHeld, match="another session holds it"),
        advisory_lock(ender, postgres_url, 32, timeout=0.05),
    ):
        pass


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


@pytest.mark.parametrize("ttl", [0, -1.0, 0.0001, float("nan")])
def test_a_lock_that_would_be_given_up_at_once_is_refused(redis_url: str, ender: Ender, ttl: float) -> None:
    """Before anything is owed or asked for."""
    with pytest.raises(ObligationError, match=r"give a ttl= of 0\.001 or more"):
        lock(ender, redis_url, "l", ttl=ttl)


def test_a_redis_that_cannot_be_reached_leaves_nothing_owed(ender: Ender) -> None:
    """The lock was never asked for."""
    with pytest.raises(Transient), lock(ender, f"redis://127.0.0.1:{free_port()}/0", "l", ttl=30.0):
        pass

    assert [] == ender._home().journal().live()


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


@pytest.mark.parametrize("url", ["redis://:hunter2/x@h:1/0", "redis://h:hunter2/0", "http://:hunter2@h"])
def test_a_url_of_redis_that_cannot_be_read_is_not_shown(url: str) -> None:
    """It may hold a password."""
    with pytest.raises((ReleaserError, Transient)) as caught:
        LockReleaser().release(owed("l", url=url), 1, context())

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["redis://:hunter2@h/0", "redis://u:hun/ter2@h/0", "redis://h/0?password=hunter2"])
def test_a_url_of_redis_with_a_password_is_refused(ender: Ender, url: str) -> None:
    """The journal would hold it."""
    with pytest.raises(ReleaserError, match="the journal must not"):
        lock(ender, url, "l", ttl=1.0)


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


@pytest.mark.parametrize("bucket", ["artifacts", "no such bucket"])
def test_an_upload_that_was_never_asked_for_is_not_owed(
    s3_url: str, ender: Ender, monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    """Without credentials, or with a name that no request can carry, nothing has left this process."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x") if " " in bucket else monkeypatch.delenv(name, raising=False)
    block = upload(ender, bucket, "a", endpoint=s3_url, region="us-east-1")
    with pytest.raises(ReleaserError, match="cannot ask the object storage"), block:
        pass

    assert [] == ender._home().journal().live()


@pytest.mark.parametrize("key", ["", "bucket", "/key", "bucket/"])
def test_what_is_no_place_of_an_object_is_refused(s3_url: str, store: Any, key: str) -> None:
    """A record is hostile input."""
    with pytest.raises(ReleaserError, match="its key must be"):
        ObjectReleaser().release(owed(key, endpoint=s3_url), 1, context())


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
