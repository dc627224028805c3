"""What an application registers with its Ender: handlers, resources, and context managers."""

from __future__ import annotations

import os
from collections.abc import Callable

from .bare import BareEnder
from .core.events import RunEnded, RunStarted
from .core.handler import Handler
from .core.notice import Notice
from .core.outcome import verdict
from .core.plan import Plan
from .core.rehearse import rehearse
from .engine.callables import change_handler, make_handler, name_of
from .engine.clock import SystemClock
from .engine.registry import Registry
from .engine.resources import Resource, from_async_context_manager, from_context_manager
from .errors import HandlerError, StateError
from .hints import AbstractAsyncContextManager, AbstractContextManager, Any, TypeVar, overload
from .settings import Settings
from .telemetry.facts import Facts
from .telemetry.report import ReportWriter

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class Registration(BareEnder):
    """The half of an Ender that makes handlers of what an application has, at any time, also while a run is on."""

    def __init__(self, registry: Registry, settings: Settings) -> None:
        """Register with *registry*."""
        super().__init__(registry, settings)
        self._resources: list[Resource[Any]] = []
        self._opened: list[Handler] = []

    def learn_from(self, history: str | os.PathLike[str] | Callable[[], str | bytes | None]) -> None:
        """
        Let the plans begin with a *history* from elsewhere: that of earlier runs, where a state directory keeps none.

        It is read in the background, once the Ender is armed, and holds up neither the start nor the end. What this
        place has seen itself counts as later.

        Args:

            history: The file, a `history.tsv` that was shipped with the program; or what returns the text of one, such
                as from remote state, and may take its time, fail, or return nothing.
        """
        if self._session is not None:
            raise StateError("cannot learn from a history: the Ender is armed already; say so before")
        self._registry.shipped = history

    @overload
    def handler(self, function: F) -> F: ...

    @overload
    def handler(self, function: None = None, **options: Any) -> Callable[[F], F]: ...

    def handler(self, function: Any = None, **options: Any) -> Any:
        """
        Register the decorated function, sync or async, with zero or one argument (the `Context`).

        Options are the fields of `Handler`; the name is that of the function, with hyphens.
        """
        if function is not None and not callable(function):
            text = f"cannot register {function!r}: it is no function; write @ender.handler(name={function!r})"
            raise HandlerError(text)
        if function is not None:
            self.add(function, **options)
            return function

        def decorate(decorated: F) -> F:
            self.add(decorated, **options)
            return decorated

        return decorate

    def resource(self, function: Any = None, **options: Any) -> Any:
        """
        Make a `Resource` of the decorated generator function, sync or async, which yields once.

        It is set up when the Ender is entered and torn down as a handler, in reverse order unless *options* order it;
        the `yield` gives the cause of the end. Its `value` is what was yielded. With `after_recovery=True` the set-up
        waits until what a crash has left behind is settled.
        """
        if function is None:
            return lambda decorated: self.resource(decorated, **options)
        name = options.pop("name", name_of(function))
        self._refuse_reserved(name)
        if self._session is not None and self._session.entered:
            text = "the Ender is entered already; use enter_context() or enter_async_context()"
            raise StateError(f"cannot set up the resource {name!r}: {text}")
        resource: Resource[Any] = Resource(name, function, options)
        self._resources.append(resource)
        self._registry.coming.add(resource.name)
        return resource

    def add(self, handler: Handler | Callable[..., Any], **options: Any) -> Handler:
        """Register a handler, or a callable, with the fields of `Handler` that are given as *options*; return it."""
        made = change_handler(handler, options) if isinstance(handler, Handler) else make_handler(handler, options)
        return super().add(made)

    def enter_context(self, manager: AbstractContextManager[T], **options: Any) -> T:
        """Enter *manager* on a thread of its own, register its exit as a handler, and return its value."""
        name = options.pop("name", type(manager).__name__)
        self._refuse_reserved(name)
        resource: Resource[T] = Resource(name, from_context_manager(manager), options)
        self._keep(resource, resource.set_up())
        return resource.value

    async def enter_async_context(self, manager: AbstractAsyncContextManager[T], **options: Any) -> T:
        """Enter *manager* in a task of its own, register its exit as a handler, and return its value."""
        name = options.pop("name", type(manager).__name__)
        self._refuse_reserved(name)
        resource: Resource[T] = Resource(name, from_async_context_manager(manager), options)
        self._keep(resource, await resource.set_up_async())
        return resource.value

    def _keep(self, resource: Resource[Any], keeper: Callable[..., Any]) -> None:
        """Register what tears *resource* down, before what was opened earlier unless its options order it."""
        options = {"name": resource.name, **resource.options}
        made = make_handler(keeper, options)
        if not (made.after or made.needs or made.before):
            earlier = [old.name for old in self._opened if old.phase == made.phase and old.name in self._registry]
            made = made.replace(before=tuple(earlier[-1:]))
        self._opened.append(self.add(made))

    def dry_run(self, window: float | None = None) -> dict[str, Any]:
        """Walk the plan without calling anything and return the report that a run without surprises would make."""
        return rehearsal(self._settings, self.plan(window))


def rehearsal(settings: Settings, plan: Plan) -> dict[str, Any]:
    """Return the report of a run of *plan* in which everything takes as long as expected."""
    clock = SystemClock()
    writer = ReportWriter(Facts(settings.name, settings.version, "dry-run"), clock)
    notice = Notice("dry-run", "api", plan.window.opened)
    results = []
    writer.observe(RunStarted(plan.window.opened, "dry-run", notice, plan))
    last = plan.window.opened
    for event in rehearse(plan):
        writer.observe(event)
        result = getattr(event, "result", None)
        if result is not None:
            results.append(result)
        last = event.at
    writer.observe(RunEnded(last, "dry-run", verdict(results), last - plan.window.opened))
    assert writer.last is not None  # a run was begun above
    return writer.last
