"""What the source of container engines hears from Docker and from podman, on good days and on bad ones."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from processender.core.grace import Grace
from processender.core.notice import Action, DeadlineKind, Notice
from processender.engine.clock import SystemClock
from processender.errors import SourceError
from processender.integrations import docker
from processender.ports import Source
from processender.testing.engines import ID, Engine
from processender.testing.sources import Heard, check_source, until
from tests.integration.agents import SLEEPER, agent
from tests.integration.library_programs import program
from tests.integration.test_agent_drain import status
from tests.integration.test_agent_sources import causes, config

PACE = 0.01


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often, wait for nobody, and be told by no variable of this machine."""
    monkeypatch.setattr("processender.integrations.docker.listener.AGAIN_S", PACE)
    monkeypatch.setattr("processender.listening.SLOWEST_S", 5 * PACE)
    for name in ("DOCKER_HOST", "CONTAINER_HOST", "PROCESSENDER_STOP_TIMEOUT", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def engine() -> Iterator[Engine]:
    """Run a Docker whose container has 25 s."""
    with Engine(stop_timeout=25) as found:
        yield found


def listening(engine: Engine, **options: Any) -> Source:
    """Return the source that listens to an engine."""
    return docker.listen(endpoint=engine.url, container=options.pop("container", ID), every=PACE, **options)


class Ears:
    """A source that listens for the length of a block, once its stream is open."""

    def __init__(self, engine: Engine, **options: Any) -> None:
        self.engine, self.source, self.heard = engine, listening(engine, **options), Heard()

    def __enter__(self) -> Heard:
        self.source.start(self.heard)
        until(lambda: self.engine.listening, "no stream was opened")
        return self.heard

    def __exit__(self, *_: object) -> None:
        self.source.stop()


def hear(engine: Engine, deed: Callable[[Engine], object], **options: Any) -> Notice:
    """Return what is told after a *deed*."""
    with Ears(engine, **options) as heard:
        deed(engine)
        until(lambda: heard.notices, "nothing was heard")
    return heard.notices[0]


def left(notice: Notice) -> float:
    """Return the seconds that a notice leaves from when it was heard."""
    assert notice.deadline is not None

    return notice.deadline - notice.at


def test_it_promises_what_every_source_does() -> None:
    """Absent, a black hole, flapping, lying, silent; told once, and stopped at once."""
    check_source(
        lambda url: docker.listen(endpoint=url, container=ID, every=PACE),
        Engine.stop,
        unclear=lambda double: setattr(double, "status", 7),
        double=lambda: Engine(podman=True, stop_timeout=25),
    )


class TestDocker:
    def test_a_stop_is_told_with_the_time_out(self, engine: Engine) -> None:
        """From the instant of the signal; it may have been another with `-t`, so it is what somebody has configured."""
        notice = hear(engine, Engine.stop)

        assert ("container stop", Action.STOP, DeadlineKind.CONFIGURED) == (notice.cause, notice.action, notice.kind)
        assert 20 < left(notice) <= 25

    def test_without_a_time_out_it_is_that_of_the_engine(self) -> None:
        """An assumption, which never lengthens the grace."""
        with Engine() as plain:
            notice = hear(plain, Engine.stop)

        assert DeadlineKind.ASSUMED == notice.kind
        assert 5 < left(notice) <= 10

    @pytest.mark.parametrize("number", [1, 10, 28])
    def test_other_signals_are_no_end(self, engine: Engine, number: int) -> None:
        """They ask for something else, such as a reload."""
        with Ears(engine) as heard:
            engine.kill(number)
            engine.kill(15)
            until(lambda: heard.notices, "nothing was heard")

        assert ["container stop"] == [each.cause for each in heard.notices]

    def test_the_stop_signal_may_be_another(self) -> None:
        """As the image says it."""
        with Engine(stop_signal="SIGQUIT", stop_timeout=3) as quits, Ears(quits) as heard:
            quits.kill(15)
            quits.kill(3)
            until(lambda: heard.notices, "nothing was heard")

        assert 1 == len(heard.notices)
        assert left(heard.notices[0]) <= 3

    def test_what_others_do_is_none_of_its_business(self, engine: Engine) -> None:
        """The filter of Docker lets names through that only begin like the one that is asked for."""
        with Ears(engine, container="one") as heard:
            engine.emit("kill", container="c" * 64, signal="15")
            engine.emit("die", container="c" * 64)
            engine.stop()
            until(lambda: heard.notices, "nothing was heard")

        assert ["container stop"] == [each.cause for each in heard.notices]

    def test_a_kill_is_an_end_without_time(self, engine: Engine) -> None:
        """Of another container, since nobody hears of his own."""
        notice = hear(engine, lambda each: each.kill(9))

        assert ("container killed", None) == (notice.cause, notice.deadline)

    def test_a_second_signal_is_nothing_new(self, engine: Engine) -> None:
        """The window of the first one holds."""
        with Ears(engine) as heard:
            engine.stop()
            engine.stop()
            engine.kill(9)
            engine.emit("oom")
            until(lambda: len(heard.notices) > 1, "nothing more was heard")

        assert ["container stop", "container out of memory"] == [each.cause for each in heard.notices]
        assert Action.ADVISE is heard.notices[1].action

    def test_another_container_that_has_ended_ends_this_one(self, engine: Engine) -> None:
        """As a sidecar wants it."""
        assert "container died" == hear(engine, lambda each: each.die(3)).cause


class TestPodman:
    def test_the_state_tells_what_no_event_does(self) -> None:
        """A stop of podman shows in the state while it lasts."""
        with Engine(podman=True, stop_timeout=25) as podman:
            notice = hear(podman, Engine.stop)

        assert ("container stop", DeadlineKind.CONFIGURED) == (notice.cause, notice.kind)
        assert 20 < left(notice) <= 25

    def test_a_signal_without_a_number_is_no_end(self) -> None:
        """It may be the HUP of a reload."""
        with Engine(podman=True) as podman, Ears(podman) as heard:
            podman.kill(15)
            podman.die()
            until(lambda: heard.notices, "nothing was heard")

        assert heard.notices[0].cause in {"container died", "container exited"}


class TestBadDays:
    @pytest.mark.parametrize("part", [1, 7, 64])
    def test_events_come_in_parts_of_any_size(self, part: int) -> None:
        """A line is a line, wherever it is cut."""
        with Engine(stop_timeout=25, part=part) as split:
            split.emit("oom")

            assert "container stop" == hear(split, Engine.stop).cause

    @pytest.mark.parametrize(
        "garbage", [b"garbage\n", b"[]\n", b'{"Action":7}\n', b"\xff\xfe\n", b"[" * 100_000 + b"\n"]
    )
    def test_garbage_is_told_and_passed_over(self, engine: Engine, garbage: bytes) -> None:
        """Once, and the stream is read on."""
        with Ears(engine) as heard:
            engine.say(garbage)
            engine.say(garbage)
            engine.stop()
            until(lambda: heard.notices, "nothing was heard after what nobody understands")

        assert ["source-unclear"] == heard.codes

    def test_a_line_without_an_end_is_not_kept(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        """The stream is given up, and asked for anew."""
        monkeypatch.setattr("processender.integrations.docker.engine.LONGEST", 1000)
        with Ears(engine) as heard:
            engine.say(b"x" * 2000)
            until(lambda: "source-unclear" in heard.codes, "nobody has complained")

    def test_blank_lines_and_signs_before_a_record_mean_nothing(self, engine: Engine) -> None:
        """Newer engines send them."""
        with Ears(engine) as heard:
            engine.say(b"\n\r\n\x1e")
            engine.stop()
            until(lambda: heard.notices, "nothing was heard")

        assert not heard.troubles

    def test_what_happens_while_the_engine_is_started_anew_is_heard(self, engine: Engine) -> None:
        """The stream is asked for with what has happened since; the break is one trouble."""
        with Ears(engine) as heard:
            engine.fail(503, path="/events")
            engine.restart()
            engine.stop()
            until(lambda: heard.notices, "the stop was not heard")

        assert ["container stop"] == [each.cause for each in heard.notices]
        assert "source-away" in heard.codes

    def test_many_starts_of_the_engine_are_one_trouble(self, engine: Engine) -> None:
        """And the pace stays what it is."""
        with Ears(engine) as heard:
            for number in range(5):
                engine.restart()
                until(lambda: sum(each.path == "/events" for each in engine.asked) > number + 1, "nobody came back")  # noqa: B023
            engine.stop()
            until(lambda: heard.notices, "the stop was not heard")

        assert ["source-away"] == heard.codes

    def test_an_engine_that_does_not_know_the_container_says_so(self, engine: Engine) -> None:
        """The id may be guessed from a host name."""
        with Ears(engine, container="nobody") as heard:
            until(lambda: "source-refused" in heard.codes, "nobody has complained")

        assert "knows no container nobody" in heard.troubles[0][1]
        assert not heard.notices

    def test_a_socket_that_nobody_accepts_delays_nothing(self, tmp_path: Path) -> None:
        """Neither the start nor the stop."""
        path = str(tmp_path / "s")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            # Room for all that looks: where there is none the kernel refuses it at once.
            server.listen(8)
            source, heard = docker.listen(endpoint=path, container=ID), Heard()
            source.start(heard)
            source.stop()

            assert not heard.troubles

    def test_no_socket_is_one_trouble_with_a_hint(self, tmp_path: Path) -> None:
        """It may come later, and is looked for."""
        path = str(tmp_path / "s")
        source, heard = docker.listen(endpoint=path, container=ID, every=PACE), Heard()
        source.start(heard)
        until(lambda: heard.troubles, "nobody has complained")
        with Engine(unix=path) as late:
            until(lambda: late.listening, "the engine that came later was not found")
            late.stop()
            until(lambda: heard.notices, "nothing was heard")
        source.stop()

        assert ["source-away"] == heard.codes[:1]
        assert "is its socket mounted" in heard.troubles[0][1]

    @pytest.mark.parametrize("address", ["docker.sock", "ssh://host", "unix://", "http://"])
    def test_an_address_that_is_none_is_refused_at_once(self, address: str) -> None:
        """Before anything runs."""
        with pytest.raises(SourceError, match="give the path of its socket"):
            docker.listen(endpoint=address)

    def test_one_from_the_environment_is_a_trouble(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody here has written it."""
        monkeypatch.setenv("DOCKER_HOST", "ssh://host")
        source, heard = docker.listen(container=ID, every=PACE), Heard()
        source.start(heard)
        until(lambda: heard.troubles, "nobody has complained")
        source.stop()

        assert "source-refused" == heard.codes[0]


class TestGrace:
    def ask(self, engine: Engine) -> Grace:
        """Return what is known of the container of an engine."""
        return docker.ask_grace(SystemClock(), 20.0, container=ID, endpoint=engine.url)

    def test_the_engine_tells_it(self, engine: Engine) -> None:
        """And says so."""
        found = self.ask(engine)

        assert (25.0, "the engine: StopTimeout", "") == (found.seconds, found.known_from, found.better)

    def test_a_label_says_what_a_tool_will_give(self) -> None:
        """Over the engine's own."""
        with Engine(stop_timeout=25, labels={"dev.processender.stop-timeout": "1m30s"}) as labelled:
            assert 90.0 == self.ask(labelled).seconds

    def test_for_ever_is_no_time(self) -> None:
        """As `--stop-timeout -1` says."""
        with Engine(stop_timeout=-1) as patient:
            assert self.ask(patient).seconds is None

    def test_nobody_answers(self, tmp_path: Path) -> None:
        """Then it is a guess, and what would help is told."""
        found = docker.ask_grace(SystemClock(), container=ID, endpoint=str(tmp_path / "none"))

        assert (10.0, DeadlineKind.ASSUMED) == (found.seconds, found.kind)
        assert "PROCESSENDER_STOP_TIMEOUT" in found.better

    def test_the_answer_is_garbage(self, engine: Engine) -> None:
        """The same."""
        engine.fail("garbage")

        assert DeadlineKind.ASSUMED == self.ask(engine).kind


FORKS = """
from processender.integrations import docker
ender = Ender('web', grace=20, signals=(), exit='return', drain_delay=0)
ender.listen(docker.listen(endpoint=sys.argv[1], container=sys.argv[2]))
ender.install()
say('ready')
os.read(os.open(sys.argv[3], os.O_RDONLY), 1)
child = os.fork()
with ender:
    ender.stopping.wait()
say('heard by', 'parent' if child else 'child')
if child:
    os.waitpid(child, 0)
"""


def test_a_fork_child_listens_for_itself(engine: Engine, tmp_path: Path) -> None:
    """Over a stream of its own; that of its parent is none of its business."""
    go = tmp_path / "go"
    os.mkfifo(go)
    with program(FORKS, engine.url, ID, str(go)) as running:
        running.wait_for("ready")
        until(lambda: engine.listening, "the parent does not listen")
        go.write_bytes(b"!")
        until(lambda: engine.listening == 2, "the child does not listen")
        engine.stop()
        running.wait_for("heard by child")
        running.wait_for("heard by parent")

        assert 0 == running.wait()


class TestAgent:
    def test_a_stop_of_its_container_ends_the_command(self, tmp_path: Path) -> None:
        """Although the signal was swallowed by whoever is the first process."""
        with Engine(stop_timeout=25, unix=str(tmp_path / "s")) as engine:
            options = config(tmp_path, "docker", endpoint=engine.url, container=ID)
            with agent([*options, "--grace", "60s"], SLEEPER) as program:
                program.wait_for("ready")
                until(lambda: engine.listening, "the agent does not listen")
                # What is looked at beside the events is seen at any time before the stop.
                until(lambda: {"events", "state"} == set(status(program)["sources"]["cloud"]), "it has not looked")
                engine.stop()

                assert 143 == program.wait()
                assert ["cloud: container stop"] == causes(program)
                assert 20 < program.report()["window"]["length_s"] <= 25
                assert {"events", "state"} == set(program.report()["sources"]["cloud"])

    def test_the_variable_is_no_mistake_of_the_configuration(self) -> None:
        """It stands beside those that override keys."""
        with agent([], ["true"], PROCESSENDER_STOP_TIMEOUT="30s") as program:
            assert 0 == program.wait()


def test_the_double_answers_as_the_engine_was_seen_to(engine: Engine) -> None:
    """Key by key, in the same order."""
    engine.kill(15)
    ((_, told),) = engine._events
    event = json.loads(told)

    assert ["status", "id", "from", "Type", "Action", "Actor", "scope", "time", "timeNano"] == list(event)
    assert {"image": "base", "name": "one", "signal": "15"} == event["Actor"]["Attributes"]
    assert os.fsencode(f'{{"status":"kill","id":"{ID}","from":"base","Type"') in told
