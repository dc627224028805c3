"""What every source must do: one check that its author runs with a line for each bad day of the platform."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..core.notice import Notice
from ..engine.clock import SystemClock
from ..ports import Source
from .metadata import Metadata, black_hole

LONGEST_S = 20.0
"""How long something is waited for that must happen; a check that passes waits for facts, and hardly at all."""
_MOMENT_S = 0.002
_LOOKS_S = 0.1


class Heard:
    """Ears that keep what they hear; what a source tells in a test."""

    def __init__(self) -> None:
        """Hear nothing yet."""
        self.clock = SystemClock()
        self.notices: list[Notice] = []
        """The notices, in order."""
        self.troubles: list[tuple[str, str]] = []
        """The troubles, each with its code and its words."""
        self.when_heard: Callable[[], object] = lambda: None
        """Is called with each notice, on the thread of the source."""

    def notify(self, notice: Notice) -> None:
        """Keep a notice."""
        self.when_heard()
        self.notices.append(notice)

    def trouble(self, code: str, text: str) -> None:
        """Keep a trouble."""
        self.troubles.append((code, text))

    @property
    def codes(self) -> list[str]:
        """The codes of the troubles, in order."""
        return [code for code, _ in self.troubles]


@contextmanager
def listening(source: Source, heard: Heard | None = None) -> Iterator[Heard]:
    """Let *source* listen for the length of a block, in which it tells what it hears to *heard*, or to new ears."""
    heard = heard or Heard()
    source.start(heard)
    try:
        yield heard
    finally:
        source.stop()


def until(happened: Callable[[], object], what: str) -> None:
    """Wait until something has *happened*; raise `AssertionError` with *what* if it does not."""
    pause = threading.Event()
    for _ in range(int(LONGEST_S / _MOMENT_S)):
        if happened():
            return
        pause.wait(_MOMENT_S)
    raise AssertionError(f"{what} within {LONGEST_S:.0f} s")


def check_source(
    make: Callable[[str], Source],
    announce: Callable[[Any], object],
    *,
    unclear: Callable[[Any], object],
    double: Callable[[], Any] = Metadata,
) -> None:
    """
    Listen on good days and on bad ones; raise `AssertionError` for the first promise that is broken.

    Args:

        make: Makes the source that listens at this URL, with paces of some milliseconds.

        announce: Lets the double announce the end.

        unclear: Lets the double say something that nobody can understand, where `announce` would have said the end.

        double: Makes the double, which has the `url`, `asked`, `lock`, `flaps` and `fail` of `Metadata`.

    One line in a test:

        check_source(lambda url: listen(endpoint=url, every=0.01), Metadata.spot, unclear=garble)
    """
    for check in (_absent, _black_hole, _on_a_good_day, _flapping, _lying, _silent):
        check(make, announce, unclear, double)


def check_near_source(source: Source, announce: Callable[[], object]) -> None:
    """
    Listen to what is near, a file, a process or a device; raise `AssertionError` for the first promise that is broken.

    Args:

        source: The source, with paces of some milliseconds, to which nothing has been said yet.

        announce: Lets what it listens to announce the end.
    """
    heard = Heard()
    source.start(heard)
    assert not heard.notices, f"{source.name} tells {heard.notices[0]}, and nothing was announced"
    announce()
    until(lambda: heard.notices, f"{source.name} has not told what was announced")
    threading.Event().wait(_LOOKS_S)
    assert len(heard.notices) == 1, f"{source.name} must tell the same once: {heard.notices}"
    assert heard.notices[0].origin == source.name, f"the origin of {heard.notices[0]} must be {source.name!r}"
    assert not heard.troubles, f"{source.name} complains on a good day: {heard.troubles[0]}"
    _stop(source, heard)
    again = Heard()
    source.start(again)
    until(lambda: again.notices, f"{source.name}, started anew, has not told what stands")
    _stop(source, again)


Make = Callable[[str], Source]
Deed = Callable[[Any], object]
Double = Callable[[], Any]


def _absent(make: Make, _announce: Deed, _unclear: Deed, new: Double) -> None:
    with new() as gone:
        url = gone.url
    heard, source = Heard(), make(url)
    source.start(heard)
    until(lambda: heard.troubles, f"{source.name}, which nobody answers, has not said so")
    _stop(source, heard)
    assert heard.codes == ["source-away"], f"{source.name} must say once that nobody answers: {heard.troubles}"
    assert not heard.notices, f"{source.name} tells {heard.notices[0]}, and nobody has answered"


def _black_hole(make: Make, _announce: Deed, _unclear: Deed, _new: Double) -> None:
    with black_hole() as url:
        heard, source = Heard(), make(url)
        source.start(heard)
        # It would have complained had it waited.
        assert not heard.troubles, f"{source.name}.start() must return before anybody could answer"
        source.stop()
        assert not heard.troubles, f"{source.name}.stop() must return before anybody could answer"


def _on_a_good_day(make: Make, announce: Deed, _unclear: Deed, new: Double) -> None:
    with new() as double:
        heard, source = Heard(), make(double.url)
        source.start(heard)
        _looks(double, 3)
        assert not heard.notices, f"{source.name} tells {heard.notices[0]}, and nothing was announced"
        assert not heard.troubles, f"{source.name} complains on a good day: {heard.troubles[0]}"
        counts: list[dict[str, int]] = []
        heard.when_heard = lambda: counts.append(_counts(double))
        with double.lock:
            announce(double)
            before = _counts(double)
        until(lambda: heard.notices, f"{source.name} has not told what was announced")
        late = {path: n - before.get(path, 0) for path, n in counts[0].items() if n - before.get(path, 0) > 1}
        assert not late, f"{source.name} has looked more than once before it has told: {late}"
        _looks(double, 3)
        assert len(heard.notices) == 1, f"{source.name} must tell the same once: {heard.notices}"
        assert heard.notices[0].origin == source.name, f"the origin of {heard.notices[0]} must be {source.name!r}"
        _stop(source, heard)
        # It can be started anew, as in a fork child that enters the Ender itself.
        again = Heard()
        source.start(again)
        until(lambda: again.notices, f"{source.name}, started anew, has not told what stands")
        _stop(source, again)


def _flapping(make: Make, announce: Deed, _unclear: Deed, new: Double) -> None:
    with new() as double:
        double.flaps = True
        heard, source = Heard(), make(double.url)
        source.start(heard)
        _looks(double, 3)
        announce(double)
        until(lambda: heard.notices, f"{source.name} has not told what a flapping endpoint announced")
        _looks(double, 6)
        _stop(source, heard)
        assert len(heard.notices) == 1, f"{source.name} must tell the same once: {heard.notices}"
        assert len(set(heard.troubles)) == len(heard.troubles), f"{source.name} repeats itself: {heard.troubles}"


def _lying(make: Make, announce: Deed, unclear: Deed, new: Double) -> None:
    with new() as double:
        double.fail("garbage", "hang-up", 500)
        unclear(double)
        heard, source = Heard(), make(double.url)
        source.start(heard)
        until(lambda: "source-unclear" in heard.codes, f"{source.name} has not said that it understands nothing")
        _looks(double, 3)
        assert not heard.notices, f"{source.name} tells {heard.notices[0]}, and nobody can have understood it"
        assert heard.codes.count("source-unclear") == 1, f"{source.name} repeats itself: {heard.troubles}"
        assert "source-bug" not in heard.codes, f"{source.name} has a bug: {heard.troubles}"
        announce(double)
        until(lambda: heard.notices, f"{source.name} has gone deaf after what it did not understand")
        _stop(source, heard)


def _silent(make: Make, announce: Deed, _unclear: Deed, new: Double) -> None:
    with new() as double:
        double.fail(*["silent"] * 64)
        heard, source = Heard(), make(double.url)
        source.start(heard)
        until(lambda: double.asked, f"{source.name} has asked nothing")
        announce(double)
        # It waits for an answer now, and must come back without one.
        _stop(source, heard)
        assert not heard.notices, f"{source.name} tells {heard.notices[0]}, and nobody has answered"


def _counts(double: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for asked in list(double.asked):
        if asked.method == "GET":
            found[asked.path] = found.get(asked.path, 0) + 1
    return found


def _looks(double: Any, most: int) -> None:
    """Wait until some path was asked for so many more times."""
    before = _counts(double)

    def looked() -> bool:
        return any(count - before.get(path, 0) >= most for path, count in _counts(double).items())

    until(looked, f"nobody has looked {most} times")


def _stop(source: Source, heard: Heard) -> None:
    """Stop it, and see to it that nothing is told and nobody listens any more."""
    source.stop()
    told = len(heard.notices)
    name = f"processender-{source.name}"
    until(
        lambda: not any(each.name == name for each in threading.enumerate()),
        f"the threads {name!r} of {source.name} have not ended after stop()",
    )
    assert told == len(heard.notices), f"{source.name} has told something after stop()"
