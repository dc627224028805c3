"""A command that releases a thing: it is told which in its environment."""

from __future__ import annotations

from collections.abc import Callable

from ...core.obligation import Obligation
from ...errors import HandlerError, ReleaserError
from ...hints import Any
from ...ports import Context
from ...secret import check_reference, reveal
from .handler import command


class CommandReleaser:
    """
    Runs the argument list `run`; no shell reads it.

    The command finds `PROCESSENDER_OBLIGATION` (the id), `PROCESSENDER_KEY`, `PROCESSENDER_REF` and
    `PROCESSENDER_TOKEN` in its environment, beside `env` of the arguments, whose values may be references to secrets.
    Code 0 means that the thing is gone, 75 that another attempt may succeed. It must be safe to run twice.
    """

    def validate(self, obligation: Obligation) -> None:
        """Raise `ReleaserError` for arguments that no command can be made of."""
        _parts(obligation)

    def check(self, obligation: Obligation) -> bool:  # noqa: ARG002 - only the command can tell
        """Tell that there may be something to release."""
        return True

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:
        """Run the command in the time of *ctx*."""
        run, more = _parts(obligation)
        known = {
            "PROCESSENDER_OBLIGATION": obligation.id,
            "PROCESSENDER_KEY": obligation.key,
            "PROCESSENDER_REF": obligation.ref,
            "PROCESSENDER_TOKEN": str(token),
        }
        try:
            call: Callable[[Any], None] = command(run, env=known | {name: reveal(each) for name, each in more.items()})
        except HandlerError as error:
            raise ReleaserError(str(error)) from error
        call(ctx)


def _parts(obligation: Obligation) -> tuple[list[str], dict[str, Any]]:
    """Return the argument list and what the environment has beside; raise `ReleaserError`."""
    run, more = obligation.args.get("run"), obligation.args.get("env", {})
    if not isinstance(run, list) or not run or not all(isinstance(each, str) and "\0" not in each for each in run):
        text = f"cannot release {obligation.label}: its arguments need run=[...], a list of words"
        raise ReleaserError(f'{text}; from a shell: --arg \'run=["vm", "stop"]\'')
    if not isinstance(more, dict):
        raise ReleaserError(f"cannot release {obligation.label}: env= must be a table of names and values")
    for name, value in more.items():
        if value != "":
            check_reference(value, name)
    return run, more
