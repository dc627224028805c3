"""
From `drain = "haproxy"` and its table `with` to a handler: the table is checked against what the function takes.

Theory of operation. A drainer is a function, and its annotations are the schema of its table: `float` is a length of
time with a unit, since seconds are all that is counted so here; a list is an argument list; what is not known here is
left to the function. So a plugin needs no schema of its own, and a mistake is told with its line before anything runs.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

from ..core.graph import nearest
from ..core.handler import Handler
from ..core.retry import Retry
from ..engine.callables import is_async
from ..errors import HandlerError, ReleaserError
from ..integrations.command import Reaper
from ..plugins import drainer_names, find_drainer
from .conform import INVALID, check
from .durations import parse_duration
from .locate import Path
from .mistakes import Mistakes
from .schema import EndHandlerConfig
from .schema_parts import Delay, RetryConfig

_OWN = ("name", "timeout")
"""What each drainer takes and the file says elsewhere: as the name of the handler, and as its `timeout`."""
_PLAIN: dict[str, Any] = {"str": str, "bool": bool, "int": int, "float": Delay}
_LIST_OF: dict[str, Any] = {"str": list[str], "bool": list[bool], "int": list[int]}
_LISTS = ("list[", "Sequence[", "tuple[", "Collection[", "Iterable[")
_TABLES = ("dict", "Mapping")


def check_drainer(name: str, table: Mapping[str, Any], path: Path, mistakes: Mistakes) -> None:
    """Note what is wrong with *name* as that of a drainer, and with what it is told; *path* is that of the handler."""
    try:
        function = find_drainer(name)
    except (HandlerError, ImportError) as error:
        mistakes.add((*path, "drain"), str(error))
        return
    if function is None:
        mistakes.add((*path, "drain"), f"there is no drainer {name!r}{nearest(name, drainer_names())}")
        return
    _convert(name, function, table, (*path, "with"), mistakes)


def make_drainer(
    handler: Handler, config: EndHandlerConfig, path: Path, reaper: Reaper | None, mistakes: Mistakes
) -> Handler:
    """
    Return *handler* with what the drainer of *config* does, which was checked before.

    What the file does not say about it is as the drainer has it.

    Args:

        handler: The handler without what it calls.

        config: What was written.

        path: Where.

        reaper: Whoever reaps children in this process.

        mistakes: Where it is noted that the drainer refuses.
    """
    function = find_drainer(config.drain or "")
    assert function is not None, "it was checked"
    given = _convert(config.drain or "", function, config.arguments, (*path, "with"), mistakes)
    taken = inspect.signature(function).parameters
    if "reaper" in taken:
        given["reaper"] = reaper
    if "timeout" in taken and handler.timeout is not None:
        # It may refuse a wait that is longer.
        given["timeout"] = handler.timeout
    try:
        made = function(**given)
    except (HandlerError, ReleaserError) as error:
        mistakes.add(path, str(error))
        return handler
    except Exception as error:  # a plugin's own mistake; it is named
        mistakes.add(path, f"the drainer {config.drain!r} is broken: {error!r}")
        return handler
    if not isinstance(made, Handler) or made.call is None or is_async(made.call) or is_async(made.resume or made.call):
        mistakes.add(path, f"the drainer {config.drain!r} makes no handler that can run here, where no event loop is")
        return handler
    return handler.replace(
        call=made.call,
        resume=made.resume,
        lasting=made.lasting,
        timeout=made.timeout if handler.timeout is None else handler.timeout,
        attempt_timeout=made.attempt_timeout if handler.attempt_timeout is None else handler.attempt_timeout,
        expected=made.expected if handler.expected is None else handler.expected,
        retry=_retry(handler, made, config.retry),
    )


def _retry(handler: Handler, made: Handler, written: RetryConfig) -> Retry:
    """Return what was *written* about repetition, or else what the drainer itself has *made* of it."""
    return made.retry if written == RetryConfig() else handler.retry.replace(on=made.retry.on)


def _convert(
    name: str, function: Callable[..., Handler], table: Mapping[str, Any], path: Path, mistakes: Mistakes
) -> dict[str, Any]:
    """Return *table* as the arguments of *function*; what is wrong with it is noted."""
    parameters = inspect.signature(function).parameters
    known = {each.name: _kind(each) for each in parameters.values() if each.name not in (*_OWN, "reaper")}
    found = {}
    for key, value in table.items():
        if key in _OWN:
            text = "is the name of the handler" if key == "name" else "is a key of the handler; write it beside `drain`"
            mistakes.add((*path, key), text)
        elif key not in known:
            mistakes.add((*path, key), f"the drainer {name!r} takes no {key!r}{nearest(key, known)}")
        else:
            found[key] = _value(value, known[key], (*path, key), mistakes)
    lacking = [key for key in known if parameters[key].default is inspect.Parameter.empty and key not in table]
    if lacking:
        example = ", ".join(f"{key} = ..." for key in lacking)
        needs = " and ".join(f"`{key}`" for key in lacking)
        mistakes.add(path if table else path[:-1], f"the drainer {name!r} needs {needs}; write with = {{ {example} }}")
    return found


def _kind(parameter: inspect.Parameter) -> tuple[str, ...]:
    """Return the alternatives that the annotation of *parameter* names, without None; none for no annotation."""
    note = parameter.annotation
    if note is inspect.Parameter.empty:
        return ()
    text = note if isinstance(note, str) else inspect.formatannotation(note)
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(f"{text}|"):
        depth += {"[": 1, "]": -1}.get(letter, 0)
        if letter == "|" and not depth:
            parts.append(text[start:at].strip().removeprefix("typing.").removeprefix("collections.abc."))
            start = at + 1
    return tuple(part for part in parts if part != "None")


def _value(value: Any, kind: tuple[str, ...], path: Path, mistakes: Mistakes) -> Any:
    """Return *value* as one of the alternatives of *kind* takes it; if none does, what the first says is noted."""
    first: Mistakes | None = None
    for text in kind:
        schema = _schema(text)
        if schema is None:
            return value
        own = Mistakes()
        taken = check(value, schema, path, own)
        if taken is not INVALID:
            return parse_duration(taken, zero=True) if schema is Delay else taken
        first = first or own
    if first is not None:
        for place, text in first.found:
            mistakes.add(place, text)
    return value


def _schema(text: str) -> Any:
    """Return what the annotation *text* takes in a file, None for what only the function can tell."""
    if text in _PLAIN:
        return _PLAIN[text]
    if text.startswith("Literal["):
        choices = ast.literal_eval(f"({text[len('Literal[') : -1]},)")
        return Literal[choices]
    if text.startswith(_LISTS):
        inner = text[text.index("[") + 1 : -1].partition(",")[0].strip()
        return _LIST_OF.get(inner, list[Any])
    return dict[str, Any] if text.startswith(_TABLES) else None
