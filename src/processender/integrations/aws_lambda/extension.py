"""
The Extensions API of Lambda, as a source: registered while the sandbox starts, then one request that waits for the end.

Two things differ from what is written elsewhere: reasons come in small letters, and `deadlineMs` is an instant,
milliseconds since 1970. An event that cannot be understood is asked for again, as is one whose request breaks off; an
API that refuses, or breaks off again and again, has gone, and what runs only for the end can go as well.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable

from ...core.notice import Action, DeadlineKind, Notice
from ...hints import Any
from ...ports import Ears
from .api import Api, Refused
from .places import FUNCTION_S, VARIABLE

LONGEST_S = 120.0
"""A deadline that is further away than this, or longer over, is none: Lambda gives two seconds."""
TRIES = 6
"""How often in a row the request for the next event may fail until nothing is expected of it any more."""
PAUSE_S = 0.05
"""The pause after the first failure, seconds; it doubles."""
_WORDS = 64


class Extension:
    """One extension, as a `Source`; outside of Lambda it hears nothing and costs nothing."""

    handlers = ()

    def __init__(self, name: str, extension: str, endpoint: str) -> None:
        """Take its *name* as a source, that of its file in /opt/extensions if it is external, and where the API is."""
        self.name = name
        self.registered = False
        """Whether Lambda has taken the registration."""
        self.last: dict[str, str] = {}
        """What was seen last, for the report."""
        self.deaf = False
        """Whether it is registered, and will hear nothing more."""
        self.when_deaf: Callable[[], object] = lambda: None
        """Is called when it has become deaf, on a thread of its own."""
        self.ready = threading.Event()
        """Whether events may be asked for, which ends the start of the sandbox."""
        self.ready.set()
        self._extension = extension
        self._endpoint = endpoint.removeprefix("http://").rstrip("/")
        self._api: Api | None = None
        self._over = threading.Event()
        if endpoint:
            self._new_api(lambda: 0.0)

    def _new_api(self, now: Callable[[], float]) -> Api:
        return Api(self._endpoint, self._extension or f"processender-{self.name}", now)

    def start(self, ears: Ears) -> None:
        """Register, which must be done before the sandbox has started, and wait for the end on a thread."""
        self._over = over = threading.Event()
        if not self._endpoint:
            self.last = {"extension": "not in Lambda"}
            if self._extension:
                text = "cannot be an extension: AWS_LAMBDA_RUNTIME_API is not set, so this is not Lambda"
                ears.trouble("source-away", f"{text}; processender.testing.extensions.Sandbox is one to try it in")
            return
        api = self._new_api(ears.clock.now)
        try:
            api.register(["SHUTDOWN"] if self._extension else [])
        except (OSError, ValueError) as error:
            text = f"cannot register at Lambda: {error}; no end is announced, register before the first request"
            ears.trouble("source-refused", text)
            self.last = {"extension": "refused"}
            return
        self._api, self.registered, self.last = api, True, {"extension": "registered"}
        name = f"processender-{self.name}"
        threading.Thread(target=self._listen, args=(ears, over, api), name=name, daemon=True).start()

    def stop(self) -> None:
        """Wait no more."""
        self._over.set()
        self.ready.set()
        if self._api is not None:
            self._api.abort()

    def fail(self, when: str, kind: str) -> None:
        """Tell Lambda, *when* is `init` or `exit`, of an error of a *kind*; nothing is raised."""
        if self._api is not None:
            try:
                self._api.fail(when, f"Extension.{kind}")
            except (OSError, ValueError):
                return

    def _listen(self, ears: Ears, over: threading.Event, api: Api) -> None:
        """Ask for one event after the other; the first request also tells that this extension is ready."""
        self.ready.wait()
        failures, unclear = 0, False
        while not over.is_set():
            try:
                event = _event(api.next())
            except (OSError, ValueError) as error:
                failures += 1
                if over.is_set():
                    return
                if failures >= TRIES or isinstance(error, Refused):
                    self._give_up(ears, error)
                    return
                if not (unclear or isinstance(error, OSError)):
                    unclear = True
                    ears.trouble("source-unclear", f"cannot understand Lambda: {error}; it is asked again")
                over.wait(PAUSE_S * 2 ** (failures - 1))
                continue
            failures = 0
            if self._take(ears, over, event):
                return

    def _give_up(self, ears: Ears, error: Exception) -> None:
        text = f"cannot hear of the end from Lambda any more: {error}; only the signal is left"
        ears.trouble("source-away", text)
        self.deaf, self.last = True, {"extension": "deaf"}
        self.when_deaf()

    def _take(self, ears: Ears, over: threading.Event, event: dict[str, Any]) -> bool:
        """Take one event; tell whether it is the last."""
        kind = str(event.get("eventType", "")).upper()
        if kind != "SHUTDOWN":
            if kind != "INVOKE":
                ears.trouble("source-unclear", f"Lambda tells {str(event)[:80]}, which is no event that is known")
            return False
        reason = event.get("shutdownReason")
        words = "".join(letter for letter in str(reason or "") if letter.isprintable())
        cause = words.lower()[:_WORDS] or "shutdown"
        self.last = {"extension": cause}
        if not over.is_set():
            ears.notify(self._notice(ears, cause, event.get("deadlineMs")))
        return True

    def _notice(self, ears: Ears, cause: str, deadline_ms: object) -> Notice:
        now = ears.clock.now()
        left = _left(deadline_ms, ears.clock.wall())
        if left is None:
            text = f"Lambda tells the deadline {str(deadline_ms)[:40]}, which is none; the grace counts"
            ears.trouble("source-unclear", text)
            return Notice(cause, self.name, now, Action.STOP, key="shutdown")
        if left <= 0:
            # It is about to kill; what a short window keeps is begun first.
            text = f"Lambda tells a deadline that was over {-left:.1f} s ago; what matters most is done first"
            ears.trouble("source-unclear", text)
            return Notice(cause, self.name, now, Action.STOP, now + FUNCTION_S, DeadlineKind.ASSUMED, key="shutdown")
        return Notice(cause, self.name, now, Action.STOP, now + left, DeadlineKind.TOLD, key="shutdown")


def _event(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except RecursionError:
        event = None
    if not isinstance(event, dict):
        raise ValueError(f"{body[:80]!r} is no event")  # noqa: TRY004 - it was told, not passed
    return event


def _left(deadline_ms: object, wall: float) -> float | None:
    """Return the seconds until the deadline, None for what is no instant near this one."""
    if isinstance(deadline_ms, bool) or not isinstance(deadline_ms, int | float) or not abs(deadline_ms) < 1e15:
        return None
    left = deadline_ms / 1000 - wall
    return left if abs(left) <= LONGEST_S else None


def listen(*, name: str = "aws-lambda", extension: str = "", endpoint: str = "") -> Extension:
    """
    Return the source that is an extension of Lambda; it registers when it is started, which must be during the start.

    Args:

        name: What it is called in notices and troubles.

        extension: The name of the file in /opt/extensions that runs this, if it is an external extension. Without it,
            it is one inside the function, which hears nothing itself: it lets Lambda send SIGTERM.

        endpoint: Where the API is, as HOST:PORT or its URL, instead of what AWS_LAMBDA_RUNTIME_API says.
    """
    return Extension(name, extension, endpoint or os.environ.get(VARIABLE, ""))


def run_extension(ender: Any, extension: str = "") -> int:
    """
    Be an external extension: register, wait for the end, run the handlers of *ender*, and return the exit code.

    What the Ender opens is open before Lambda is told that this extension is ready. A set-up that fails is told to
    Lambda (`Extension.SetUpFailed`) and raised; one that Lambda tells nothing any more runs its handlers and ends
    (`Extension.Deaf`), with 1 as when it could not register.

    Args:

        ender: The `Ender`, not entered yet, such as `Ender("flush", **aws_lambda.settings())`.

        extension: The name of the file in /opt/extensions; by default that of the program.
    """
    source = listen(extension=extension or os.path.basename(sys.argv[0]))
    source.ready.clear()
    source.when_deaf = lambda: ender.stop("deaf")
    ender.listen(source)
    wait: Callable[[], object] = ender.stopping.wait
    when = "init"
    try:
        with ender:
            if source.registered:
                when = "exit"
                source.ready.set()
                wait()
    except Exception:
        source.fail(when, "SetUpFailed" if when == "init" else "Failed")
        raise
    if source.deaf:
        source.fail("exit", "Deaf")
    return 0 if source.registered and not source.deaf else 1
