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

import weakref

from ..core.handler import Handler
from ..hints import Any
from ..ports import Context


def close_connections(*, name: str = "django-connections", timeout: float | None = None) -> Handler:
    """Return the handler that closes all connections to databases; make it before the first request."""
    from django.db.backends.signals import connection_created  # noqa: PLC0415 - Django may not be configured before

    made: weakref.WeakSet[Any] = weakref.WeakSet()

    def note(connection: Any, **_: Any) -> None:
        made.add(connection)

    connection_created.connect(note, weak=False)

    def close(ctx: Context) -> None:
        closed = 0
        for connection in tuple(made):
            if connection.connection is not None:
                closed += 1
                if connection.in_atomic_block:
                    ctx.note(f"rolled back a transaction of {connection.alias!r} that nobody has ended")
                # It belongs to the thread that has made it, which is over, or stuck.
                connection.inc_thread_sharing()
                connection.close()
        for connection in tuple(made):
            if hasattr(connection, "close_pool"):
                connection.close_pool()
        ctx.note(f"{closed} connections closed")

    return Handler(name, close, phase="close", timeout=timeout)
