"""What is heard from near: a file that appears, a parent that ends, and a URL that is asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from processender.core.notice import Action, DeadlineKind
from processender.errors import SourceError
from processender.integrations import parent
from processender.integrations.files import listener as files
from processender.integrations.http import listener as http
from processender.listening import Polled
from processender.testing.processes import Program
from processender.testing.served import Asked, Served, Told, as_json
from processender.testing.sources import Heard, check_near_source, check_source, listening, until
from tests.integration.agents import SLEEPER, agent

PACE = 0.01
NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long."""
    monkeypatch.setattr("processender.listening.SLOWEST_S", 5 * PACE)


def shown(heard: Heard) -> list[tuple[str, str, float | None]]:
    """Return what was heard, each with the seconds that it leaves."""
    return [(str(n.action), n.cause, None if n.deadline is None else round(n.deadline - n.at)) for n in heard.notices]


class TestFile:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """Return where the file is to be, in a directory that nobody else may write."""
        place = tmp_path / "place"
        place.mkdir(mode=0o700)
        return place / "leave"

    def of(self, path: Path, **options: Any) -> AbstractContextManager[Heard]:
        """Return what looks for it."""
        return listening(files.listen(str(path), every=PACE, **options))

    def refused(self, path: Path, **options: Any) -> str:
        """Return why a file does not count; nothing else is told."""
        with self.of(path, **options) as heard:
            until(lambda: heard.troubles, "nobody has said so")
            assert [] == heard.notices
        ((code, text),) = heard.troubles
        assert "source-refused" == code
        return text

    def test_it_keeps_its_promises(self, path: Path) -> None:
        """Nothing while it is not there; told once; stopped at once; heard again by who starts anew."""
        check_near_source(files.listen(str(path), every=PACE), path.touch)

    def test_it_takes_back_what_it_has_said_by_going(self, path: Path) -> None:
        """And may come again."""
        with self.of(path, action="drain") as heard:
            for count in (1, 3):
                path.touch(0o600)
                until(lambda: len(heard.notices) >= count, "nothing was heard")  # noqa: B023
                path.unlink()
                until(lambda: len(heard.notices) > count, "nothing was taken back")  # noqa: B023

        assert ["drain", "resume"] * 2 == [str(each.action) for each in heard.notices]
        assert [] == heard.troubles

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", ("stop", "the file leave", 7)),
            ("action = drain\nreason = patch day\n", ("drain", "patch day", 7)),
            (json.dumps({"within": 20, "reason": "rack 7"}), ("stop", "rack 7", 20)),
        ],
    )
    def test_it_may_say_more(self, path: Path, text: str, expected: tuple[str, str, int]) -> None:
        """What it does not say is as configured."""
        path.write_text(text)
        with self.of(path, within=7) as heard:
            until(lambda: heard.notices, "nothing was heard")

        assert [expected] == shown(heard)

    def test_more_may_follow(self, path: Path) -> None:
        """First traffic leaves, then all."""
        path.write_text("action = drain")
        with self.of(path) as heard:
            until(lambda: heard.notices, "nothing was heard")
            path.write_text("action = stop\nwithin = 20s")
            until(lambda: len(heard.notices) > 1, "no more was heard")

        assert ["drain", "stop"] == [each[0] for each in shown(heard)]

    @pytest.mark.parametrize("content", [b"leave now", b"\xff\xfe", b"#" * 5000, b'{"action": "explode"}'])
    def test_garbage_is_told_once(self, path: Path, content: bytes) -> None:
        """It stops nothing; once it can be read, it counts."""
        path.write_bytes(content)
        with self.of(path) as heard:
            until(lambda: heard.troubles, "nobody has said so")
            assert [] == heard.notices
            path.write_bytes(b"")
            until(lambda: heard.notices, "it has gone deaf")

        assert ["source-unclear"] == heard.codes

    def test_a_file_that_is_over_is_none(self, path: Path) -> None:
        """Somebody has forgotten it there."""
        path.write_text("deadline = 2017-09-18T08:22:00Z")
        with self.of(path) as heard:
            until(lambda: heard.troubles, "nobody has said so")

        assert (["source-stale"], []) == (heard.codes, heard.notices)

    def test_a_link_is_refused(self, path: Path) -> None:
        """Who follows one reads what another one must not."""
        path.symlink_to("/etc/hostname")

        assert "it is a link" in self.refused(path)

    def test_what_is_no_file_is_refused(self, path: Path) -> None:
        """Nobody waits for the other end of a pipe."""
        os.mkfifo(path)

        assert "it is no regular file" in self.refused(path)
        assert "it is no regular file" in self.refused(path.parent)

    @pytest.mark.parametrize("mode", [0o620, 0o602])
    def test_a_file_that_others_may_write_is_refused(self, path: Path, mode: int) -> None:
        """Whoever writes it ends the process."""
        path.touch()
        path.chmod(mode)

        assert "others than root and this user may write it" in self.refused(path)

    @pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
    def test_a_place_that_others_may_write_is_refused(self, path: Path, mode: int) -> None:
        """They could bring a file of ours there by another name."""
        path.touch(0o600)
        path.parent.chmod(mode)

        assert "others may put files into" in self.refused(path)

    def test_a_place_above_it_counts_as_well(self, path: Path) -> None:
        """Who may rename the directory may bring another one."""
        path.touch(0o600)
        path.parent.parent.chmod(0o777)

        assert f"others may put files into {path.parent.parent}" in self.refused(path)

    @AS_ROOT
    def test_the_file_of_another_user_is_refused(self, path: Path) -> None:
        """Unless that one is named, or anyone."""
        path.touch(0o600)
        os.chown(path, NOBODY, NOBODY)

        assert "may write it" in self.refused(path)
        for writers in ([NOBODY], "anyone"):
            with self.of(path, writers=writers) as heard:
                until(lambda: heard.notices, "nothing was heard")

    def test_anyone_may_be_trusted(self, path: Path) -> None:
        """As in a directory that containers share; a link is none all the same."""
        path.touch()
        path.chmod(0o666)
        path.parent.chmod(0o777)
        with self.of(path, writers="anyone") as heard:
            until(lambda: heard.notices, "nothing was heard")
        path.unlink()
        path.symlink_to("/etc/hostname")

        assert "it is a link" in self.refused(path, writers="anyone")

    def test_a_file_that_flaps_is_one_thing(self, path: Path) -> None:
        """It must be missing at two looks to be gone."""
        path.touch(0o600)
        with listening(files.listen(str(path), every=0.2)) as heard:
            until(lambda: heard.notices, "nothing was heard")
            for _ in range(200):
                path.unlink()
                path.touch(0o600)

        assert 1 == len(heard.notices)

    @pytest.mark.parametrize(
        ("path", "options", "problem"),
        [
            ("leave", {}, "from the root on"),
            ("/run/a\0b", {}, "from the root on"),
            ("/run/leave", {"every": 0}, "without a pause"),
            ("/run/leave", {"within": -1}, "less than no time"),
            ("/run/leave", {"writers": "root"}, "give numbers of users"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, path: str, options: dict[str, Any], problem: str) -> None:
        """When it is written."""
        with pytest.raises(SourceError, match=problem):
            files.listen(path, **options)

    def test_an_agent_leaves_when_it_appears(self, path: Path, tmp_path: Path) -> None:
        """With the time that it says; the report says why."""
        config = tmp_path / "pe.toml"
        config.write_text(f'[sources.door]\nlisten = "file"\nwith = {{ path = "{path}", every = "20ms" }}\n')
        with agent(["-c", str(config)], SLEEPER) as program:
            program.wait_for("ready")
            path.write_text("within = 40s\nreason = rack 7 moves")
            assert 143 == program.wait()

            assert ["door: rack 7 moves"] == [f"{n['origin']}: {n['cause']}" for n in program.report()["notices"]]
            assert 30 < program.report()["window"]["length_s"] < 41


class TestParent:
    CHILD = """
import os, sys
from processender.integrations import parent
from processender.testing.sources import Heard, until
source, heard = parent.listen(within=9, every=0.02), Heard()
source.start(heard)
print("listens", flush=True)
until(lambda: heard.notices, "nothing was heard")
(told,) = heard.notices
print(told.cause, told.action, round(told.deadline - told.at), told.kind, source.last["parent"], flush=True)
"""
    BETWEEN = "import signal, subprocess, sys; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); signal.pause()"

    def orphan(self, child: str) -> list[str]:
        """Run *child* below a process that is killed when it listens; return what it says then."""
        argv = [sys.executable, "-c", self.BETWEEN, sys.executable, "-c", child]
        pipe = subprocess.PIPE
        with subprocess.Popen(argv, stdout=pipe, text=True) as between:
            assert between.stdout is not None
            lines = [between.stdout.readline(), between.stdout.readline()]
            assert "listens\n" in lines
            between.send_signal(signal.SIGKILL)
            return between.stdout.read().split()

    def test_its_end_is_heard(self) -> None:
        """However it has ended."""
        said = " ".join(self.orphan(self.CHILD))

        assert said.startswith("parent gone stop 9 configured process ")
        assert said.endswith(" has ended")

    def test_its_end_is_heard_where_the_kernel_has_no_pidfd(self) -> None:
        """At a pace."""
        child = self.CHILD.replace("import os, sys", "import os; del os.pidfd_open")

        assert " ".join(self.orphan(child)).startswith("parent gone stop 9")

    def test_one_that_had_ended_before_is_heard_of(self) -> None:
        """It was noted when the source was made."""
        child = self.CHILD.replace(
            "source.start(heard)\nprint",
            "print('listens', flush=True); until(lambda: os.getppid() != source._pid, 'x')\n"
            "source.start(heard)\n(lambda *_, **__: 0)",
        )

        assert " ".join(self.orphan(child)).startswith("parent gone stop 9")

    def test_while_it_lives_nothing_is_told(self) -> None:
        """And nobody listens after `stop`."""
        source, heard = parent.listen(), Heard()
        for _ in range(3):
            source.start(heard)
            until(lambda: "lives" in source.last["parent"], "it does not listen")
            source.stop()
        until(lambda: not any(each.name == "processender-parent" for each in _threads()), "somebody listens")

        assert ([], []) == (heard.notices, heard.troubles)

    def test_a_fork_child_has_another_parent(self) -> None:
        """The one that has forked; and its stop is not that of its parent."""
        source, heard = parent.listen(), Heard()
        with listening(source):
            child = os.fork()
            if not child:
                source.start(heard)
                os._exit(0 if source._pid == os.getppid() else 1)

            assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def test_the_first_process_has_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """That is told, and nothing watched."""
        monkeypatch.setattr(os, "getppid", lambda: 0)
        with listening(parent.listen()) as heard:
            assert ["source-away"] == heard.codes

        assert "process 0 is no parent that can end" in heard.troubles[0][1]

    @pytest.mark.parametrize(("options", "text"), [({"every": 0}, "without a pause"), ({"within": -1}, "no time")])
    def test_what_makes_no_sense_is_refused(self, options: dict[str, float], text: str) -> None:
        """When it is written."""
        with pytest.raises(SourceError, match=text):
            parent.listen(**options)  # type: ignore[arg-type]

    def test_an_agent_ends_with_its_parent(self, tmp_path: Path) -> None:
        """And its command with it."""
        config = tmp_path / "pe.toml"
        config.write_text('[sources.shell]\nlisten = "parent"\n')
        own = [sys.executable, "-m", "processender", "run", "-c", str(config), "--", *SLEEPER]
        with Program([sys.executable, "-c", self.BETWEEN, *own], cwd="/") as program:
            program.wait_for("ready")
            program.signal("KILL")
            until(lambda: "parent gone" in str(_reports(program)), "the agent has not ended")


def _threads() -> list[Any]:
    import threading

    return threading.enumerate()


def _reports(program: Program) -> list[str]:
    return [path.read_text() for path in Path(program.state).rglob("*.json")]


class Page(Served):
    """A server with one page."""

    def __init__(self) -> None:
        super().__init__()
        self.told = Told(204)
        self.flaps = False

    def answer(self, asked: Asked) -> Told:
        """Tell it."""
        if self.flaps and len(self.asked) % 2:
            return Told(503, b"Service Unavailable")
        return self.told

    def say(self, **told: Any) -> None:
        """Say something from now on."""
        with self.lock:
            self.told = as_json(told)


class TestUrl:
    @pytest.fixture
    def page(self) -> Iterator[Page]:
        """Run a server."""
        with Page() as found:
            yield found

    def of(self, page: Page, **options: Any) -> Polled:
        """Return what asks it."""
        return http.listen(f"{page.url}/end", every=PACE, **options)

    def test_it_keeps_its_promises(self) -> None:
        """Absent, a black hole, flapping, lying, silent; told once, within one look, and stopped at once."""
        check_source(
            lambda url: http.listen(f"{url}/end", every=PACE),
            lambda page: page.say(action="stop"),
            unclear=lambda page: page.say(action="explode"),
            double=Page,
        )

    def test_it_says_what_is_to_happen(self, page: Page) -> None:
        """And takes it back by saying nothing more."""
        with listening(self.of(page)) as heard:
            page.say(action="drain", reason="rack 7")
            until(lambda: heard.notices, "nothing was heard")
            page.say(action="stop", within="40s", reason="rack 7")
            until(lambda: len(heard.notices) > 1, "no more was heard")
            page.say()
            until(lambda: len(heard.notices) > 2, "nothing was taken back")

        assert [("drain", "rack 7", None), ("stop", "rack 7", 40), ("resume", "rack 7 called off", None)] == shown(
            heard
        )

    @pytest.mark.parametrize("status", [204, 404])
    def test_nothing_is_nothing(self, page: Page, status: int) -> None:
        """Neither is an object without an action, or no body at all."""
        for told in (Told(status), Told(200), as_json({"reason": "none"})):
            page.told = told
            before = len(page.asked)
            with listening(self.of(page)) as heard:
                until(lambda: len(page.asked) > before + 2, "nobody asks")  # noqa: B023
            assert ([], []) == (heard.notices, heard.troubles)

    def test_a_status_may_mean_it(self, page: Page) -> None:
        """Others are nothing, or a trouble."""
        page.told = Told(200, b"fine")
        with listening(self.of(page, statuses=[410, 503], action="drain", within=5)) as heard:
            until(lambda: len(page.asked) > 2, "nobody asks")
            page.told = Told(500)
            until(lambda: heard.troubles, "nobody has said so")
            page.told = Told(503)
            until(lambda: heard.notices, "nothing was heard")
            page.told = Told(200)
            until(lambda: len(heard.notices) > 1, "nothing was taken back")

        assert [("drain", "status 503", 5), ("resume", "status 503 called off", None)] == shown(heard)
        assert ["source-refused"] == heard.codes

    @pytest.mark.parametrize(
        ("value", "expected"),
        [("terminating", "stop"), ("cordoned", "drain"), (True, "advise"), (3, "drain"), (None, "stop")],
    )
    def test_a_field_may_mean_it(self, page: Page, value: object, expected: str) -> None:
        """By its value, as JSON writes it."""
        values = {"terminating": "stop", "cordoned": "drain", "true": "advise", "3": "drain", "null": "stop"}
        page.say(status={"phase": value})
        with listening(self.of(page, field="status.phase", values=values)) as heard:
            until(lambda: heard.notices, "nothing was heard")
            page.say(status={"phase": "running"})
            until(lambda: len(heard.notices) > 1, "nothing was taken back")

        assert expected == str(heard.notices[0].action)
        assert DeadlineKind.CONFIGURED is heard.notices[0].kind

    @pytest.mark.parametrize("told", [{}, {"status": []}, {"status": {"Phase": 1}}, {"status": None}])
    def test_a_field_that_is_not_there_is_unclear(self, page: Page, told: dict[str, Any]) -> None:
        """It may be spelt wrong."""
        page.say(**told)
        with listening(self.of(page, field="status.phase", values={"gone": "stop"})) as heard:
            until(lambda: heard.troubles, "nobody has said so")

        assert ["source-unclear"] == heard.codes

    def test_a_redirection_is_not_followed(self, page: Page) -> None:
        """It may lead anywhere."""
        page.told = Told(302, headers=(("Location", page.url),))
        with listening(self.of(page)) as heard:
            until(lambda: heard.troubles, "nobody has said so")

        assert ["source-refused"] == heard.codes

    def test_a_secret_is_sent_and_not_shown(self, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
        """Read each time, from where it is."""
        monkeypatch.setenv("END_TOKEN", "Bearer sesame-street")
        page.told = Told(403, b"no Bearer sesame-street here")
        with listening(self.of(page, headers={"Authorization": {"env": "END_TOKEN"}, "X-Site": "a"})) as heard:
            until(lambda: heard.troubles, "nobody has said so")

        assert ("Bearer sesame-street", "a") == tuple(
            page.asked[0].headers[each] for each in ("authorization", "x-site")
        )
        assert "sesame" not in str(heard.troubles)

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({"every": 0}, "without a pause"),
            ({"within": -1}, "less than no time"),
            ({"field": "a"}, "both `field` and `values`"),
            ({"values": {"a": "stop"}}, "both `field` and `values`"),
            ({"field": "a", "values": {"a": "stop"}, "statuses": [503]}, "give `statuses`, or"),
            ({"field": "a", "values": {"a": "halt"}}, "cannot tell what 'halt' means"),
            ({"headers": {"Authorization": "Bearer sesame"}}, "must not be written out"),
            ({"headers": {"X": 7}}, "it has no X"),
            ({"url": "ftp://here"}, "must be a URL"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, options: dict[str, Any], problem: str) -> None:
        """When it is written, and a secret is not quoted."""
        with pytest.raises(SourceError, match=problem) as caught:
            http.listen(**{"url": "http://127.0.0.1/end", **options})

        assert "sesame" not in str(caught.value)

    def test_an_agent_ends_as_it_says(self, page: Page, tmp_path: Path) -> None:
        """With the options as the file writes them."""
        config = tmp_path / "pe.toml"
        with_ = f'url = "{page.url}/end", every = "20ms", within = "40s", field = "phase", values = {{ gone = "stop" }}'
        config.write_text(f'[sources.manager]\nlisten = "http"\nwith = {{ {with_} }}\n')
        page.say(phase="here")
        with agent(["-c", str(config)], SLEEPER) as program:
            program.wait_for("ready")
            page.say(phase="gone")
            assert 143 == program.wait()

            assert "manager: phase is gone" in [f"{n['origin']}: {n['cause']}" for n in program.report()["notices"]]
            assert 39 < program.report()["window"]["length_s"] < 41


def test_what_a_drain_asks_for_is_a_drain() -> None:
    """The three speak the same words."""
    assert {"advise", "drain", "stop"} <= {str(each) for each in Action}
