"""An Ender that listens, and says when its first handler runs; `python watch.py CLOUD ADDRESS PERIOD`."""

import os
import sys
import time

from processender import Ender
from processender.integrations import alibaba, aws, aws_lambda, azure, docker, gcp, kubernetes, logind, nut, parent
from processender.integrations.files import listener as files
from processender.integrations.http import listener as http
from processender.integrations.oci import events
from processender.testing.engines import ID

cloud, address, period = sys.argv[1], sys.argv[2], float(sys.argv[3])
REGION = "eu-west-1"
MAKE = {
    "aws": lambda: aws.listen(endpoint=address, every=period),
    "ecs": lambda: aws.listen_ecs(endpoint=f"{address}/v4", every=period),
    "azure": lambda: azure.listen(endpoint=address, every=period),
    "alibaba": lambda: alibaba.listen(endpoint=address, every=period),
    "gcp": lambda: gcp.listen(endpoint=address),
    "queue": lambda: aws.listen_queue(address, instance="i-1", region=REGION, queue_endpoint=address.rsplit("/", 2)[0]),
    "logind": lambda: logind.listen(endpoint=address),
    "kubernetes": lambda: kubernetes.listen(endpoint=address, account=os.environ["ACCOUNT"], pod="shop"),
    "docker": lambda: docker.listen(endpoint=address, container=ID),
    "containerd": lambda: events.listen(container=ID, endpoint=address),
    "lambda": lambda: aws_lambda.listen(extension="flush", endpoint=address.removeprefix("http://")),
    "nut": lambda: nut.listen(f"rack@{address.removeprefix('nut://')}", every=period),
    "file": lambda: files.listen(address, every=period),
    "http": lambda: http.listen(address, every=period),
    "parent": parent.listen,
}
ender = Ender("watch", grace=30, signals=(), exit="return", observers=[])
ender.add(lambda: os.write(1, f"{time.monotonic()}\n".encode()), name="first", phase="drain")
before = time.monotonic()
if cloud != "nothing":
    ender.listen(MAKE[cloud]())
ender.install()
os.write(1, f"{time.monotonic() - before}\n".encode())
if "--idle" in sys.argv:
    time.sleep(3)
    begun, wall = time.process_time(), time.monotonic()
    time.sleep(float(sys.argv[-1]))
    os.write(1, f"{(time.process_time() - begun) / (time.monotonic() - wall)}\n".encode())
    os._exit(0)
ender.ending().wait(60)
