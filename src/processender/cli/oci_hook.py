"""`processender oci-hook`: a container is an owner; what it leaves is released when its runtime deletes it."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from ..agent.durations import parse_duration
from ..core.graph import nearest
from ..core.obligation import Obligation
from ..crashing import Aftermath
from ..engine.clock import SystemClock
from ..errors import JournalError, ObligationError, ProcessEnderError
from ..hints import Any
from ..identity import identify
from ..integrations.oci import KIND, LONGEST, Allowance, Container, parse_state, wanted
from ..obligations import Obligations
from ..plugins import find_releaser
from ..recovering import recover
from ..telemetry.state import state_place
from . import output
from .containers import inside, is_real, of_others, registered, space
from .kept import Kept
from .options import Options
from .places import places
from .recovered import shown

_MISTAKE = 2
_MOST = 50
_LONGEST = 1000
_STAGES = {
    "createRuntime": "write down that the container owes what its annotations name",
    "poststart": "the same, if createRuntime did not, or was not told the process of the container",
    "poststop": "release what the container owes, and what processes in it have left",
}
_USAGE = """\
processender oci-hook createRuntime|poststart|poststop [--allow-root DIR] [--allow RELEASER] [--state DIR]
       [--log FILE] [--window TIME] [--strict]\
"""
_EPILOG = """\
The state of the container comes on standard input. Annotations: dev.processender.service (default: containers),
dev.processender.job, and dev.processender.release.0, .1 ... = KIND KEY, like `tree /srv/scratch/a`, or an object
{"kind": "tree", "key": "/srv/scratch/a"}: what releases it as "releaser" (default: the kind), all else is what that
needs. Files and trees must lie below a DIR of --allow-root.
It never fails the container unless --strict is said; what cannot be released in time is left to `processender recover`.

exit codes: 0 done, or not and told on standard error, 1 with --strict: something was not done, 2 a mistake in what was
given

examples:
  processender oci-hook createRuntime --allow-root /srv/scratch
  processender oci-hook poststop --allow-root /srv/scratch --window 4s    # "timeout": 5 in the hook\
"""


def main(argv: Sequence[str]) -> int:
    """Do what the hook that *argv* names is for and return the exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.stage not in _STAGES:
        parser.error(f"there is no hook {options.stage!r} here{nearest(options.stage, _STAGES)}")
    for path in [*options.root, options.state or "/", options.log or "/"]:
        if not os.path.isabs(path):
            parser.error(f"{path!r} is no absolute path, and a hook has no directory of its own; begin it with a /")
    if options.state:
        os.environ["PROCESSENDER_STATE"] = options.state
    try:
        hook = Hook(options, parse_duration(options.window))
    except ValueError as error:
        parser.error(f"--window: {error}")
    try:
        hook.run(parse_state(hook.read()))
    except (ProcessEnderError, OSError) as error:
        hook.complain(str(error))
    except Exception as error:  # whatever a container may have written, no container fails for it
        hook.complain(f"cannot do the work of {options.stage}: {error!r}")
    return 1 if hook.troubled and options.strict else 0


