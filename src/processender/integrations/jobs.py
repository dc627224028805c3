"""Background jobs that a dead process has begun: cancelled, or queued again, by callbacks of the application."""

from __future__ import annotations

from collections.abc import Callable

from ..core.obligation import Obligation
from ..errors import ReleaserError
from ..ports import Context

Callback = Callable[[Obligation], object]


class JobReleaser:
    """
    Calls the application back about a job; register it as `ender.releaser("job")(JobReleaser(...))`.

    `then` in the arguments of an obligation says what becomes of the job: `cancel`, the default, or `requeue`. A
    callback may be called again for the same job, whose `id` stays the same: hand it to the queue to tell a repetition.
    """

    def __init__(
        self, cancel: Callback, requeue: Callback | None = None, *, active: Callable[[Obligation], bool] | None = None
    ) -> None:
        """
        Take the callbacks.

        Args:

            cancel: Cancels the job of an obligation.

            requeue: Puts it back into its queue.

            active: Tells whether there is still something to do about it; without it there always is.
        """
        self._then = {"cancel": cancel, "requeue": requeue}
        self._active = active

    def validate(self, obligation: Obligation) -> None:
        """Raise `ReleaserError` for a `then` that means nothing here."""
        self._callback(obligation)

    def check(self, obligation: Obligation) -> bool:
        """Tell whether the job is still there."""
        return self._active is None or self._active(obligation)

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:  # noqa: ARG002 - the face of all releasers
        """Call back."""
        self._callback(obligation)(obligation)

    def _callback(self, obligation: Obligation) -> Callback:
        wanted = obligation.args.get("then", "cancel")
        callback = self._then.get(wanted) if isinstance(wanted, str) else None
        if callback is None:
            known = ", ".join(name for name, each in self._then.items() if each is not None)
            raise ReleaserError(f"cannot release {obligation.label}: its then={wanted!r} is none of: {known}")
        return callback
