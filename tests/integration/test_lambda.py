"""The end of a sandbox of AWS Lambda: in the function, and in an extension beside it, as real processes."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processender.integrations.aws_lambda.pack import main
from processender.testing.extensions import Extensions, Sandbox
from processender.testing.sources import until

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
DOWN = """
import os, threading
from processender import Ender
from processender.integrations import aws_lambda
place = os.environ["PLACE"]
ender = Ender("orders", grace=2, state=place + "/state", observers=[])
ender.add(aws_lambda.save_in_one(lambda states: threading.Event().wait(), {"a": lambda: 1}))
ender.add(aws_lambda.flush_telemetry(lambda limit: open(place + "/sent", "w").close(), expected=0.5))
ender.listen(aws_lambda.listen())
ender.install()
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
    names = {"PROCESSENDER_STATE": "state", "SAVED": "saved.json", "TMP_OF_SANDBOX": "tmp"}
    return {name: str(tmp_path / place) for name, place in names.items()}


def report(tmp_path: Path, service: str) -> dict[str, Any]:
    """Return the report of a service."""
    found: dict[str, Any] = json.loads((tmp_path / "state" / service / "reports" / "last.json").read_text())
    return found


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

    def test_a_store_that_is_down_takes_its_share_only(self, tmp_path: Path) -> None:
        """It is given up in time for the telemetry, and the function has gone before it is killed."""
        with Sandbox([sys.executable, "-c", DOWN], env={"PLACE": str(tmp_path)}) as sandbox:
            until(lambda: sandbox.api.names(ready=True), "the function has not started")
            ended = sandbox.end(seconds=20)["function"]
        outcomes = {each["name"]: each["outcome"] for each in report(tmp_path, "orders")["handlers"]}

        assert not ended.killed
        assert outcomes["save"] in {"timed_out", "abandoned"}
        assert ("done", True) == (outcomes["telemetry"], (tmp_path / "sent").exists())

    def test_a_function_without_an_extension_is_told_nothing(self) -> None:
        """It is killed at once, which is why there is one."""
        with Sandbox([sys.executable, "-c", "import os; os.read(os.pipe()[0], 1)"]) as sandbox:
            assert sandbox.end()["function"].killed

    def test_an_extension_has_the_deadline_that_it_is_told(self, tmp_path: Path) -> None:
        """It hears of the end when the function has ended, and leaves before its time is over."""
        program = [sys.executable, str(EXAMPLES / "lambda_extension.py")]
        extensions = {"lambda_extension.py": program}
        env = {"PROCESSENDER_STATE": str(tmp_path / "state")}
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
            env = {"PROCESSENDER_STATE": str(tmp_path / "state")}
            with Sandbox(program, env={**env, "AWS_LAMBDA_RUNTIME_API": api.address}) as late:
                assert 1 == late.processes["function"].wait(20)


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


class TestOneFile:
    """The extension as it lies in /opt/extensions."""

    @pytest.fixture(scope="class")
    @staticmethod
    def one_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Pack the example."""
        made = tmp_path_factory.mktemp("layer") / "extensions" / "flush"
        subprocess.run(
            [sys.executable, "-m", "processender.integrations.aws_lambda.pack", EXAMPLES / "lambda_extension.py", made],
            check=True,
        )
        return made

    def test_it_needs_nothing_beside_it(self, tmp_path: Path, one_file: Path) -> None:
        """Executed as Lambda does, with no package installed, it is registered under its name and has its end."""
        environ = {"PROCESSENDER_STATE": str(tmp_path / "state"), "PYTHONPATH": ""}
        extensions = {"flush": [sys.executable, "-IS", str(one_file)]}
        with Sandbox([sys.executable, "-c", "import os; os.read(os.pipe()[0], 1)"], extensions, environ) as sandbox:
            until(lambda: sandbox.api.names(ready=True), "the extension has not started")
            ended = sandbox.end(seconds=20)

        assert (["flush"], False, 0) == (sandbox.api.names(), ended["flush"].killed, ended["flush"].status)
        assert "clean" == report(tmp_path, "flush")["verdict"]

    def test_it_is_a_program(self, one_file: Path) -> None:
        """Lambda executes every file in the directory."""
        assert os.access(one_file, os.X_OK)
        assert one_file.read_bytes().startswith(b"#!/usr/bin/env python3\n")

    @pytest.mark.parametrize(("name", "why"), [("none.py", "No such file"), ("broken.py", "invalid syntax")])
    def test_what_cannot_be_packed_is_said(
        self, tmp_path: Path, name: str, why: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Before anything is written."""
        (tmp_path / "broken.py").write_text("def (")
        with pytest.raises(SystemExit, match="2"):
            main([str(tmp_path / name), str(tmp_path / "flush")])

        assert why in capsys.readouterr().err
        assert not (tmp_path / "flush").exists()


