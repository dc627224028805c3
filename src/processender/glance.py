"""One look of a source at its platform: the time that it has, what it asks, and how it reads what is written there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from io import BufferedReader, RawIOBase

from .core.notice import Notice
from .errors import HandlerError, ProcessEnderError, SourceError, Transient
from .exchange import READ_BYTES, Answer, Exchange, Request, judge
from .hints import Any
from .ports import Clock, Ears
from .urls import without_secrets as shown

DATES = (1.6e9, 4.1e9)
"""Between these instants, the years 2020 and 2099, a platform's date is believed; others are of a clock never set."""
SKEW_S = 2.0
"""How far the platform's clock may be from ours before ours is not believed; its dates have whole seconds."""
_SHOWN = 80


class Unclear(ProcessEnderError):
    """The platform says something that cannot be understood."""

    code = "source-unclear"


class Glance:
    """One look: who looks asks the platform through it, and says through it what cannot be understood."""

    handler = cause = idempotency_key = "look"
    attempt = 1

    def __init__(self, ears: Ears, limit: float, complain: Callable[[BaseException], object]) -> None:
        """Have *limit* seconds."""
        self.clock: Clock = ears.clock
        """The time."""
        self.ears = ears
        """Who is told, for what cannot wait for the end of the look."""
        self._until = self.clock.now() + limit
        self._complain = complain
        self._lock = threading.Lock()
        self._on_cancel: list[Callable[[], object]] = []
        self._date, self._dated = "", 0.0
        self.pause: float | None = None
        """The seconds to the next look, where this one knows better than the pace."""
        self.whole = True
        """Whether all that was shown could be understood; otherwise what is missing may only be garbled."""
        self.cancelled = False
        """Whether nobody wants to know any more."""

    def ask(
        self,
        request: Request,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        most: int = READ_BYTES,
    ) -> Answer:
        """Send *request* with more *headers* and return the answer, whatever its status; see `exchange`."""
        answer = _Look(request, self, headers=headers, timeout=timeout, most=most).carry_through()
        if answer.missing:
            raise Transient(f"{request.method} {request.shown}: the answer broke off, {answer.missing} bytes too early")
        self.dated(answer.headers.get("Date") or "", self.clock.now())
        return answer

    def dated(self, date: str, at: float) -> None:
        """Take the *date* of an answer, as its header has it, that began at the instant *at*."""
        self._date, self._dated = date, at

    def unclear(self, text: str) -> None:
        """Say what cannot be understood, while the rest of the look is used."""
        self.whole = False
        self.failed(Unclear(text))

    def failed(self, error: ProcessEnderError | TimeoutError) -> None:
        """Say what has failed, while the look goes on."""
        self._complain(error)

    def complain(self, error: BaseException) -> None:
        """Say what went wrong, once for each kind, while the look goes on."""
        self._complain(error)

    def wall(self) -> float:
        """Return the platform's time, seconds since 1970: ours, unless its last answer says something else."""
        ours = self.clock.wall()
        try:
            date = instant(self._date) if self._date else 0.0
        except Unclear:
            return ours
        theirs = date + self.clock.now() - self._dated
        return theirs if DATES[0] < date < DATES[1] and abs(theirs - ours) > SKEW_S else ours

    def remaining(self) -> float:
        """Return the seconds that the look has left."""
        return 0.0 if self.cancelled else max(0.0, self._until - self.clock.now())

    def on_cancel(self, function: Callable[[], object]) -> Callable[[], object]:
        """Let *function* be called when nobody wants to know any more; return what takes that back."""
        with self._lock:
            if not self.cancelled:
                self._on_cancel.append(function)
                return lambda: self._forget(function)
        function()
        return lambda: None

    def _forget(self, function: Callable[[], object]) -> None:
        with self._lock:
            if function in self._on_cancel:
                self._on_cancel.remove(function)

    def short(self, seconds: float) -> Glance:
        """Return a glance for a part of this one that takes at most *seconds*."""
        part = Glance(self.ears, min(seconds, self.remaining()), self._complain)
        self.on_cancel(part.cancel)
        return part

    def cancel(self) -> None:
        """Let whoever looks come back at once."""
        with self._lock:
            self.cancelled = True
            functions, self._on_cancel = self._on_cancel, []
        for function in functions:
            function()

    def call(self, dependency: str, function: Callable[[], Any], timeout: float | None = None) -> Any:  # noqa: ARG002
        """Call *function*; a look is repeated anyway, so no breaker of *dependency* is needed."""
        return function()

    def note(self, text: str) -> None:
        """Say nothing: what a look has to tell are its sightings."""

    @property
    def log(self) -> Any:
        """The logger of the sources."""
        import logging  # noqa: PLC0415 - for those who log

        return logging.getLogger("processender.sources")


