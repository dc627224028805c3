"""
gunicorn: `configure("app:ender")` in gunicorn.conf.py, for its sync, gthread and ASGI workers.

Takes over: One deadline for the master and its workers: gunicorn's `graceful_timeout`. When the master stops it tells
every worker how long there is, by a page of memory that they share, and each Ender takes that for its deadline; so no
worker is killed in the middle of its clean-up. TERM: the worker goes on accepting while traffic is left, then its own
handler of the signal is called, then it finishes its requests, then the rest of the plan runs. INT and QUIT of the
master: `quick` seconds. A worker whose end has begun goes on with its heartbeat, so `timeout` does not kill it; one
that the master has given up (ABRT) ends in what is left before the kill. `max_requests`, a reload (HUP) and TTOU end a
worker in the same order. The path of a Unix socket stays until the last worker is gone: gunicorn removes it at once,
and a proxy could not reach those that still serve. A sync worker lets go of its listeners when it has stopped serving,
not at its exit.

Leaves: The master is gunicorn's: it has no Ender, and needs no agent around it, but may have one. A drain that is asked
for by a path of the middleware reaches the one worker that answers. An ASGI worker (`uvicorn_worker.UvicornWorker`,
gunicorn's own `asgi`) takes its signals after every hook has run, so the lifespan enters the Ender there: wrap the
application in `asgi.EnderMiddleware`. gevent, eventlet and tornado replace what the Ender waits with: they are refused,
use gthread. With `preload_app` the Ender is made before the fork; do not `install()` it there.

Versions: gunicorn 24 to 27, uvicorn-worker 0.4. Tests hold what this rests on: `Arbiter.stop` and `kill_workers` are
looked up on the arbiter, `Worker.run` on the worker after `post_worker_init`, and what each signal does there.
"""

from __future__ import annotations

from .settings import configure

__all__ = ["configure"]
