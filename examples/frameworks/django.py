"""
Django in one file, served by the standard library's server with a thread for each request, inside an Ender.

Run it from the root of the repository, ask it for `/slow`, and send it TERM meanwhile:

    python -m examples.frameworks.django 8000

The connections to the database that the threads have made are closed when the last request is over, not before.
"""

from __future__ import annotations

import socketserver
import sys
import tempfile
import time
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpResponse
from django.urls import path

from processender import Ender
from processender.integrations import django, wsgi

ender = Ender("django", grace=20, drain_delay=1.0, on_drain="fail-readiness")


def index(_request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return HttpResponse(f"hello {cursor.fetchone()[0]}\n")


def slow(request):
    time.sleep(1.5)
    return index(request)


urlpatterns = [path("", index), path("slow", slow)]


class Server(socketserver.ThreadingMixIn, WSGIServer):
    """A thread for each request."""

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    """No line for each request."""

    def log_message(self, *_):
        """Say nothing."""


def serve(port, database):
    settings.configure(
        ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="an example",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database, "CONN_MAX_AGE": None}},
    )  # fmt: skip
    application = wsgi.EnderMiddleware(get_wsgi_application(), ender)
    ender.add(django.close_connections())
    with make_server("127.0.0.1", port, application, Server, Quiet) as server:
        print("ready", flush=True)
        wsgi.serve(ender, server)


if __name__ == "__main__":
    with tempfile.NamedTemporaryFile(suffix=".sqlite3") as file:
        serve(int(sys.argv[1]) if len(sys.argv) > 1 else 8000, file.name)
