"""Closed sets of words, such as how a run ended: text that is also one of a few, made without the cost of `enum`."""

# ruff: noqa: ANN001, ANN204 - to the type checker it is the class of the standard library

from __future__ import annotations

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from enum import StrEnum as Words
else:

    class WordsType(type):
        """
        The metaclass that turns the texts of a class body into the only instances of the class.

        `enum` would do the same, and takes 1 ms more at start, which an agent in front of every container must not pay.
        """

        def __new__(mcs, name, bases, namespace):
            """Make the class and its words."""
            texts = {each: text for each, text in namespace.items() if not each.startswith("_")}
            made = super().__new__(mcs, name, bases, {e: text for e, text in namespace.items() if e not in texts})
            made._words = {}
            for each, text in texts.items():
                word = str.__new__(made, text)
                word.name, word.value = each, text
                made._words[text] = word
                setattr(made, each, word)
            return made

        def __call__(cls, text):
            """Return the word that is *text*; raise `ValueError` when it is none of these."""
            try:
                return cls._words[text]
            except (KeyError, TypeError):
                raise ValueError(f"{text!r} is not a valid {cls.__name__}; write {', '.join(cls._words)}") from None

        def __iter__(cls):
            """Return the words in their order."""
            return iter(cls._words.values())

        def __len__(cls):
            """Return how many there are."""
            return len(cls._words)

        def __contains__(cls, text):
            """Tell whether *text* is one of them."""
            return isinstance(text, str) and text in cls._words

    class Words(str, metaclass=WordsType):
        """A text that is one of a few; compared, shown in other text and written as JSON like any other."""

        __slots__ = ("name", "value")

        def __repr__(self):
            """Show the class, the name and the text, as `enum` does."""
            return f"<{type(self).__name__}.{self.name}: {self.value!r}>"

        def __reduce_ex__(self, _protocol):
            """Let a copy, and what comes back from a pickle, be the very same word."""
            return type(self), (self.value,)


__all__ = ["Words"]
