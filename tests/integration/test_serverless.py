"""Containers that their platform ends by SIGTERM and, some seconds later, by SIGKILL: real processes, ended like that."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from processender import Ender
from processender.core.platforms import find
from processender.errors import HandlerError
from processender.integrations import azure_apps, cloud_run
from processender.testing.sources import until

EXAMPLES = Path(__file__).parents[2] / "examples" / "platforms"
RUN = {"K_SERVICE": "orders", "K_REVISION": "orders-00001-abc", "K_CONFIGURATION": "orders"}
FUNCTION = {**RUN, "FUNCTION_TARGET": "hello"}
CONTAINER_APP = {"CONTAINER_APP_NAME": "orders", "CONTAINER_APP_REVISION": "orders--20mh1s9"}
FRAMEWORK = f"""
import os, sys
sys.path.insert(0, {str(EXAMPLES)!r})
from gunicorn.app.base import BaseApplication
import cloud_run_function
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "6")])
    return [cloud_run_function.hello(environ).encode()]
class Framework(BaseApplication):
    # As functions-framework does: the target is loaded before the fork, and nobody can add a hook.
    def load_config(self):
        for key, value in {{"bind": "127.0.0.1:" + os.environ["PORT"], "threads": 4, "workers": 1,
                           "control_socket_disable": True}}.items():
            self.cfg.set(key, value)
    def load(self):
        return app
