"""What stands in gunicorn.conf.py: the settings and the hooks by which master and workers agree."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable

from ...errors import HandlerError
from ...hints import Any
from ...ports import check_ender
from .master import PAGE, adopt
from .worker import Hosting, host

HOSTING = "processender_hosting"
"""The attribute of a worker at which its life inside its Ender is, once it has loaded its application."""
CALL = 'configure("app:ender")'
Hook = Callable[..., object]


def configure(ender: Any, *, grace: float = 30.0, quick: float = 2.0, **hooks: Hook) -> dict[str, Any]:
    """
    Return settings for gunicorn.conf.py: `globals().update(configure("app:ender", grace=30))`.

    Args:

        ender: The Ender of each worker, or where it is found once the application is loaded, like `app:ender`.

        grace: The seconds that a worker has from the signal until it is gone; `graceful_timeout` is made of it.

        quick: The seconds for the same after INT or QUIT.

        hooks: Your own `pre_fork`, `post_worker_init` and `worker_abort`, called before those that are returned.
    """
    unknown = sorted({*hooks} - {"pre_fork", "post_worker_init", "worker_abort"})
    if unknown:
        raise HandlerError(f"cannot take over the hook {unknown[0]!r}: set it in gunicorn.conf.py as usual")
    if not 0 < quick <= grace:
        raise HandlerError(f"cannot configure gunicorn with grace={grace!r}, quick={quick!r}: 0 < quick <= grace")

    if not isinstance(ender, str):
        check_ender(ender, CALL)

    def pre_fork(server: Any, worker: Any) -> None:
        _call(hooks, "pre_fork", server, worker)
        setattr(worker, PAGE, adopt(server, quick))

    def post_worker_init(worker: Any) -> None:
        _call(hooks, "post_worker_init", worker)
        setattr(worker, HOSTING, host(worker, find(ender), getattr(worker, PAGE)))

    def worker_abort(worker: Any) -> None:
        _call(hooks, "worker_abort", worker)
        hosting: Hosting | None = getattr(worker, HOSTING, None)
        if hosting is not None:
            hosting.give_up()

    own = {"pre_fork": pre_fork, "post_worker_init": post_worker_init, "worker_abort": worker_abort}
    return {"graceful_timeout": math.ceil(grace), **own}


def _call(hooks: dict[str, Hook], name: str, *args: Any) -> None:
    if name in hooks:
        hooks[name](*args)


def find(ender: Any) -> Any:
    """Return *ender*, or what a name like `app:ender` stands for; raise `HandlerError` for one that leads nowhere."""
    if not isinstance(ender, str):
        check_ender(ender, CALL)
        return ender
    module, _, attribute = ender.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for name in (attribute or "ender").split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError, ValueError) as error:
        raise HandlerError(f"cannot find the Ender at {ender!r}: {error}; write it like 'app:ender'") from error
    check_ender(found, CALL)
    return found
