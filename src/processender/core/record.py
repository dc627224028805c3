"""Immutable records with slots, made from annotations without the import cost of dataclasses."""

from __future__ import annotations

from ..hints import Any, Self, dataclass_transform


@dataclass_transform(frozen_default=True, eq_default=True)
class RecordType(type):
    """
    The metaclass that turns the annotations of a class body into slots, defaults and an initialiser.

    A dataclass would do the same and import `inspect` for it (10 ms, 3 MB), which a program that
    only wants to end well must not pay at start.
    """

    fields: tuple[str, ...]
    defaults: dict[str, Any]

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> RecordType:
        """Make the class; a default that is given in the body becomes the default of the field."""
        # Plain loops, and all of it before the class is there: fifty of them are made at each start of an agent.
        annotations: dict[str, str] = namespace.get("__annotations__", {})
        own = tuple([field for field, kind in annotations.items() if not str(kind).startswith("ClassVar")])
        fields = own
        defaults: dict[str, Any] = {}
        for base in reversed(bases):
            if isinstance(base, RecordType) and base.fields:
                fields = base.fields + fields
                defaults = {**base.defaults, **defaults}
        for field in own:
            if field in namespace:
                defaults[field] = namespace.pop(field)
        namespace |= {"__slots__": own, "fields": fields, "defaults": defaults}
        return super().__new__(mcs, name, bases, namespace)


class Record(metaclass=RecordType):
    """
    A value that never changes; compared by type and content.

    Fields are the annotations of the class in their order, those of its parents first.
    """

    def __init__(self, *args: Any, **given: Any) -> None:
        """Take the fields by position or by name; a missing one takes its default."""
        cls = type(self)
        fields = cls.fields
        put = object.__setattr__
        for name, value in zip(fields, args, strict=False):
            put(self, name, value)
        for name in fields[len(args) :]:
            if name in given:
                put(self, name, given.pop(name))
            elif name in cls.defaults:
                put(self, name, cls.defaults[name])
            else:
                message = f"{cls.__name__} needs a value for {name!r}"
                raise TypeError(message)
        if given or len(args) > len(fields):
            odd = ", ".join(given) or f"{len(args)} values"
            message = f"{cls.__name__} does not take {odd}; its fields are {', '.join(fields)}"
            raise TypeError(message)
        self.check()

    def check(self) -> None:
        """Raise when the content makes no sense; a subclass says what that means."""

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: a record never changes."""
        message = f"cannot set {name!r}: {type(self).__name__} never changes; make another with replace()"
        raise AttributeError(message)

    def __delattr__(self, name: str) -> None:
        """Refuse: a record never changes."""
        message = f"cannot delete {name!r}: {type(self).__name__} never changes"
        raise AttributeError(message)

    def replace(self, **changes: Any) -> Self:
        """Return a copy in which the named fields have other values."""
        return type(self)(**(self.as_dict() | changes))

    def as_dict(self) -> dict[str, Any]:
        """Return the fields and their values, in order."""
        return {name: getattr(self, name) for name in type(self).fields}

    def _key(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in type(self).fields)

    def __eq__(self, other: object) -> bool:
        """Compare by type and content."""
        return type(other) is type(self) and isinstance(other, Record) and self._key() == other._key()

    def __hash__(self) -> int:
        """Hash by type and content."""
        return hash((type(self), self._key()))

    def __repr__(self) -> str:
        """Show the type and each field by name."""
        shown = ", ".join(f"{name}={value!r}" for name, value in self.as_dict().items())
        return f"{type(self).__name__}({shown})"

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by content, since a record cannot be filled in later."""
        return (type(self), self._key())
