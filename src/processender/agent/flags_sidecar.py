"""The flags of `sidecar`, as a table like that of `run`."""

from __future__ import annotations

from ..hints import Any

SIDECAR: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("--watch-name",), {"default": "", "metavar": "NAME", "help": "watch the processes whose program has this name"}),
    (("--pid-file",), {"default": "", "metavar": "FILE", "help": "watch the process whose number stands in this file"}),
    (
        ("--watch-cgroup",),
        {"default": "", "metavar": "DIR", "help": "watch the processes of this cgroup, and of those below it"},
    ),
    (
        ("--heartbeat",),
        {"default": "", "metavar": "SOCKET", "help": "watch for datagrams that the application sends here"},
    ),
    (("--watch-http",), {"default": "", "metavar": "URL", "help": "watch for answers of 200 to 399"}),
    (
        ("--silence",),
        {"default": "10s", "metavar": "TIME", "help": "without a heartbeat for so long it is gone (default 10s)"},
    ),
    (
        ("--every",),
        {"default": "2s", "metavar": "TIME", "help": "how often to ask the URL; three failures: gone (default 2s)"},
    ),
    (
        ("--tell-http",),
        {"default": "", "metavar": "[METHOD ]URL", "help": "at the end send a request, by default POST"},
    ),
    (("--tell-file",), {"default": "", "metavar": "FILE", "help": "at the end make this file"}),
    (
        ("--tell-signal",),
        {
            "default": [],
            "action": "append",
            "metavar": "SIGNAL",
            "help": "at the end send this; given again, the next one if it is still there; KILL only when named",
        },
    ),
    (
        ("--once",),
        {"action": "store_true", "help": "end when the application ends, instead of watching for the next one"},
    ),
    (
        ("--control",),
        {"default": "", "metavar": "SOCKET", "help": "where pre-stop finds this sidecar (default: by --service)"},
    ),
    (("-c", "--config"), {"default": "", "metavar": "FILE", "help": "the configuration file"}),
    (("--profile",), {"metavar": "NAME", "help": "the profile that holds: a name, none, or auto (by the platform)"}),
    (
        ("--service",),
        {"metavar": "NAME", "help": "the service whose journals are recovered (default: what is watched)"},
    ),
    (("--grace",), {"metavar": "TIME", "help": "the whole time from the notice to the end (default 30s)"}),
    (("--drain-delay",), {"metavar": "TIME", "help": "how long to wait after readiness has failed (default 0s)"}),
    (("--probe-listen",), {"metavar": "HOST:PORT", "help": "where to serve /livez and /readyz"}),
    (("--json",), {"action": "store_true", "help": "write the lines on standard error as JSON"}),
)
