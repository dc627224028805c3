"""The source that asks a URL whether the end is coming."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...announcement import ACTIONS, announced
from ...core.notice import Action, DeadlineKind
from ...core.sighting import Sighting
from ...errors import ReleaserError, SourceError
from ...exchange import Answer, judge
from ...glance import Glance, Later, Unclear, data_of, text_of
from ...hints import Any, Literal
from ...listening import Look, Polled
from ...secret import SECRET_HEADERS, check_named, check_reference, reveal
from ...urls import without_secrets

__all__ = ["listen"]
HINT = "is the server there?"
_NOTHING = frozenset({204, 404})


def listen(
    url: str,
    *,
    name: str = "http",
    statuses: Sequence[int] = (),
    field: str = "",
    values: Mapping[str, str] | None = None,
    action: Literal["advise", "drain", "stop"] = "stop",
    within: float | None = None,
    headers: Mapping[str, Any] | None = None,
    authority: str | None = None,
    every: float = 5.0,
) -> Polled:
    """
    Return the source that asks a URL; nothing is asked before it is started.

    What it answers counts by its status (*statuses*), by a field of its JSON (*field* and *values*), or else as an
    announcement: an object with `action` (`advise`, `drain`, `stop`), `within` or `deadline`, and `reason`. 204, 404
    and an answer without an action say nothing, and take back what was said before.

    Args:

        url: What is asked, with GET.

        name: What it is called in notices and troubles.

        statuses: The status codes that mean *action*; any other of 200 to 299 then says nothing.

        field: The path to a field of its JSON, like `status.phase`.

        values: What its values mean, like `{"terminating": "stop", "cordoned": "drain"}`; others are nothing.

        action: What one of *statuses* means.

        within: How long is left from when it is heard, seconds, where no time is said; None leaves it at the grace.

        headers: More header fields; a value may be `{"env": NAME}` or `{"file": PATH}`, and that of a field that is
            known to be a secret must be.

        authority: The file of the certificate authority that is trusted; by default those of the system.

        every: How often it asks, seconds.

    Raises `SourceError` for what makes no sense.
    """
    if within is not None and not within >= 0:
        raise SourceError("cannot end in less than no time: `within` must not be below 0")
    if bool(field) != bool(values) or (field and statuses):
        raise SourceError("cannot tell what is heard: give `statuses`, or both `field` and `values`, or none of them")
    unknown = [str(each) for each in (values or {}).values() if each not in ACTIONS]
    if unknown:
        raise SourceError(f"cannot tell what {unknown[0]!r} means: `values` are {', '.join(ACTIONS)}")
    meaning = _Meaning(frozenset(statuses), field, values or {}, Action(action), within)
    page = _Page(url, headers or {}, authority)
    limit = min(max(2.0, every), 10.0)
    return Polled(name, [Look("url", lambda glance: meaning.of(page, page.ask(glance)), every, limit)], hint=HINT)


class _Page:
    """What is asked, with its secrets where they are."""

    def __init__(self, url: str, headers: Mapping[str, Any], authority: str | None) -> None:
        for field, value in headers.items():
            check = check_named if str(field).lower() in SECRET_HEADERS else check_reference
            try:
                check(value, field)
            except ReleaserError as error:
                raise SourceError(f"cannot ask {without_secrets(url)}: {error}") from error
        plain = {field: value for field, value in headers.items() if isinstance(value, str)}
        self._secret = {field: value for field, value in headers.items() if field not in plain}
        self._request = Later("GET", url, plain, authority)

    def ask(self, glance: Glance) -> Answer:
        """Return the answer, whatever its status."""
        secrets = {field: reveal(value) for field, value in self._secret.items()}
        return glance.ask(self._request(), secrets)

    def judged(self, answer: Answer, expect: Sequence[int] = ()) -> Answer:
        """Return *answer* if its status was expected; see `judge`."""
        return judge(self._request(), answer, expect)


class _Meaning:
    """What an answer means."""

    def __init__(
        self, statuses: frozenset[int], field: str, values: Mapping[str, str], action: Action, within: float | None
    ) -> None:
        self._statuses, self._field, self._values = statuses, field, values
        self._action, self._within = action, within

    def of(self, page: _Page, answer: Answer) -> list[Sighting]:
        """Return what stands."""
        if answer.status in self._statuses:
            return [self._sighting(f"status {answer.status}", self._action)]
        if answer.status in _NOTHING:
            return []
        if self._statuses:
            page.judged(answer)
            return []
        page.judged(answer, (200,))
        if self._field:
            return self._by_field(data_of(answer))
        text = text_of(answer)
        try:
            found = announced(text, "url", "the answer", None, self._within) if text else None
        except Unclear as error:
            raise Unclear(answer.clean(str(error))) from None
        # A reason goes into the record, and who answers may quote what it was asked with.
        return [] if found is None else [found.replace(cause=answer.clean(found.cause))]

    def _by_field(self, data: Any) -> list[Sighting]:
        import json  # noqa: PLC0415 - the answer has loaded it

        for key in self._field.split("."):
            if not isinstance(data, dict) or key not in data:
                raise Unclear(f"its answer has no field {self._field!r}")
            data = data[key]
        # As JSON writes it, but for the quotes of a text.
        text = data if isinstance(data, str) else json.dumps(data)
        action = self._values.get(text)
        return [] if action is None else [self._sighting(f"{self._field} is {text}", Action(action))]

    def _sighting(self, cause: str, action: Action) -> Sighting:
        return Sighting("url", cause, action, within=self._within, kind=DeadlineKind.CONFIGURED, can_cancel=True)
