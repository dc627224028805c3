"""The agent exports, and `processender deliver` sends what is left."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processender.testing.collector import Collector, read
from processender.testing.processes import Program
from processender.testing.served import Asked, Served, Told
from tests.integration.agents import SLEEPER, agent, python, stops_with


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Run a collector."""
    with Collector() as found:
        yield found


class Receiver(Served):
    """A server that takes everything."""

    def answer(self, asked: Asked) -> Told:
        """Take it."""
        return Told(202)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Run a server that takes everything."""
    with Receiver() as found:
        yield found


def configured(tmp_path: Path, text: str) -> list[str]:
    """Write a configuration and return the flags that name it."""
    file = tmp_path / "pe.toml"
    file.write_text(text)
    return ["--service", "shop", "-c", str(file)]


def otlp(collector: Collector) -> str:
    """Return a table that exports to *collector*."""
    return f'[export.away]\nkind = "otlp"\nurl = "{collector.url}"\n'


def deliver(program: Program, *options: str) -> tuple[int, Any]:
    """Run `processender deliver` beside *program* and return its exit code and its data."""
    argv = [sys.executable, "-m", "processender", "deliver", "--json", *options]
    ran = subprocess.run(argv, env=program.environ, capture_output=True, text=True, check=False, cwd="/", timeout=60)
    return ran.returncode, json.loads(ran.stdout) if ran.stdout else ran.stderr


def test_an_agent_exports_the_end_of_its_command(collector: Collector, tmp_path: Path) -> None:
    """Its own steps, and the handlers of an Ender that has joined, stand in one trace."""
    source = (
        "from processender import Ender\nimport os\n"
        "with Ender('web', grace=5) as ender:\n    ender.add(lambda: None, name='flush', phase='flush')\n"
        "    os.write(1, b'ready\\n')\n    ender.stopping.wait()\n"
    )
    with agent(configured(tmp_path, otlp(collector)), [sys.executable, "-c", source]) as program:
        stops_with(program)

    (spans,) = collector.traces().values()
    names = {each.name for each in spans}
    assert {"shutdown", "handler command", "handler web/flush"} <= names
    assert "shop" == collector.resources[0]["service.name"]


def test_a_crash_is_a_trace_with_what_followed_it(collector: Collector, tmp_path: Path) -> None:
    """It is sent before the agent goes, although no notice has come; its handlers are in it."""
    more = '[on_crash.handlers.page]\nrun = ["true"]\n'
    with agent(configured(tmp_path, otlp(collector) + more), python("import os; os.abort()")) as program:
        assert 134 == program.wait(30)

    (root,) = [each for each in collector.spans if each.name == "crash"]
    said = read(root.attributes)
    beneath = {each.name for each in collector.spans if each.parent_span_id == root.span_id}

    assert ("signal", "SIGABRT") == (said["processender.crash.cause"], said["processender.crash.signal"])
    assert "handler page" in beneath
    assert {"crash", "signal"} == {root.name, root.status.message}
    assert "processender.crashes" in {each.name for each in collector.metrics}


def test_deliver_sends_what_is_left(collector: Collector, tmp_path: Path) -> None:
    """With the exporters of the configuration; without them it says whose is missing; what was put aside comes again."""
    flags = configured(tmp_path, otlp(collector))
    collector.fail(503)
    with agent(flags, SLEEPER) as program:
        stops_with(program)
        file = flags[-1]
        unknown = deliver(program)
        collector.fail(400)
        refused = deliver(program, "-c", file)
        delivered = deliver(program, "-c", file, "--again")
        nothing = deliver(program, "-c", file)

    assert (1, False, 1) == (unknown[0], unknown[1][0]["known"], unknown[1][0]["left"])
    assert (0, 0) == (refused[0], refused[1][0]["delivered"])
    assert (0, 1, 0) == (delivered[0], delivered[1][0]["delivered"], delivered[1][0]["left"])
    assert (0, 0) == (nothing[0], nothing[1][0]["delivered"])
    assert 1 == len(collector.traces())


def test_it_posts_cloud_events_and_pushes_to_a_gateway(receiver: Receiver, tmp_path: Path) -> None:
    """Each as its specification has it, with the secret where it belongs; the id is that of the report."""
    (tmp_path / "token").write_text("Bearer 7e57\n")
    text = (
        f'[export.hook]\nkind = "cloudevents"\nurl = "{receiver.url}/hook"\n'
        f'headers = {{ authorization = {{ file = "{tmp_path}/token" }} }}\n'
        f'[export.push]\nkind = "pushgateway"\nurl = "{receiver.url}"\nwith = {{ grouping = {{ path = "a/b" }} }}\n'
    )
    with agent(configured(tmp_path, text), SLEEPER) as program:
        stops_with(program)
        report = program.report()

    by_path = {each.path: each for each in receiver.asked}
    event = json.loads(by_path["/hook"].body)
    pushed = by_path["/metrics/job/shop/path@base64/YS9i"]

    assert "Bearer 7e57" == by_path["/hook"].headers["authorization"]
    assert by_path["/hook"].headers["content-type"].startswith("application/cloudevents+json")
    assert (report["id"], "dev.processender.run.v1") == (event["id"], event["type"])
    assert report == event["data"]
    assert b'processender_shutdowns_completed_total{service="shop",cause="SIGTERM",verdict="clean"} 1' in pushed.body
    assert "text/plain; version=0.0.4; charset=utf-8" == pushed.headers["content-type"]
