"""The matrix, as data: which program, which signals at which second, and what is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass

GRACE = 3.0
"""The window of every ProcessEnder cell: seconds from the first signal until the process is gone."""
LIMIT = 8.0
"""How long a plain program is watched, seconds from the first signal."""

Signals = tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Case:
    """One row."""

    name: str
    """Its short name."""
    group: str
    """Whose program it is."""
    text: str
    """What is wrong."""
    plain: str
    """The words after `python` that start it."""
    ender: str
    """The same with an Ender inside."""
    signals: Signals
    """Second, signal and, after a slash, which process; the main one if nothing is said."""
    request: str = ""
    """What a client asks for before the first signal, and never gets to its end."""
    serves: bool = False
    """Whether it listens, so that it is ready when its port is open."""
    app: str = ""
    """What is wrong with the application."""
    needs: str = ""
    """The module without which the plain program cannot be run."""
    replaces: bool = False
    """Whether the Ender stands in the place of that module, so that the library column does without it."""
    python: str = ""
    """The oldest version of Python that shows it, if not all do."""
    stands: str = ""
    """Where the library stands, if not outermost in the program."""
    note: str = ""
    """What is to be said beside the figures."""


TERM: Signals = ((0.0, "TERM"),)
TERM2: Signals = ((0.0, "TERM"), (1.0, "TERM"))
FORK: Signals = ((0.0, "TERM/child"), (1.0, "TERM"))

UVICORN = "-m uvicorn asgi_app:app --log-level warning --port {port}"
UVICORN_TIMEOUT = UVICORN + " --timeout-graceful-shutdown 1"
WORKERS = "-m uvicorn {app} --log-level warning --port {port} --workers 2 --timeout-graceful-shutdown 1"
GUNICORN = "-m gunicorn wsgi_app:app -c {conf}.py --log-level warning --graceful-timeout {seconds}"
HYPERCORN = "-m hypercorn asgi_app:app --bind 127.0.0.1:{port} --graceful-timeout 1"


IN_WORKER = "in the worker (`post_worker_init`): the master forks, owns its signals and has no hook around its loop"
IN_LIFESPAN = "in each worker's lifespan: the supervisor is uvicorn's own and only starts and joins the workers"
THIRD_NOTE = "the third INT ends the agent at once, which is what it is for; the report tells what did not run"
KSTLIB_NOTE = "kstlib 3.8.2 raises a total below 5 s to 5 s without a word, and applies it to each callback"
FORKED = "a fork child of an asyncio program is told to end, then the program"
INSTEAD = "in place of the peer, with the same callbacks: both are the same layer"


def _uvicorn(name: str, text: str, signals: Signals, plain: str = UVICORN, **more: str) -> Case:
    return Case(name, "uvicorn", text, plain, "uvicorn_ender.py", signals, serves=True, needs="uvicorn", **more)


def _gunicorn(name: str, text: str, signals: Signals, seconds: int) -> Case:
    plain, ender = (re.sub("{conf}", conf, GUNICORN) for conf in ("gunicorn_plain", "gunicorn_ender"))
    plain, ender = (words.replace("{seconds}", str(seconds)) for words in (plain, ender))
    return Case(name, "gunicorn", text, plain, ender, signals, "/hang", serves=True, needs="gunicorn", stands=IN_WORKER)


def _hypercorn(name: str, python: str = "") -> Case:
    text = f"a streaming request that never ends, `--graceful-timeout 1`{', Python ' + python if python else ''}"
    return Case(
        name, "hypercorn", text, HYPERCORN, "hypercorn_ender.py", TERM, "/stream", serves=True, needs="hypercorn",
        python=python,
    )  # fmt: skip


def _script(name: str, group: str, text: str, stem: str, signals: Signals, **more: str | bool) -> Case:
    plain = f"{stem}.py" if stem.startswith(("asyncio", "kstlib")) else f"{stem}_plain.py"
    return Case(name, group, text, plain, f"{stem}_ender.py", signals, **more)


def _peer(name: str, module: str, text: str, stem: str, signals: Signals, note: str = "") -> Case:
    return _script(name, module, text, stem, signals, needs=module, replaces=True, stands=INSTEAD, note=note)


CASES = (
    _uvicorn("uvicorn-stream-term", "a streaming request that never ends", TERM2, request="/stream"),
    _uvicorn(
        "uvicorn-stream-int",
        "a streaming request that never ends",
        ((0.0, "INT"), (1.0, "INT")),
        request="/stream",
    ),
    _uvicorn(
        "uvicorn-hang-term",
        "the application's clean-up hangs, `--timeout-graceful-shutdown 1`",
        TERM2,
        UVICORN_TIMEOUT,
        app="hang",
    ),
    _uvicorn(
        "uvicorn-hang-int",
        "the application's clean-up hangs, `--timeout-graceful-shutdown 1`",
        ((0.0, "INT"), (1.0, "INT"), (2.0, "INT")),
        UVICORN_TIMEOUT,
        app="hang",
        note=THIRD_NOTE,
    ),
    Case(
        "uvicorn-workers-hang",
        "uvicorn",
        "`--workers 2`, the application's clean-up hangs",
        WORKERS.replace("{app}", "asgi_app:app"),
        WORKERS.replace("{app}", "asgi_inside:app"),
        ((0.0, "TERM"), (1.0, "TERM"), (2.0, "INT")),
        serves=True,
        app="hang",
        needs="uvicorn",
        stands=IN_LIFESPAN,
    ),
    _uvicorn("uvicorn-stolen", "a library calls `loop.add_signal_handler(SIGTERM)`", TERM, app="steal"),
    _uvicorn("uvicorn-clean", "nothing is wrong", TERM),
    _gunicorn("gunicorn-hang-term", "a hung request, `--graceful-timeout 5`", TERM2, 5),
    _gunicorn("gunicorn-hang-int", "a hung request, `--graceful-timeout 20`", ((0.0, "TERM"), (1.0, "INT")), 20),
    _hypercorn("hypercorn-hang"),
    _hypercorn("hypercorn-hang-312", "3.12"),
    _script(
        "aiorun-thread",
        "aiorun",
        "a thread of the executor never comes back, `timeout_task_shutdown=1`",
        "aiorun",
        ((0.0, "TERM"), (1.0, "TERM"), (2.0, "INT")),
        needs="aiorun",
    ),
    _script("asyncio-term", "stdlib", "`asyncio.run`, clean-up in `finally`", "asyncio_term", TERM),
    _script(
        "asyncio-greedy", "stdlib", "`asyncio.run`, a task swallows cancellation", "asyncio_greedy", ((0.0, "INT"),)
    ),
    _script("exitstack-hang", "stdlib", "`ExitStack`: the newest callback hangs", "exitstack", TERM),
    _script("asyncio-fork", "stdlib", FORKED, "fork", FORK),
    _script("asyncio-fork-312", "stdlib", FORKED + ", Python 3.12", "fork", FORK, python="3.12"),
    _peer("winddown-hang", "winddown", "`timeout=1`, the first callback hangs", "winddown", TERM2),
    _peer("kstlib-total", "kstlib", "`timeout=1`, four callbacks of 1.5 s", "kstlib_total", TERM, KSTLIB_NOTE),
    _peer("kstlib-async", "kstlib", "an async callback, on a loop", "kstlib_async", TERM),
    _peer("kstlib-lock", "kstlib", "the signal lands inside `register()`", "kstlib_lock", TERM),
)
