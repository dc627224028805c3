"""Leaving traffic by requests and by commands, for targets that have no drainer of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from processender.errors import HandlerError, Permanent, Transient
from processender.integrations import command, http
from processender.testing.drainers import check_drainer
from processender.testing.served import Asked, Served, Told, as_json
from tests.integration.drainers import come_back, leave


class Balancer(Served):
    """A target that is as it was told, and has connections for a number of looks."""

    connections = 2
    down = False
    key = ""

    def answer(self, asked: Asked) -> Told:
        """Answer."""
        if self.key and asked.headers.get("x-api-key") != self.key:
            return Told(403, b"who are you?")
        if asked.path in {"/down", "/up"}:
            self.down = asked.path == "/down"
            return Told(204)
        left, self.connections = self.connections, max(0, self.connections - 1)
        return as_json({"connections": left})


@pytest.fixture
def balancer() -> Iterator[Balancer]:
    """Run a balancer."""
    with Balancer() as found:
        yield found


class TestRequests:
    def test_it_leaves_and_waits_for_what_the_target_says(self, balancer: Balancer) -> None:
        """The evidence is a text in the answer."""
        until = {"url": f"{balancer.url}/stats", "says": '"connections": 0'}
        handler = http.drain(f"{balancer.url}/down", f"{balancer.url}/up", until=until)

        assert [f"""{balancer.url}/stats was answered with 200, and says '"connections": 0'"""] == leave(handler)
        assert balancer.down
        back = come_back(handler)
        assert not balancer.down
        assert [f"{balancer.url}/up was answered with 204; nobody has looked whether requests come"] == back

    def test_it_does_what_every_drainer_must(self, balancer: Balancer) -> None:
        """Twice down and twice back."""
        check_drainer(lambda: http.drain(f"{balancer.url}/down", f"{balancer.url}/up"), lambda: not balancer.down)

    def test_the_status_alone_may_be_the_evidence(self, balancer: Balancer) -> None:
        """Such as a page that is no longer there."""
        until = {"url": f"{balancer.url}/stats", "expect": [404]}
        balancer.fail(404, method="GET")

        assert [f"{balancer.url}/stats was answered with 404"] == leave(http.drain(f"{balancer.url}/down", until=until))

    def test_a_secret_is_read_when_it_is_sent(self, balancer: Balancer, tmp_path: Path) -> None:
        """And never stands in the configuration."""
        balancer.key = "s3cr3t"
        place = {"x-api-key": {"file": str(tmp_path / "key")}}
        handler = http.drain({"url": f"{balancer.url}/down", "headers": place})
        (tmp_path / "key").write_text("s3cr3t")
        leave(handler)

        assert balancer.down
        with pytest.raises(HandlerError, match="down: X-API-Key is a secret"):
            http.drain({"url": "http://127.0.0.1/", "headers": {"X-API-Key": "s3cr3t"}})

    def test_it_outlasts_the_process_if_there_is_a_way_back(self, balancer: Balancer) -> None:
        """Unless it is told otherwise."""
        down, up = f"{balancer.url}/down", f"{balancer.url}/up"

        assert [True, False, False] == [
            each.lasting for each in (http.drain(down, up), http.drain(down), http.drain(down, up, lasting=False))
        ]

    def test_one_that_never_ends_is_bounded_and_noted(self, balancer: Balancer) -> None:
        """It goes on."""
        until = {"url": f"{balancer.url}/stats", "says": "never"}
        notes = leave(http.drain(f"{balancer.url}/down", until=until, wait=0.1))

        assert [f"{balancer.url}/stats is not answered as it should be after 0.1 s, and it goes on"] == notes

    def test_a_refusal_is_final_and_a_bad_day_is_not(self, balancer: Balancer) -> None:
        """By the status."""
        handler = http.drain(f"{balancer.url}/down")
        balancer.fail(403, 503)
        with pytest.raises(Permanent):
            leave(handler)
        with pytest.raises(Transient):
            leave(handler)

    @pytest.mark.parametrize(
        ("down", "why"),
        [
            ({"uri": "x"}, "down has no key 'uri'; did you mean 'url'"),
            ({}, "down must have a url"),
            ("nowhere", "must be a URL"),
            (["http://h/"], "down must be a URL, or a table"),
            ({"url": 5}, "url of down must be a URL, as text"),
            (
                {"url": "http://h/", "expect": "200"},
                r"expect of down must be a list of status codes, like \[200, 204\]",
            ),
            ({"url": "http://h/", "expect": 200}, "expect of down must be a list"),
            ({"url": "http://h/", "expect": ["200"]}, "expect of down must be a list"),
            ({"url": "http://h/", "headers": 5}, "headers of down must be a table"),
            ({"url": "http://h/", "headers": {5: "x"}}, "the name of a header of down must be text, not 5"),
            ({"url": "http://h/", "headers": {"X-Key": 5}}, "it has no X-Key"),
            ({"url": "http://h/", "headers": {"Authorization": "s3cret"}}, "down: Authorization is a secret"),
            ({"url": "http://h/", "body": 5}, "body of down must be text"),
            ({"url": "http://h/", "method": 5}, "method of down must be text"),
            ({"url": "http://h/", "method": "GE T"}, "a method is one word"),
            ({"url": "http://h/a b"}, "a URL has no spaces"),
        ],
    )
    def test_what_makes_no_sense_is_refused_at_once(self, down: object, why: str) -> None:
        """And not when the end has come."""
        with pytest.raises(HandlerError, match=why):
            http.drain(down)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often, and not for long."""
    monkeypatch.setattr("processender.integrations.command.drainer.EVERY_S", 0.01)
    monkeypatch.setattr("processender.integrations.command.drainer.LOOK_S", 0.5)


class TestCommands:
    def test_it_leaves_and_waits_until_a_command_ends_with_0(self, tmp_path: Path) -> None:
        """Which is run again and again."""
        looks, up = tmp_path / "looks", tmp_path / "up"
        until = ["sh", "-c", f'echo >> {looks}; test "$(wc -l < {looks})" -ge 3']
        handler = command.drain(["sh", "-c", "true"], ["touch", str(up)], until=until)

        assert ["'sh' has ended with 0"] == leave(handler)
        assert 3 == len(looks.read_text().splitlines())
        come_back(handler)
        assert up.exists()
        assert handler.lasting

    def test_it_does_what_every_drainer_must(self, tmp_path: Path) -> None:
        """Twice down and twice back."""
        flag = tmp_path / "down"
        check_drainer(lambda: command.drain(["touch", str(flag)], ["rm", "-f", str(flag)]), lambda: not flag.exists())

    def test_one_that_never_ends_is_bounded_and_noted(self) -> None:
        """It goes on."""
        notes = leave(command.drain(["true"], until=["false"], wait=0.1))

        assert ["'false' does not end with 0 after 0.1 s, and it goes on"] == notes

    def test_a_look_that_hangs_is_killed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The next one may not."""
        monkeypatch.setattr("processender.integrations.command.drainer.LOOK_S", 0.05)
        (note,) = leave(command.drain(["true"], until=["sleep", "60"], wait=0.2))

        assert "'sleep' does not end with 0 after 0.2 s, and it goes on" == note

    def test_a_command_that_fails_has_not_left(self) -> None:
        """And what is not there never will."""
        with pytest.raises(command.CommandFailed):
            leave(command.drain([sys.executable, "-c", "raise SystemExit(3)"]))
        with pytest.raises(Permanent):
            leave(command.drain(["/nowhere/leave"]))
        with pytest.raises(HandlerError, match="give a list"):
            command.drain("leave --now")
