"""
Flask, served by Werkzeug's server of threads inside an Ender.

Run it from the root of the repository, ask it for `/slow`, and send it TERM meanwhile:

    python -m examples.frameworks.wsgi_flask 8000

`/readyz` fails at once, requests are answered for another second, `/slow` gets its answer, then the pool is closed.
Under gunicorn the application is the same; see `gunicorn.py`.
"""

from __future__ import annotations

import sys
import time

from flask import Flask
from werkzeug.serving import make_server

from processender import Ender
from processender.integrations import wsgi

# Without a number the delay is 5 s in an orchestrator, which takes as long to notice, and none elsewhere.
ender = Ender("flask", grace=20, drain_delay=1.0, on_drain="fail-readiness")
app = Flask(__name__)


@app.get("/")
def index():
    return "hello\n"


@app.get("/slow")
def slow():
    time.sleep(1.5)
    return "done\n"


@app.get("/numbers")
def numbers():
    """Answer without an end: what is cut when the time of the plan is over."""
    return (f"{number} {'.' * 65536}\n" for number in range(10**9))


@ender.handler(phase="close")
def close_pool():
    print("the pool is closed, after the last request", flush=True)


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    application = wsgi.EnderMiddleware(app, ender, drain_path="/drain", token={"env": "DRAIN_TOKEN"})
    server = make_server("127.0.0.1", port, application, threaded=True)
    print("ready", flush=True)
    wsgi.serve(ender, server)


if __name__ == "__main__":
    main()
