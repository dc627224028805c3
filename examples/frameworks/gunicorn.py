"""
gunicorn, whose workers run inside an Ender each: this file is both its configuration and the application.

Run it from the root of the repository, ask it for `/slow`, and send the master TERM meanwhile:

    gunicorn -c examples/frameworks/gunicorn.py examples.frameworks.gunicorn:app

In your project the lower half stands in gunicorn.conf.py.
"""

from __future__ import annotations

import time

from processender import Ender
from processender.integrations import wsgi
from processender.integrations.gunicorn import configure

# The application: app.py.

ender = Ender("web", grace=20, drain_delay=1.0, on_drain="fail-readiness")


def answer(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(1.5)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6")])
    return [b"hello\n"]


@ender.handler(phase="close")
def close_pool():
    print("the pool is closed, after the last request", flush=True)


app = wsgi.EnderMiddleware(answer, ender)

# The configuration: gunicorn.conf.py.

worker_class = "gthread"
threads = 4
workers = 2
control_socket_disable = True
globals().update(configure("examples.frameworks.gunicorn:ender", grace=20))
