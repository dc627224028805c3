"""What is heard of a UPS: from the real upsd, and from a double that has worse days."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Self

import pytest

from processender.core.notice import Action, Notice
from processender.errors import SourceError
from processender.integrations.nut import listen
from processender.testing.nut import Upsd
from processender.testing.sources import Heard, check_source, listening, until
from tests.integration.agents import SLEEPER, agent
from tests.integration.servers import Nut, nut

PACE = 0.02


@pytest.fixture
def double() -> Iterator[Upsd]:
    """Run a double that knows one user."""
    with Upsd(users={"shop": "shop-secret"}) as found:
        yield found


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the password where it is looked for."""
    monkeypatch.setenv("UPS_PASSWORD", "shop-secret")


LOGIN: dict[str, Any] = {"user": "shop", "password": {"env": "UPS_PASSWORD"}}


def of(place: str, **options: Any) -> AbstractContextManager[Heard]:
    """Return what listens to a UPS, without long pauses."""
    return listening(listen(place, **{"every": PACE, "dead": 0.1, "steady": 0.1, **options}))


def told(notice: Notice) -> str:
    """Return a notice in short."""
    return f"{notice.action}: {notice.cause}"


def by_cause(heard: Heard, cause: str) -> Notice:
    """Wait for a notice and return it."""
    until(lambda: any(each.cause == cause for each in heard.notices), f"{cause!r} was not heard")
    return next(each for each in heard.notices if each.cause == cause)