class _Nobody:
    """Ears that hear nothing: an answer is for who has asked."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def notify(self, notice: Notice) -> None:
        """Take nothing."""

    def trouble(self, code: str, text: str) -> None:
        """Take nothing."""


def question(clock: Clock, limit: float) -> Glance:
    """Return a glance for a single question of somebody who is no source, which may take *limit* seconds."""
    return Glance(_Nobody(clock), limit, lambda _error: None)


class _Look(Exchange):
    """An exchange whose reads have one time together: a thread that watches it would be a third of what it costs."""

    def __init__(self, request: Request, glance: Glance, **options: Any) -> None:
        from http.client import HTTPResponse  # noqa: PLC0415 - loaded by the request

        super().__init__(request, glance, **options)
        now = glance.clock.now
        until = now() + self._limit

        def made(sock: Any, **options: Any) -> HTTPResponse:
            file: Any = _InTime(sock, lambda: until - now())
            return HTTPResponse(file, **options)

        connection: Any = self._connection
        connection.response_class = made

    def _clock(self) -> Any:
        """Return what needs no clock: this, which is cancelled by nothing."""
        return self

    def cancel(self) -> None:
        """Stop no clock."""


class _InTime(RawIOBase):
    """The end of a socket from which an answer is read, and what is read from it: no longer than there is time."""

    def __init__(self, sock: Any, left: Callable[[], float]) -> None:
        self._sock = sock
        self._left = left
        self._file = sock.makefile("rb", buffering=0)

    def makefile(self, _mode: str) -> BufferedReader:
        """Return what `http.client` reads from."""
        return BufferedReader(self)

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what is there, or wait for it as long as may be."""
        left = self._left()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return int(self._file.readinto(buffer))

    def close(self) -> None:
        """Close it."""
        self._file.close()
        super().close()


class Later:
    """A request that is made when it is first sent: to describe one loads what a start must not wait for."""

    def __init__(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, authority: str | None = None
    ) -> None:
        """Take what a `Request` takes; raise `SourceError` for an address that can be none."""
        scheme, colon, rest = url.partition("://")
        if not colon or scheme not in {"http", "https"} or not rest.strip("/"):
            raise SourceError(f"cannot listen to {shown(url)!r}: it must be a URL with http or https and a host")
        self._given = (method, url, headers)
        self._authority = authority
        self._made: Request | None = None

    def __call__(self) -> Request:
        """Return it."""
        if self._made is None:
            try:
                self._made = Request(*self._given, authority=self._authority)
            except HandlerError as error:
                raise SourceError(str(error)) from error
        return self._made


def text_of(answer: Answer) -> str:
    """Return the body of *answer* as text without the space around it; raise `Unclear` for what is none."""
    try:
        return answer.body.decode().strip()
    except UnicodeDecodeError as error:
        raise Unclear(f"it answers {answer.quoted(_SHOWN)!r}, which is no text") from error


def data_of(answer: Answer) -> Any:
    """Return what the JSON in the body of *answer* means; raise `Unclear` for what is none."""
    import json  # noqa: PLC0415 - for those who need it

    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise Unclear(f"it answers {answer.quoted(_SHOWN)!r}, which is no JSON") from error


def instant(text: object) -> float:
    """
    Return the instant that *text* names, seconds since 1970; raise `Unclear` if it names none.

    It is written as in ISO 8601, `2017-09-18T08:22:00Z`, or as in mail, `21 Jan 2019 09:00:43 GMT`; without a zone it
    is UTC, as in all documents of the platforms.
    """
    from datetime import UTC, datetime  # noqa: PLC0415 - for those who need it
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - see above

    if not isinstance(text, str):
        raise Unclear(f"{str(text)[:_SHOWN]!r} is no time")
    try:
        found = datetime.fromisoformat(text) if text[:4].isdigit() else parsedate_to_datetime(text)
        return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError) as error:
        raise Unclear(f"{text[:_SHOWN]!r} is no time") from error


def found(request: Request, answer: Answer) -> Answer | None:
    """Return *answer*, None where it says that there is nothing (404); raise `HTTPStatusError` for any other status."""
    return None if answer.status == 404 else judge(request, answer, (200,))
