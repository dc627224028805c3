"""Events in the journal of a real journald."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from processender.core.events import AttemptStarted, Trouble
from processender.errors import HandlerError
from processender.integrations.journald import JournaldObserver, field_of, message_id
from tests.integration.journals import written

PROGRAM = """
from processender import Ender
from processender.core.events import HandlerStuck
from processender.integrations.journald import JournaldObserver

observer = JournaldObserver("shop")
with Ender("shop", grace=10, observers=[observer], signals=(), exit="return") as ender:
    @ender.handler(name="flush", phase="flush", importance="must", timeout=5)
    def flush(ctx):
        ctx.note("caf\\u00e9 = one\\nand two")
    ender.stop("SIGTERM")
# Too long for a datagram.
observer.observe(HandlerStuck(1.0, "flush", "its time is up", "  File x\\n" * 100_000))
"""


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return what a run has left in the journal."""
    directory = tmp_path_factory.mktemp("journal")
    program = directory / "program.py"
    program.write_text(PROGRAM)
    return written(program, "shop", directory)


def entry(entries: list[dict[str, Any]], key: str) -> dict[str, Any]:
    """Return the only entry of the event with this *key*, found by its MESSAGE_ID, that is not about the body."""
    of_key = [each for each in entries if each["MESSAGE_ID"] == message_id(key)]
    (found,) = [each for each in of_key if each.get("PROCESSENDER_HANDLER_NAME", "flush") == "flush"]
    return found


def test_an_entry_has_the_words_of_the_vocabulary_as_fields(entries: list[dict[str, Any]]) -> None:
    """So one run, or one handler, can be asked for."""
    told = entry(entries, "handler.ended")

    assert ("flush", "done", "flush", "must", "shop", "processender.handler.ended") == tuple(
        told[field_of(word)]
        for word in (
            "processender.handler.name", "processender.handler.outcome", "processender.handler.phase",
            "processender.handler.importance", "service.name", "event.name",
        )
    )  # fmt: skip
    assert told["MESSAGE"].startswith("flush: done after")


def test_every_entry_of_a_run_has_its_id(entries: list[dict[str, Any]]) -> None:
    """From its beginning to its end."""
    began, ended = (next(at for at, each in enumerate(entries) if each["MESSAGE_ID"] == message_id(key))
                    for key in ("run.started", "run.ended"))  # fmt: skip

    assert 1 == len({each["PROCESSENDER_RUN_ID"] for each in entries[began : ended + 1]})


def test_the_priority_is_that_of_syslog(entries: list[dict[str, Any]]) -> None:
    """`journalctl -p warning` finds what went wrong."""
    assert ("6", "4") == (entry(entries, "run.ended")["PRIORITY"], entry(entries, "handler.stuck")["PRIORITY"])


def test_a_text_of_several_lines_is_one_field(entries: list[dict[str, Any]]) -> None:
    """Whatever stands in it."""
    assert "caf\u00e9 = one" in entry(entries, "handler.noted")["PROCESSENDER_HANDLER_NOTE"]
    assert "and two" in entry(entries, "handler.noted")["PROCESSENDER_HANDLER_NOTE"]


def test_what_is_too_long_for_a_datagram_arrives_whole(entries: list[dict[str, Any]]) -> None:
    """In a memory file."""
    assert "  File x\n" * 100_000 == entry(entries, "handler.stuck")["CODE_STACKTRACE"]


def test_a_list_is_a_field_for_each_of_its_values(entries: list[dict[str, Any]]) -> None:
    """`journalctl PROCESSENDER_PLAN_CRITICAL=flush` finds the run."""
    critical = entry(entries, "run.started")["PROCESSENDER_PLAN_CRITICAL"]

    assert "flush" in critical


AGENT = """
import subprocess, sys
open("{config}", "w").write('tell = ["journald"]\\nservice = "web"\\n[handlers.flush]\\nrun = ["false"]\\n')
subprocess.run([sys.executable, "-m", "processender", "run", "-c", "{config}", "--", "true"], check=True)
"""


def test_an_agent_writes_into_the_journal_where_its_configuration_says_so(tmp_path: Path) -> None:
    """Every step, although a command that ends by itself is nothing to talk about on standard error."""
    program = tmp_path / "program.py"
    program.write_text(AGENT.format(config=tmp_path / "pe.toml"))
    entries = written(program, "web", tmp_path)

    assert "failed" == entry(entries, "handler.ended")["PROCESSENDER_HANDLER_OUTCOME"]
    assert "degraded" == entry(entries, "run.ended")["PROCESSENDER_RUN_VERDICT"]


def test_less_grave_events_are_not_written(tmp_path: Path) -> None:
    """Unless they are asked for."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald:
        journald.bind(path)
        for level in (20, 10):
            with contextlib.closing(JournaldObserver("shop", level=level, path=path)) as observer:
                observer.observe(AttemptStarted(1.0, "a", 1, 2.0))
        told = journald.recv(65536)
        journald.setblocking(False)

        assert b"\nPRIORITY=7\n" in told
        with pytest.raises(BlockingIOError):
            journald.recv(1)


def test_where_no_journald_listens_that_is_said_at_once(tmp_path: Path) -> None:
    """And not at the end."""
    with pytest.raises(HandlerError, match="journald does not listen at"):
        JournaldObserver("shop", path=str(tmp_path / "nobody"))


def test_a_journald_that_has_gone_is_told_of(tmp_path: Path) -> None:
    """With where it was; the run goes on, as with every observer that raises."""
    path = str(tmp_path / "socket")
    journald = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journald.bind(path)
    journald.close()
    with contextlib.closing(JournaldObserver("shop", path=path)) as observer:
        os.unlink(path)

        with pytest.raises(OSError, match="cannot write to the journal at"):
            observer.observe(Trouble(1.0, "code", "text"))


def test_a_message_id_never_changes() -> None:
    """It stands in filters and catalogs of others."""
    assert ("09279494e76553e3852ad60c63bc24f1", "54a2c3ef89125f20a7fe9803fbd26dc5") == (
        message_id("run.ended"),
        message_id("run.started"),
    )
