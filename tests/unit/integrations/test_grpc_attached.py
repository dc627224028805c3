"""A server of gRPC that does not ask its host is refused before it serves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest

from processender.errors import StateError
from processender.integrations.grpc import Host, Threads, aio
from processender.integrations.grpc.attached import demand
from tests.integration.ends import quiet


def test_a_sync_server_without_its_host_is_refused(tmp_path: Path) -> None:
    """Its RPCs would be cut, and the report would say clean."""
    host = Host(quiet(tmp_path), health=False)
    server = grpc.server(Threads(1))

    with pytest.raises(StateError, match=r"not have this host among its interceptors.*interceptors=\[host\]"):
        host.serve(server)
    demand(host, [grpc.server(Threads(1), interceptors=[host])], "")


def test_a_server_on_a_loop_without_its_host_is_refused(tmp_path: Path) -> None:
    """As is one that has another."""

    async def main() -> None:
        host, other = (aio.Host(quiet(tmp_path), health=False) for _ in range(2))
        for interceptors in (None, [other]):
            with pytest.raises(StateError, match=r"make it by grpc.aio.server\(interceptors=\[host\]\)"):
                await host.serve(grpc.aio.server(interceptors=interceptors))
        demand(host, [grpc.aio.server(interceptors=[other, host])], "")

    asyncio.run(main())


def test_a_server_that_shows_nothing_is_believed() -> None:
    """It may be one around another."""
    demand(object(), [object()], "")
