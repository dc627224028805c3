"""The rules of `deploy/observability`, on series that real runs have made: promtool evaluates them over virtual days."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from processender.accounts.exposition import exposition
from processender.measuring import Measuring
from processender.testing.processes import Program
from tests.waits import until

RULES = Path(__file__).parent.parent.parent / "deploy" / "observability" / "rules.yml"
RUNS = """
import sys, threading
from processender import Ender
from processender.errors import Permanent

name, mode, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
for _ in range(count):
    ender = Ender(name, grace=20, signals=(), exit='return', observers=())

    @ender.handler(phase='flush')
    def flush():
        if mode == 'fails':
            raise ValueError('no')
        if mode == 'slow':
            threading.Event().wait(0.7)
        if mode == 'hangs':
            print('hanging', flush=True)
            threading.Event().wait()

    @ender.releaser('thing')
    def release(obligation):
        raise Permanent('it is not ours')

    with ender:
        if mode == 'owes':
            ender.obligation('thing', key='k').acquire()
"""
Series = dict[str, float]


class Service:
    """A service whose processes run for real, and how it stands between them."""

    def __init__(self, state: Path, name: str) -> None:
        self._state = str(state)
        self._name = name
        self._measuring = Measuring(str(state / name), name)

    def run(self, mode: str, count: int = 1, processes: int = 1) -> None:
        """Let some processes at once begin and end *count* times each; kill one that hangs."""
        argv = [sys.executable, "-c", RUNS, self._name, mode, str(count)]
        before = self.begun()
        programs = [
            Program(argv, env={"PROCESSENDER_STATE": self._state}, cwd="/").__enter__() for _ in range(processes)
        ]
        for program in programs:
            if mode == "hangs":
                program.wait_for("hanging")
                # It is counted beside the first handler, and not before it.
                until(lambda: self.begun() > before)
            else:
                assert 0 == program.wait(), program.output
            program.__exit__(None, None, None)

    def begun(self) -> float:
        """Return how many runs have begun."""
        return sum(self._measuring.tally(2e9).values["processender_shutdowns_initiated_total"].values())

    def series(self) -> Series:
        """Return what a scrape would find now."""
        families = text_string_to_metric_families(exposition(self._measuring.tally(2e9)))
        return {
            f"{each.name}{{{','.join(f'{name}={json.dumps(value)}' for name, value in each.labels.items())}}}": each.value
            for family in families
            for each in family.samples
        }


@pytest.fixture(scope="module")
def promtool() -> str:
    """Return promtool, which Debian's package of Prometheus has."""
    found = shutil.which("promtool")
    assert found is not None, "promtool is needed: `make test` installs it"
    return found


def evaluated(tmp_path: Path, promtool: str, every: str, tests: list[dict[str, object]]) -> None:
    """Let promtool evaluate the rules over *tests*; fail with what it says."""
    file = tmp_path / "tests.yml"
    # In their order: what was recorded an hour ago is no more there in the meantime.
    order = {"group_eval_order": ["processender", "processender-alerts"], "evaluation_interval": every}
    file.write_text(json.dumps({"rule_files": [str(RULES)], **order, "tests": tests}))
    ran = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)

    assert 0 == ran.returncode, ran.stdout + ran.stderr


def steps(*stood: tuple[Series, int]) -> list[dict[str, str]]:
    """Return the series that stand one after the other for so many scrapes each."""
    names = dict.fromkeys(name for series, _ in stood for name in series)
    return [
        {"series": name, "values": " ".join(f"{series.get(name, '_')}x{count - 1}" if name in series else f"_x{count}" for series, count in stood)}
        for name in names
    ]  # fmt: skip


def firing(at: str, name: str, *found: str) -> dict[str, object]:
    """Return the test that the alert *name* fires *at* a time for exactly these sets of labels."""
    expression = f'ALERTS{{alertname="{name}",alertstate="firing"}}'
    samples = [{"labels": f'ALERTS{{alertname="{name}",alertstate="firing",{labels}}}', "value": 1} for labels in found]
    return {"expr": expression, "eval_time": at, "exp_samples": samples}


def test_the_rules_are_what_prometheus_takes(promtool: str) -> None:
    """With all its own checks."""
    ran = subprocess.run([promtool, "check", "rules", "--lint=all", "--lint-fatal", str(RULES)], check=False)

    assert 0 == ran.returncode


def test_alerts_tell_of_ungraceful_ends_of_kills_and_of_dead_letters(tmp_path: Path, promtool: str) -> None:
    """Of the service that has them, and not of one that ends well; each when it has been so for its time."""
    shop, calm = Service(tmp_path, "shop"), Service(tmp_path, "calm")
    shop.run("fast")
    calm.run("fast")
    before, quiet = shop.series(), calm.series()
    shop.run("fails", 6)
    shop.run("hangs")
    shop.run("owes")
    calm.run("fast", 6)
    after, still = shop.series(), calm.series()
    series = [*steps((before, 30), (after, 90)), *steps((quiet, 30), (still, 90))]
    page, ticket = 'service="shop",severity="page"', 'service="shop",severity="ticket"'
    tests = [
        firing("29m", "ProcessEnderGraceBudgetBurnsFast"),
        firing("42m", "ProcessEnderGraceBudgetBurnsFast", page),
        firing("34m", "ProcessEnderDeadObligations"),
        firing("36m", "ProcessEnderDeadObligations", ticket),
        firing("44m", "ProcessEnderKilled"),
        firing("47m", "ProcessEnderKilled", ticket),
        firing("95m", "ProcessEnderGraceBudgetBurns", ticket),
        firing("110m", "ProcessEnderKilled"),
        firing("110m", "ProcessEnderHandlerSlower"),
    ]

    evaluated(tmp_path, promtool, "1m", [{"interval": "1m", "input_series": series, "promql_expr_test": tests}])


def test_an_end_that_was_scraped_in_its_middle_is_no_kill_when_its_agent_is_gone(tmp_path: Path, promtool: str) -> None:
    """Nobody has seen how it went; if there is a next life, that tells."""
    shop = Service(tmp_path, "shop")
    shop.run("fast", 6)
    before = shop.series()
    shop.run("hangs")
    series = [
        {**each, "values": f"{each['values']} stale"}
        for each in steps((before, 30), (shop.series(), 2))
        if "le=" not in each["series"]
    ]
    tests = [firing(f"{minute}m", "ProcessEnderKilled") for minute in (33, 50, 60)]

    evaluated(tmp_path, promtool, "1m", [{"interval": "1m", "input_series": series, "promql_expr_test": tests}])


def test_an_alert_tells_of_a_handler_that_became_slower(tmp_path: Path, promtool: str) -> None:
    """Half as slow again as in the week before; in an hour, and no other handler."""
    shop = Service(tmp_path, "shop")
    shop.run("fast")
    first = shop.series()
    shop.run("fast", 6)
    week = shop.series()
    shop.run("slow", 3, processes=2)
    slow = shop.series()
    # A scrape each hour: a day with one run, a week with six, a day with six slow ones.
    series = steps((first, 48), (week, 168), (slow, 24))
    tests = [
        firing("215h", "ProcessEnderHandlerSlower"),
        firing("220h", "ProcessEnderHandlerSlower", 'service="shop",handler="flush",severity="ticket"'),
        firing("220h", "ProcessEnderGraceBudgetBurns"),
    ]

    evaluated(tmp_path, promtool, "1h", [{"interval": "1h", "input_series": series, "promql_expr_test": tests}])
