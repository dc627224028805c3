"""An aiohttp application, served inside an Ender."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ...errors import HandlerError
from ...hints import Any
from ...own_paths import OwnPaths
from ...ports import Serving, check_ender
from .calls import Calls

LEFT_S = 0.1
"""How long aiohttp may wait for connections that have no handler any more, or never had one."""


async def serve(
    ender: Serving,
    app: web.Application,
    *,
    host: str | None = None,
    port: int | None = None,
    path: str | None = None,
    sock: Any = None,
    ssl_context: Any = None,
    ready_path: str | None = "/readyz",
    live_path: str | None = "/livez",
    drain_path: str | None = None,
    resume_path: str | None = None,
    token: Any = None,
    **options: Any,
) -> None:
    """
    Serve *app* until the end has come, inside the Ender; several in one loop may share one.

    Args:

        ender: The Ender of this process.

        app: The application, not started yet.

        host: The name or address to listen on, None for all.

        port: The port; None for 8080, or 8443 with TLS.

        path: The path of a Unix socket to listen on instead.

        sock: A socket that is bound already, to listen on instead.

        ssl_context: For TLS.

        ready_path: Where GET is answered by 200 while the process is to get traffic and by 503 otherwise.

        live_path: Where GET is answered by 200 as long as there is an answer at all.

        drain_path: Where POST begins a drain, for whoever has the token.

        resume_path: Where POST takes it back; None stands for `/resume` beside *drain_path*.

        token: The secret of `Authorization: Bearer`: text, `{"env": NAME}` or `{"file": PATH}`; a reference is read
            anew for each request.

        options: Those of `aiohttp.web.AppRunner`: `access_log`, `keepalive_timeout` and so on.
    """
    check_ender(ender, "aiohttp.serve(ender, app)")
    for name in ("handle_signals", "shutdown_timeout"):
        if name in options:
            raise HandlerError(f"cannot serve with {name}={options[name]!r}: the Ender has the signals and the time")
    calls = Calls(ender)
    calls.count(app, OwnPaths(ender, ready_path, live_path, drain_path, resume_path, token))
    server = Server(ender, Runner(app, calls, **options))
    try:
        async with ender.hosted(stop=server.stop):
            await server.start(host, port, path, sock, ssl_context)
            await server.stopped.wait()
            await server.clean_up()
    finally:
        # Where it has failed, or was cancelled, the plan comes first, for that knows how long requests may take.
        calls.forget()
        await server.clean_up()


def run(ender: Serving, app: web.Application, **options: Any) -> int | None:
    """Do what `serve` does in a loop of its own, and return the exit code; None where no signal began the end."""
    asyncio.run(serve(ender, app, **options))
    return ender.exit_code


class Runner(web.AppRunner):
    """A runner whose time-out begins when no handler is at work any more: how long they may be is the Ender's."""

    def __init__(self, app: web.Application, calls: Calls, **options: Any) -> None:
        """Take the *calls* of handlers."""
        super().__init__(app, handle_signals=False, shutdown_timeout=LEFT_S, **options)
        self._calls = calls

    async def shutdown(self) -> None:
        """Call the application's hooks, which may be what ends its handlers, and wait for these."""
        await super().shutdown()
        await self._calls.over()


class Server:
    """A running application."""

    def __init__(self, ender: Serving, runner: web.AppRunner) -> None:
        """Belong to the loop that runs here."""
        self.stopped = asyncio.Event()
        """Set when it is to stop."""
        self._ender = ender
        self._runner = runner
        self._loop = asyncio.get_running_loop()
        self._clean = False

    async def start(self, host: str | None, port: int | None, path: str | None, sock: Any, ssl_context: Any) -> None:
        """Start the application, listen, and be ready."""
        await self._runner.setup()
        site: web.BaseSite
        if sock is not None:
            site = web.SockSite(self._runner, sock, ssl_context=ssl_context)
        elif path is not None:
            site = web.UnixSite(self._runner, path, ssl_context=ssl_context)
        else:
            site = web.TCPSite(self._runner, host, port, ssl_context=ssl_context)
        await site.start()
        self._ender.ready()

    def stop(self) -> None:
        """Ask it to stop, from any thread."""
        self._loop.call_soon_threadsafe(self.stopped.set)

    async def clean_up(self) -> None:
        """Close the listener and idle connections, wait for handlers, and clean the application up, once."""
        if not self._clean:
            self._clean = True
            await self._runner.cleanup()
