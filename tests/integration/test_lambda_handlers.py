"""What is done in the last moments of a sandbox of AWS Lambda, and how long they are."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from processender.core.platforms import find
from processender.errors import Permanent
from processender.integrations import aws_lambda
from tests.integration.drainers import Attempt

AS_NOBODY = """
import os, sys
from processender.errors import Permanent
from tests.integration.test_lambda_handlers import emptied
os.chdir(sys.argv[1])
if not os.geteuid():
    os.setuid(65534)
try:
    print(*emptied("."))
except Permanent as error:
    print(error)
"""


class TestHandlers:
    def test_all_states_are_saved_by_one_write(self) -> None:
        """There is time for one round trip."""
        saved: list[dict[str, Any]] = []
        handler = aws_lambda.save_in_one(lambda states: saved.append(dict(states)), {"a": lambda: 1, "b": lambda: 2})
        attempt = Attempt()
        assert handler.call is not None
        handler.call(attempt)

        assert [{"a": 1, "b": 2}] == saved
        assert ["saved a, b"] == attempt.notes

    def test_a_part_that_fails_does_not_hold_up_the_others(self) -> None:
        """They are saved, and it is named."""
        saved: list[dict[str, Any]] = []
        handler = aws_lambda.save_in_one(
            lambda states: saved.append(dict(states)), {"a": lambda: 1 / 0, "b": lambda: 2}
        )
        assert handler.call is not None
        with pytest.raises(Permanent, match=r"no state was had from a \(ZeroDivisionError"):
            handler.call(Attempt())

        assert [{"b": 2}] == saved

    def test_a_store_that_is_down_is_told(self) -> None:
        """The handler fails in its time, and the others go on."""

        def save(_states: object) -> None:
            raise OSError("the store is down")

        handler = aws_lambda.save_in_one(save, {"a": lambda: 1})
        assert handler.call is not None
        with pytest.raises(OSError, match="the store is down"):
            handler.call(Attempt())

    def test_a_directory_is_emptied_and_no_link_is_followed(self, tmp_path: Path) -> None:
        """What leads outside is removed, and where it leads to is not."""
        outside, inside = tmp_path / "outside", tmp_path / "tmp"
        (outside / "kept").mkdir(parents=True)
        (outside / "file").write_text("x")
        (inside / "d" / "e").mkdir(parents=True)
        (inside / "processender").mkdir()
        (inside / "link").symlink_to(outside)
        (inside / "d" / "deep").symlink_to(outside)
        (inside / "d" / "dead").symlink_to("nowhere")
        (inside / "f").write_text("x")

        assert ["removed 3 from " + str(inside)] == emptied(inside)
        assert ["processender"] == [each.name for each in inside.iterdir()]
        assert {"kept", "file"} == {each.name for each in outside.iterdir()}

    def test_what_may_only_be_read_goes_too(self, tmp_path: Path) -> None:
        """A file, and a directory of one's own that nobody may write to."""
        (tmp_path / "sealed" / "below").mkdir(parents=True)
        for name in ("sealed/file", "sealed/below/file", "file"):
            (tmp_path / name).write_text("x")
            (tmp_path / name).chmod(0o400)
        for name in ("sealed/below", "sealed"):
            (tmp_path / name).chmod(0o500)

        assert "removed 2 from .\n" == as_nobody(tmp_path, tmp_path.rglob("*"))
        assert [] == list(tmp_path.iterdir())

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root makes what belongs to others")
    def test_what_belongs_to_others_is_named_and_holds_up_nothing(self, tmp_path: Path) -> None:
        """The rest goes."""
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "file").write_text("x")
        (tmp_path / "b").write_text("x")

        assert "1 are still in .: a (Permission denied)\n" in as_nobody(tmp_path, [])
        assert ["a"] == [each.name for each in tmp_path.iterdir()]

    def test_a_directory_that_is_a_link_is_refused(self, tmp_path: Path) -> None:
        """Somebody else has put it there."""
        (tmp_path / "there").mkdir()
        (tmp_path / "there" / "file").write_text("x")
        (tmp_path / "tmp").symlink_to(tmp_path / "there")
        with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
            emptied(tmp_path / "tmp")

        assert (tmp_path / "there" / "file").exists()

    def test_without_time_nothing_more_is_begun(self, tmp_path: Path) -> None:
        """What is left is named."""
        (tmp_path / "f").write_text("x")
        with pytest.raises(Permanent, match=r"1 are still in .*: f \(no time was left\)"):
            emptied(tmp_path, seconds=-1)

    def test_telemetry_is_sent_within_the_time_that_there_is(self) -> None:
        """The flush is told how long it may take, less a part in which it can say that it has failed."""
        given: list[int] = []
        handler = aws_lambda.flush_telemetry(given.append)
        assert handler.call is not None
        handler.call(Attempt(0.5))

        assert 0 < given[0] <= 400

    def test_telemetry_that_was_not_sent_is_a_failure(self) -> None:
        """OpenTelemetry says so by False."""
        handler = aws_lambda.flush_telemetry(lambda _limit: False)
        assert handler.call is not None
        with pytest.raises(TimeoutError, match="not all telemetry was sent"):
            handler.call(Attempt(0.5))

    def test_a_provider_of_opentelemetry_is_flushed(self) -> None:
        """What it has gathered has gone when the handler returns."""
        trace, export = (
            pytest.importorskip("opentelemetry.sdk.trace"),
            pytest.importorskip("opentelemetry.sdk.trace.export"),
        )
        memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter").InMemorySpanExporter()
        provider = trace.TracerProvider()
        provider.add_span_processor(export.BatchSpanProcessor(memory, schedule_delay_millis=600_000))
        provider.get_tracer("test").start_span("end").end()
        handler = aws_lambda.flush_telemetry(provider.force_flush)
        assert handler.call is not None
        handler.call(Attempt(5))
        provider.shutdown()

        assert ["end"] == [span.name for span in memory.get_finished_spans()]


