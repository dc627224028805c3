"""Drainers in front of a real command: left at the end and by `drain`, come back to by `resume` and when it is ready."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from processender.testing.consul import ConsulAgent
from processender.testing.processes import Program
from tests.integration.agents import SLEEPER, agent, outcomes, python
from tests.integration.test_agent_drain import steer, wait_until
from tests.integration.test_agent_systemd import SAY, Manager, manager, unit

__all__ = ["manager"]


@pytest.fixture
def consul() -> Iterator[ConsulAgent]:
    """Run Consul's agent with one service, which an earlier process has left in maintenance."""
    with ConsulAgent() as found:
        found.register({"ID": "web-1", "Name": "web", "Port": 8080})
        found.maintenance["web-1"] = "of an earlier life"
        yield found


@pytest.fixture
def config(consul: ConsulAgent, tmp_path: Path) -> Path:
    """Write a configuration that leaves traffic at Consul."""
    file = tmp_path / "pe.toml"
    file.write_text(f"""
[handlers.consul]
drain = "consul"
with = {{ service = "web-1", url = "{consul.url}", reason = "by the agent", wait = "5s" }}
timeout = "8s"
""")
    return file


def is_back(consul: ConsulAgent) -> bool:
    """Tell whether somebody has switched the maintenance off, and has seen that."""
    with consul.lock:
        return not consul.maintenance and consul.asked[-1].path.startswith("/v1/health")


def notes(program: Program, name: str = "consul") -> list[str]:
    """Return what a handler has noted in the last report."""
    return next(each["notes"] for each in program.report()["handlers"] if each["name"] == name)


def test_traffic_comes_when_the_command_is_ready_and_is_left_at_its_end(consul: ConsulAgent, config: Path) -> None:
    """What the earlier process has left behind is taken back, and the report says what was seen."""
    with agent(["-c", str(config)], SLEEPER) as program:
        program.wait_for("ready")
        wait_until(lambda: is_back(consul))

        assert ["web-1"] == consul.passing("web")
        program.signal("TERM")
        assert 143 == program.wait()
        assert {"web-1": "by the agent"} == consul.maintenance
        assert ("done", ["Consul no longer lists web-1"]) == (outcomes(program)["consul"], notes(program))


def test_drain_and_resume_by_the_command_line(consul: ConsulAgent, config: Path) -> None:
    """The command goes on, without traffic and with it again."""
    with agent(["-c", str(config)], SLEEPER) as program:
        program.wait_for("ready")
        wait_until(lambda: is_back(consul))
        steer(program, "drain")
        program.wait_for("drained")

        assert [] == consul.passing("web")
        steer(program, "resume")
        program.wait_for("ended cancelled")
        # The report is written behind that line.
        wait_until(lambda: "done" == outcomes(program).get("resume consul"))
        assert ["web-1"] == consul.passing("web")
        assert {"consul": "done", "resume consul": "done"}.items() <= outcomes(program).items()


def test_each_life_of_the_command_comes_back(consul: ConsulAgent, config: Path) -> None:
    """Also after a restart."""
    with agent(["-c", str(config)], SLEEPER) as program:
        program.wait_for("ready")
        wait_until(lambda: is_back(consul))
        with consul.lock:
            consul.maintenance["web-1"] = "by somebody else"
        steer(program, "restart")
        program.wait_for("ready", 2)
        wait_until(lambda: is_back(consul))

        assert ["web-1"] == consul.passing("web")


def test_nobody_comes_back_before_the_checks_say_that_it_is_ready(consul: ConsulAgent, config: Path) -> None:
    """A command that has only been started serves nobody."""
    up = config.parent / "up"
    config.write_text(config.read_text() + f"""
[checks.up]
run = ["test", "-e", "{up}"]
kind = "startup"
every = "50ms"
""")  # fmt: skip
    with agent(["-c", str(config)], ["sh", "-c", "echo begun; exec sleep 60"]) as program:
        program.wait_for("begun")
        steer(program, "status")

        assert {"web-1": "of an earlier life"} == consul.maintenance
        up.touch()
        wait_until(lambda: is_back(consul))
        assert {} == consul.maintenance