class TestErrors:
    """What an extension tells Lambda when it cannot do its work."""

    def run(self, tmp_path: Path, body: str, api: Extensions) -> int:
        """Run an external extension to its end; return its exit code."""
        program = f"""
import sys
from processender import Ender
from processender.integrations import aws_lambda
ender = Ender("flush", grace=2, signals=(), state={str(tmp_path / "state")!r}, observers=[])
@ender.handler
def flush():
    open({str(tmp_path / "flushed")!r}, "w").close()
{body}
sys.exit(aws_lambda.run_extension(ender, "flush"))
"""
        env = {**os.environ, "AWS_LAMBDA_RUNTIME_API": api.address}
        ran = subprocess.run([sys.executable, "-c", program], env=env, timeout=60, check=False, capture_output=True)
        return ran.returncode

    def test_a_set_up_that_fails_is_an_error_of_the_start(self, tmp_path: Path, api: Extensions) -> None:
        """Lambda is told before it is told that all is ready, and so takes no request."""
        body = "@ender.resource\ndef pool():\n    raise OSError('no pool')\n    yield"

        assert 1 == self.run(tmp_path, body, api)
        assert ["Extension.SetUpFailed"] == api.errors
        assert [] == api.names(ready=True)
        assert "/2020-01-01/extension/init/error" == api.asked[-1].path

    def test_what_is_open_is_open_before_it_is_ready(self, tmp_path: Path, api: Extensions) -> None:
        """The first request for an event, which says so, comes last."""
        body = f"""
import http.client
@ender.resource
def pool():
    connection = http.client.HTTPConnection({api.address!r}, timeout=20)
    connection.request("GET", "/opened")
    connection.getresponse().read()
    connection.close()
    yield
"""

        def end() -> None:
            until(lambda: api.names(ready=True), "it is not ready")
            api.shutdown()

        threading.Thread(target=end).start()

        assert 0 == self.run(tmp_path, body, api)
        paths = [asked.path.removeprefix("/2020-01-01/extension/") for asked in api.asked]
        assert ["register", "/opened", "event/next"] == paths

    def test_one_that_is_deaf_ends(self, tmp_path: Path, api: Extensions) -> None:
        """It does what it is there for while it can, says why, and frees the sandbox."""
        api.fail(500, path="/2020-01-01/extension/event")

        assert 1 == self.run(tmp_path, "", api)
        assert (["Extension.Deaf"], True) == (api.errors, (tmp_path / "flushed").exists())

    def test_an_error_that_nobody_takes_is_none(self, tmp_path: Path, api: Extensions) -> None:
        """It is too late to do anything about that."""
        api.fail(500, path="/2020-01-01/extension/event")
        api.fail("hang-up", path="/2020-01-01/extension/exit")

        assert 1 == self.run(tmp_path, "", api)


def _register(api: Extensions, name: str, events: list[str]) -> tuple[int, bytes, str]:
    connection = http.client.HTTPConnection(api.address, timeout=20)
    headers = {"Lambda-Extension-Name": name} if name else {}
    connection.request("POST", "/2020-01-01/extension/register", json.dumps({"events": events}), headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, answer.headers.get("Lambda-Extension-Identifier") or ""
