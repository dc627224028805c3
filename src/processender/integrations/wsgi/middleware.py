"""The layer between a server and an application: what is answered for the Ender, and what is a request in flight."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...hints import Any
from ...ports import Serving
from .paths import Paths
from .request import Environ, Request, StartResponse, closing

Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class EnderMiddleware:
    """An application, and an Ender that knows what is in flight in it; see `processender.integrations.wsgi`."""

    def __init__(
        self,
        app: Application,
        ender: Serving,
        *,
        ready_path: str | None = "/readyz",
        live_path: str | None = "/livez",
        drain_path: str | None = None,
        resume_path: str | None = None,
        token: Any = None,
        close_header: bool | None = None,
    ) -> None:
        """
        Wrap *app*.

        Args:

            ready_path: Where GET is answered by 200 while the process is to get traffic and by 503 otherwise.

            live_path: Where GET is answered by 200 as long as there is an answer at all.

            drain_path: Where POST begins a drain, for whoever has the token.

            resume_path: Where POST takes it back; None stands for `/resume` beside *drain_path*.

            token: The secret of `Authorization: Bearer`: text, `{"env": NAME}` or `{"file": PATH}`.

            close_header: Whether answers carry `Connection: close` while traffic is left; None goes by what is known of
                the server, for the header belongs to servers and some refuse it.

        A path of None is the application's own. Raise `HandlerError` for a *drain_path* without a token.
        """
        self._app = app
        self._ender = ender
        self._close_header = close_header
        self._answers = Paths(ender, ready_path, live_path, drain_path, resume_path, token).answers

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Take a call of the server."""
        answer = self._answers.get(environ.get("PATH_INFO", ""))
        if answer is None:
            return Request(self._ender, environ, start_response, self._close_header).run(self._app)
        status, body, more = answer(environ)
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
        headers += more
        if self._ender.draining:
            headers = closing(headers, environ, start_response, self._close_header)
        start_response(status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
