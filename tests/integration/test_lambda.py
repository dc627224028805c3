"""The end of a sandbox of AWS Lambda: in the function, and in an extension beside it, as real processes."""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processender.core.notice import Action, DeadlineKind, Notice
from processender.errors import Permanent
from processender.integrations import aws_lambda
from processender.testing.extensions import Extensions, Sandbox
from processender.testing.sources import Heard, until
from tests.integration.drainers import Attempt

EXAMPLES = Path(__file__).parents[2] / "examples" / "platforms"
RUNTIME = f"""
import os, sys
sys.path.insert(0, {str(EXAMPLES)!r})
import lambda_function
lambda_function.handler({{}}, None)
# The runtime waits for the next request in code of its own.
os.read(os.pipe()[0], 1)
"""
DEAF = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(os.environ["DEAF"], "w").close()
os.read(os.pipe()[0], 1)
"""


@pytest.fixture
def api() -> Iterator[Extensions]:
    """Run the API, of a sandbox with one external extension."""
    with Extensions(["flush"]) as found:
        yield found


def environment(tmp_path: Path) -> dict[str, str]:
    """Return where the example puts what it has, and make its /tmp."""
    (tmp_path / "tmp" / "cache").mkdir(parents=True)
    (tmp_path / "tmp" / "cache" / "secret").write_text("x")
    names = {"STATE": "state", "SAVED": "saved.json", "TMP_OF_SANDBOX": "tmp"}
    return {name: str(tmp_path / place) for name, place in names.items()}


def report(tmp_path: Path, service: str) -> dict[str, Any]:
    """Return the report of a service."""
    found: dict[str, Any] = json.loads((tmp_path / "state" / service / "reports" / "last.json").read_text())
    return found


class Waiting:
    """A source that is registered and waits, for the length of a block."""

    def __init__(self, api: Extensions, extension: str = "flush") -> None:
        self.source, self.heard = aws_lambda.listen(extension=extension, endpoint=api.address), Heard()
        self.api = api

    def __enter__(self) -> Heard:
        self.source.start(self.heard)
        until(lambda: self.api.names(ready=True), "it does not ask for events")
        return self.heard

    def __exit__(self, *_: object) -> None:
        self.source.stop()


def heard(api: Extensions, tell: Any) -> tuple[Notice, list[str]]:
    """Return the notice that follows when the API tells something, and the codes of the troubles."""
    with Waiting(api) as ears:
        tell()
        until(lambda: ears.notices, "nothing was heard")
    return ears.notices[0], ears.codes


class TestSandbox:
    def test_a_function_has_its_end(self, tmp_path: Path) -> None:
        """Its state is saved by one write, its /tmp is empty, and it has gone before its time was over."""
        with Sandbox([sys.executable, "-c", RUNTIME], env=environment(tmp_path)) as sandbox:
            until(lambda: sandbox.api.names(ready=True), "the function has not started")
            ended = sandbox.end(seconds=20)

        assert {"seen": {"requests": 1}, "version": 1} == json.loads((tmp_path / "saved.json").read_text())
        assert [] == list((tmp_path / "tmp").iterdir())
        assert (False, 0) == (ended["function"].killed, ended["function"].status)
        assert ("clean", 0.3) == (
            report(tmp_path, "orders")["verdict"],
            report(tmp_path, "orders")["window"]["length_s"],
        )

    def test_a_function_without_an_extension_is_told_nothing(self) -> None:
        """It is killed at once, which is why there is one."""
        with Sandbox([sys.executable, "-c", "import os; os.read(os.pipe()[0], 1)"]) as sandbox:
            assert sandbox.end()["function"].killed

    def test_an_extension_has_the_deadline_that_it_is_told(self, tmp_path: Path) -> None:
        """It hears of the end when the function has ended, and leaves before its time is over."""
        program = [sys.executable, str(EXAMPLES / "lambda_extension.py")]
        extensions = {"lambda_extension.py": program}
        env = {"STATE": str(tmp_path / "state")}
        with Sandbox([sys.executable, "-c", "import os; os.read(os.pipe()[0], 1)"], extensions, env) as sandbox:
            until(lambda: sandbox.api.names(ready=True), "the extension has not started")
            ended = sandbox.end("timeout", seconds=20)
        found = report(tmp_path, "flush")

        assert (False, 0) == (ended["lambda_extension.py"].killed, ended["lambda_extension.py"].status)
        assert ("timeout", "clean", "told") == (found["cause"], found["verdict"], found["window"]["kind"])
        assert 10 < found["window"]["length_s"] <= 20

    def test_a_deaf_function_has_its_share_and_no_more(self, tmp_path: Path) -> None:
        """The rest is for the extensions."""
        idle = [sys.executable, "-c", "import os; os.read(os.pipe()[0], 1)"]
        deaf = tmp_path / "deaf"
        with Sandbox([sys.executable, "-c", DEAF], {"idle": idle}, {"DEAF": str(deaf)}) as sandbox:
            _register(sandbox.api, "idle", [])
            until(deaf.exists, "the function has not started")
            ended = sandbox.end(seconds=1)

        assert ended["function"].killed
        assert ended["idle"].killed
        assert 0.25 < ended["function"].seconds

    def test_an_extension_that_comes_too_late_fails(self, tmp_path: Path) -> None:
        """Lambda has started without it, and would tell it nothing."""
        program = [sys.executable, str(EXAMPLES / "lambda_extension.py")]
        with Extensions() as api:
            api.closed = True
            env = {"STATE": str(tmp_path / "state")}
            with Sandbox(program, env={**env, "AWS_LAMBDA_RUNTIME_API": api.address}) as late:
                assert 1 == late.processes["function"].wait(20)


class TestEvents:
    @pytest.mark.parametrize("reason", ["spindown", "TIMEOUT", "Failure"])
    def test_a_reason_is_compared_without_case(self, api: Extensions, reason: str) -> None:
        """Documents write them in capitals, and the platform in small letters."""
        notice, codes = heard(api, lambda: api.shutdown(reason, seconds=2))

        assert (reason.lower(), Action.STOP, DeadlineKind.TOLD) == (notice.cause, notice.action, notice.kind)
        assert [] == codes

    def test_the_deadline_is_an_instant(self, api: Extensions) -> None:
        """Milliseconds since 1970, not a length."""
        notice, _ = heard(api, lambda: api.shutdown(seconds=2))

        assert 1.0 < (notice.deadline or 0) - notice.at <= 2.0

    @pytest.mark.parametrize("deadline", ["2000", "-5", '"soon"', "null", "true", "99999999999999"])
    def test_a_deadline_that_is_none_leaves_the_grace(self, api: Extensions, deadline: str) -> None:
        """It is an end all the same; that it was not understood is told."""
        body = f'{{"eventType":"SHUTDOWN","shutdownReason":"spindown","deadlineMs":{deadline}}}'
        notice, codes = heard(api, lambda: api.say(body.encode()))

        assert (None, ["source-unclear"]) == (notice.deadline, codes)

    def test_requests_are_none_of_its_business(self, api: Extensions) -> None:
        """It goes on waiting; what is not known is told."""
        with Waiting(api) as ears:
            api.say(b'{"eventType":"INVOKE","deadlineMs":1}')
            api.say(b'{"eventType":"WEATHER"}')
            api.shutdown()
            until(lambda: ears.notices, "nothing was heard")

        assert ["source-unclear"] == ears.codes

    @pytest.mark.parametrize("garbage", [b"", b"[]", b"\xff", b'"SHUTDOWN"'])
    def test_garbage_stops_nothing(self, api: Extensions, garbage: bytes) -> None:
        """Only the signal is left, and that is told."""
        with Waiting(api) as ears:
            api.say(garbage)
            until(lambda: ears.codes, "nobody was told")

        assert (["source-away"], []) == (ears.codes, ears.notices)

    def test_nobody_waits_for_it_when_it_is_stopped(self, api: Extensions) -> None:
        """Its request, which may last for days, is broken off, and no trouble is told."""
        with Waiting(api) as ears:
            pass
        until(lambda: not _threads(), "it still waits")

        assert [] == ears.codes

    def test_an_internal_one_subscribes_to_nothing(self, api: Extensions) -> None:
        """It may not hear of the end; that it is there is enough."""
        with Waiting(api, ""):
            (agent,) = api.agents.values()

        assert (False, ()) == (agent.external, agent.events)

    def test_outside_of_lambda_nothing_happens(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The same program runs on a laptop."""
        monkeypatch.delenv("AWS_LAMBDA_RUNTIME_API", raising=False)
        source, ears = aws_lambda.listen(), Heard()
        source.start(ears)
        source.stop()

        assert ([], False) == (ears.troubles, source.registered)

    def test_a_registration_that_is_refused_is_told(self, api: Extensions) -> None:
        """With the words of the API."""
        api.closed = True
        source, ears = aws_lambda.listen(endpoint=api.address), Heard()
        source.start(ears)

        assert "Extension registration closed already" in ears.troubles[0][1]


