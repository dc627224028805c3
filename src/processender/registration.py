"""What an application registers with its Ender: handlers, resources, and context managers."""

from __future__ import annotations

from collections.abc import Callable

from .core.handler import Handler
from .engine.callables import make_handler, name_of
from .engine.registry import Registry
from .engine.resources import Resource, from_async_context_manager, from_context_manager
from .errors import StateError
from .hints import AbstractAsyncContextManager, AbstractContextManager, Any, TypeVar, overload
from .session import Session

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class Registration:
    """The half of an Ender that takes handlers, at any time, also while a run is on."""

    def __init__(self, registry: Registry) -> None:
        """Register with *registry*."""
        self._registry = registry
        self._resources: list[Resource[Any]] = []
        self._opened: list[Handler] = []
        self._session: Session | None = None

    @overload
    def handler(self, function: F) -> F: ...

    @overload
    def handler(self, function: None = None, **options: Any) -> Callable[[F], F]: ...

    def handler(self, function: Any = None, **options: Any) -> Any:
        """
        Register the decorated function, sync or async, with zero or one argument (the `Context`).

        Options are the fields of `Handler`; the name is that of the function, with hyphens.
        """
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
        the `yield` gives the cause of the end. Its `value` is what was yielded.
        """
        if function is None:
            return lambda decorated: self.resource(decorated, **options)
        resource: Resource[Any] = Resource(options.pop("name", name_of(function)), function, options)
        self._resources.append(resource)
        return resource

    def add(self, handler: Handler | Callable[..., Any], **options: Any) -> Handler:
        """Register a handler, or a callable with the fields of `Handler` as *options*; return the handler."""
        made = handler if isinstance(handler, Handler) else make_handler(handler, options)
        session = self._session
        if session is not None and session.has_begun(made.phase):
            raise StateError(f"cannot add {made.name!r}: the phase {made.phase!r} has begun; choose a later one")
        self._registry.add(made)
        if session is not None:
            session.changed(made)
        return made

    def remove(self, name: str) -> Handler:
        """Remove a handler that has not begun and return it."""
        handler = self._registry.remove(name)
        if self._session is not None:
            self._session.changed()
        return handler

    def enter_context(self, manager: AbstractContextManager[T], **options: Any) -> T:
        """Enter *manager* on a thread of its own, register its exit as a handler, and return its value."""
        name = options.pop("name", type(manager).__name__)
        resource: Resource[T] = Resource(name, from_context_manager(manager), options)
        self._keep(resource, resource.set_up())
        return resource.value

    async def enter_async_context(self, manager: AbstractAsyncContextManager[T], **options: Any) -> T:
        """Enter *manager* in a task of its own, register its exit as a handler, and return its value."""
        name = options.pop("name", type(manager).__name__)
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
