"""A function of AWS Lambda with three handlers, as cold as the first request finds it."""

import json
import os
import time

BEGUN = time.monotonic()

from processender import Ender  # noqa: E402
from processender.integrations import aws_lambda  # noqa: E402

where = os.environ["PLACE"]
ender = Ender("orders", grace=0.5, state=f"{where}/state")


def save(states):
    with open(f"{where}/saved.json", "w") as file:
        json.dump(dict(states), file)


def flush(_milliseconds):
    time.sleep(0.05)  # the round trip of a telemetry export


ender.add(aws_lambda.save_in_one(save, {"a": lambda: list(range(100)), "b": lambda: 2}))
ender.add(aws_lambda.flush_telemetry(flush))
ender.add(aws_lambda.empty_tmp(f"{where}/tmp"))
ender.listen(aws_lambda.listen())
ender.install()
os.write(1, f"{time.monotonic() - BEGUN}\n".encode())
os.read(os.pipe()[0], 1)