class Talk:
    """One conversation with upsd, line by line."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), 10)
        self._file = self._sock.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._sock.close()

    def say(self, line: str) -> str:
        """Send a line and return the answer."""
        self._sock.sendall(f"{line}\n".encode())
        answer = self._file.readline().decode()
        while answer.startswith("BEGIN") and not answer.splitlines()[-1].startswith("END"):
            answer += self._file.readline().decode()
        return answer


@pytest.fixture(scope="module")
def real() -> Iterator[Nut]:
    """Run it."""
    with nut() as found:
        yield found


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Return a certificate for 127.0.0.1, and its key."""
    place = tmp_path_factory.mktemp("tls")
    crt, key = str(place / "own.crt"), str(place / "own.key")
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    made = [*make, "-subj", "/CN=own", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", crt]
    subprocess.run(made, check=True, capture_output=True)
    return crt, key


class TestTheRealOne:
    @pytest.fixture
    def boss(self, real: Nut) -> Iterator[Talk]:
        """Return who may say what the UPS says."""
        with Talk(real.port) as talk:
            for line in ("USERNAME boss", "PASSWORD boss-secret", 'SET VAR rack ups.status "OL"'):
                assert "OK\n" == talk.say(line)
            until(lambda: "OL" in talk.say("GET VAR rack ups.status"), "it is not on line")
            yield talk

    LINES = (
        "LIST UPS", "GET VAR rack ups.status", "GET VAR rack nope", "GET VAR other ups.status", 'GET VAR rack "ups.mfr"',
        "LOGIN rack", "USERNAME shop", "USERNAME shop", "LOGIN rack", "PASSWORD no", "PASSWORD no", "LOGIN rack", "GET",
        "FOO", "STARTTLS", "GET NUMLOGINS rack", "LOGOUT",
    )  # fmt: skip

    def test_the_double_says_the_same(self, real: Nut, boss: Talk, double: Upsd) -> None:
        """Byte for byte, to those who look and log in."""
        double.variables["rack"]["ups.mfr"] = 'A "B"'
        with Talk(real.port) as one, Talk(int(double.place.rpartition(":")[2])) as other:
            for line in self.LINES:
                assert one.say(line) == other.say(line), line

    def test_an_outage_from_its_beginning_to_its_end(self, real: Nut, boss: Talk) -> None:
        """On battery, low, back; upsd counts who has logged in, and no more when it has left."""
        with of(f"@127.0.0.1:{real.port}", **LOGIN) as heard:
            until(lambda: "rack 1" in boss.say("GET NUMLOGINS rack"), "nobody is logged in")
            boss.say('SET VAR rack ups.status "OB"')
            by_cause(heard, "on battery")
            boss.say('SET VAR rack ups.status "OB LB"')
            assert Action.STOP is by_cause(heard, "low battery").action
            boss.say('SET VAR rack ups.status "OL"')
            assert Action.RESUME is by_cause(heard, "low battery called off").action
        until(lambda: "rack 0" in boss.say("GET NUMLOGINS rack"), "it has not left")

        assert [] == heard.troubles

    def test_a_driver_that_has_stopped_on_battery_is_the_end(self, real: Nut, boss: Talk) -> None:
        """upsd says `ERR DATA-STALE`; the end is taken back when the driver speaks again."""
        with of(f"rack@127.0.0.1:{real.port}") as heard:
            boss.say('SET VAR rack ups.status "OB"')
            by_cause(heard, "on battery")
            os.kill(real.driver, signal.SIGSTOP)
            try:
                by_cause(heard, "on battery, and not heard of since")
            finally:
                os.kill(real.driver, signal.SIGCONT)
            by_cause(heard, "on battery, and not heard of since called off")

        assert ["source-away"] == heard.codes
        assert "DATA-STALE" in heard.troubles[0][1]

    def test_a_forced_shutdown_leaves_what_the_primary_waits(self, real: Nut, boss: Talk) -> None:
        """And is not taken back, since it sticks there; so this comes last."""
        with of(f"rack@127.0.0.1:{real.port}", forced_within=12) as heard:
            assert "OK FSD-SET\n" == boss.say("FSD rack")
            notice = by_cause(heard, "forced shutdown")

        assert (Action.STOP, 12.0, False) == (notice.action, (notice.deadline or 0) - notice.at, notice.can_cancel)


class TestPromises:
    def test_it_keeps_them(self) -> None:
        """Absent, a black hole, flapping, lying, silent; told once, within one look, and stopped at once."""
        check_source(
            lambda url: listen(f"rack@{url.rpartition('/')[2]}", every=PACE),
            lambda double: double.status("FSD OL"),
            unclear=lambda double: double.status("perhaps"),
            double=Upsd,
        )


class TestBadDays:
    @pytest.mark.parametrize("fault", ["silent", "hang-up", "garbage", "endless"])
    def test_an_answer_that_is_none_is_asked_for_again(self, double: Upsd, fault: str) -> None:
        """On a connection of its own."""
        double.fail(fault)
        double.status("OB LB", runtime=40)
        with of(double.place) as heard:
            notice = by_cause(heard, "low battery")

        assert 39 < (notice.deadline or 0) - notice.at < 41
        assert 1 == len(heard.troubles)

    def test_upsd_that_vanishes_on_battery_is_the_end(self) -> None:
        """Its host may have lost its power."""
        with ExitStack() as gone:
            double = gone.enter_context(Upsd())
            double.status("OB", runtime=120)
            with of(double.place) as heard:
                by_cause(heard, "on battery")
                gone.close()
                notice = by_cause(heard, "on battery, and not heard of since")

        assert 100 < (notice.deadline or 0) - notice.at < 120

    def test_upsd_that_vanishes_on_line_is_a_trouble(self) -> None:
        """And no end, however long."""
        with Upsd() as double:
            place = double.place
        with of(place) as heard:
            until(lambda: heard.troubles, "nobody has said so")

        assert [] == heard.notices

    def test_slow_answers_are_answers(self, double: Upsd) -> None:
        """Two of them fit into a look."""
        double.delay = 0.2
        double.status("OB LB", runtime=40)
        with of(double.place) as heard:
            by_cause(heard, "low battery")

        assert [] == heard.troubles

    def test_a_runtime_that_is_none_hides_nothing(self, double: Upsd) -> None:
        """The grace counts."""
        double.status("OB LB", runtime="a while")
        with of(double.place) as heard:
            assert by_cause(heard, "low battery").deadline is None

    def test_a_battery_that_flaps_is_no_storm(self, double: Upsd) -> None:
        """Ten outages are a few notices."""
        with of(double.place, battery="drain", steady=30) as heard:
            for number in range(20):
                before = len(double.asked)
                double.status("OL" if number % 2 else "OB")
                until(lambda: len(double.asked) > before + 3, "nobody looks")  # noqa: B023

        assert len(heard.notices) <= 3

    def test_a_login_that_is_refused_is_a_trouble_and_no_deafness(
        self, double: Upsd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The password is in no text."""
        monkeypatch.setenv("UPS_PASSWORD", "quite wrong")
        double.status("OB LB")
        with of(double.place, **LOGIN) as heard:
            by_cause(heard, "low battery")

        assert ["source-refused"] == heard.codes
        assert "nobody waits for this process" in heard.troubles[0][1]
        assert "wrong" not in str(heard.troubles)

    def test_a_ups_that_is_not_there_is_told_with_what_to_do(self, double: Upsd) -> None:
        """Likewise where several are, and none was named."""
        double.variables["attic"] = {"ups.status": "OL"}
        with of(double.place.replace("rack", "")) as heard, of(double.place.replace("rack", "cellar")) as other:
            until(lambda: heard.troubles and other.troubles, "nobody has said so")

        assert "2 UPS (rack, attic); say which" in heard.troubles[0][1]
        assert "UNKNOWN-UPS" in other.troubles[0][1]

    def test_a_fork_child_has_a_connection_of_its_own(self, double: Upsd) -> None:
        """It must not say goodbye for its parent."""
        source = listen(double.place, every=PACE, **LOGIN)
        with listening(source):
            until(lambda: double.logged_in, "nobody is logged in")
            child = os.fork()
            if not child:
                source._close()
                os._exit(0)
            os.waitpid(child, 0)
            before = len(double.asked)
            until(lambda: len(double.asked) > before + 3, "nobody looks any more")

            assert ["shop"] == double.logged_in


class TestTls:
    def test_the_password_is_sent_in_tls(self, certificate: tuple[str, str]) -> None:
        """And all that follows."""
        with Upsd(users={"shop": "shop-secret"}, certificate=certificate) as double:
            double.status("OB LB")
            with of(double.place, tls=True, authority=certificate[0], **LOGIN) as heard:
                by_cause(heard, "low battery")

                assert ["STARTTLS", "USERNAME", "PASSWORD", "LOGIN"] == [each.method for each in double.asked[:4]]
        assert [] == heard.troubles

    def test_a_certificate_that_is_not_trusted_is_refused(self, certificate: tuple[str, str]) -> None:
        """Before the password is sent."""
        with Upsd(certificate=certificate) as double, of(double.place, tls=True, **LOGIN) as heard:
            until(lambda: heard.troubles, "nobody has said so")

            assert {"STARTTLS"} == {each.method for each in double.asked}
        assert ["source-refused"] == heard.codes
        assert "its certificate is not trusted" in heard.troubles[0][1]

    def test_upsd_without_tls_is_refused(self, double: Upsd) -> None:
        """Whoever wants it has a reason."""
        with of(double.place, tls=True, **LOGIN) as heard:
            until(lambda: heard.troubles, "nobody has said so")

        assert "FEATURE-NOT-CONFIGURED" in heard.troubles[0][1]
        assert {"STARTTLS"} == {each.method for each in double.asked}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"every": 0}, "without a pause"),
        ({"dead": -1}, "less than no time"),
        ({"user": "shop"}, "give both `user` and `password`"),
        ({"password": {"env": "A"}}, "give both `user` and `password`"),
        ({"user": "shop", "password": "shop-secret"}, "must not be written out"),
        ({"authority": "/ca"}, "without TLS"),
        ({"ups": "ra ck"}, "write NAME@HOST"),
        ({"ups": "rack@host:none"}, "write NAME@HOST"),
        ({"ups": "rack@::1"}, "write NAME@HOST"),
        ({"ups": "rack@host:99999"}, "write NAME@HOST"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], problem: str) -> None:
    """When it is written, and a secret is not quoted."""
    with pytest.raises(SourceError, match=problem) as caught:
        listen(**options)

    assert "shop-secret" not in str(caught.value)


@pytest.mark.parametrize("ups", ["", "rack", "@host", "rack@host:1", "rack@[::1]", "rack@[fe80::1]:3493"])
def test_what_names_a_ups_is_taken(ups: str) -> None:
    """As NUT itself writes it."""
    assert "nut" == listen(ups).name


def test_an_agent_ends_its_command_with_the_power(double: Upsd, tmp_path: Path) -> None:
    """With the time that the battery has; the report says what was seen."""
    file = tmp_path / "pe.toml"
    with_ = f'ups = "{double.place}", every = "20ms", user = "shop", password = {{ env = "UPS_PASSWORD" }}'
    file.write_text(f'[sources.ups]\nlisten = "nut"\nwith = {{ {with_} }}\n')
    with agent(["-c", str(file)], SLEEPER) as program:
        program.wait_for("ready")
        until(lambda: double.logged_in, "nobody is logged in")
        double.status("OB LB", runtime=50)
        assert 143 == program.wait()

        assert "ups: low battery" in [f"{each['origin']}: {each['cause']}" for each in program.report()["notices"]]
        assert 40 < program.report()["window"]["length_s"] < 51
        assert "on battery, low battery" == program.report()["sources"]["ups"]["status"]
