"""A small service whose end is good, and the bugs that can be planted in it by the variable BUG, each to be found."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from processender.agent.conform import check
from processender.agent.mistakes import Mistakes
from processender.rehearsal.holding import hold
from processender.rehearsal.matrix import Verdict
from processender.rehearsal.part import parts_of
from processender.rehearsal.reading import Rehearsal
from processender.rehearsal.schema import RehearsalConfig

SERVICE = r"""
import asyncio, os, signal, socket, subprocess, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from processender import Ender, Retry

bug, work = os.environ.get("BUG", ""), os.environ["REHEARSAL_WORK"]
lock, ready = threading.Lock(), threading.Event()
spool = os.path.join(work, "spool.txt")
kept = os.path.join(work, "orders.txt")


class Face(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        if self.path == "/readyz":
            return self.answer(200 if ready.is_set() else 503)
        time.sleep(0.02)
        with lock, open(spool, "a") as file:
            file.write(self.headers["X-Request-Id"] + "\n")
        self.answer(200)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_words):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


server = Server(("127.0.0.1", int(os.environ["PORT"])), Face)
ender = Ender("orders", grace=4.0, observers=())


@ender.handler(phase="drain", importance="must")
def leave_traffic(ctx):
    if bug != "late-readiness":
        ready.clear()
        threading.Event().wait(0.6)


@ender.handler(phase="quiesce", importance="must")
def stop_server(ctx):
    server.shutdown()
    server.server_close()
    ready.clear()


@ender.handler(phase="drain" if bug == "wrong-order" else "flush", importance="must")
def flush(ctx):
    known = set(open(kept).read().split()) if os.path.exists(kept) else set()
    with lock, open(kept, "a") as file:
        for line in open(spool) if os.path.exists(spool) and bug != "lost-flush" else ():
            if line.strip() not in known:
                file.write(line)


@ender.handler(phase="quiesce", timeout=None if bug == "no-timeout" else 0.3)
def notify(ctx):
    pass


@ender.handler(phase="close", importance="must", timeout=0.5, retry=Retry(attempts=3, initial=0.01))
def load_keys(ctx):
    pass


@ender.handler(phase="close", **({"after": ["load-keys"]} if bug == "missing-needs" else {"needs": ["load-keys"]}))
def sign(ctx):
    pass


@ender.handler(phase="close")
def charge(ctx):
    path = os.path.join(work, "charged.txt")
    with open(path, "a" if bug == "double-run" else "w") as file:
        file.write("charged\n")


@ender.handler(phase="close", importance="must", timeout=None if bug == "endless-retry" else 0.4, retry=Retry(attempts=3, initial=0.01))
def tell_database(ctx):
    host, _, port = os.environ.get("DATABASE", "").partition(":")
    while port:
        try:
            with socket.create_connection((host, int(port)), 0.2):
                return
        except OSError:
            if bug != "endless-retry":
                return
            threading.Event().wait(0.05)


@ender.handler(phase="close", importance="must" if bug == "deaf" else "may", timeout=0.2)
async def wave(ctx):
    while bug == "deaf":
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass


if bug == "leak":
    subprocess.Popen(["sleep", "60"], start_new_session=True)
ender.install()
threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
ready.set()
with ender:
    ender.stopping.wait()
sys.exit(3 if bug == "exit-code" else 0)
"""


CHARGE = """
import os
from processender import Ender
path = os.path.join(os.environ["REHEARSAL_WORK"], "charged.txt")
ender = Ender("till", grace=2.0, observers=())


@ender.handler(importance="must")
def charge():
    with open(path, os.environ["MODE"]) as file:
        file.write("once\\n")


with ender:
    print("ready", flush=True)
    ender.stopping.wait()
"""
"""A handler that may run twice, with the mode w, or not, with the mode a."""

HANGS = {"scenarios": {"hangs": {"faults": ["notify hangs"], "assert": ["must-done", "within-window"]}}}
KEYS = {"scenarios": {"keys": {"faults": ["load-keys fails"], "assert": ["order", "exit-code"]}}}
GONE = {
    "scenarios": {"gone": {"faults": ["db refuse"]}},
    "upstreams": {"db": "127.0.0.1:9"},
}
BUGS = {
    "wrong-order": ("order", {}),
    "missing-needs": ("order", KEYS),
    "late-readiness": ("no-request-lost", {"propagation": "300ms"}),
    "no-timeout": ("within-window", HANGS),
    "endless-retry": ("must-done", GONE),
    "deaf": ("must-done", {}),
    "lost-flush": ("no-request-lost", {}),
    "leak": ("nothing-left-behind", {}),
    "exit-code": ("exit-code", {}),
}
"""All but the handler that must not run twice, which is in a program of its own, since each handler of that is run twice."""


def rehearse(table: dict[str, Any], *, seeds: int = 1, window: float = 4.0, agent: tuple[str, ...] = ()) -> Verdict:
    """Hold the rehearsal that the *table* `[rehearsal]` describes."""
    mistakes = Mistakes()
    config = check(table, RehearsalConfig, ("rehearsal",), mistakes)
    mistakes.raise_if_any()
    parts = parts_of(config, lambda: list(range(1, seeds + 1)), agent, window, ".")
    return hold(Rehearsal(config, tuple(parts), 2), lambda _text: None)


def rehearse_service(folder: Path, bug: str = "", **table: Any) -> Verdict:
    """Hold a rehearsal of the service with a *bug*."""
    path = folder / "service.py"
    path.write_text(SERVICE, encoding="utf-8")
    load = {
        "url": "http://127.0.0.1:{port}/orders",
        "rate": 100.0,
        "kept": "{work}/orders.txt",
    }
    about = {
        "command": [sys.executable, str(path)],
        "ready": "http://127.0.0.1:{port}/readyz",
        "env": {"BUG": bug, "DATABASE": "{db}"},
        "lead": "100ms..150ms",
        "propagation": "50ms",
        "load": load,
        "order": [["leave-traffic", "stop-server", "flush"]],
        "needs": [["load-keys", "sign"]],
    }
    return rehearse(about | table)


def rehearse_till(folder: Path, mode: str) -> Verdict:
    """Hold a rehearsal of the till, each handler of which is run twice, and killed and run again."""
    path = folder / "till.py"
    path.write_text(CHARGE, encoding="utf-8")
    return rehearse(
        {
            "command": [sys.executable, str(path)],
            "ready": "ready",
            "env": {"MODE": mode},
            "lead": "0s",
            "state": ["{work}/*.txt"],
            "assert": ["must-done", "idempotent"],
        }
    )


def found(verdict: Verdict) -> str:
    """Return all findings as text, for a test that looks for one and shows the others."""
    return json.dumps([[each.assertion, each.text] for tried in verdict.tried for each in tried.findings], indent=1)