def test_a_unit_that_says_itself_when_it_is_ready_is_waited_for(
    consul: ConsulAgent, config: Path, manager: Manager
) -> None:
    """Its READY=1 is the point, and not its start."""
    config.write_text(f'ready = "notify"\n{config.read_text()}')
    says = config.parent / "says"
    wait = f"print('begun', flush=True)\nwhile not os.path.exists({str(says)!r}): time.sleep(0.02)\n"
    with unit(manager, ["-c", str(config)], python(f"{SAY}{wait}say('READY=1')\ntime.sleep(60)")) as program:
        program.wait_for("begun")
        manager.wait_for("waiting for")

        assert {"web-1": "of an earlier life"} == consul.maintenance
        says.touch()
        wait_until(lambda: is_back(consul))
        assert {} == consul.maintenance
        program.signal("TERM")
        program.wait()


def test_a_reload_exchanges_drainers(consul: ConsulAgent, config: Path) -> None:
    """Also one that had something to take back: the new name leaves, and the old one is gone."""
    with agent(["-c", str(config)], SLEEPER) as program:
        program.wait_for("ready")
        wait_until(lambda: is_back(consul))
        config.write_text(config.read_text().replace("handlers.consul", "handlers.catalog"))
        with consul.lock:
            consul.maintenance["web-1"] = "of an earlier life"

        assert 0 == steer(program, "reload").returncode
        wait_until(lambda: is_back(consul))
        assert {} == consul.maintenance
        program.signal("TERM")
        program.wait()
        assert {"web-1": "by the agent"} == consul.maintenance
        assert "done" == outcomes(program)["catalog"]
        assert "consul" not in outcomes(program)


def test_a_target_that_is_away_costs_its_time_and_nothing_else(consul: ConsulAgent, config: Path) -> None:
    """The command is ended all the same, and the report says why."""
    config.write_text(config.read_text().replace(consul.url, "http://127.0.0.1:1"))
    with agent(["-c", str(config)], SLEEPER) as program:
        program.wait_for("ready")
        program.wait_for("could not be brought back")
        program.signal("TERM")

        assert 143 == program.wait()
        assert ("failed", "done") == (outcomes(program)["consul"], outcomes(program)["command"])


def test_a_command_may_be_a_drainer(tmp_path: Path) -> None:
    """With lists for the argument lists."""
    file, flag = tmp_path / "pe.toml", tmp_path / "down"
    file.write_text(f"""
[handlers.flag]
drain = "command"
with = {{ down = ["touch", "{flag}"], up = ["rm", "-f", "{flag}"], until = ["test", "-e", "{flag}"] }}
""")
    flag.touch()
    with agent(["-c", str(file)], SLEEPER) as program:
        program.wait_for("ready")
        wait_until(lambda: not flag.exists())

        assert not flag.exists()
        program.signal("TERM")
        program.wait()
        assert (True, ["'test' has ended with 0"]) == (flag.exists(), notes(program, "flag"))


def test_the_sidecar_comes_back_when_its_application_is_there(consul: ConsulAgent, config: Path) -> None:
    """And leaves when the end comes."""
    pid_file = config.parent / "app.pid"
    sleeper = subprocess.Popen(["sleep", "60"])
    words = [
        "sidecar",
        "-c",
        str(config),
        "--service",
        "web",
        "--pid-file",
        str(pid_file),
        "--control",
        str(config.parent / "s"),
    ]
    try:
        with Program([sys.executable, "-m", "processender", *words], cwd="/") as program:
            program.wait_for("nobody")

            assert {"web-1": "of an earlier life"} == consul.maintenance
            pid_file.write_text(str(sleeper.pid))
            wait_until(lambda: is_back(consul))
            assert {} == consul.maintenance
            sleeper.terminate()
            sleeper.wait()
            program.signal("TERM")
            program.wait()
            assert {"web-1": "by the agent"} == consul.maintenance
    finally:
        sleeper.kill()
        sleeper.wait()


def test_the_plan_shows_drainers_and_asks_nobody(consul: ConsulAgent, config: Path) -> None:
    """It can be looked at anywhere."""
    plan = [sys.executable, "-m", "processender", "plan", "-c", str(config), "--json"]
    found = json.loads(subprocess.run(plan, capture_output=True, text=True, check=True).stdout)

    assert {"consul": "drain"}.items() <= {each["name"]: each["phase"] for each in found["handlers"]}.items()
    assert [] == consul.asked