class TestPlaces:
    """What is known from the environment alone."""

    @pytest.mark.parametrize(
        ("environ", "platform", "seconds"),
        [
            ({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001", "_HANDLER": "app.handler"}, "lambda", 0.3),
            ({"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}, "lambda", 2.0),
        ],
    )
    def test_the_window(self, environ: dict[str, str], platform: str, seconds: float) -> None:
        """The rule of Lambda, for a function and for an extension, which has no handler."""
        found = aws_lambda.find_grace(environ)

        assert found is not None
        assert seconds == found.seconds
        assert [platform] == [each.name for each in find(environ, {})]
        assert seconds == aws_lambda.settings(environ)["grace"]

    def test_elsewhere_nothing_is_known(self) -> None:
        """The same program has its own settings on a laptop."""
        assert (None, {}) == (aws_lambda.find_grace({}), aws_lambda.settings({}))

    def test_an_extension_is_sent_no_signal(self) -> None:
        """It hears of the end as an event."""
        assert () == aws_lambda.settings({"AWS_LAMBDA_RUNTIME_API": "x:1"})["signals"]


def emptied(path: Path | str, seconds: float = 10.0) -> list[str]:
    """Empty a directory; return what was noted."""
    handler, attempt = aws_lambda.empty_tmp(str(path)), Attempt(seconds)
    assert handler.call is not None
    handler.call(attempt)
    return attempt.notes


def as_nobody(path: Path, owned: Iterable[Path]) -> str:
    """Empty a directory, of which some things are *owned* by a user without privileges, as this user; tell its words."""
    if not os.geteuid():
        for each in (path, *owned):
            os.chown(each, 65534, 65534)
    ran = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, path], capture_output=True, text=True, timeout=60, check=True
    )
    return ran.stdout
