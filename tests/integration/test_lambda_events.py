"""What an extension of AWS Lambda hears from the Extensions API, on good days and on bad ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from processender.core.notice import Action, DeadlineKind, Notice
from processender.engine.clock import SystemClock
from processender.errors import SourceError
from processender.integrations import aws_lambda
from processender.testing.extensions import Extensions
from processender.testing.sources import Heard, until


@pytest.fixture
def api() -> Iterator[Extensions]:
    """Run the API, of a sandbox with one external extension."""
    with Extensions(["flush"]) as found:
        yield found


class Still(SystemClock):
    """A clock that stands still."""

    def now(self) -> float:
        """Return the same instant."""
        return 5.0

    def wall(self) -> float:
        """Return the same instant, since 1970."""
        return 1_700_000_000.0


class Waiting:
    """A source that is registered and waits, for the length of a block."""

    def __init__(self, api: Extensions, extension: str = "flush", clock: SystemClock | None = None) -> None:
        self.source, self.heard = aws_lambda.listen(extension=extension, endpoint=api.address), Heard()
        self.heard.clock = clock or self.heard.clock
        self.api = api

    def __enter__(self) -> Heard:
        self.source.start(self.heard)
        until(lambda: self.api.names(ready=True), "it does not ask for events")
        return self.heard

    def __exit__(self, *_: object) -> None:
        self.source.stop()


def heard(api: Extensions, tell: Any, clock: SystemClock | None = None) -> tuple[Notice, list[str]]:
    """Return the notice that follows when the API tells something, and the codes of the troubles."""
    with Waiting(api, clock=clock) as ears:
        tell()
        until(lambda: ears.notices, "nothing was heard")
    return ears.notices[0], ears.codes


class TestEvents:
    @pytest.mark.parametrize("reason", ["spindown", "TIMEOUT", "Failure"])
    def test_a_reason_is_compared_without_case(self, api: Extensions, reason: str) -> None:
        """Documents write them in capitals, and the platform in small letters."""
        notice, codes = heard(api, lambda: api.shutdown(reason, seconds=2))

        assert (reason.lower(), Action.STOP, DeadlineKind.TOLD) == (notice.cause, notice.action, notice.kind)
        assert [] == codes

    def test_the_deadline_is_an_instant(self, api: Extensions) -> None:
        """Milliseconds since 1970, not a length."""
        notice, _ = heard(api, lambda: api.shutdown(seconds=2))

        assert 1.0 < (notice.deadline or 0) - notice.at <= 2.0

    @pytest.mark.parametrize("deadline", ["2000", "-5", '"soon"', "null", "true", "99999999999999", "1e400", "9" * 400])
    def test_a_deadline_that_is_none_leaves_the_grace(self, api: Extensions, deadline: str) -> None:
        """It is an end all the same; that it was not understood is told."""
        body = f'{{"eventType":"SHUTDOWN","shutdownReason":"spindown","deadlineMs":{deadline}}}'
        notice, codes = heard(api, lambda: api.say(body.encode()))

        assert (None, ["source-unclear"]) == (notice.deadline, codes)

    def test_a_deadline_of_300_ms_is_one(self, api: Extensions) -> None:
        """So much is left when the function has taken its time."""
        body = b'{"eventType":"SHUTDOWN","shutdownReason":"spindown","deadlineMs":1700000000300}'
        notice, codes = heard(api, lambda: api.say(body), clock=Still())

        assert (5.3, DeadlineKind.TOLD, []) == (round(notice.deadline or 0, 3), notice.kind, codes)

    def test_after_a_deadline_that_is_over_the_shortest_window_counts(self, api: Extensions) -> None:
        """The kill is near: what matters most is begun first, and nobody has to guess why."""
        notice, codes = heard(api, lambda: api.shutdown(seconds=-1))

        assert (0.3, DeadlineKind.ASSUMED) == (round((notice.deadline or 0) - notice.at, 6), notice.kind)
        assert ["source-unclear"] == codes

    @pytest.mark.parametrize(
        ("reason", "cause"), [("null", "shutdown"), ('"Moon\\nrise"', "moonrise"), ('""', "shutdown"), ("7", "7")]
    )
    def test_an_unknown_reason_is_an_end(self, api: Extensions, reason: str, cause: str) -> None:
        """Whatever it is, nothing of it can spoil a line of the log."""
        deadline = int((SystemClock().wall() + 60) * 1000)
        body = f'{{"eventType":"SHUTDOWN","shutdownReason":{reason},"deadlineMs":{deadline}}}'
        notice, codes = heard(api, lambda: api.say(body.encode()))

        assert (cause, []) == (notice.cause, codes)

    def test_requests_are_none_of_its_business(self, api: Extensions) -> None:
        """It goes on waiting; what is not known is told."""
        with Waiting(api) as ears:
            api.say(b'{"eventType":"INVOKE","deadlineMs":1}')
            api.say(b'{"eventType":"WEATHER"}')
            api.shutdown()
            until(lambda: ears.notices, "nothing was heard")

        assert ["source-unclear"] == ears.codes

    @pytest.mark.parametrize("garbage", [b"", b"[]", b"\xff", b'"SHUTDOWN"', b"[" * 100_000])
    def test_garbage_is_asked_for_again(self, api: Extensions, garbage: bytes) -> None:
        """That it was not understood is told once, and the end is heard."""
        with Waiting(api) as ears:
            api.say(garbage)
            api.say(garbage)
            until(lambda: ears.codes, "nobody was told")
            api.shutdown()
            until(lambda: ears.notices, "nothing was heard")

        assert (["source-unclear"], 1) == (ears.codes, len(ears.notices))

    @pytest.mark.parametrize("fault", ["hang-up", "garbage"])
    def test_a_request_that_breaks_off_is_asked_again(self, api: Extensions, fault: str) -> None:
        """As when a sandbox was frozen in the middle of it."""
        api.fail(fault, fault, path="/2020-01-01/extension/event")
        notice, _ = heard(api, api.shutdown)

        assert "spindown" == notice.cause

    @pytest.mark.parametrize("faults", [[500], [403], ["hang-up"] * 6])
    def test_an_api_that_has_gone_is_told(self, api: Extensions, faults: list[str | int],
                                          monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
        """A refusal is final, says AWS, and so is one failure after the other; nothing is asked for ever."""
        monkeypatch.setattr("processender.integrations.aws_lambda.extension.PAUSE_S", 0.001)
        api.fail(*faults, path="/2020-01-01/extension/event")
        source, ears, deaf = aws_lambda.listen(extension="flush", endpoint=api.address), Heard(), threading.Event()
        source.when_deaf = deaf.set
        source.start(ears)
        until(deaf.is_set, "it does not know that it is deaf")

        assert (["source-away"], True, {"extension": "deaf"}) == (ears.codes, source.deaf, source.last)

    def test_nobody_waits_for_it_when_it_is_stopped(self, api: Extensions) -> None:
        """Its request, which may last for days, is broken off, and no trouble is told."""
        with Waiting(api) as ears:
            pass
        until(lambda: not _threads(), "it still waits")

        assert [] == ears.codes

    def test_an_internal_one_subscribes_to_nothing(self, api: Extensions) -> None:
        """It may not hear of the end; that it is there is enough."""
        with Waiting(api, ""):
            (agent,) = api.agents.values()

        assert (False, ()) == (agent.external, agent.events)

    def test_outside_of_lambda_nothing_happens(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The same program runs on a laptop."""
        monkeypatch.delenv("AWS_LAMBDA_RUNTIME_API", raising=False)
        source, ears = aws_lambda.listen(), Heard()
        source.start(ears)
        source.stop()

        assert ([], False) == (ears.troubles, source.registered)

    def test_an_extension_outside_of_lambda_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It has nothing else to do, and ends."""
        monkeypatch.delenv("AWS_LAMBDA_RUNTIME_API", raising=False)
        source, ears = aws_lambda.listen(extension="flush"), Heard()
        source.start(ears)
        source.stop()

        assert "AWS_LAMBDA_RUNTIME_API is not set" in ears.troubles[0][1]

    def test_the_api_may_be_given_by_its_url(self, api: Extensions) -> None:
        """As all endpoints may."""
        source, ears = aws_lambda.listen(endpoint=f"http://{api.address}/"), Heard()
        source.start(ears)
        source.stop()

        assert ([], True) == (ears.troubles, source.registered)

    def test_a_registration_that_is_refused_is_told(self, api: Extensions) -> None:
        """With the words of the API."""
        api.closed = True
        source, ears = aws_lambda.listen(endpoint=api.address), Heard()
        source.start(ears)

        assert "Extension registration closed already" in ears.troubles[0][1]

    @pytest.mark.parametrize("fault", [500, "hang-up", "garbage", "silent"])
    def test_a_start_is_held_up_by_nothing(self, api: Extensions, fault: str | int,
                                           monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
        """An API that does not answer in time costs that time, once, and the function starts."""
        monkeypatch.setattr("processender.integrations.aws_lambda.api.CALL_S", 0.05)
        api.fail(fault)
        source, ears = aws_lambda.listen(endpoint=api.address), Heard()
        source.start(ears)

        until(lambda: 1 == len(api.asked), "it was not asked once")

        assert (["source-refused"], False) == (ears.codes, source.registered)

    def test_an_api_that_is_not_there_is_told(self) -> None:
        """Nobody listens at the address."""
        with Extensions() as gone:
            address = gone.address
        source, ears = aws_lambda.listen(endpoint=address), Heard()
        source.start(ears)

        assert ["source-refused"] == ears.codes

    @pytest.mark.parametrize("endpoint", ["nowhere", "localhost:", ":1", "a:99999", "a\r\nb:80"])
    def test_an_address_that_is_none_is_refused(self, endpoint: str) -> None:
        """At once, and with what to do."""
        with pytest.raises(SourceError, match="it is no HOST:PORT; leave `endpoint` out"):
            aws_lambda.listen(endpoint=endpoint)

    @pytest.mark.parametrize("name", ["a\nb", "größe"])
    def test_a_name_that_cannot_be_sent_is_refused(self, name: str) -> None:
        """It is a field of each request."""
        with pytest.raises(SourceError, match="give the name of the file in /opt/extensions"):
            aws_lambda.listen(extension=name, endpoint="127.0.0.1:1")


def _threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == "processender-aws-lambda"]
