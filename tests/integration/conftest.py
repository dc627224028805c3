"""The servers, each started when the first test wants it and ended with the last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration import inits, servers


@pytest.fixture(scope="session")
def one_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the one-file program and of its links."""
    return inits.build(tmp_path_factory.mktemp("one-file"))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Return the URL of a PostgreSQL server."""
    with servers.postgres() as url:
        yield url


@pytest.fixture
def archive_url(postgres_url: str) -> str:
    """Return the URL of a server without an archive; who was there before may have left one."""
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute("DROP SCHEMA IF EXISTS processender CASCADE")
    return postgres_url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Return the URL of a Redis server."""
    with servers.redis() as url:
        yield url


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """Return the URL of an object storage with the face of S3."""
    with servers.s3() as url:
        yield url