class Hook:
    """One call by a runtime, which waits for its end."""

    def __init__(self, options: Any, window: float) -> None:
        """Take what was given and how long the whole may take, seconds."""
        self._clock = SystemClock()
        self._until = self._clock.now() + window
        roots = tuple(os.path.normpath(root) for root in options.root)
        self._allowance = Allowance(roots, tuple(options.allow))
        self._stage = options.stage
        self._log = options.log
        self._complaints = 0
        self._who = "?"

    @property
    def troubled(self) -> bool:
        """Whether something was not done."""
        return self._complaints > 0

    def complain(self, text: str) -> None:
        """Say what was not done; a container can make up any number of such things."""
        self._complaints += 1
        if self._complaints <= _MOST:
            self.say(text)
        elif self._complaints == _MOST + 1:
            self.say("there is more; `processender journal show` tells the rest")

    def say(self, text: str) -> None:
        """Say something on standard error, which runtimes drop, and in the log."""
        text = shown(text)[:_LONGEST]
        output.complain(text)
        if self._log:
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock.wall()))
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            try:
                log = os.open(self._log, flags, 0o600)
            except OSError as error:
                output.complain(f"cannot write the log {self._log}: {error.strerror}")
                return
            # In one piece: others may write at the same time.
            os.write(log, f"{at} {self._stage} {self._who}: {text}\n".encode("utf-8", "replace"))
            os.close(log)

    def read(self) -> bytes:
        """Return what the runtime says, at most what a state may have and a byte more."""
        data = b""
        waiting = select.poll()
        waiting.register(0, select.POLLIN | select.POLLHUP)
        while len(data) <= LONGEST:
            if not waiting.poll(max(0.0, self._left()) * 1000):
                raise ObligationError("cannot read the state of the container: its end does not come; close the input")
            more = os.read(0, 65536)
            if not more:
                break
            data += more
        return data

    def _left(self) -> float:
        return self._until - self._clock.now()

    def run(self, container: Container) -> None:
        """Do what the hook is for."""
        self._who = shown(container.id)
        if self._stage == "poststop":
            self._settle(container)
        else:
            self._register(container)

    def _register(self, container: Container) -> None:
        """Write down what *container* owes; what is written down already is left as it is."""
        identity = identify(container.pid) if container.pid else None
        if identity is None:
            text = f"cannot write down what {container.id!r} owes: its runtime tells no process that lives"
            raise ObligationError(f"{text}; poststart can do it, too")
        place = state_place(container.note("service", "containers"), os.environ)
        if not place.path:
            raise JournalError(place.trouble)
        things, troubles = wanted(container, self._allowance)
        for trouble in troubles:
            self.complain(trouble)
        with Kept(place.path, identity, self._left()) as home:
            owed = [each.obligation for each in home.journal().live()]
            there = {(each.releaser, each.key): each.id for each in owed}
            if (KIND, container.id) in there:
                return
            ids = []
            for each in things:
                known = there.get((each.releaser, each.key))
                ids.append(known or self._owe(home, each.kind, each.key, each.releaser, each.args, container))
            args = {"bundle": container.bundle, "space": space(identity)}
            self._owe(home, KIND, container.id, KIND, args, container, [each for each in ids if each])

    def _owe(
        self, home: Obligations, kind: str, key: str, releaser: str, args: Any, container: Container,
        outlives: Sequence[str] = (),
    ) -> str:  # fmt: skip
        """Write one thing down and return its id; empty if it could never be released."""
        try:
            return home.make(kind, key, releaser, args, container.note("job"), outlives).acquire().id
        except ObligationError as error:
            self.complain(str(error))
            return ""

    def _settle(self, container: Container) -> None:
        """Release what *container* owes, and then what processes in it have left."""
        chosen = [place for place in places().values() if is_real(place)]
        spaces: set[int] = set()
        known = False
        for place in chosen:
            for directory in of_others(place):
                if found := registered(directory, container.id):
                    known = True
                    spaces |= found
                    self._recover(place, directory)
        if not known:
            self.say(f"nothing is known of the container {container.id!r}: nothing to release")
            return
        here = identify()
        spaces -= {0, here.space if here is not None else 0}
        for place in chosen:
            for directory in inside(place, spaces):
                self._recover(place, directory, self._account(place, directory))

    def _account(self, place: str, directory: str) -> set[str]:
        """Write an account of one that has died in the container, and return its journal if that was not possible."""
        name = os.path.basename(place)
        aftermath = Aftermath(place, name, find_releaser, self._clock, max(0.1, self._left()), output.complain_of)
        aftermath.account(told=False, directory=directory)
        return aftermath.unaccounted

    def _recover(self, place: str, directory: str, keep: AbstractSet[str] = frozenset()) -> None:
        """Settle what the hook is allowed to of one journal, since any may have been written by a container."""
        if self._left() <= 0:
            self.complain(f"no time is left for {directory}; `processender recover` releases what is in it")
            return

        def takes(obligation: Obligation) -> bool:
            why = self._allowance.refusal(obligation.releaser, obligation.key, obligation.args)
            if why:
                self.complain(f"cannot release {obligation.label}: {why}")
            return not why

        found = recover(place, find_releaser, self._clock, self._left(), directory=directory, takes=takes, keep=keep)
        for trouble in found.troubles:
            self.complain(trouble)
        for left in found.left:
            self.complain(f"left alone: {left.directory}: {left.why}")
        # That the container waits for what is left says no more than that.
        for each in (each for each in found.open if each.obligation.kind != KIND):
            self.complain(f"cannot release {each.obligation.label}: {each.error}; `processender recover` tries again")


def _parser() -> Options:
    stages = "\n".join(f"  {name:13} {text}" for name, text in _STAGES.items())
    about = "Be a hook of an OCI runtime: runc, crun, or podman with --hooks-dir."
    parser = Options("oci-hook", usage=_USAGE, description=f"{about}\n\n{stages}", epilog=_EPILOG, code=_MISTAKE)
    parser.add_argument("stage", metavar="createRuntime|poststart|poststop", help="which hook this is")
    parser.add_argument(
        "--allow-root", dest="root", action="append", default=[], metavar="DIR",
        help="files and trees below this directory may be released",
    )  # fmt: skip
    parser.add_argument(
        "--allow", action="append", default=[], metavar="RELEASER",
        help="let containers name anything that this releaser can release, as the user of the hook",
    )  # fmt: skip
    parser.add_argument("--state", default="", metavar="DIR", help="where it is kept (default: $PROCESSENDER_STATE)")
    parser.add_argument("--log", default="", metavar="FILE", help="where to add a line for what was not done, too")
    parser.add_argument("--window", default="9s", metavar="TIME", help="how long the whole may take (default 9s)")
    parser.add_argument("--strict", action="store_true", help="end with 1 when something was not done")
    return parser
