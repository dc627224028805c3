#!/usr/bin/env python3
"""
An external extension of AWS Lambda. Make one file of it for /opt/extensions, with all that it needs:

    python -m processender.integrations.aws_lambda.pack examples/platforms/lambda_extension.py layer/extensions/flush

It hears `SHUTDOWN` with its reason and its deadline, runs its handlers, and ends, which frees the rest of the time.
"""

import os
import sys

from processender import Ender
from processender.integrations import aws_lambda

ender = Ender("flush", **aws_lambda.settings())


@ender.handler(phase="flush", importance="must")
def flush(ctx) -> None:
    """Send what is left; `ctx.remaining()` says how long there is."""
    os.write(1, f"flushing because of {ctx.cause}, {ctx.remaining():.1f} s left\n".encode())


if __name__ == "__main__":
    sys.exit(aws_lambda.run_extension(ender))
