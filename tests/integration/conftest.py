"""The servers, each started when the first test wants it and ended with the last."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration import servers


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Return the URL of a PostgreSQL server."""
    with servers.postgres() as url:
        yield url


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
