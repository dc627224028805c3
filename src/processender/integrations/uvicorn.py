"""
uvicorn: `await serve(ender, app, ...)`, or `run(ender, app, ...)`, which leaves its signals to the Ender.

Takes over: The signals, which uvicorn would take, and raise again when it is done. The Ender is entered before the
application is loaded; it is ready when the sockets listen. Its phase `quiesce` asks uvicorn to stop and waits until the
application's lifespan has shut down. There is one deadline, the Ender's window: a `timeout_graceful_shutdown` beside it
is refused; give the Ender `limits`, or handlers a timeout. A connection whose client does not read what was sent is
broken off when all time is over, and named before; uvicorn alone waits for it without end.

Leaves: What the application does, and what becomes of its requests when they are cut: wrap it in
`asgi.EnderMiddleware`, `run(ender, EnderMiddleware(app, ender))`. Several servers in one process share one Ender:
`serve` in tasks of one loop, or `Server(...).run` on threads; enter the Ender's signals on the main thread then, by
`ender.install()`. `uvicorn` on the command line, with `--workers` or `--reload` too, is not for this adapter: there the
middleware is all that is needed, for each worker takes the signals from uvicorn itself and asks it by uvicorn's own
handler. Leave `--timeout-graceful-shutdown` out there; with it uvicorn cancels what is in flight, and nothing names it.
sse-starlette, which puts itself in front of `Server.handle_exit`, is told of the end as uvicorn tells it.

Versions: 0.41 to 0.54, with asyncio and uvloop, h11 and httptools; 0.40 ends without the application's shutdown when
TERM comes in the middle of its start. `tests/integration/test_framework_uvicorn.py` pins what this rests on:
`capture_signals`, `startup`, `main_loop`, `handle_exit` and `server_state.connections`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Generator

import uvicorn

from ..errors import HandlerError
from ..farewell import break_off
from ..hints import Any
from ..ports import Serving, check_ender

STARTUP_FAILURE = 3
"""The exit code by which uvicorn says that the application could not start."""
TICK_S = 0.1
"""How often uvicorn looks at its clock."""


async def serve(ender: Serving, app: Any, **config: Any) -> None:
    """
    Serve *app* until the end has come, inside the Ender; several in one loop may share one.

    Args:

        ender: The Ender of this process.

        app: An ASGI application, or where it is found, as uvicorn takes it.

        config: That of `uvicorn.run`; its `loop` is for `run`. Raise `HandlerError` for what cannot be meant beside an
            Ender: `workers`, `reload`, `timeout_graceful_shutdown`.
    """
    server = _server(ender, app, config)
    try:
        await server.serve()
    finally:
        _remove_path(server)


def run(ender: Serving, app: Any, **config: Any) -> int | None:
    """Do what `serve` does in the loop of *config*, and return the exit code; None where no signal began the end."""
    server = _server(ender, app, config)
    try:
        server.run()
    finally:
        _remove_path(server)
    return ender.exit_code


def _server(ender: Serving, app: Any, config: dict[str, Any]) -> Server:
    for name, alone in (("workers", 1), ("reload", False)):
        if (config.get(name) or alone) != alone:
            text = f"cannot serve with {name}={config[name]!r}: an Ender is that of one process"
            raise HandlerError(f"{text}; run the command uvicorn, with the application in asgi.EnderMiddleware")
    return Server(ender, uvicorn.Config(app, **config))


def _remove_path(server: Server) -> None:
    if server.config.uds and os.path.exists(server.config.uds):
        os.remove(server.config.uds)


class Server(uvicorn.Server):
    """A server that lives inside an Ender, for `run()` or for `await serve()`; its text is its name in reports."""

    def __init__(self, ender: Serving, config: uvicorn.Config) -> None:
        """Take the Ender; raise `HandlerError` for a second deadline beside its window."""
        check_ender(ender, "uvicorn.serve(ender, app)")
        super().__init__(config)
        if config.timeout_graceful_shutdown is not None:
            text = f"cannot serve with timeout_graceful_shutdown={config.timeout_graceful_shutdown!r}"
            raise HandlerError(f"{text}: the window of the Ender is the one deadline; give the Ender limits instead")
        self._ender = ender
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked = asyncio.Event()

    def __str__(self) -> str:
        """Return how many connections are open."""
        return f"uvicorn with {len(self.server_state.connections)} open connections"

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals to the Ender."""
        yield

    async def serve(self, sockets: Any = None) -> None:
        """Serve inside the Ender, until it has asked to stop and its plan has run."""
        self._loop = asyncio.get_running_loop()
        async with self._ender.hosted(stop=self.stop), self._ender.inflight(self, kind="server", cut=self._cut):
            await super().serve(sockets)

    async def startup(self, sockets: Any = None) -> None:
        """Listen, and be ready, unless the start has failed or the end has come meanwhile."""
        await super().startup(sockets=sockets)
        if self.lifespan.should_exit:
            # uvicorn leaves so itself since 0.50; before, it only comes back.
            sys.exit(STARTUP_FAILURE)
        if not self.should_exit:
            self._ender.ready()

    async def main_loop(self) -> None:
        """Tick ten times a second, as uvicorn does, until it is asked to stop, and then at once."""
        counter = 0
        while not await self.on_tick(counter):
            counter = (counter + 1) % 864_000
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._asked.wait()

    def stop(self) -> None:
        """Ask it to stop, from any thread."""
        assert self._loop is not None  # it is hosted
        self._loop.call_soon_threadsafe(self._ask)

    def _ask(self) -> None:
        # What uvicorn does when a signal comes: others listen there.
        self.handle_exit(signal.SIGTERM, None)
        self.should_exit = True
        self._asked.set()

    def _cut(self) -> None:
        assert self._loop is not None  # see above
        break_off(self._loop, self._break_off)

    def _break_off(self) -> None:
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()


__all__ = ["Server", "run", "serve"]
