"""
Granian: `await serve(ender, app, ...)`, or `run(ender, app, ...)`, runs its embedded server, and the Ender ends it.

Takes over: The end: the Ender is entered before the application's lifespan starts, is ready when the application has
started, asks Granian to stop in its phase `quiesce`, and waits until the requests are answered and the lifespan has
shut down. There is one deadline, the Ender's window. Granian waits without end for requests that never end and for
clients that never read: what is left when all time is over is named, its tasks are cancelled, and Granian is told that
it has waited enough.

Leaves: What the application does, and what becomes of its requests when they are cut: wrap it in
`asgi.EnderMiddleware`. The embedded server is one process with one worker, ASGI or RSGI, and Granian itself calls it
experimental. `granian` on the command line is not for this adapter: there the middleware is all that is needed, for
each worker takes the signals from Granian and asks it by its own handler, with `--workers-kill-timeout` left out or
longer than the grace. Its WSGI interface has no lifespan: run it under the agent, which waits before it asks.

Versions: 2.8, for 2.7 starves its loop where a client does not read. `tests/integration/test_framework_granian.py` pins
what this rests on: `granian.server.embed.Server` with `serve`, `stop` and `on_startup`, that requests under way are
answered after `stop`, the name of the coroutine of a request, the future of its worker that waits for them all, and
that a worker of the command hears TERM by its loop before its lifespan starts. uvloop takes the signals again when that
worker runs it for the second time: the Ender has them back as soon as it is ready.
"""

from __future__ import annotations

import asyncio
import inspect

from granian.constants import Interfaces
from granian.server.embed import Server as Embedded

from ..farewell import break_off, tasks_running
from ..hints import Any
from ..ports import Serving, check_ender

REQUEST = "granian._futures", "_future_watcher_wrapper.<locals>.future_watcher"
"""Where the coroutine is that is one request, and its name."""


async def serve(ender: Serving, app: Any, *, interface: str = "asgi", **options: Any) -> None:
    """
    Serve *app* until the end has come, inside the Ender; several in one loop may share one.

    Args:

        ender: The Ender of this process.

        app: The application.

        interface: `asgi`, `asginl` (without lifespan) or `rsgi`.

        options: Those of `granian.server.embed.Server`: `address`, `port`, `http`, `ssl_cert` and so on.
    """
    check_ender(ender, "granian.serve(ender, app)")
    server = Server(ender, app, Interfaces(interface), options)
    async with ender.hosted(stop=server.stop), ender.inflight(server, kind="server", cut=server.cut):
        await server.embedded.serve()


def run(ender: Serving, app: Any, *, interface: str = "asgi", **options: Any) -> int | None:
    """Do what `serve` does in a loop of its own, and return the exit code; None where no signal began the end."""
    asyncio.run(serve(ender, app, interface=interface, **options))
    return ender.exit_code


class Server:
    """What the Ender knows of a running Granian; its text is its name in reports."""

    def __init__(self, ender: Serving, app: Any, interface: Interfaces, options: dict[str, Any]) -> None:
        """Make it, to live in the loop that runs here."""
        self._ender = ender
        self._app = app
        self._loop = asyncio.get_running_loop()
        has_lifespan = interface is Interfaces.ASGI
        self.embedded: Any = Embedded(self._with_lifespan if has_lifespan else app, interface=interface, **options)
        """Granian's own."""
        if not has_lifespan:
            self.embedded.on_startup(ender.ready)

    def __str__(self) -> str:
        """Return how many requests are under way."""
        return f"granian with {len(self._requests())} requests under way"

    def stop(self) -> None:
        """Ask it to stop, from any thread."""
        self._loop.call_soon_threadsafe(self.embedded.stop)

    def cut(self) -> None:
        """Break off what is left, from any thread, when its client has had the time to hear why."""
        break_off(self._loop, self._break_off)

    def _with_lifespan(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        if scope["type"] == "lifespan":
            return self._lifespan(scope, receive, send)
        return self._app(scope, receive, send)

    async def _lifespan(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        said = False

        async def say(message: dict[str, Any]) -> None:
            nonlocal said
            await send(message)
            said = True
            if message["type"] == "lifespan.startup.complete":
                self._ender.ready()

        try:
            await self._app(scope, receive, say)
        finally:
            if not said:
                # It knows no lifespan, and Granian goes on without it.
                self._ender.ready()

    def _requests(self) -> set[asyncio.Task[Any]]:
        return tasks_running(*REQUEST, self._loop)

    def _break_off(self) -> None:
        for task in self._requests():
            task.cancel()
        # Their last words first; a client that never reads keeps Granian waiting nevertheless.
        self._loop.call_soon(self._loop.call_soon, self._let_go)

    def _let_go(self) -> None:
        """Let the workers, which wait for connections too, go on to the end of the lifespan."""
        for worker in self.embedded.wrks:
            waiting = inspect.getcoroutinelocals(worker._task.get_coro()).get("fut")  # noqa: SLF001 - see Versions
            if waiting is not None and not waiting.done():
                waiting.set_result(None)


__all__ = ["run", "serve"]
