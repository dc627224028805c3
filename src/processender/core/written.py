"""
Data as JSON, written without the standard library's `json`, whose import brings `re` and costs an agent 3 ms at start.

What is read back by others, and what may hold anything, goes through `data`.
"""

from __future__ import annotations

from ..hints import Any

_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_ENDLESS = float("inf")


def as_text(value: Any) -> str:  # noqa: PLR0911 - one for each kind of data
    """Return *value*, data of JSON, as `json.dumps` would write it; a number that JSON cannot say becomes null."""
    if isinstance(value, str):
        return _quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value) if -_ENDLESS < value < _ENDLESS else "null"
    if isinstance(value, dict):
        return f"{{{', '.join([f'{_quoted(name)}: {as_text(each)}' for name, each in value.items()])}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join([as_text(each) for each in value])}]"
    raise TypeError(f"cannot write {type(value).__name__} as JSON: it is no data")


def _quoted(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{"".join(map(_sign, text))}"'


def _sign(sign: str) -> str:
    """Return one sign as JSON in ASCII: those beyond 16 bits as two halves, see RFC 8259 section 7."""
    number = ord(sign)
    if sign in _SHORT:
        return _SHORT[sign]
    if " " <= sign <= "~":
        return sign
    if number < 0x10000:
        return f"\\u{number:04x}"
    number -= 0x10000
    return f"\\u{0xD800 + (number >> 10):04x}\\u{0xDC00 + (number & 0x3FF):04x}"
