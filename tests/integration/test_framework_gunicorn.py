"""gunicorn with each of its workers: nothing is lost between TERM and exit, and what this rests on."""

from __future__ import annotations

import inspect
import sys
import threading
from pathlib import Path

import pytest
from gunicorn.arbiter import Arbiter
from gunicorn.http.wsgi import Response
from gunicorn.workers.base import Worker
from gunicorn.workers.sync import SyncWorker

from processender.errors import HandlerError
from processender.integrations.gunicorn import configure
from processender.integrations.gunicorn.master import Page, adopt
from processender.integrations.gunicorn.settings import find
from processender.integrations.gunicorn.worker import host
from tests.integration.frameworks import Served, Story

ASGI = """
from processender.integrations.gunicorn import configure
worker_class = {worker!r}
control_socket_disable = True
globals().update(configure("examples.frameworks.granian:ender", grace=20))
"""
WORKERS = ("gthread", "sync", "uvicorn_worker.UvicornWorker", "asgi")


def run_gunicorn(conf: str, app: str, *more: str) -> Served:
    """Return gunicorn with one worker of *app*."""
    argv = [sys.executable, "-m", "gunicorn", "-c", conf, "-b", "127.0.0.1:PORT", "-w", "1", *more, app]
    return Served(argv)


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Story]:
    """Return what happened to each kind of worker; they run beside one another."""
    told: dict[str, Story] = {}

    def tell(worker: str) -> None:
        if worker in {"gthread", "sync"}:
            more = ("--threads", "1") if worker == "sync" else ()
            program = run_gunicorn(
                "examples/frameworks/gunicorn.py", "examples.frameworks.gunicorn:app", "-k", worker, *more
            )
        else:
            conf = tmp_path_factory.mktemp("conf") / "gunicorn.conf.py"
            conf.write_text(ASGI.format(worker=worker))
            program = run_gunicorn(str(conf), "examples.frameworks.granian:app")
        with program:
            told[worker] = Story(program.until_ready(), kept=worker != "sync")

    threads = [threading.Thread(target=tell, args=(worker,)) for worker in WORKERS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


@pytest.mark.parametrize("worker", WORKERS)
def test_gunicorn_loses_nothing_between_term_and_exit(stories: dict[str, Story], worker: str) -> None:
    """Its worker accepts while traffic is left, finishes its requests, and runs the rest of the plan."""
    story = stories[worker]

    story.check()
    assert f"Using worker: {worker}" in story.end.output
    assert "the pool is closed, after the last request" in story.end.lines


@pytest.mark.parametrize("worker", [worker for worker in WORKERS if worker != "sync"])
def test_a_kept_connection_is_closed_behind_its_answer(stories: dict[str, Story], worker: str) -> None:
    """The client is told; a sync worker keeps none."""
    assert "close" == stories[worker].kept_closes


@pytest.mark.parametrize("worker", WORKERS)
def test_master_and_worker_have_one_deadline(stories: dict[str, Story], worker: str) -> None:
    """The worker's Ender heard the signal, and was told by the master how long there is."""
    report = stories[worker].end.report

    assert ["SIGTERM", "gunicorn"] == [notice["cause"] for notice in report["notices"]]
    assert ("told", 20) == (report["window"]["kind"], round(report["window"]["length_s"]))


class FakeArbiter:
    """What the agreement needs of an arbiter."""

    reexec_pid = master_pid = 0
    systemd = False

    def __init__(self, listeners: list[object]) -> None:
        self.cfg = type("Cfg", (), {"graceful_timeout": 30, "reuse_port": False})()
        self.LISTENERS = listeners
        self.signals: list[int] = []
        self.existed: list[bool] = []
        self.path: Path | None = None

    def kill_workers(self, signum: int) -> None:
        """Note it."""
        self.signals.append(signum)

    def stop(self, graceful: bool = True) -> None:
        """Look whether the path of the socket is there."""
        self.existed.append(self.path is not None and self.path.exists())


def test_a_master_says_how_long_there_is_before_it_sends_a_signal() -> None:
    """TERM and QUIT differ; other signals say nothing of the end; it is adopted once."""
    arbiter = FakeArbiter([])
    page = adopt(arbiter, 2.0)
    said = []
    for signum in (15, 10, 3):
        arbiter.kill_workers(signum)
        said.append(page.read())

    assert [(1, 30.0), (1, 30.0), (2, 2.0)] == said
    assert [15, 10, 3] == arbiter.signals
    assert page is adopt(arbiter, 2.0)


@pytest.mark.parametrize("systemd", [False, True])
def test_the_path_of_a_socket_is_removed_behind_the_workers(tmp_path: Path, systemd: bool) -> None:
    """Not before they are gone, and never that of somebody else."""
    path = tmp_path / "socket"
    path.touch()
    listener = type("Listener", (), {"getsockname": lambda _: str(path), "close": lambda _: None})()
    tcp = type("Listener", (), {"getsockname": lambda _: ("127.0.0.1", 80), "close": lambda _: None})()
    arbiter = FakeArbiter([listener, tcp])
    arbiter.systemd, arbiter.path = systemd, path
    adopt(arbiter, 2.0)
    arbiter.stop()

    assert [True] == arbiter.existed
    assert systemd == path.exists()
    assert systemd == bool(arbiter.LISTENERS)


def test_a_kind_of_worker_that_replaces_threads_is_refused() -> None:
    """Its monkey patches reach into the Ender."""
    worker = type("GeventWorker", (), {"__module__": "gunicorn.workers.ggevent"})()

    with pytest.raises(HandlerError, match="gthread"):
        host(worker, object(), Page())


def test_what_makes_no_sense_in_the_configuration_is_refused() -> None:
    """At the start of the master, not in its workers."""
    with pytest.raises(HandlerError, match="on_exit"):
        configure("app:ender", on_exit=print)
    with pytest.raises(HandlerError, match="quick"):
        configure("app:ender", grace=1)
    with pytest.raises(HandlerError, match="no_such_module"):
        find("no_such_module:ender")


def test_hooks_of_ones_own_are_called_first() -> None:
    """They would be lost in `globals().update`."""
    called = []
    settings = configure("no_such_module:ender", pre_fork=lambda *_: called.append("pre_fork"),
                         worker_abort=lambda _: called.append("worker_abort"))  # fmt: skip
    worker = type("Worker", (), {})()
    settings["pre_fork"](FakeArbiter([]), worker)
    settings["worker_abort"](worker)

    assert ["pre_fork", "worker_abort"] == called
    assert 30 == settings["graceful_timeout"]


def test_gunicorn_still_is_what_the_agreement_rests_on() -> None:
    """What is looked up on the objects, the order of hooks, and the owner of `start_response`."""
    stop, halt = inspect.getsource(Arbiter.stop), inspect.getsource(Arbiter.halt)
    init = inspect.getsource(Worker.init_process)

    assert "self.stop()" in halt
    assert stop.index("sock.close_sockets(self.LISTENERS, unlink)") < stop.index("self.kill_workers(sig)")
    assert "limit = time.time() + self.cfg.graceful_timeout" in stop
    assert init.index("self.init_signals()") < init.index("self.cfg.post_worker_init(self)") < init.index("self.run()")
    assert "self.cfg.pre_fork(self, worker)" in inspect.getsource(Arbiter.spawn_worker)
    assert callable(Response.force_close)
    assert "resp.start_response" in inspect.getsource(SyncWorker.handle_request)
