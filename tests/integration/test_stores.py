"""Where small states are kept: a file of this host, and Redis; both pass one suite."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from processender import Ender, JournalError
from processender.integrations.redis import RedisStore
from processender.journal.store import FileStore
from processender.testing.store import check_store


def test_the_file_store_keeps_the_promises(tmp_path: Path) -> None:
    """All facts of the suite hold."""
    assert 7 == len(check_store(lambda name: FileStore(str(tmp_path / name), complain=pytest.fail)))


def test_the_store_in_redis_keeps_the_promises(redis_url: str) -> None:
    """All facts of the suite hold."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()

    assert 7 == len(check_store(lambda name: RedisStore(redis_url, name)))


def test_an_ender_keeps_its_states_where_it_is_told(redis_url: str, tmp_path: Path) -> None:
    """The next process finds them, on whatever host it runs."""
    for state, expected in (("one", None), ("two", 7)):
        ender = Ender("shop", exit="return", state=str(tmp_path / state), store=RedisStore(redis_url, "shop"))
        with ender:
            found = ender.load("offset")
            ender.save("offset", 7)

        assert expected == (found.data if found else None)


def test_two_services_do_not_share_their_states(redis_url: str) -> None:
    """Each has its own names."""
    RedisStore(redis_url, "a").save({"k": 1}, durable=True)

    assert None is RedisStore(redis_url, "b").load("k")


def test_a_store_that_cannot_be_reached_says_so() -> None:
    """With the server and the reason."""
    with pytest.raises(JournalError, match=r"cannot use the states of 'a': redis at 127\.0\.0\.1:1/0"):
        RedisStore("redis://127.0.0.1:1/0", "a").load("k")
