"""What every store of states must do, whatever it is kept on: one suite that a store of your own passes, too."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..core.saved import Saved
from ..errors import JournalError
from ..hints import Any
from ..keepers import StateStore


def check_store(make: Callable[[str], StateStore]) -> list[str]:
    """
    Try all that a store promises; return the names of the facts that hold.

    *make* opens the store of a name, again each time it is called with the same one. Raise `AssertionError` that names
    the first fact that does not hold. One line in a test:

        assert check_store(lambda name: MyStore(...))
    """
    held = []
    for fact in _FACTS:
        name = fact.__name__.strip("_")
        text = f"a store breaks its promise: {fact.__doc__}"
        store = make(name)
        fact(store)
        store.close()
        store = make(name)
        assert _EXPECTED[name] == store.load("key"), text
        store.close()
        held.append(name)
    return held


def _nothing_was_saved(_store: StateStore) -> None:
    """What was never saved is None."""


def _a_snapshot_outlasts_its_process(store: StateStore) -> None:
    """A snapshot is there when the store is opened again."""
    store.save({"key": {"n": [1, None, "\u00e4"]}}, durable=True)


def _a_snapshot_is_replaced(store: StateStore) -> None:
    """The newer one counts, its version is higher, and the deltas before it are gone."""
    store.save({"key": 1}, durable=True)
    store.extend("key", "old", durable=False)
    store.save({"key": 2}, durable=False)


def _deltas_follow_their_snapshot_in_order(store: StateStore) -> None:
    """What was added comes behind, oldest first."""
    store.save({"key": 1}, durable=True)
    for delta in ("a", "b", {"c": 1}):
        store.extend("key", delta, durable=False)


def _deltas_need_no_snapshot(store: StateStore) -> None:
    """The version is 0 then."""
    store.extend("key", 1, durable=True)


def _keys_do_not_touch_each_other(store: StateStore) -> None:
    """Several may be replaced at once."""
    store.save({"key": 1, "other": 2}, durable=True)
    store.extend("other", 3, durable=True)


def _what_is_no_data_is_refused(store: StateStore) -> None:
    """And of what came with it nothing is kept."""
    store.save({"key": 1}, durable=True)
    try:
        store.save({"key": 2, "other": object()}, durable=True)
    except JournalError:
        return
    raise AssertionError("a store breaks its promise: what is no data of JSON is refused")


def _what_would_come_back_as_something_else_is_refused(store: StateStore) -> None:
    """Keys that are no text, and numbers that JSON does not know, are refused rather than changed."""
    store.save({"key": {"a": [1, 2]}}, durable=True)
    odd: list[tuple[Any, Any]] = [("key", {1: 2}), ("key", [{None: 1}]), ("key", math.nan), (7, "a")]
    for key, data in odd:
        for extends in (False, True):
            try:
                store.extend(key, data, durable=True) if extends else store.save({key: data}, durable=True)
            except JournalError:
                continue
            raise AssertionError(f"a store breaks its promise: {data!r} under {key!r} is refused")


def _what_is_kept_is_not_shared(store: StateStore) -> None:
    """What the caller does to the data, before or after loading it, changes nothing that is kept."""
    data, delta = {"a": [1]}, [1]
    store.save({"key": data}, durable=True)
    store.extend("key", delta, durable=True)
    for _ in range(2):
        data["a"].append(2)
        delta.append(2)
        found = store.load("key")
        assert found == Saved(1, {"a": [1]}, ([1],)), "a store breaks its promise: what is kept is not shared"
        data, delta = found.data, found.deltas[0]


_FACTS = (
    _nothing_was_saved, _a_snapshot_outlasts_its_process, _a_snapshot_is_replaced,
    _deltas_follow_their_snapshot_in_order, _deltas_need_no_snapshot, _keys_do_not_touch_each_other,
    _what_is_no_data_is_refused, _what_would_come_back_as_something_else_is_refused, _what_is_kept_is_not_shared,
)  # fmt: skip
_EXPECTED = {
    "nothing_was_saved": None,
    "a_snapshot_outlasts_its_process": Saved(1, {"n": [1, None, "\u00e4"]}),
    "a_snapshot_is_replaced": Saved(2, 2),
    "deltas_follow_their_snapshot_in_order": Saved(1, 1, ("a", "b", {"c": 1})),
    "deltas_need_no_snapshot": Saved(0, None, (1,)),
    "keys_do_not_touch_each_other": Saved(1, 1),
    "what_is_no_data_is_refused": Saved(1, 1),
    "what_would_come_back_as_something_else_is_refused": Saved(1, {"a": [1, 2]}),
    "what_is_kept_is_not_shared": Saved(1, {"a": [1]}, ([1],)),
}