Framework().run()
"""


def free_port() -> int:
    """Return a port that nobody has."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Container:
    """One process, as a platform starts and ends it."""

    def __init__(self, command: list[str], env: Mapping[str, str], state: Path) -> None:
        self.port, self.state = free_port(), state
        more = {"PORT": str(self.port), "PROCESSENDER_STATE": str(state)}
        self.process = subprocess.Popen(command, env={**os.environ, **env, **more}, stdout=subprocess.PIPE, text=True)

    def get(self, path: str = "/") -> str:
        """Ask for a path; return the body, empty when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        except OSError:
            return ""
        finally:
            connection.close()

    def end(self, seconds: float) -> str:
        """SIGTERM, and SIGKILL if it is still there after so many seconds; return its last words."""
        self.process.send_signal(signal.SIGTERM)
        try:
            said, _ = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return said

    @property
    def report(self) -> dict[str, Any]:
        """Its report."""
        found: dict[str, Any] = json.loads((self.state / "orders" / "reports" / "last.json").read_text())
        return found


@contextmanager
def container(command: list[str], env: Mapping[str, str], state: Path) -> Iterator[Container]:
    """Run a container until it serves, and whatever is left of it no longer than the block."""
    made = Container([sys.executable, *command], env, state)
    try:
        until(made.get, "it does not serve")
        yield made
    finally:
        made.process.kill()
        made.process.communicate()


class TestCloudRun:
    def test_a_service_answers_and_ends_within_its_window(self, tmp_path: Path) -> None:
        """A request that was begun is answered; the window is the 10 s of the platform."""
        with container([str(EXAMPLES / "cloud_run.py")], RUN, tmp_path) as service:
            told: list[str] = []
            client = threading.Thread(target=lambda: told.append(service.get("/?0.5")))
            client.start()
            said = service.end(cloud_run.WINDOW_S)
            client.join()

        assert (["hello\n"], 0) == (told, service.process.returncode)
        assert "flushing, " in said
        assert ("clean", 10.0) == (service.report["verdict"], service.report["window"]["length_s"])

    def test_a_function_ends_in_the_worker_that_has_served_it(self, tmp_path: Path) -> None:
        """The framework is signalled, and has forked; what the worker has gathered is sent all the same."""
        with container(["-c", FRAMEWORK], FUNCTION, tmp_path) as function:
            function.get()
            said = function.end(cloud_run.WINDOW_S)

        assert "flushing 2 requests, " in said
        assert 0 == function.process.returncode
        assert ("exit", "clean", 5.0) == (
            function.report["cause"],
            function.report["verdict"],
            function.report["window"]["length_s"],
        )

    @pytest.mark.parametrize(
        ("environ", "platform", "seconds"),
        [
            (RUN, "cloud-run", 10.0),
            (FUNCTION, "cloud-functions", 5.0),
            ({"CLOUD_RUN_JOB": "nightly", "CLOUD_RUN_TASK_INDEX": "0"}, "cloud-run", 10.0),
        ],
    )
    def test_the_window(self, environ: dict[str, str], platform: str, seconds: float) -> None:
        """From the environment alone; the settings say the same."""
        found = cloud_run.find_grace(environ)

        assert found is not None
        assert seconds == found.seconds
        assert platform in {each.name for each in find(environ, {})}
        assert seconds == cloud_run.settings(environ)["grace"]

    @pytest.mark.parametrize(
        "environ",
        [
            {},
            {"K_SERVICE": "x"},
            {**RUN, "K_REVISION": ""},
            {**RUN, "KUBERNETES_SERVICE_HOST": "10.0.0.1"},
            CONTAINER_APP,
        ],
    )
    def test_elsewhere_nothing_is_known(self, environ: dict[str, str]) -> None:
        """Knative, whose variables are the same, is in a cluster, and has the time of the pod."""
        assert (None, {}) == (cloud_run.find_grace(environ), cloud_run.settings(environ))

    def test_a_function_whose_worker_dies_by_the_signal_is_refused(self) -> None:
        """uvicorn raises SIGTERM again when it has served, and its worker has no handler for it."""
        with pytest.raises(HandlerError, match="deploy it as a service"):
            cloud_run.in_function(Ender("orders"), {**FUNCTION, "FUNCTION_USE_ASGI": "True"})

    def test_the_framework_of_a_function_keeps_its_signals(self) -> None:
        """A service hears them itself."""
        assert () == cloud_run.settings(FUNCTION)["signals"]
        assert "signals" not in cloud_run.settings(RUN)


class TestAzure:
    def test_a_container_app_ends_within_its_window(self, tmp_path: Path) -> None:
        """The service is the same as elsewhere, and its window that of the platform."""
        program = (EXAMPLES / "cloud_run.py").read_text().replace("cloud_run", "azure_apps")
        with container(["-c", program], CONTAINER_APP, tmp_path) as service:
            said = service.end(azure_apps.WINDOW_S)

        assert "flushing, " in said
        assert ("clean", 30.0) == (service.report["verdict"], service.report["window"]["length_s"])

    @pytest.mark.parametrize(
        ("environ", "platform", "seconds"),
        [
            (CONTAINER_APP, "container-apps", 30.0),
            ({"FUNCTIONS_WORKER_RUNTIME": "python", "WEBSITE_SITE_NAME": "orders"}, "azure-functions", 0.0),
        ],
    )
    def test_the_window(self, environ: dict[str, str], platform: str, seconds: float) -> None:
        """30 s for an app; none for a function, whose process is killed."""
        found = azure_apps.find_grace(environ)

        assert found is not None
        assert seconds == found.seconds
        assert [platform] == [each.name for each in find(environ, {})]
        assert seconds == azure_apps.settings(environ).get("grace", 0.0)

    @pytest.mark.parametrize("environ", [{}, {"CONTAINER_APP_NAME": "x"}, {"WEBSITE_SITE_NAME": "x"}, RUN])
    def test_elsewhere_nothing_is_known(self, environ: dict[str, str]) -> None:
        """A web app that is no function among them."""
        assert (None, {}) == (azure_apps.find_grace(environ), azure_apps.settings(environ))


class TestSettings:
    @pytest.mark.parametrize(("room", "environ"), [(cloud_run, RUN), (azure_apps, CONTAINER_APP)])
    def test_the_state_that_an_operator_names_counts(self, room: Any, environ: dict[str, str]) -> None:
        """Otherwise it is where a container may always write."""
        assert "/tmp/processender" == room.settings(environ)["state"]
        assert "/data" == room.settings({**environ, "PROCESSENDER_STATE": "/data"})["state"]
