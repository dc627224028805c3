"""Sources on the worst days: endpoints that lie in bytes, and sources that break while the process is to end."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from processender import Ender
from processender.errors import SourceError
from processender.integrations.files import listener as files
from processender.integrations.http import listener as http
from processender.ports import Ears
from processender.testing.sources import Heard, until

PACE = 0.01


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long."""
    monkeypatch.setattr("processender.listening.SLOWEST_S", 5 * PACE)


@contextmanager
def saying(*answers: bytes) -> Iterator[str]:
    """Answer each connection with one of *answers*, byte for byte, the last one again and again; give the URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            left = list(answers)
            while not over.is_set():
                found, _ = server.accept()
                with found:
                    if not over.is_set():
                        found.recv(65536)
                        found.sendall(left.pop(0) if len(left) > 1 else left[0])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}/end"
        finally:
            over.set()
            socket.create_connection(server.getsockname()).close()
            thread.join()


def answer(body: bytes, *fields: str, length: int | None = None) -> bytes:
    """Return an answer with this *body* and the header *fields*, which says another *length* than it has."""
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body) if length is None else length}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


@contextmanager
def asking(url: str, **options: Any) -> Iterator[Heard]:
    """Listen to *url*."""
    source, heard = http.listen(url, every=PACE, **options), Heard()
    source.start(heard)
    try:
        yield heard
    finally:
        source.stop()


class TestAnswers:
    def test_half_an_answer_says_nothing(self) -> None:
        """`within = 30` may be the beginning of `within = 3000`."""
        half, whole = answer(b"action = stop\nwithin = 30", length=27), answer(b"action = stop\nwithin = 3000")
        with saying(half, whole) as url, asking(url) as heard:
            until(lambda: heard.notices, "nothing was heard")

        (notice,) = heard.notices
        assert 2990 < (notice.deadline or 0.0) - notice.at < 3001
        assert ["source-away"] == heard.codes

    @pytest.mark.parametrize(
        "date",
        [
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Jan 9999999999999999999 1 08:22 a",
            "(",
            "",
        ],
    )
    def test_a_date_that_nobody_can_mean_hides_no_end(self, date: str) -> None:
        """A deadline is measured by the platform's clock, unless that was never set."""
        deadline = Heard().clock.wall() + 60
        body = f'{{"action": "stop", "deadline": "{_iso(deadline)}"}}'.encode()
        with saying(answer(body, f"Date: {date}")) as url, asking(url) as heard:
            until(lambda: heard.notices, "nothing was heard")

        (notice,) = heard.notices
        assert "stop" == str(notice.action)
        assert 40 < (notice.deadline or 0.0) - notice.at < 61

    def test_a_date_without_a_zone_is_utc(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whatever ours is."""
        monkeypatch.setenv("TZ", "America/New_York")
        wall = Heard().clock.wall()
        date = _mail(wall)
        body = f'{{"action": "stop", "deadline": "{_iso(wall + 60)}"}}'.encode()
        with saying(answer(body, f"Date: {date}")) as url, asking(url) as heard:
            until(lambda: heard.notices, "nothing was heard")

        assert 40 < (heard.notices[0].deadline or 0.0) - heard.notices[0].at < 64

    @pytest.mark.parametrize(
        "body",
        [b"sesame-street", b"sesame-street = 1", b'{"sesame-street": 1}', b"{sesame-street", b"\xff sesame-street",
         b"action = drain\nreason = sesame-street"],
    )  # fmt: skip
    def test_who_quotes_a_secret_does_not_have_it_told(self, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither as a trouble nor as the reason of a notice."""
        monkeypatch.setenv("END_TOKEN", "Bearer sesame-street")
        with saying(answer(body)) as url, asking(url, headers={"Authorization": {"env": "END_TOKEN"}}) as heard:
            until(lambda: heard.troubles or heard.notices, "nothing was told")

        assert "sesame" not in str((heard.troubles, heard.notices))

    def test_a_secret_in_an_address_is_not_told(self) -> None:
        """However it is spelt wrong, and whatever else is wrong."""
        for url in (
            "htp://me:sesame@host/end?token=sesame",
            "http:/me:sesame@host/end",
            "me:sesame@host",
        ):
            with pytest.raises(SourceError) as caught:
                http.listen(url)
            assert "sesame" not in str(caught.value)
        with pytest.raises(SourceError) as caught:
            http.listen("http://me:sesame@host/end", headers={"Authorization": "plain"})
        assert "sesame" not in str(caught.value)

    @pytest.mark.parametrize("secret", [None, "line\nX-Other: line", "café-sesame"])
    def test_a_secret_that_is_none_is_no_bug(self, secret: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is told where it should be, and it is asked again: it may be there by then."""
        if secret is not None:
            monkeypatch.setenv("END_TOKEN", secret)
        with saying(answer(b"")) as url, asking(url, headers={"Authorization": {"env": "END_TOKEN"}}) as heard:
            until(lambda: heard.troubles, "nothing was told")

        ((code, text),) = heard.troubles
        assert "source-refused" == code
        assert "sesame" not in text
        assert "END_TOKEN" in text or "'Authorization'" in text

    def test_a_proxy_of_the_environment_is_not_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Whoever can set a variable would otherwise answer for the platform, and see its tokens."""
        with saying(answer(b"action = stop")) as proxy, saying(answer(b"")) as url:
            for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
                monkeypatch.setenv(name, proxy)
            with asking(url) as heard:
                threading.Event().wait(10 * PACE)

        assert ([], []) == (heard.notices, heard.troubles)


def _iso(wall: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(wall, UTC).isoformat()


def _mail(wall: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(wall, UTC).strftime("%a, %d %b %Y %H:%M:%S")


class Broken:
    """A source that breaks wherever it can."""

    name = "broken"

    @property
    def last(self) -> dict[str, str]:
        """Say nothing."""
        raise ZeroDivisionError

    def start(self, ears: Ears) -> None:
        """Break."""
        raise ZeroDivisionError

    def stop(self) -> None:
        """Break."""
        raise ZeroDivisionError


def ender(state: Path) -> Ender:
    """Return one that ends where it is told to."""
    return Ender("web", grace=20.0, signals=(), exit="return", state=str(state), observers=[])


class TestAnEnd:
    def test_a_source_that_breaks_costs_only_itself(self, tmp_path: Path) -> None:
        """The end comes, its report is written, and the source beside it is stopped."""
        made, beside = ender(tmp_path), files.listen(str(tmp_path / "leave"), every=PACE)
        made.listen(Broken())
        made.listen(beside)
        with made:
            pass

        assert made.report is not None
        assert "clean" == made.report["verdict"]
        assert {"broken": {"": "ZeroDivisionError"}, "file": {"file": "nothing"}} == {
            **made.report["sources"], "file": {"file": "nothing"}
        }  # fmt: skip
        until(lambda: "processender-file" not in {each.name for each in threading.enumerate()}, "it still listens")

    @pytest.mark.parametrize("within", [math.nan, math.inf, 1e300])
    def test_a_time_that_is_none_ends_all_the_same(self, within: float, tmp_path: Path) -> None:
        """With the grace, or with as much time as anybody can mean; every handler runs."""
        made, ran = ender(tmp_path), []
        made.add(lambda: ran.append("flush"), name="flush")
        with made:
            made.stop("told", within=within)

        assert made.report is not None
        assert (["flush"], "clean") == (ran, made.report["verdict"])

    @pytest.mark.parametrize("called_off", [False, True])
    def test_an_end_of_next_week_is_not_the_cause_of_this_one(self, called_off: bool, tmp_path: Path) -> None:
        """It was heard first, and maybe called off; the signal has begun the end, and says how the process exits."""
        child = (
            "import os, signal, sys\n"
            "from processender import Ender\n"
            "from processender.core.notice import Action, Notice\n"
            "from processender.testing.sources import until\n"
            "with Ender('web', exit='signal', state=sys.argv[1]) as made:\n"
            "    now = made._clock.now()\n"
            "    made.notify(Notice('reboot', 'aws', now, Action.STOP_BY, now + 90000, key='m'))\n"
            f"    {called_off} and made.notify(Notice('none', 'aws', 0.0, Action.RESUME, key='m'))\n"
            f"    until(lambda: len(made._session.coordinator.notices) == {1 + called_off}, 'not heard')\n"
            "    os.kill(os.getpid(), signal.SIGTERM)\n"
            "    made.stopping.wait(20)\n"
        )
        done = subprocess.run([sys.executable, "-c", child, str(tmp_path)], stderr=subprocess.DEVNULL, check=False)
        (path,) = tmp_path.rglob("last.json")
        told = json.loads(path.read_text())

        assert (143, "SIGTERM", 143) == (done.returncode, told["cause"], told["exit"])
        assert "reboot" == told["notices"][0]["cause"]

    def test_who_looks_hardly_ever_looks_once(self, tmp_path: Path) -> None:
        """And is stopped as any other."""
        source, heard = files.listen(str(tmp_path / "leave"), every=math.inf), Heard()
        source.start(heard)
        until(lambda: source.last, "it has not looked")
        name = "processender-file"
        assert any(each.name == name for each in threading.enumerate())
        source.stop()
        until(lambda: not any(each.name == name for each in threading.enumerate()), "it still listens")

        assert ({"file": "nothing"}, []) == (source.last, heard.troubles)

    def test_the_end_of_the_parent_ends_as_any_other(self, tmp_path: Path) -> None:
        """Who has watched it is gone by then, and its pipe with it."""
        child = (
            "import os, sys\n"
            "from processender import Ender\n"
            "from processender.integrations import parent\n"
            "made = Ender('orphan', signals=(), exit='return', state=sys.argv[1])\n"
            "made.listen(parent.listen())\n"
            "with made:\n"
            "    os.write(1, b'listens ')\n"
            "    made.stopping.wait(20)\n"
            "os.write(1, made.report['verdict'].encode())\n"
        )
        between = "import subprocess, sys; subprocess.Popen(sys.argv[1:]); sys.stdin.read()"
        argv = [sys.executable, "-c", between, sys.executable, "-c", child, str(tmp_path)]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
            assert program.stdin is not None
            assert program.stdout is not None
            said = os.read(program.stdout.fileno(), 100)
            program.stdin.close()
            said += program.stdout.read()

        assert b"listens clean" == said
