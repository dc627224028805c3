"""A request that releases a thing."""

from __future__ import annotations

from ...core.obligation import Obligation
from ...errors import HandlerError, ReleaserError
from ...hints import Any
from ...ports import Context
from ...secret import SECRET_HEADERS, check_named, check_reference, reveal
from .handler import http

_GONE = (*range(200, 300), 404, 410)


class HttpReleaser:
    """
    Sends a request: `url`, and if given `method` (DELETE), `headers`, `body` and `expect`, the codes that mean gone.

    `{id}`, `{key}` and `{ref}` in the URL stand for those of the obligation. Values of headers may be references to
    secrets. Each attempt carries the obligation's id as `Idempotency-Key` and its token as `Fencing-Token`. 404 and
    410 mean that the thing was gone before.
    """

    def validate(self, obligation: Obligation) -> None:
        """Raise `ReleaserError` for arguments that no request can be made of, and for a secret that is written out."""
        _, headers = _parts(obligation)
        for name, value in headers.items():
            if value == "":
                continue
            check = check_named if name.lower() in SECRET_HEADERS else check_reference
            check(value, name)

    def check(self, obligation: Obligation) -> bool:  # noqa: ARG002 - only the other side can tell
        """Tell that there may be something to release."""
        return True

    def release(self, obligation: Obligation, token: int, ctx: Context) -> None:
        """Send the request in the time of *ctx*."""
        from urllib.parse import quote  # noqa: PLC0415 - for those who need it

        args = obligation.args
        url, headers = _parts(obligation)
        for name, value in (("id", obligation.id), ("key", obligation.key), ("ref", obligation.ref)):
            url = url.replace(f"{{{name}}}", quote(value, safe=""))
        try:
            send = http(
                str(args.get("method", "DELETE")),
                url,
                expect=args.get("expect", _GONE),
                headers={name: reveal(each) for name, each in headers.items()} | {"Fencing-Token": str(token)},
                body=args.get("body"),
            )
        except HandlerError as error:
            raise ReleaserError(str(error)) from error
        send(ctx)


def _parts(obligation: Obligation) -> tuple[str, dict[str, Any]]:
    """Return the URL and the headers; raise `ReleaserError`."""
    url, headers = obligation.args.get("url"), obligation.args.get("headers", {})
    if not isinstance(url, str) or not url.lower().startswith(("http://", "https://")):
        text = f"cannot release {obligation.label}: its arguments need url=, which begins with http:// or https://"
        raise ReleaserError(text)
    if not isinstance(headers, dict):
        raise ReleaserError(f"cannot release {obligation.label}: headers= must be a table of names and values")
    return url, headers
