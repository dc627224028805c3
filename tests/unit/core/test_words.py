"""Closed sets of words."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from processender import Importance, Verdict


def test_each_word_is_text_and_there_is_only_one_of_it() -> None:
    """However it is come by."""
    assert "must" == Importance.MUST
    assert isinstance(Importance.MUST, str)
    assert Importance("must") is Importance.MUST
    assert Importance(Importance.MUST) is Importance.MUST


def test_a_class_is_the_set_of_its_words_in_their_order() -> None:
    """It can be walked through, counted and asked."""
    assert ["must", "should", "may"] == list(Importance)
    assert 3 == len(Importance)
    assert "may" in Importance
    assert "never" not in Importance


def test_a_word_has_its_name_and_its_value() -> None:
    """As those of `enum` have."""
    assert ("MUST", "must") == (Importance.MUST.name, Importance.MUST.value)
    assert "<Importance.MUST: 'must'>" == repr(Importance.MUST)


def test_in_other_text_it_is_plain_text() -> None:
    """Nobody who reads it sees a class."""
    assert "must" == str(Importance.MUST) == f"{Importance.MUST}"
    assert type(str(Importance.MUST)) is str
    assert '["clean"]' == json.dumps([Verdict.CLEAN])


@pytest.mark.parametrize("given", ["never", "MUST", None, 1, []])
def test_another_text_is_refused(given: object) -> None:
    """The set is closed."""
    with pytest.raises(ValueError, match="is not a valid Importance"):
        Importance(given)


def test_copies_are_the_same_word() -> None:
    """So that `is` always tells the truth."""
    assert copy.deepcopy(Verdict.CLEAN) is copy.copy(Verdict.CLEAN) is Verdict.CLEAN
    assert pickle.loads(pickle.dumps(Verdict.CLEAN)) is Verdict.CLEAN
