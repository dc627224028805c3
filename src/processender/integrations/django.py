"""
Django: `close_connections()`, which closes what the threads of this process still have open at its databases.

Takes over: `ender.add(close_connections())` closes, in the phase `close`, every connection to a database that Django
has made in this process since then, in whatever thread, and the pools behind them (`OPTIONS = {"pool": ...}`). Django's
own `close_old_connections` and `connections.close_all` see the connections of the thread that calls them only, so a
handler that calls one of them closes nothing. A connection in the middle of a transaction is closed too, which rolls it
back, and is named in the report.

Leaves: Requests are served by a WSGI or ASGI server: see the rooms `wsgi`, `gunicorn` and `asgi`, whose work is over
when this runs. A thread of your own closes its connection with Django's `close_old_connections()` as always. The
development server of `manage.py runserver` starts itself anew and is not hosted.

Versions: Django 5.2 to 6.0; a test holds that `connection_created` tells of each connection, and that another thread
may close one after `inc_thread_sharing()`.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence

from ..closing import CLOSE_S, LeftBehind, step
from ..core.handler import Handler
from ..core.outcome import describe
from ..core.texts import counted, listed
from ..hints import Any
from ..ports import Context


def close_connections(
    *,
    name: str = "django-connections",
    timeout: float | None = CLOSE_S,
    after: str | Sequence[str] = (),
    needs: str | Sequence[str] = (),
) -> Handler:
    """
    Return the handler, of the phase `close`, that closes all connections to databases; make it before the first one.

    The options are fields of `Handler`. It raises `LeftBehind` for what could not be closed, once all else is.
    """
    return step(name, _Connections().close, "close", timeout, after, needs)


class _Connections:
    """The connections to databases that Django makes in this process from now on, in whatever thread."""

    def __init__(self) -> None:
        from django.db.backends.signals import connection_created  # noqa: PLC0415 - Django may not be configured before

        self._lock = threading.Lock()
        self._made: weakref.WeakSet[Any] = weakref.WeakSet()
        connection_created.connect(self._note, weak=False)

    def _note(self, connection: Any, **_: Any) -> None:
        with self._lock:
            self._made.add(connection)

    def close(self, ctx: Context) -> None:
        """Close them, then the pools behind them; one that fails keeps no other open."""
        with self._lock:
            made = tuple(self._made)
        opened = [connection for connection in made if connection.connection is not None]
        failed = [text for connection in opened if (text := _failure(connection, lambda each: _close(each, ctx)))]
        ctx.note(f"{counted(len(opened) - len(failed), 'connection')} closed")
        pooled = [connection for connection in made if hasattr(connection, "close_pool")]
        failed += [text for connection in pooled if (text := _failure(connection, lambda each: each.close_pool()))]
        if failed:
            raise LeftBehind(f"cannot close {listed(failed)}; what they hold ends with the process")


def _failure(connection: Any, close: Any) -> str:
    """Call *close* with *connection*; return what went wrong, in words."""
    try:
        close(connection)
    except Exception as error:  # of any driver; the others must not suffer
        return f"{connection.alias!r}: {describe(error)}"
    return ""


def _close(connection: Any, ctx: Context) -> None:
    inside = connection.in_atomic_block
    # It belongs to the thread that has made it, which is over, or stuck.
    connection.inc_thread_sharing()
    connection.close()
    if inside:
        ctx.note(f"rolled back a transaction of {connection.alias!r} that nobody has ended")


__all__ = ["close_connections"]
