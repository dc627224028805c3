"""Where small states are kept: a file of this host, Redis, PostgreSQL, object storage; all pass one suite."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from pathlib import Path

import boto3
import psycopg
import pytest
import redis

from processender import Ender, JournalError
from processender.integrations.postgres import PostgresStore
from processender.integrations.redis import RedisStore
from processender.integrations.s3 import S3Store
from processender.journal.store import FileStore
from processender.keepers import StateStore
from processender.testing.store import check_store

Open = Callable[[str], StateStore]


@pytest.fixture
def bucket(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a new bucket."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"states-{secrets.token_hex(6)}"
    client = boto3.client("s3", endpoint_url=s3_url)
    client.create_bucket(Bucket=name)
    client.close()
    return name


@pytest.fixture(params=["redis", "postgres", "s3"])
def remote(request: pytest.FixtureRequest) -> Open:
    """Return what opens the states of a service, on each kind of server in turn, where nothing is saved."""
    if request.param == "s3":
        bucket, endpoint = request.getfixturevalue("bucket"), request.getfixturevalue("s3_url")
        return lambda name: S3Store(bucket, name, endpoint=endpoint)
    if request.param == "postgres":
        base = request.getfixturevalue("postgres_url")
        with psycopg.connect(base) as server:
            server.execute("DROP TABLE IF EXISTS processender_states")
        return lambda name: PostgresStore(base, name)
    url = request.getfixturevalue("redis_url")
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return lambda name: RedisStore(url, name)


def test_the_file_store_keeps_the_promises(tmp_path: Path) -> None:
    """All facts of the suite hold."""
    assert 9 == len(check_store(lambda name: FileStore(str(tmp_path / name), complain=pytest.fail)))


def test_a_remote_store_keeps_the_promises(remote: Open) -> None:
    """All facts of the suite hold."""
    assert 9 == len(check_store(remote))


def test_an_ender_keeps_its_states_where_it_is_told(remote: Open, tmp_path: Path) -> None:
    """The next process finds them, on whatever host it runs."""
    for state, expected in (("one", None), ("two", 7)):
        ender = Ender("shop", exit="return", state=str(tmp_path / state), store=remote("shop"))
        with ender:
            found = ender.load("offset")
            ender.save("offset", 7)

        assert expected == (found.data if found else None)


def test_two_services_do_not_share_their_states(remote: Open) -> None:
    """Each has its own names."""
    remote("a").save({"k": 1}, durable=True)

    assert None is remote("b").load("k")


def test_writers_at_once_lose_nothing_of_each_other(remote: Open) -> None:
    """Each delta of each writer is there once, in the order of its writer, though all begin with nothing there."""
    failed: list[BaseException] = []

    def write(writer: int) -> None:
        store = remote("shop")
        try:
            for number in range(5):
                store.extend("log", [writer, number], durable=True)
                store.save({f"own-{writer}": number}, durable=False)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(each,)) for each in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    found = remote("shop").load("log")
    assert found is not None
    by_writer = {writer: [delta[1] for delta in found.deltas if delta[0] == writer] for writer in range(4)}
    own = [remote("shop").load(f"own-{writer}") for writer in range(4)]

    assert [] == failed
    assert {writer: [0, 1, 2, 3, 4] for writer in range(4)} == by_writer
    assert [(5, 4)] * 4 == [(each.version, each.data) for each in own if each is not None]


def test_what_json_cannot_hold_is_refused(remote: Open) -> None:
    """NaN is no number of JSON, though Python would write it."""
    with pytest.raises(JournalError, match="cannot save k"):
        remote("a").save({"k": float("nan")}, durable=True)


def test_a_store_that_cannot_be_reached_says_so() -> None:
    """With the server and the reason."""
    with pytest.raises(JournalError, match=r"cannot use the states of 'a': redis at 127\.0\.0\.1:1/0"):
        RedisStore("redis://127.0.0.1:1/0", "a").load("k")


def test_a_store_without_its_server_says_so() -> None:
    """With the address, and no credentials."""
    store = PostgresStore("postgresql://me:secret@127.0.0.1:1/base", "a")
    with pytest.raises(JournalError, match=r"cannot use the states of 'a': PostgreSQL at 127\.0\.0\.1:1") as caught:
        store.load("k")

    assert "secret" not in str(caught.value)


def test_a_store_without_its_bucket_says_so(bucket: str, s3_url: str) -> None:
    """With the place."""
    with pytest.raises(JournalError, match=r"cannot use the states at nowhere-at-all/processender/a\.json"):
        S3Store("nowhere-at-all", "a", endpoint=s3_url).save({"k": 1}, durable=True)


def test_an_object_that_is_no_state_is_left_alone(bucket: str, s3_url: str) -> None:
    """It is named, and neither read as nothing nor written over."""
    client = boto3.client("s3", endpoint_url=s3_url)
    client.put_object(Bucket=bucket, Key="processender/a.json", Body=b"[]")
    store = S3Store(bucket, "a", endpoint=s3_url)
    with pytest.raises(JournalError, match="they are no states of ours"):
        store.load("k")
    with pytest.raises(JournalError, match="they are no states of ours"):
        store.save({"k": 1}, durable=True)
    kept = client.get_object(Bucket=bucket, Key="processender/a.json")["Body"].read()
    client.close()

    assert b"[]" == kept


def test_states_of_another_version_are_left_alone(bucket: str, s3_url: str) -> None:
    """A newer package has written them."""
    client = boto3.client("s3", endpoint_url=s3_url)
    client.put_object(Bucket=bucket, Key="processender/a.json", Body=b'{"schema": 2, "states": {}}')
    client.close()
    with pytest.raises(JournalError, match="another version"):
        S3Store(bucket, "a", endpoint=s3_url).load("k")


def test_a_key_that_is_no_text_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    """What was saved before is there at the next start, and nothing is called damaged."""
    state = str(tmp_path / "state")
    with Ender("shop", exit="return", signals=(), state=state) as ender:
        ender.save("7", "b")
        with pytest.raises(JournalError, match="cannot save under 7: a key is text; write '7'"):
            ender.save(7, "a")  # type: ignore[arg-type] # the mistake that is meant
        with pytest.raises(JournalError, match="the key 1 is no text"):
            ender.save("7", {1: "a"})

    again = Ender("shop", exit="return", signals=(), state=state)
    troubles: list[str] = []
    again._complain = troubles.append  # type: ignore[method-assign] # nothing else tells it
    with again:
        found = again.load("7")

    assert (("b"), []) == (found and found.data, troubles)


def test_many_are_saved_at_once_or_none_of_them(tmp_path: Path) -> None:
    """One that is no data keeps the others from being replaced."""
    with Ender("shop", exit="return", signals=(), state=str(tmp_path / "state")) as ender:
        ender.save_many({"a": 1, "b": 1})
        with pytest.raises(JournalError, match="cannot save b"):
            ender.save_many({"a": 2, "b": object()})
        found = [ender.load(key) for key in ("a", "b")]

    assert [(1, 1), (1, 1)] == [(each.version, each.data) for each in found if each]
