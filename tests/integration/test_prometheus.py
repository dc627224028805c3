"""Figures as a Prometheus gets them: a real one that scrapes an agent, and the registry of an application."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
from prometheus_client.parser import text_string_to_metric_families

from processender import Ender
from processender.accounts.kinds import KINDS
from processender.integrations.prometheus import expose_totals
from processender.testing.processes import Program
from tests.integration.agents import SLEEPER, agent, stops_with
from tests.integration.servers import free_port, running
from tests.integration.test_alerts import RULES
from tests.waits import until

DASHBOARD = RULES.parent / "dashboard.json"
BEGUN, ENDED = "processender_shutdowns_initiated_total", "processender_shutdowns_completed_total"


class Server:
    """A Prometheus, as its HTTP API shows it."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"

    def ask(self, path: str, **query: str) -> Any:
        """Return the data of an answer; fail where there is none."""
        with urllib.request.urlopen(f"{self._url}/{path}?{urllib.parse.urlencode(query)}", timeout=30) as answer:
            said = json.load(answer)
        assert "success" == said["status"], said
        return said["data"]

    def value(self, expression: str) -> str:
        """Return the value of *expression*, empty as long as there is none."""
        found = self.ask("query", query=expression)["result"]
        return found[0]["value"][1] if found else ""


def ready(port: int) -> bool:
    """Tell whether a Prometheus answers: it listens before."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=30) as answer:
            return bool(200 == answer.status)
    except OSError:
        return False


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a state directory in which an agent has ended twice before: once well, once with a handler that fails."""
    state = tmp_path_factory.mktemp("state")
    config = state / "pe.toml"
    config.write_text('service = "shop"\n[handlers.flush]\nrun = ["false"]\nphase = "flush"\n')
    for options in (["--service", "shop"], ["-c", str(config)]):
        with agent(options, SLEEPER, PROCESSENDER_STATE=str(state)) as program:
            stops_with(program)
    return state


@pytest.fixture(scope="module")
def scraped(state: Path) -> Iterator[Server]:
    """Return a Prometheus, with our rules, that scrapes an agent which runs."""
    program = shutil.which("prometheus")
    assert program is not None, "Prometheus is needed: `make test` installs it"
    port, own = free_port(), free_port()
    # Each second, where it is once in a minute in earnest.
    rules = state / "rules.yml"
    rules.write_text(RULES.read_text(encoding="utf-8").replace("interval: 1m", "interval: 1s"))
    config = state / "prometheus.yml"
    config.write_text(
        json.dumps({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [{"job_name": "agents", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}],
        })
    )  # fmt: skip
    argv = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={state}/data",
        f"--web.listen-address=127.0.0.1:{own}",
    ]
    options = ["--service", "shop", "--control-listen", f"127.0.0.1:{port}"]
    with agent(options, SLEEPER, PROCESSENDER_STATE=str(state)) as served:
        served.wait_for("ready")
        with running(argv, lambda: ready(own)):
            server = Server(own)
            until(lambda: server.value('up{job="agents"}') == "1")
            yield server


def test_a_real_prometheus_scrapes_what_became_of_all_former_lives(scraped: Server) -> None:
    """The totals outlast the processes that counted: the agent that is asked has not ended yet."""
    of = 'service="shop",cause="SIGTERM"'

    assert "2" == until(lambda: scraped.value(f"{BEGUN}{{{of}}}"))
    assert ("1", "1") == tuple(scraped.value(f'{ENDED}{{{of},verdict="{each}"}}') for each in ("clean", "degraded"))
    assert "0.5" == scraped.value("processender_graceful_ratio")
    assert "1" == scraped.value('processender_handler_outcomes_total{handler="flush",outcome="failed"}')
    assert "2" == scraped.value('processender_handler_duration_seconds_count{handler="command"}')
    assert "1" == scraped.value("processender_command_running")
    assert "0" == scraped.value("processender_obligations_dead")


