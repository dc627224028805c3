"""What is found out, put together: the window that counts, what is wrong, and what would tell it better."""

from __future__ import annotations

from pathlib import Path

import pytest

from processender.agent.decide import decide
from processender.core.platforms import CGROUP, DOCKER, find
from processender.diagnosis.examination import Diagnosis, examine
from processender.diagnosis.hearing import hear
from processender.diagnosis.subject import Subject, this_process
from processender.diagnosis.windows import rules_of
from processender.testing.engines import ID, Engine
from processender.testing.metadata import Metadata

POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}
STEP = {"GITHUB_ACTIONS": "true"}
WHOLE = """grace = "30s"
[handlers.flush]
run = ["true"]
expected = "100ms"
importance = "must"
[handlers.upload]
run = ["true"]
expected = "4s"
importance = "may"
[profile.kubernetes]
grace = "25s"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path of a configuration with a profile."""
    found = tmp_path / "pe.toml"
    found.write_text(WHOLE)
    return found


def look(
    path: Path | None = None,
    *,
    files: dict[str, str] | None = None,
    flags: dict[str, object] | None = None,
    limit: float = 0.0,
    **environ: str,
) -> Diagnosis:
    """Examine who is in *environ*, with the configuration at *path*."""
    subject = Subject(find(environ, files or {}), environ, files or {}, "/nowhere", flags or {})
    names = [each.name for each in subject.platforms]
    settings = decide(str(path or "/dev/null"), flags or {}, environ, platforms=names)
    return examine(settings, subject, limit)


