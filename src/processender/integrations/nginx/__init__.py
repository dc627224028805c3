"""
nginx: a server of an upstream is taken down in the file that names it, and put back, by a reload each time.

Takes over: the word `down` behind this instance's address in the file of `server` lines, written atomically under a
lock (`.NAME.lock` beside it), so that replicas that end together lose nothing of one another; `nginx -t`, and if that
fails the file as it was; the reload, by SIGHUP to the master or by a command. What it has written it marks with a
comment, and takes back nothing else: a server that somebody else has put `down` stays so.

Leaves: retries (`proxy_next_upstream`), health (nginx has no active checks) and what the upstream does without any
server that is up: then nginx answers 502, which is noted beforehand. This user must be able to write the directory of
the file and to signal the master; where it may not, `reload` is a command that may. What generates the file anew must
know that a server may be down.

Evidence: every worker is one that was started with the new file, or is shutting down (at most 5 s); then the old ones
are gone, which have finished their requests, for at most `wait` seconds. An old worker may have long ones of other
servers; nginx ends that by `worker_shutdown_timeout`. Where the master cannot be seen, all of `wait` is spent.

Way back: without the `down`, also when a new process serves, since the file remembers. The mark says until then that
the reload is still to come, so that a process that is killed in between is made good by the next.

Versions: nginx 1.22 is tested; the titles of its processes are the same since 0.5.
"""

from __future__ import annotations

from .drainer import drain

__all__ = ["drain"]
