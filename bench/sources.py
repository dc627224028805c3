"""How soon a source tells what its platform says, and what watching costs."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from processender.testing.cluster import Cluster, Pod
from processender.testing.containerd import Containerd
from processender.testing.engines import ID, Engine
from processender.testing.extensions import Extensions
from processender.testing.logind import SystemBus
from processender.testing.metadata import Metadata, black_hole
from processender.testing.nut import Upsd
from processender.testing.served import Served, Told, as_json

from .figures import Figure, say

SCRIPTS = Path(__file__).parent / "scripts"
PERIOD_S = 0.5
SLACK_MS = 20.0
ROUNDS = 7
IDLE_S = 30
MOTO_MS = 30.0
KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
"""What every client of AWS wants to have, and no double looks at."""
BETWEEN = "import subprocess, sys; subprocess.Popen(sys.argv[1:]).wait()"


def measure() -> list[Figure]:
    """Measure all of it."""
    return [*_latencies(), *_near(), *_cost(), *_start()]


def _watch(*words: str, state: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPTS / "watch.py"), *words]
    for name, text in (("token", "token-1"), ("namespace", "default")):
        Path(state, name).write_text(text)
    env = {"PROCESSENDER_STATE": state, "ACCOUNT": state, "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    env |= KEYS
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


def _armed(process: subprocess.Popen[str]) -> float:
    """Return the seconds that it took to begin to listen."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args} has ended before it listened")
    return float(line)


def _told(process: subprocess.Popen[str]) -> float:
    """Return when the first handler ran, and wait for the end."""
    assert process.stdout is not None
    told = float(process.stdout.readline())
    process.wait(60)
    process.stdout.close()
    return told


def _delay(cloud: str, double: Any, announce: Callable[[], object], offset: float) -> float:
    """Return the seconds from the platform's word to the first handler."""
    with tempfile.TemporaryDirectory() as state:
        process = _watch(cloud, double.url, str(PERIOD_S), state=state)
        _armed(process)
        while not double.asked:
            time.sleep(0.005)
        time.sleep(offset)
        said = time.monotonic()
        announce()
        return _told(process) - said


def _latencies() -> list[Figure]:
    polled: dict[str, Callable[[Metadata], object]] = {
        "aws": Metadata.spot,
        "ecs": lambda double: double.task.update(DesiredStatus="STOPPED"),
        "azure": lambda double: double.event("Preempt", seconds=30),
        "alibaba": Metadata.alibaba,
        "gcp": lambda double: double.value("preempted", "TRUE"),
    }
    figures = []
    for cloud, announce in polled.items():
        delays = []
        for number in range(ROUNDS):
            say(f"sources: {cloud} {number}")
            with Metadata() as double:
                # A held request, where there is one, is there after the first answers.
                offset = 1.2 if cloud == "gcp" else 0.1 + PERIOD_S * number / ROUNDS
                delays.append(_delay(cloud, double, lambda: announce(double), offset))  # noqa: B023
        period = 0.0 if cloud == "gcp" else PERIOD_S * 1000
        figures.append(_latency(cloud, delays, period))
    how = f"pushed; {MOTO_MS:.0f} ms for moto's own two requests and its pace"
    figures.append(_latency("aws queue", _queue(), MOTO_MS, how))
    delays = []
    for _ in range(ROUNDS):
        with Extensions(["flush"]) as api:
            delays.append(_delay("lambda", api, api.shutdown, 0.1))
    figures.append(_latency("lambda", delays, 0.0))
    delays = []
    for number in range(ROUNDS):
        say(f"sources: kubernetes {number}")
        with Cluster(token="token-1") as cluster:
            cluster.run(Pod("shop"))
            # By then it has listed the pod and watches it.
            delays.append(_delay("kubernetes", cluster, lambda: cluster.delete("shop"), 1.0))
    figures.append(_latency("kubernetes", delays, 0.0))
    return [*figures, *_containers(), _latency("logind", [_pushed() for _ in range(ROUNDS)], 0.0)]


def _containers() -> list[Figure]:
    figures = []
    delays = []
    for _ in range(ROUNDS):
        with Engine(stop_timeout=30) as engine:
            delays.append(_delay("docker", engine, engine.stop, 0.1))
    figures.append(_latency("docker", delays, 0.0))
    delays = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as place, Containerd(f"{place}/s") as containerd:
            delays.append(_delay("containerd", containerd, lambda: containerd.exit(ID), 0.1))
    figures.append(_latency("containerd", delays, 0.0))
    return figures


def _pushed() -> float:
    """Return the seconds from the signal of logind to the first handler."""
    with tempfile.TemporaryDirectory() as state, SystemBus() as machine:
        process = _watch("logind", machine.address, "0", state=state)
        _armed(process)
        while not machine.inhibitors:
            time.sleep(0.005)
        time.sleep(0.1)
        said = time.monotonic()
        machine.prepare()
        return _told(process) - said


