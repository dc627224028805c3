"""
A function of AWS Lambda that puts its state away, sends its telemetry and empties /tmp when its sandbox ends.

Deploy it with the package `processender`; the handler is `lambda_function.handler`. Nothing else is set: the source
that listens is an extension inside the function, without which Lambda would kill it and tell it nothing. Everywhere
else it is an ordinary program, with the usual settings.
"""

import json
import os

from processender import Ender
from processender.integrations import aws_lambda

ender = Ender("orders", **aws_lambda.settings())
seen: dict[str, int] = {"requests": 0}


def save(states: dict[str, object]) -> None:
    """Put all states away by one write; a real one writes to a table, a bucket or a cache, by a client that is open."""
    with open(os.environ.get("SAVED", "/tmp/processender/saved.json"), "w") as file:
        json.dump(dict(states), file)


def send(milliseconds: int) -> None:
    """Send what is left; in its place stands `provider.force_flush` of OpenTelemetry."""
    os.write(1, f"sending, for at most {milliseconds} ms\n".encode())


ender.add(aws_lambda.save_in_one(save, {"seen": lambda: dict(seen), "version": lambda: 1}))
ender.add(aws_lambda.flush_telemetry(send))
ender.add(aws_lambda.empty_tmp(os.environ.get("TMP_OF_SANDBOX", "/tmp")))
ender.listen(aws_lambda.listen())
ender.install()


def handler(event: dict[str, object], context: object) -> dict[str, int]:
    """Count a request."""
    seen["requests"] += 1
    return seen
