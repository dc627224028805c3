"""Immutable records."""

from __future__ import annotations

import pickle
from typing import ClassVar

import pytest

from processender.core.record import Record


class Point(Record):
    """Two numbers, one of them with a default."""

    plane: ClassVar[str] = "flat"
    x: int
    y: int = 2


class Place(Point):
    """A point with a name."""

    name: str = "here"


class Positive(Record):
    """A number that is checked."""

    value: int

    def check(self) -> None:
        """Refuse what is not positive."""
        if self.value <= 0:
            raise ValueError(self.value)


def test_a_missing_field_takes_its_default() -> None:
    """As in a function."""
    assert Point(1, 2) == Point(1)


def test_fields_of_the_parents_come_first() -> None:
    """The order is that of reading."""
    assert {"x": 1, "y": 3, "name": "there"} == Place(1, 3, "there").as_dict()


def test_a_class_variable_is_no_field() -> None:
    """It belongs to the class."""
    assert ("x", "y") == Point.fields


def test_a_missing_value_is_named() -> None:
    """The error says which."""
    with pytest.raises(TypeError, match="Point needs a value for 'x'"):
        Point()  # type: ignore[call-arg]


def test_an_unknown_field_is_named() -> None:
    """The error says which there are."""
    with pytest.raises(TypeError, match="does not take z; its fields are x, y"):
        Point(1, z=3)  # type: ignore[call-arg]


def test_too_many_values_are_refused() -> None:
    """The error counts them."""
    with pytest.raises(TypeError, match="does not take 3 values"):
        Point(1, 2, 3)  # type: ignore[call-arg]


def test_a_field_given_twice_is_refused() -> None:
    """By position and by name."""
    with pytest.raises(TypeError, match="does not take x"):
        Point(1, x=2)  # type: ignore[misc]


def test_a_field_cannot_be_set() -> None:
    """A record never changes."""
    with pytest.raises(AttributeError, match="cannot set 'x': Point never changes"):
        Point(1).x = 5  # type: ignore[misc]


def test_a_field_cannot_be_deleted() -> None:
    """A record never changes."""
    with pytest.raises(AttributeError, match="cannot delete 'x'"):
        del Point(1).x


def test_nothing_can_be_added() -> None:
    """There is no `__dict__`."""
    assert not hasattr(Point(1), "__dict__")


def test_replace_makes_another() -> None:
    """The other fields are kept."""
    assert Point(1, 5) == Point(1, 2).replace(y=5)


def test_replace_checks() -> None:
    """A copy is as sound as what was made from scratch."""
    with pytest.raises(ValueError, match="-1"):
        Positive(1).replace(value=-1)


def test_records_of_two_types_differ() -> None:
    """Equal content is not enough."""
    assert Point(1, 2) != Place(1, 2)


def test_equal_records_hash_alike() -> None:
    """They can be keys."""
    assert 1 == len({Point(1), Point(1, 2)})


def test_the_representation_names_the_fields() -> None:
    """It reads as what makes it."""
    assert "Place(x=1, y=2, name='here')" == repr(Place(1))


def test_a_record_can_be_pickled() -> None:
    """It goes by content."""
    assert Place(7, 8) == pickle.loads(pickle.dumps(Place(7, 8)))


def test_a_record_can_be_matched() -> None:
    """`match` takes fields by name."""
    match Point(1, 9):
        case Point(y=found):
            pass

    assert 9 == found