def test_the_agent_tells_the_type_and_the_meaning_of_each_figure(scraped: Server) -> None:
    """As the metadata of the target."""
    found = until(lambda: scraped.ask("metadata", metric=BEGUN))[BEGUN][0]

    assert ("counter", True) == (found["type"], found["help"].startswith("Runs that have begun."))


def test_the_rules_and_all_expressions_of_the_dashboard_are_evaluated_without_an_error(scraped: Server) -> None:
    """By the real thing; the variables have the values that Grafana gives them."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    expressions += [each["expr"] for each in dashboard["annotations"]["list"]]
    values = {"$__interval": "5m", "$__range": "7d", "$service": ".*"}
    for expression in expressions:
        scraped.ask("query", query=re.sub(r"\$\w+", lambda name: values[name[0]], expression))

    def rules() -> list[dict[str, Any]]:
        found = [rule for group in scraped.ask("rules")["groups"] for rule in group["rules"]]
        return [] if any(rule["health"] == "unknown" for rule in found) else found

    assert [] == [rule.get("lastError") for rule in until(rules) if rule["health"] != "ok"]


def test_every_figure_is_on_the_dashboard_and_it_is_as_its_tool_writes_it() -> None:
    """One that nobody can see says nothing."""
    text = DASHBOARD.read_text(encoding="utf-8")
    ran = subprocess.run([sys.executable, "tools/dashboard.py", "--check"], cwd=RULES.parent.parent.parent, check=False)

    assert [] == [
        name for name in KINDS if f"{name}{{" not in text and f"{name}_" not in text and f"{name}[" not in text
    ]
    assert 0 == ran.returncode


def found_in(registry: prometheus_client.CollectorRegistry) -> dict[str, float]:
    """Return what *registry* exposes, by name, verdict and outcome."""
    text = prometheus_client.generate_latest(registry).decode()
    samples = [each for family in text_string_to_metric_families(text) for each in family.samples]
    return {
        " ".join([each.name, *(v for k, v in each.labels.items() if k in {"verdict", "le"})]): each.value
        for each in samples
    }


def test_a_registry_of_the_client_exposes_the_totals_of_the_service(tmp_path: Path) -> None:
    """Also of runs of other processes; the exposition of its own collectors is not changed."""
    ender = Ender("shop", grace=5, signals=(), state=str(tmp_path), exit="return", observers=())
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.Counter("requests", "Ours.", registry=registry).inc()
    expose_totals(ender, registry)
    before = found_in(registry)
    with ender:
        pass
    after = found_in(registry)

    assert (0, 0) == (before[BEGUN], before[f"{ENDED} clean"])
    assert 1 == after["requests_total"] == after["processender_shutdown_duration_seconds_bucket +Inf"]
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        expose_totals(ender, registry)


WORKER = """
import sys
from prometheus_client import CollectorRegistry, Counter, generate_latest, multiprocess
from processender import Ender
from processender.accounts.kinds import KINDS
from processender.integrations.prometheus import expose_totals

requests = Counter('requests', 'Ours.')
requests.inc()
ender = Ender('shop', grace=5, signals=(), exit='return', observers=())
with ender:
    pass
registry = CollectorRegistry()
multiprocess.MultiProcessCollector(registry)
expose_totals(ender, registry)
print(generate_latest(registry).decode(), flush=True)
"""


def test_in_the_multiprocess_mode_every_worker_tells_the_same_and_nothing_is_counted_twice(tmp_path: Path) -> None:
    """One after the other: the second tells of both."""
    (tmp_path / "metrics").mkdir()
    environ = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"), "PROCESSENDER_STATE": str(tmp_path / "state")}
    said = []
    for _ in range(2):
        with Program([sys.executable, "-c", WORKER], env=os.environ | environ) as program:
            assert 0 == program.wait(), program.output
            said.append(program.output)

    assert f'{BEGUN}{{cause="exit",service="shop"}} 1.0' in said[0]
    assert f'{BEGUN}{{cause="exit",service="shop"}} 2.0' in said[1]
    assert "requests_total 2.0" in said[1]
