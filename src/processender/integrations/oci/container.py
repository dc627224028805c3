"""
OCI containers: what a runtime says of one on the standard input of a hook, and what its annotations want released.

Sources: the OCI runtime specification, "State" and "POSIX-platform Hooks"; runc 1.1, crun 1.8 and podman 4.3, which
differ: a state may have no pid or pid 0, keys of the runtime's own, and another word for the same status. Who writes an
annotation is not who runs the hook, who may be root: nothing that it names is touched unless the hook was told so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ...core.obligation import Obligation
from ...core.record import Record
from ...errors import ObligationError, ReleaserError
from ...hints import Any
from ...paths import steps_below
from ...ports import Context

KIND = "container"
"""The kind of the obligation that stands for the container itself, and its releaser."""
LONGEST = 1024 * 1024
"""How many bytes of a state are read."""
PREFIX = "dev.processender."
_RELEASE = f"{PREFIX}release."
_MOST = 64
_LONGEST_TEXT = 4096
_LONGEST_ID = 1024
_LARGEST_PID = 2**22
_BELOW_ROOT = ("file", "tree")


class Container(Record):
    """What a runtime says of a container."""

    id: str
    """Its id, unique on the host for as long as it exists."""
    status: str = ""
    """`creating`, `created`, `running` or `stopped`; another word of a runtime stays as it is."""
    pid: int = 0
    """Its init process, as the host sees it; 0 where none is told."""
    bundle: str = ""
    """The directory of its configuration."""
    annotations: Mapping[str, str] = {}
    """What those who made it have noted."""

    def note(self, name: str, default: str = "") -> str:
        """Return the annotation `dev.processender.NAME`."""
        return self.annotations.get(PREFIX + name, "")[:_LONGEST_TEXT] or default


class Wanted(Record):
    """A thing that is to be released once the container is gone."""

    kind: str
    """What it is."""
    key: str
    """What it is found by."""
    releaser: str
    """What releases it."""
    args: Mapping[str, Any] = {}
    """What that needs."""


class Allowance(Record):
    """What a hook may release in the name of a container."""

    roots: tuple[str, ...] = ()
    """The directories below which files and trees may be."""
    releasers: tuple[str, ...] = ()
    """The releasers that may be used without any limit."""

    def refusal(self, releaser: str, key: str, args: Mapping[str, Any]) -> str:
        """Return why a thing must not be released, empty if it may."""
        if releaser in self.releasers or releaser == KIND:
            return ""
        if releaser not in _BELOW_ROOT:
            return f"the releaser {releaser!r} is not allowed here; the hook takes --allow {releaser}"
        # The very root: the way to one that lies deeper could be a link that the container has made.
        if args.get("root") not in self.roots:
            return f"its root {args.get('root')!r} is not allowed here; the hook takes --allow-root DIR"
        try:
            steps_below(key, args["root"])
        except ReleaserError as error:
            return str(error)
        return ""


class ContainerReleaser:
    """
    Stands for a container: all that ran in it has gone with its first process, so nothing is left to do.

    It is gone when all that was to be released after it is; the key is its id, the arguments are `bundle` and `space`,
    the number of its pid namespace.
    """

    def check(self, obligation: Obligation) -> bool:  # noqa: ARG002 - the face of all releasers
        """Tell that there is nothing to do."""
        return False

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:
        """Do nothing."""


def parse_state(data: bytes) -> Container:
    """Return what the state *data* says; raise `ObligationError` for what is no state of a container."""
    if len(data) > LONGEST:
        raise ObligationError(f"cannot read the state of the container: it is longer than {LONGEST} bytes")
    try:
        said = json.loads(data)
    except (ValueError, RecursionError) as error:
        text = f"cannot read the state of the container: it is no JSON ({str(error)[:100]})"
        raise ObligationError(f"{text}; a runtime writes it to the standard input of its hooks") from None
    id_ = said.get("id") if isinstance(said, dict) else None
    if not isinstance(id_, str) or not 0 < len(id_) <= _LONGEST_ID:
        raise ObligationError(f"cannot read the state of the container: it has no id of 1 to {_LONGEST_ID} letters")
    pid = said.get("pid")
    known = isinstance(pid, int) and not isinstance(pid, bool) and 1 < pid <= _LARGEST_PID
    notes = said.get("annotations")
    return Container(
        id=id_,
        status=_text(said.get("status")),
        pid=pid if known else 0,
        bundle=_text(said.get("bundle")),
        annotations={
            name: text
            for name, text in (notes.items() if isinstance(notes, dict) else ())
            if name.startswith(PREFIX) and isinstance(text, str)
        },
    )


def _text(value: Any) -> str:
    return value[:_LONGEST_TEXT] if isinstance(value, str) else ""


def wanted(container: Container, allowance: Allowance) -> tuple[list[Wanted], list[str]]:
    """Return what the annotations of *container* want released, by their numbers, and what is wrong with the others."""
    found: list[Wanted] = []
    troubles: list[str] = []
    names = sorted((name for name in container.annotations if name.startswith(_RELEASE)), key=_number)
    for name in names[:_MOST]:
        try:
            found.append(_one(container.annotations[name], allowance))
        except ObligationError as error:
            troubles.append(f"cannot release what {name!r} names: {error}")
    if len(names) > _MOST:
        troubles.append(f"cannot release what more than {_MOST} annotations name; name trees that hold several things")
    return found, troubles


def _number(name: str) -> tuple[int, str]:
    last = name[len(_RELEASE) :]
    return (int(last) if last.isascii() and last.isdecimal() and len(last) < 10 else 10**10, last)


def _read(text: str) -> dict[str, Any]:
    """Return what an annotation says: an object of JSON, or a kind and a key with a space between."""
    if not text.lstrip().startswith("{"):
        kind, space, key = text.strip().partition(" ")
        if not space:
            raise ObligationError('write "tree /srv/scratch/a", or {"kind": "tree", "key": "/srv/scratch/a"}')
        return {"kind": kind, "key": key.strip()}
    try:
        said: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ObligationError(f"it is no JSON: {str(error)[:100]}") from None
    return said


def _one(text: str, allowance: Allowance) -> Wanted:
    said = _read(text)
    kind, key, releaser = said.pop("kind", ""), said.pop("key", ""), said.pop("releaser", "")
    for name, value in (("kind", kind), ("key", key), ("releaser", releaser)):
        if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
            raise ObligationError(f"its {name} must be text of at most {_LONGEST_TEXT} letters")
    one = Wanted(kind, key, releaser or kind, said)
    if one.releaser in _BELOW_ROOT and one.releaser not in allowance.releasers:
        one = one.replace(args={**said, "root": _root(key, said.get("root"), allowance.roots)})
    if why := allowance.refusal(one.releaser, one.key, one.args):
        raise ObligationError(why)
    return one


def _root(key: str, root: Any, roots: Sequence[str]) -> str:
    """Return the allowed root that holds *key* and the *root* that is named for it, if there is one."""
    if root is not None and (not isinstance(root, str) or not _lies_below(key, root)):
        raise ObligationError(f"{key!r} does not lie below its root {root!r}")
    for each in roots:
        if _lies_below(key, each) and (root is None or root.rstrip("/") == each or _lies_below(root, each)):
            return each
    allowed = ", ".join(roots) or "no directory"
    raise ObligationError(f"{key!r} does not lie below {allowed}, as the hook allows it; it takes --allow-root DIR")


def _lies_below(path: str, root: str) -> bool:
    try:
        return bool(steps_below(path, root))
    except ReleaserError:
        return False