class TestGrace:
    def test_its_place_is_that_of_its_profile(self, file: Path) -> None:
        """Not the line that it overrides."""
        assert f"grace in {file}:11" == look(file, **POD).grace.known_from
        assert f"grace in {file}:1" == look(file).grace.known_from

    def test_a_variable_and_a_flag_weigh_more(self, file: Path) -> None:
        """In this order."""
        said = look(file, PROCESSENDER_GRACE="9s", **POD).grace
        flag = look(file, PROCESSENDER_GRACE="9s", flags={"grace": "8s"}, **POD).grace

        assert (9.0, "the variable PROCESSENDER_GRACE") == (said.seconds, said.known_from)
        assert (8.0, "the flag --grace") == (flag.seconds, flag.known_from)

    def test_a_unit_that_grants_more_time_has_that(self, tmp_path: Path) -> None:
        """Where there is a manager to ask."""
        file = tmp_path / "pe.toml"
        file.write_text('[systemd]\nextend_to = "5m"\n')
        found = look(file, NOTIFY_SOCKET="/run/systemd/notify", files={CGROUP: "0::/system.slice/a.service"})

        assert (300.0, True) == (found.grace.seconds, found.grace.known_from.startswith("systemd.extend_to"))

    def test_an_agent_in_a_unit_has_what_fits_into_the_time_of_the_unit(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As it does itself when it runs there; a grace that was given and fits stays."""
        (tmp_path / "systemctl").write_text("#!/bin/sh\necho 1min 30s\n")
        (tmp_path / "systemctl").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        files = {CGROUP: "0::/system.slice/a.service"}
        whole = look(limit=9.0, files=files, INVOCATION_ID="1")
        given = look(limit=9.0, files=files, INVOCATION_ID="1", PROCESSENDER_GRACE="20s")

        assert (88.0, "what fits into TimeoutStopUSec of a.service") == (whole.grace.seconds, whole.grace.known_from)
        assert 88.0 == whole.plan.window.length
        assert (20.0, []) == (given.grace.seconds, given.problems)

    def test_nobody_may_have_said_anything(self) -> None:
        """Then it is an assumption, too."""
        assert ("assumed", 30.0) == (str(look().grace.kind), look().grace.seconds)


class TestWindow:
    def test_the_shorter_one_counts_if_it_is_sure(self) -> None:
        """A runner of GitHub has no other; what is a usual value only is no reason to plan with less."""
        assert 10.0 == look(**STEP).plan.window.length
        assert 30.0 == look(files={DOCKER: ""}).plan.window.length
        assert 12.0 == look(POD_GRACE_SECONDS="12", **POD).plan.window.length
        assert 30.0 == look(POD_GRACE_SECONDS="120", **POD).plan.window.length

    def test_a_grace_that_nobody_waits_for_is_wrong(self) -> None:
        """Only where that is sure; otherwise it is said what to make sure of."""
        (problem,) = look(**STEP).problems
        docker = look(files={DOCKER: ""})

        assert 'write grace = "10s", below [profile.github-actions]' in problem
        assert [] == docker.problems
        assert "the grace is longer than the usual 10s of docker: make sure that it was set" in docker.steps

    def test_where_nothing_is_told_no_grace_helps(self) -> None:
        """The plan is still shown for the grace; that none of it will run is said."""
        found = look(FUNCTIONS_WORKER_RUNTIME="python", WEBSITE_SITE_NAME="orders")
        (problem,) = found.problems

        assert 30.0 == found.plan.window.length
        assert problem.startswith(
            "the host of Azure Functions kills the process that runs Python, and tells it nothing"
        )
        assert problem.endswith("what must not be lost is saved as it is made, and no handler ever runs")

    def test_lambda_gives_never_more_than_its_rule(self) -> None:
        """Two seconds to an extension, and to a function what is surely there; no grace changes that."""
        extension = look(AWS_LAMBDA_RUNTIME_API="127.0.0.1:9001")
        function = look(AWS_LAMBDA_RUNTIME_API="127.0.0.1:9001", _HANDLER="app.handler")

        assert (2.0, 0.3) == (extension.plan.window.length, function.plan.window.length)
        assert extension.problems[0].startswith("the grace is 30s, and lambda kills after 2s")

    @pytest.mark.parametrize(
        ("environ", "files"),
        [({**POD, "POD_GRACE_SECONDS": "soon"}, {}), ({"PROCESSENDER_STOP_TIMEOUT": "soon"}, {DOCKER: ""})],
    )
    def test_what_is_written_and_cannot_be_understood_is_wrong(
        self, environ: dict[str, str], files: dict[str, str]
    ) -> None:
        """Whoever has set it believes that it counts."""
        (problem,) = look(files=files, **environ).problems

        assert "is 'soon', which is no length of time: write a number of seconds, like 30" in problem

    def test_what_has_no_room_is_wrong(self, file: Path) -> None:
        """As `plan` says it."""
        problems = look(file, PROCESSENDER_GRACE="4s", **POD).problems

        assert any(each.startswith("no room in 4s: 'upload' is expected") for each in problems)

    def test_what_eats_it_is_the_plan_of_the_agent(self) -> None:
        """The delay, the command, and what is kept behind them."""
        spent = look(PROCESSENDER_DRAIN_DELAY="5s", POD_GRACE_SECONDS="20", PROCESSENDER_GRACE="20s", **POD).spent

        assert (5.0, 2.0, 1.0) == (spent["drain_delay"], spent["reserve"], spent["margin"])
        assert 5.0 < spent["command"] < 12.0

    def test_without_a_platform_the_grace_counts(self) -> None:
        """And nothing is wrong with it."""
        found = look()

        assert (None, 30.0, []) == (found.given, found.plan.window.length, found.problems)
        assert found.as_data()["windows"] == []


class TestSignals:
    def test_the_one_that_comes_first_must_begin_the_end(self) -> None:
        """It is another one on another platform."""
        flags: dict[str, object] = {"on_signal": ["INT:forward"]}
        found = look(flags=flags, PROCESSENDER_GRACE="10s", **STEP)

        assert [
            "SIGINT, which github-actions sends, means 'forward' and begins no end: leave out --on-signal INT:forward"
        ] == (found.problems)
        assert [] == look(flags=flags, **POD).problems


class TestSources:
    def test_one_whose_platform_is_elsewhere_is_told(self, tmp_path: Path) -> None:
        """It would only look for what is not there; nobody asks it."""
        file = tmp_path / "pe.toml"
        file.write_text('[sources.task]\nlisten = "aws-ecs"\n')
        (found,) = (each for each in look(file, limit=1.0, **POD).heard if each.name)

        assert ("task", "not here") == (found.name, found.state)
        assert "move it to [profile.fargate.sources.task], so that it is only there" == found.step

    def test_one_of_a_profile_that_was_asked_for_is_in_its_place(self, tmp_path: Path) -> None:
        """Who looks at it elsewhere has nothing to move."""
        file = tmp_path / "pe.toml"
        file.write_text('[profile.ec2.sources.machine]\nlisten = "aws"\n')
        (found,) = (each for each in look(file, flags={"profile": "ec2"}).heard if each.name)

        assert ("machine", "not here", "") == (found.name, found.state, found.step)

    def test_one_that_was_told_where_to_ask_is_asked(self, tmp_path: Path) -> None:
        """Such as a double, or a proxy that stands for the service."""
        file = tmp_path / "pe.toml"
        with Metadata() as double:
            file.write_text(f'[sources.machine]\nlisten = "alibaba"\nwith = {{ endpoint = "{double.url}" }}\n')
            (found,) = (each for each in look(file, limit=9.0).heard if each.name)

        assert ("machine", "answers") == (found.name, found.state)

    @pytest.mark.parametrize(("limit", "text"), [(0.0, "nobody listens to it"), (9.0, "it answers (task: nothing)")])
    def test_one_that_is_missing_is_asked_unless_nobody_may_be(
        self, limit: float, text: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As with --offline."""
        with Metadata() as double:
            monkeypatch.setenv("ECS_CONTAINER_METADATA_URI_V4", f"{double.url}/v4")
            (found,) = look(limit=limit, ECS_CONTAINER_METADATA_URI_V4=f"{double.url}/v4").heard

            assert ("missing", True) == (found.state, text in found.text)
            assert bool(limit) == bool(double.asked)

    def test_one_that_takes_what_is_meant_for_another_is_never_asked(self, tmp_path: Path) -> None:
        """Such as an extension of Lambda, which would be registered."""
        file = tmp_path / "pe.toml"
        file.write_text('grace = "1s"\n[sources.end]\nlisten = "aws-lambda"\n')
        (found,) = look(file, limit=1.0, AWS_LAMBDA_RUNTIME_API="127.0.0.1:9").heard

        assert ("end", "not asked") == (found.name, found.state)

    def test_an_engine_answers_where_its_socket_is_mounted(self, tmp_path: Path) -> None:
        """And elsewhere there is nothing to add."""
        file = tmp_path / "pe.toml"
        with Engine() as double:
            file.write_text(
                f'[sources.engine]\nlisten = "docker"\nwith = {{ endpoint = "{double.url}", container = "{ID}" }}\n'
            )
            (found,) = look(file, limit=9.0, files={DOCKER: ""}).heard
        missing = look(limit=1.0, files={DOCKER: ""}, DOCKER_HOST="unix:///nowhere")

        assert ("engine", "answers") == (found.name, found.state)
        assert ["missing"] == [each.state for each in missing.heard]
        assert not any(each.startswith("docker: add") for each in missing.steps)

    def test_one_that_answers_nonsense_is_silent(self, tmp_path: Path) -> None:
        """And its trouble is told."""
        file = tmp_path / "pe.toml"
        with Metadata() as double:
            double.task["DesiredStatus"] = "GOLDEN"
            file.write_text(f'[sources.task]\nlisten = "aws-ecs"\nwith = {{ endpoint = "{double.url}/v4" }}\n')
            (found,) = look(file, limit=9.0, ECS_CONTAINER_METADATA_URI_V4="x").heard

        assert "silent" == found.state
        assert "source-unclear" in found.text

    def test_a_platform_without_a_source_needs_none(self) -> None:
        """Signals are all that it has."""
        assert () == hear(decide("/dev/null", {}, {}), rules_of(find(STEP, {})), 0.0)


def test_this_process_can_be_examined() -> None:
    """Whatever it is on."""
    assert examine(decide("/dev/null", {}, {}), this_process(), 0.0).as_data()["schema"] == 1
