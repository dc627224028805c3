"""
hypercorn: `await serve(ender, app, config)`, or `run(ender, app, config)`, and the Ender ends it.

Takes over: The end: the Ender is entered before the application's lifespan starts, is ready when the listeners are
open, asks hypercorn to stop in its phase `quiesce`, and waits until the lifespan has shut down. There is one deadline,
the Ender's window, in place of `graceful_timeout`, after whose three seconds hypercorn cancels what is in flight
without a word; from Python 3.12.1 on it does not even get there, for it waits without end until every connection has
closed. Connections that are left when all time is over are named, and broken off.

Leaves: What the application does, and what becomes of its requests when they are cut: wrap it in
`asgi.EnderMiddleware`. An HTTP/2 connection with a request under way gets GOAWAY behind its answer, an idle one is
closed without. Of several listeners hypercorn closes the second when the connections of the first are over (3.12.1 and
later). `hypercorn` on the command line is not for this adapter. With `--workers 0` the middleware is all that is
needed, for it takes the signals from hypercorn and asks it by its own handler. With workers of its own, one being the
default, hypercorn tells them by an event that no Ender hears before they stop: run it under the agent, which waits
before it asks; the middleware then ends each worker in order.

Versions: 0.18. `tests/integration/test_framework_hypercorn.py` pins what this rests on: that `shutdown_trigger` is
awaited when the listeners are open, that `graceful_timeout = None` waits, the names of the coroutines of a connection
and of a request, and the `writer` of the first.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
from typing import Literal

import hypercorn.asyncio
from hypercorn.config import Config

from ..farewell import break_off, tasks_running
from ..hints import Any
from ..ports import Serving, check_ender

CONNECTION = "hypercorn.asyncio.run", "worker_serve.<locals>._server_callback"
"""Where the coroutine is that is one connection, and its name."""
REQUEST = "hypercorn.asyncio.task_group", "_handle"
"""The same for that of one request."""


async def serve(ender: Serving, app: Any, config: Config, *, mode: Literal["asgi", "wsgi"] | None = None) -> None:
    """
    Serve *app* until the end has come, inside the Ender; several in one loop may share one.

    Args:

        ender: The Ender of this process.

        app: An ASGI application, or one of WSGI.

        config: hypercorn's; its `graceful_timeout` is left aside.

        mode: Which of both it is, where hypercorn cannot tell.
    """
    check_ender(ender, "hypercorn.serve(ender, app, config)")
    server = Server(ender)
    patient: Any = copy.copy(config)
    patient.graceful_timeout = None
    async with ender.hosted(stop=server.stop), ender.inflight(server, kind="server", cut=server.cut):
        await hypercorn.asyncio.serve(app, patient, shutdown_trigger=server.until_asked, mode=mode)


def run(ender: Serving, app: Any, config: Config, *, mode: Literal["asgi", "wsgi"] | None = None) -> int | None:
    """Do what `serve` does in a loop of its own, and return the exit code; None where no signal began the end."""
    asyncio.run(serve(ender, app, config, mode=mode))
    return ender.exit_code


class Server:
    """What the Ender knows of a running hypercorn; its text is its name in reports."""

    def __init__(self, ender: Serving) -> None:
        """Belong to the loop that runs here."""
        self._ender = ender
        self._loop = asyncio.get_running_loop()
        self._asked = asyncio.Event()
        self._others = self._connections()

    def __str__(self) -> str:
        """Return how many connections are open."""
        return f"hypercorn with {len(self._connections() - self._others)} open connections"

    async def until_asked(self) -> None:
        """Be ready, for hypercorn waits for this when its listeners are open, and wait until it is to stop."""
        self._ender.ready()
        await self._asked.wait()

    def stop(self) -> None:
        """Ask it to stop, from any thread."""
        self._loop.call_soon_threadsafe(self._asked.set)

    def cut(self) -> None:
        """Break off what is left, from any thread, when its client has had the time to hear why."""
        break_off(self._loop, self._break_off)

    def _connections(self) -> set[asyncio.Task[Any]]:
        return tasks_running(*CONNECTION, self._loop)

    def _break_off(self) -> None:
        for task in self._connections():
            coroutine: Any = task.get_coro()
            # Closing it would wait until the client has read what was sent, and it may never read.
            writer = inspect.getcoroutinelocals(coroutine).get("writer")
            if writer is not None:
                writer.transport.abort()
        # Not its task: hypercorn takes that for an end of its own, and leaves without the end of the lifespan.
        for task in tasks_running(*REQUEST, self._loop):
            task.cancel()


__all__ = ["run", "serve"]
