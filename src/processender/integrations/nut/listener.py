"""The source that asks upsd: who it asks, as whom, and what each answer is to mean."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from ...core.notice import Action
from ...core.sighting import Sighting
from ...errors import HandlerError, Permanent, ReleaserError, SourceError, Transient
from ...glance import Glance, Unclear
from ...hints import Any, Literal
from ...listening import Look, Polled
from ...secret import check_named, reveal
from .power import Power
from .wire import Refused, Wire, place_of

HINT = "do upsd and the driver of the UPS run?"
SLOWEST = 5.0
"""How many times its pace it looks more rarely, at most, where nobody answers: the power may be cut at any time."""


def listen(
    ups: str = "",
    *,
    name: str = "nut",
    user: str = "",
    password: Mapping[str, str] | None = None,
    battery: Literal["advise", "drain", "stop"] = "advise",
    forced_within: float = 15.0,
    dead: float = 15.0,
    steady: float = 30.0,
    tls: bool = False,
    authority: str | None = None,
    every: float = 2.0,
) -> Polled:
    """
    Return the source that asks upsd; nothing is asked before it is started.

    Args:

        ups: The UPS, as NAME@HOST or NAME@HOST:PORT; by default the only one of the upsd on this host.

        name: What it is called in notices and troubles.

        user: The user that logs in, of `upsd.users` and with `upsmon secondary` there: the primary then waits until
            this process has ended. By default it only looks.

        password: Where the password of *user* is: `{"env": NAME}` or `{"file": PATH}`, read at each login.

        battery: What it means that the power is out and the battery not low yet; after `drain` traffic comes back with
            the power.

        forced_within: How long a forced shutdown leaves, seconds: `HOSTSYNC` of the primary's upsmon.

        dead: How long nothing fresh may be known of a UPS on battery before that is taken for the end, seconds.

        steady: How long the power must be back to be believed, if the UPS flaps, seconds; twice as long each time.

        tls: Whether it asks for TLS, and goes on with nobody who refuses.

        authority: The file of the certificate authority that is trusted with *tls*; by default those of the system.

        every: How often it looks, seconds.

    Raises `SourceError` for what makes no sense.
    """
    if not min(forced_within, dead, steady) >= 0:
        raise SourceError("cannot wait for less than no time: `forced_within`, `dead` and `steady` must not be below 0")
    if bool(user) != (password is not None):
        raise SourceError("cannot log in to upsd: give both `user` and `password`, or neither")
    if authority is not None and not tls:
        raise SourceError("cannot check the certificate of upsd without TLS: give `tls` beside `authority`")
    try:
        if password is not None:
            check_named(password, "password")
    except (ReleaserError, HandlerError) as error:
        raise SourceError(f"cannot log in to upsd: {error}") from error
    upsd = _Upsd(place_of(ups), (user, password), tls, authority)
    watched = _Watched(upsd, Power(Action(battery), forced_within, dead, steady))
    look = Look("status", watched.look, every, max(2.0, every), SLOWEST * every)
    return Polled(name, [look], hint=HINT, close=upsd.leave)


class _Upsd:
    """upsd, connected when it is asked and as long as it answers."""

    def __init__(
        self, place: tuple[str, str, int], login: tuple[str, Mapping[str, str] | None], tls: bool, authority: str | None
    ) -> None:
        self._ups, self._host, self._port = place
        self._user, self._password = login
        self._tls, self._authority = tls, authority
        self._trust: Any = None
        self._wire: Wire | None = None
        self._owner = 0
        self._named = bool(self._ups)

    def variable(self, glance: Glance, variable: str) -> str:
        """Return what a variable of the UPS holds."""
        wire = self._connected(glance)
        answer = wire.ask(glance, "GET", "VAR", self._ups, variable)
        if len(answer) != 4 or answer[:3] != ["VAR", self._ups, variable]:
            raise Unclear(f"upsd was asked for {variable}, and answers {' '.join(answer)[:80]!r}")
        return answer[3]

    def drop(self) -> None:
        """Hang up; the next question connects anew."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def leave(self) -> None:
        """Say goodbye: whoever waits for us goes on."""
        wire, self._wire = self._wire, None
        if wire is not None and self._owner == os.getpid():
            wire.leave()

    def _connected(self, glance: Glance) -> Wire:
        if self._owner != os.getpid():
            # A fork child must not speak on the connection of its parent.
            self.drop()
        if self._wire is None:
            self._owner = os.getpid()
            self._wire = wire = Wire(self._host, self._port, glance)
            if self._tls:
                wire.secure(self._trusted(), self._host, glance)
            if not self._named:
                self._ups = _only(wire.rows(glance, "UPS"))
            if self._user:
                self._log_in(wire, glance)
        return self._wire

    def _log_in(self, wire: Wire, glance: Glance) -> None:
        """Be counted among those who draw its power; that this is refused is no reason to listen no more."""
        try:
            wire.ask(glance, "USERNAME", self._user)
            wire.ask(glance, "PASSWORD", reveal(dict(self._password or {})), shown="PASSWORD")
            wire.ask(glance, "LOGIN", self._ups)
        except (Refused, ReleaserError) as error:
            glance.failed(Permanent(f"{error}; nobody waits for this process before the power is cut"))

    def _trusted(self) -> Any:
        from ssl import VERIFY_X509_STRICT, SSLError, create_default_context  # noqa: PLC0415 - for those who need it

        if self._trust is None:
            try:
                trust = create_default_context(cafile=self._authority)
            except (OSError, SSLError) as error:
                raise Permanent(f"cannot read the certificate authority in {self._authority}: {error}") from error
            if self._authority is not None:
                # See `exchange`: what Python 3.13 wants of certificates, many of one's own do not have.
                trust.verify_flags &= ~VERIFY_X509_STRICT
            self._trust = trust
        return self._trust


class _Watched:
    """One UPS, and what is known of it."""

    def __init__(self, upsd: _Upsd, power: Power) -> None:
        self._upsd = upsd
        self._power = power

    def look(self, glance: Glance) -> Sequence[Sighting]:
        """Return what stands."""
        try:
            status = self._upsd.variable(glance, "ups.status")
            runtime = self._runtime(glance) if {"OB", "FSD"} & {*status.split()} else None
            seen = self._power.seen(status, runtime, glance.clock.now(), glance.wall())
        except (Unclear, Transient, Permanent, TimeoutError) as error:
            self._upsd.drop()
            seen = self._power.lost(glance.clock.now(), glance.wall())
            if seen is None:
                raise
            # It looks again at the same pace, and calls nothing off.
            glance.failed(error)
            glance.whole = False
            return seen
        glance.whole = seen is not None
        return seen or []

    def _runtime(self, glance: Glance) -> float | None:
        """Return how long the battery lasts, seconds, if the UPS knows."""
        try:
            return float(self._upsd.variable(glance, "battery.runtime"))
        except (Refused, ValueError):
            return None
        except (Unclear, Transient, TimeoutError) as error:
            # The status is known, and counts.
            glance.failed(error)
            self._upsd.drop()
            return None


def _only(rows: Sequence[Sequence[str]]) -> str:
    """Return the name of the only UPS of a list."""
    names = [row[0] for row in rows if row]
    if len(names) != 1:
        raise Permanent(f"upsd has {len(names)} UPS ({', '.join(names)[:80]}); say which: NAME@HOST")
    return names[0]
