"""Sources in front of a real command: what the metadata of its machine says ends it, or makes it leave and come back."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processender.testing.logind import SystemBus
from processender.testing.metadata import Metadata, black_hole
from processender.testing.processes import Program
from processender.testing.sources import until
from tests.integration.agents import SLEEPER, agent, python
from tests.integration.library_programs import PREAMBLE
from tests.integration.test_agent_drain import steer


@pytest.fixture
def double() -> Iterator[Metadata]:
    """Run the services."""
    with Metadata() as found:
        yield found


def config(tmp_path: Path, listen: str, more: str = "", **options: Any) -> list[str]:
    """Write a configuration that listens, and return the flags that name it."""
    told = ", ".join(f"{key} = {json.dumps(value)}" for key, value in options.items())
    file = tmp_path / "pe.toml"
    file.write_text(f'{more}\n[sources.cloud]\nlisten = "{listen}"\nwith = {{ {told} }}\n')
    return ["-c", str(file)]


def causes(program: Program) -> list[str]:
    """Return what was heard, from the report."""
    return [f"{each['origin']}: {each['cause']}" for each in program.report()["notices"]]


def test_a_spot_instance_that_is_taken_back_ends_its_command(double: Metadata, tmp_path: Path) -> None:
    """With the time that the platform tells; the report says who said so, and what was seen."""
    with agent(config(tmp_path, "aws", endpoint=double.url, every="20ms"), SLEEPER) as program:
        program.wait_for("ready")
        until(lambda: "  cloud: spot: nothing" in steer(program, "status").stdout, "it is not told what is seen")
        double.spot(seconds=120)
        assert 143 == program.wait()

        assert ["cloud: spot terminate"] == causes(program)
        assert 110 < program.report()["window"]["length_s"] < 121
        assert "spot terminate" == program.report()["sources"]["cloud"]["spot"]


@pytest.mark.parametrize("lean", [[], ["--lean"]])
def test_a_lean_agent_listens_as_well(double: Metadata, tmp_path: Path, lean: list[str]) -> None:
    """It loads the rest when there is something to do."""
    with agent([*config(tmp_path, "azure", endpoint=double.url, every="20ms"), *lean], SLEEPER) as program:
        program.wait_for("ready")
        double.event("Preempt", seconds=30)

        assert 143 == program.wait()
        assert ["cloud: Preempt"] == causes(program)


def test_traffic_leaves_before_a_freeze_and_comes_back(double: Metadata, tmp_path: Path) -> None:
    """The command, and the Ender in it that has joined, do so together, and go on."""
    source = PREAMBLE + (
        "ender = Ender('web', drain_delay=0)\n"
        "ender.add(lambda: say('left'), name='leave', phase='drain', resume=lambda: say('is back'))\n"
        "with ender:\n    ender.ready()\n    say('ready')\n    ender.stopping.wait()\n"
    )
    options = config(tmp_path, "azure", endpoint=double.url, every="20ms", freeze="drain")
    with agent(options, [python("")[0], "-c", source]) as program:
        program.wait_for("ready")
        until(lambda: "web" in str(steer(program, "status", "--json")), "nobody has joined")
        id_ = double.event("Freeze")
        program.wait_for("left")
        double.vanish(id_)
        program.wait_for("is back")
        program.signal("TERM")

        assert program.wait() in {0, 143}
        assert "cloud: Freeze" not in causes(program)


def test_a_platform_that_is_not_there_is_one_trouble(tmp_path: Path) -> None:
    """The command runs and ends as it would."""
    with Metadata() as gone:
        url = gone.url
    with agent(config(tmp_path, "aws", endpoint=url, every="20ms"), SLEEPER) as program:
        program.wait_for("ready")
        program.wait_for("cannot hear of the end from cloud")
        program.signal("TERM")

        assert 143 == program.wait()
        assert ["SIGTERM"] == [each["cause"] for each in program.report()["notices"]]
        assert 1 == program.output.count("cannot hear of the end")


CLOUDS = ("aws", "aws-ecs", "gcp", "azure", "alibaba")


def test_addresses_that_swallow_everything_delay_neither_the_command_nor_its_end(tmp_path: Path) -> None:
    """All clouds at once: the command has run and ended before the first look could give up."""
    with black_hole() as url:
        file = tmp_path / "pe.toml"
        file.write_text(
            "\n".join(f'[sources.{each}]\nlisten = "{each}"\nwith = {{ endpoint = "{url}" }}' for each in CLOUDS)
        )
        with agent(["-c", str(file)], python("print('begun', flush=True)")) as program:
            assert 0 == program.wait()

    assert "begun" in program.output
    assert "cannot hear" not in program.output


def test_a_command_that_crashes_before_a_planned_end_has_crashed(double: Metadata, tmp_path: Path) -> None:
    """That its machine is maintained tomorrow is no reason for it to fail today."""
    double.maintenance(seconds=86400)
    options = config(tmp_path, "aws", endpoint=double.url, every="20ms", maintenance="stop_by")
    go = tmp_path / "go"
    command = ["sh", "-c", f"echo ready; while ! test -e {go}; do sleep 0.02; done; exit 3"]
    with agent(options, command) as program:
        program.wait_for("ready")
        program.wait_for("heard instance-retirement")
        go.touch()

        assert 3 == program.wait()
        program.wait_for("ended with 3; the account is in")


def test_a_reload_tells_that_sources_stay(double: Metadata, tmp_path: Path) -> None:
    """They can change only when the agent is started anew."""
    options = config(tmp_path, "aws", endpoint=double.url)
    with agent(options, SLEEPER) as program:
        program.wait_for("ready")
        config(tmp_path, "azure", endpoint=double.url)
        program.signal("HUP")
        program.wait_for("sources can change only when the agent is started anew")
        program.signal("TERM")

        assert 143 == program.wait()


def test_a_sidecar_listens_as_well(double: Metadata, tmp_path: Path) -> None:
    """For an application that somebody else has started."""
    pid_file = tmp_path / "pid"
    options = config(tmp_path, "aws", endpoint=double.url, every="20ms")
    argv = [sys.executable, "-m", "processender", "sidecar", "--service", "shop", "--grace", "20s", *options]
    argv += ["--pid-file", str(pid_file), "--tell-signal", "TERM"]
    with Program(["sh", "-c", f"echo $$ > {pid_file}; echo ready; exec sleep 60"]) as program:
        program.wait_for("ready")
        with Program(argv, env={"TMPDIR": str(tmp_path)}, cwd="/") as agent:
            agent.wait_for("watching process")
            double.spot(seconds=120)

            assert 0 == agent.wait(20)
            assert -15 == program.wait(20)
            assert ["cloud: spot terminate"] == causes(agent)
            assert "spot terminate" == agent.report()["sources"]["cloud"]["spot"]


def test_a_machine_that_shuts_down_ends_its_command(tmp_path: Path) -> None:
    """It waits for the clean-up, in the time that it gives; what was called off ends nothing."""
    with SystemBus() as machine:
        more = '[handlers.flush]\nphase = "flush"\nrun = ["true"]\n'
        with agent(config(tmp_path, "logind", more, endpoint=machine.address, every="20ms"), SLEEPER) as program:
            program.wait_for("ready")
            until(lambda: machine.inhibitors, "nothing holds the machine up")
            machine.schedule(seconds=300)
            program.wait_for("heard scheduled poweroff from cloud")
            machine.cancel()
            program.wait_for("heard scheduled poweroff called off from cloud")
            given_back, seconds = machine.power_off()

            assert 143 == program.wait()
            assert given_back
            assert seconds < 4.9
            assert "cloud: shutdown" == causes(program)[-1]
            assert ["flush", "cloud-lock"] == [each["name"] for each in program.report()["handlers"]][-2:]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ('sleep = "deep"', "sources.machine.with.sleep"),
        ("every = 1", "sources.machine.with.every"),
        ('evry = "1s"', "evry"),
        ('every = "0s"', "`every` must be above 0"),
    ],
)
def test_wrong_options_are_mistakes_in_the_file(tmp_path: Path, wrong: str, why: str) -> None:
    """With their line, before anything starts; so `check` and `plan` find them too."""
    file = tmp_path / "pe.toml"
    file.write_text(f'[sources.machine]\nlisten = "logind"\nwith = {{ {wrong} }}\n')
    with agent(["-c", str(file)], SLEEPER) as program:
        assert 125 == program.wait()
        assert f"{file}:" in program.output
        assert why in program.output
