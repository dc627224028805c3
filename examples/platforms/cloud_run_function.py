"""
A function on Cloud Run: its end runs in the worker that has served it, after its last request.

Deploy it with the packages `functions-framework` and `processender`; the target is `hello`. The framework loads this
file, and forks the worker afterwards: `in_function` arms the Ender there.
"""

import os

from processender import Ender
from processender.integrations import cloud_run

ender = Ender("orders", **cloud_run.settings())
seen = {"requests": 0}


@ender.handler(phase="flush", importance="must")
def flush(ctx) -> None:
    """Send what the worker has gathered."""
    os.write(1, f"flushing {seen['requests']} requests, {ctx.remaining():.1f} s left\n".encode())


cloud_run.in_function(ender)


def hello(request):
    """Answer a request."""
    seen["requests"] += 1
    return "hello\n"