class Queue:
    """A queue of moto's, which holds a request that finds nothing."""

    asked = True

    def __init__(self, endpoint: str, name: str) -> None:
        """Make one."""
        from boto3.session import Session

        self._api = Session().client("sqs", endpoint_url=endpoint, region_name="eu-west-1")
        self.url = self._api.create_queue(QueueName=name)["QueueUrl"]

    def warn(self) -> None:
        """Put what EventBridge puts there when a spot instance is taken back."""
        detail = {"instance-id": "i-1", "instance-action": "terminate"}
        event = {"detail-type": "EC2 Spot Instance Interruption Warning", "time": "", "detail": detail}
        self._api.send_message(QueueUrl=self.url, MessageBody=json.dumps(event))


def _queue() -> list[float]:
    """Return the seconds from a message to the first handler."""
    from tests.integration.servers import s3 as moto

    os.environ.update(KEYS)
    delays = []
    with moto() as endpoint:
        for number in range(ROUNDS):
            say(f"sources: aws queue {number}")
            queue = Queue(endpoint, f"bench-{number}")
            # By then the client has made its connection, and waits.
            delays.append(_delay("queue", queue, queue.warn, 1.0))
    return delays


class Page(Served):
    """A server that says what is to happen."""

    told = Told(204)

    def answer(self, _asked: object) -> Told:
        return self.told


class Door:
    """A place where a file may appear."""

    asked = True

    def __enter__(self) -> Self:
        self._place = tempfile.TemporaryDirectory(dir=Path.home())
        self.url = f"{self._place.name}/leave"
        return self

    def __exit__(self, *_: object) -> None:
        self._place.cleanup()


def _near() -> list[Figure]:
    """Measure what is no metadata service: a UPS, a file, a URL, a parent."""
    kinds: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
        "nut": (Upsd, lambda double: double.status("OB LB", runtime=60)),
        "file": (Door, lambda double: Path(double.url).write_text("within = 20s")),
        "http": (Page, lambda double: setattr(double, "told", as_json({"action": "stop"}))),
    }
    figures = []
    for kind, (make, announce) in kinds.items():
        delays = []
        for number in range(ROUNDS):
            say(f"sources: {kind} {number}")
            with make() as double:
                delays.append(_delay(kind, double, lambda: announce(double), 0.1 + PERIOD_S * number / ROUNDS))  # noqa: B023
        figures.append(_latency(kind, delays, PERIOD_S * 1000))
    return [*figures, _latency("parent", [_orphaned() for _ in range(ROUNDS)], 0.0)]


def _orphaned() -> float:
    """Return the seconds from the end of a parent to the first handler."""
    say("sources: parent")
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, "-c", BETWEEN, sys.executable, str(SCRIPTS / "watch.py"), "parent", "-", "1"]
        env = {"PROCESSENDER_STATE": state, "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as between:
            _armed(between)
            assert between.stdout is not None
            time.sleep(0.1)
            said = time.monotonic()
            between.kill()
            told = float(between.stdout.readline())
            between.stdout.read()
    return told - said


def _latency(cloud: str, delays: list[float], period: float, how: str = "") -> Figure:
    most = max(delays) * 1000
    how = how or (f"period {period:.0f} ms" if period else "pushed")
    beside = f"{how}; p50 {statistics.median(delays) * 1000:.1f} ms of {len(delays)}"
    return Figure(f"{cloud}: notice to first handler, most", most, "ms", bar=period + SLACK_MS, beside=beside)


def _cost() -> list[Figure]:
    with tempfile.TemporaryDirectory() as state, Metadata() as double:
        say("sources: what watching costs")
        process = _watch("aws", double.url, "2.0", "--idle", str(IDLE_S), state=state)
        told, _ = process.communicate()
        asked = len(double.asked)
    with tempfile.TemporaryDirectory() as state:
        idle, _ = _watch("nothing", "-", "2.0", "--idle", "5", state=state).communicate()
    share, nothing = (float(text.split()[1]) * 100 for text in (told, idle))
    beside = f"{asked} requests in {IDLE_S + 3} s; the Ender alone {nothing:.3f} %"
    return [Figure("watching all paths of AWS, of one core", share, "%", bar=0.1, beside=beside)]


def _start() -> list[Figure]:
    took = {}
    with black_hole() as url:
        for cloud in ("nothing", "aws", "gcp", "azure", "alibaba", "docker", "kubernetes"):
            times = []
            for _ in range(5):
                with tempfile.TemporaryDirectory() as state:
                    process = _watch(cloud, url, "2.0", state=state)
                    times.append(_armed(process) * 1000)
                    process.kill()
                    process.communicate()
            took[cloud] = statistics.median(times)
    most = max((ms, cloud) for cloud, ms in took.items() if cloud != "nothing")
    beside = f"{most[1]}; without a source {took['nothing']:.1f} ms"
    return [
        Figure(
            "start with an address that swallows everything", most[0] - took["nothing"], "ms", bar=100, beside=beside
        )
    ]
