"""Log records of `logging` as lines of JSON, one for each, with all that `extra` has given them."""

from __future__ import annotations

import json
import logging
from math import isfinite

from ..core import vocabulary as words

_OWN = {*vars(logging.makeLogRecord({})), "message", "asctime"}
"""What every record has, or gets from a formatter."""


class JsonFormatter(logging.Formatter):
    """
    Formats any record as one line of JSON, those of ProcessEnder with the words of the vocabulary.

    A line has `time` (seconds since 1970), `level`, `logger`, `text`, and what `extra` has given to the record; an
    exception comes as `error.type`, `exception.message` and `exception.stacktrace`. What is no data becomes text.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of *record*."""
        line: dict[str, object] = {
            "time": round(record.created, 6),
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": record.getMessage(),
        }
        line.update({name: value for name, value in vars(record).items() if name not in _OWN and name not in line})
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line |= {words.ERROR_TYPE: type(error).__name__, words.ERROR_TEXT: str(error)}
            line[words.ERROR_STACK] = self.formatException(record.exc_info)
        try:
            return json.dumps(line, default=_text, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            # Of what is nested some is no data: a key, a number that JSON has not, or a list that holds itself.
            return json.dumps({name: _plain(value) for name, value in line.items()})


def _plain(value: object) -> object:
    is_plain = isinstance(value, str | int | None) or (isinstance(value, float) and isfinite(value))
    return value if is_plain else _text(value)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # foreign code; its failure must not lose the line
        return f"{type(value).__name__} (its text raises {type(error).__name__})"
