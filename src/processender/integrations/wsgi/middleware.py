"""The layer between a server and an application: what is answered for the Ender, and what is a request in flight."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus

from ...hints import Any
from ...own_paths import OwnPaths, is_unheld
from ...ports import Serving, check_ender
from .request import Environ, Request, StartResponse, closing

_log = logging.getLogger("processender.wsgi")
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

            token: The secret of `Authorization: Bearer`: text, `{"env": NAME}` or `{"file": PATH}`; a reference is read
                anew for each request.

            close_header: Whether answers carry `Connection: close` while traffic is left; None goes by what is known of
                the server, for the header belongs to servers and some refuse it.

        A path of None is the application's own. Raise `HandlerError` for a *drain_path* without a token, or a token, or
        a *resume_path*, without that.
        """
        check_ender(ender, "wsgi.EnderMiddleware(app, ender)")
        self._app = app
        self._ender = ender
        self._close_header = close_header
        self._paths = OwnPaths(ender, ready_path, live_path, drain_path, resume_path, token)
        self._unheld = True

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Take a call of the server."""
        if self._unheld:
            self._say_unheld()
        if environ.get("PATH_INFO", "") in self._paths.names:
            return self._answer(environ, start_response)
        return Request(self._ender, environ, start_response, self._close_header).run(self._app)

    def _say_unheld(self) -> None:
        """Say once that the server has begun to serve outside of the Ender."""
        self._unheld = False
        if is_unheld(self._ender):
            _log.warning(
                "nobody has entered the Ender of this application: it hears no signal and readiness stays false; put"
                " configure() into gunicorn.conf.py, serve with wsgi.serve(), or enter the Ender around the server"
            )

    def _answer(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request for a path of the Ender's."""
        # PEP 3333: text of a request is Latin-1, whatever its client has sent.
        given = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace")
        method = environ["REQUEST_METHOD"]
        status, text, fields = self._paths.answer(environ["PATH_INFO"], method, given, environ.get("REMOTE_ADDR", ""))
        body = text.encode()
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), *fields.items()]
        if self._ender.draining:
            headers = closing(headers, environ, start_response, self._close_header)
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return [] if method == "HEAD" else [body]
