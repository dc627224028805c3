"""The same configuration with an Ender in each worker; gunicorn's own handler is called after the run."""

from __future__ import annotations

from marks import GRACE, PORT, release

from processender import Ender

bind = f"127.0.0.1:{PORT}"
worker_class = "sync"


def post_worker_init(worker):
    """Hear the signals that the master sends."""
    ender = Ender("gunicorn-worker", grace=GRACE)
    worker.wsgi = counted(ender, worker.wsgi)
    ender.add(release, phase="release", importance="must")
    ender.install()


def counted(ender, app):
    """Return *app* with each request counted as work in progress, which the end waits for and names."""

    def application(environ, start_response):
        with ender.inflight(environ["PATH_INFO"]):
            return app(environ, start_response)

    return application