class TestDouble:
    """What the API of AWS answers, byte for byte."""

    def test_a_registration(self, api: Extensions) -> None:
        """An identifier, and what is known of the function."""
        status, body, identifier = _register(api, "flush", ["INVOKE", "SHUTDOWN"])

        assert (200, b'{"functionName":"orders","functionVersion":"$LATEST","handler":"app.handler"}') == (status, body)
        assert identifier

    @pytest.mark.parametrize(
        ("name", "events", "text"),
        [
            ("", [], b'{"errorMessage":"Empty extension name","errorType":"Extension.InvalidExtensionName"}'),
            ("flush", ["SLEEP"], b'{"errorMessage":"SLEEP: ErrorInvalidEventType","errorType":"Extension.InvalidEventType"}'),
            ("inside", ["SHUTDOWN"], b'{"errorMessage":"SHUTDOWN: ShutdownEventNotSupportedForInternalExtension","errorType":"Extension.InvalidEventType"}'),
        ],
    )  # fmt: skip
    def test_refusals(self, api: Extensions, name: str, events: list[str], text: bytes) -> None:
        """403, with the type of the error."""
        assert (403, text) == _register(api, name, events)[:2]

    def test_no_more_than_ten(self, api: Extensions) -> None:
        """As many as Lambda takes."""
        told = [_register(api, f"n{number}", [])[0] for number in range(11)]

        assert [200] * 10 + [403] == told


def _register(api: Extensions, name: str, events: list[str]) -> tuple[int, bytes, str]:
    connection = http.client.HTTPConnection(api.address, timeout=20)
    headers = {"Lambda-Extension-Name": name} if name else {}
    connection.request("POST", "/2020-01-01/extension/register", json.dumps({"events": events}), headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, answer.headers.get("Lambda-Extension-Identifier") or ""


def _threads() -> list[str]:
    import threading

    return [each.name for each in threading.enumerate() if each.name == "processender-aws-lambda"]


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

    def test_a_directory_is_emptied_and_no_link_is_followed(self, tmp_path: Path) -> None:
        """What leads outside is removed, and where it leads to is not."""
        outside, inside = tmp_path / "outside", tmp_path / "tmp"
        (outside / "kept").mkdir(parents=True)
        (inside / "d" / "e").mkdir(parents=True)
        (inside / "processender").mkdir()
        (inside / "link").symlink_to(outside)
        (inside / "f").write_text("x")
        handler = aws_lambda.empty_tmp(str(inside))
        assert handler.call is not None
        handler.call(Attempt())

        assert ["processender"] == [each.name for each in inside.iterdir()]
        assert (outside / "kept").is_dir()
