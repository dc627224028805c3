"""
The figures of an account, pushed to a Pushgateway of Prometheus: for what ends and is never scraped again.

Sends: what one run, or one crash, counts, in the text format of Prometheus, into a group of its own (the service and
its instance), where it stands until the next one takes its place.

Leaves: Sums over many runs: those are on the face of the agent (`/metrics`), and what is pushed tells of the last one.

Evidence: the answer of the gateway.

Versions: Pushgateway 1.0 and later; the client of the standard library, HTTP/1.1, without proxies and redirects.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping

from ..accounts.exposition import CONTENT_TYPE, of_account
from ..accounts.plain import text
from ..hints import Any
from ..ports import Context
from ..sending import Address
from ..urls import below


def exporter(
    url: str,
    *,
    job: str = "",
    grouping: Mapping[str, str] | None = None,
    headers: Mapping[str, Any] | None = None,
    timeout: float = 10.0,
    authority: str | None = None,
    name: str = "pushgateway",
) -> PushgatewayExporter:
    """
    Return what pushes the figures of accounts to the gateway at *url*, for `Ender(exporters=[...])`.

    Args:

        url: Where it is, without `/metrics`.

        job: The job; by default the name of the service.

        grouping: More labels of the group; by default the instance.

        headers: More header fields, each as text or as a reference, `{"env": NAME}` or `{"file": PATH}`.

        timeout: How long one request may take, seconds.

        authority: The file of the certificate authority that is trusted; by default those of the system.

        name: What it is called, where there are several.
    """
    how: dict[str, Any] = {"headers": headers, "timeout": timeout, "authority": authority}
    # What is wrong with it is said now.
    Address(below(url, "metrics"), CONTENT_TYPE, **how)
    return PushgatewayExporter(name, url, job, grouping, how)


class PushgatewayExporter:
    """Pushes the figures of accounts; made by `exporter`."""

    def __init__(
        self, name: str, url: str, job: str, grouping: Mapping[str, str] | None, how: Mapping[str, Any]
    ) -> None:  # fmt: skip
        """Take its *name*, the *url* of the gateway, the group, and *how* it is sent."""
        self.name = name
        """What it is called."""
        self._url = url
        self._job = job
        self._grouping = grouping
        self._how = how

    def send(self, account: dict[str, Any], ctx: Context) -> None:
        """Push the figures of *account*; raise if they were not taken."""
        job = self._job or text(account.get("service")) or "unknown"
        grouping = {"instance": text(account.get("instance"))} if self._grouping is None else self._grouping
        labels = "".join(_label(key, value) for key, value in {"job": job, **grouping}.items() if value)
        Address(below(self._url, f"metrics{labels}"), CONTENT_TYPE, **self._how).send(of_account(account).encode(), ctx)


def _label(name: str, value: str) -> str:
    """Return a label in the path: one with a sign that a path cannot hold in base64, as the gateway takes it."""
    if value.isascii() and value.replace("-", "").replace("_", "").replace(".", "").isalnum() and value.strip("."):
        return f"/{name}/{value}"
    return f"/{name}@base64/{urlsafe_b64encode(value.encode('utf-8', 'replace')).decode().rstrip('=')}"


__all__ = ["exporter"]
