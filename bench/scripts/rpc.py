"""
A gRPC server for the benchmarks: `rpc.py sync|aio plain|library PORT DELAY`.

Plain, it stops as the documentation of gRPC says it, with a grace, when SIGTERM comes; its health service knows nothing
of that. With the library it is the same server behind a host.
"""

import asyncio
import os
import signal
import sys
import threading
import time
from concurrent import futures  # noqa: TID251 - what the documentation of gRPC tells

import grpc

MESSAGES = 10
GRACE_S = 1.0
kind, way, port, delay = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
me = str(os.getpid()).encode()


def name(request, context):
    """Say who answers, some later than others."""
    time.sleep(float(request))
    return me


def count(request, context):
    """Send some messages, and end."""
    for _ in range(MESSAGES):
        time.sleep(0.05)
        yield me


def follow(request, context):
    """Send messages as long as somebody listens."""
    while context.is_active():
        yield me
        time.sleep(0.05)


async def aname(request, context):
    """Do the same on a loop."""
    await asyncio.sleep(float(request))
    return me


async def acount(request, context):
    """Do the same on a loop."""
    for _ in range(MESSAGES):
        await asyncio.sleep(0.05)
        yield me


async def afollow(request, context):
    """Do the same on a loop."""
    while True:
        yield me
        await asyncio.sleep(0.05)


def handlers(name, count, follow):
    """Return the service."""
    methods = {
        "Name": grpc.unary_unary_rpc_method_handler(name),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Follow": grpc.unary_stream_rpc_method_handler(follow),
    }
    return [grpc.method_handlers_generic_handler("bench.Calls", methods)]


def add_health(server, servicer):
    """Let *server* say that it serves, whatever happens."""
    from grpc_health.v1 import health_pb2_grpc

    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)


def run_sync(ender):
    """Run a server of `grpc.server`."""
    from grpc_health.v1 import health

    if ender is None:
        server = grpc.server(futures.ThreadPoolExecutor(64), handlers=handlers(name, count, follow))
        server.add_insecure_port(f"127.0.0.1:{port}")
        add_health(server, health.HealthServicer())
        asked = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: asked.set())
        server.start()
        asked.wait()
        server.stop(GRACE_S).wait()
        return
    from processender.integrations.grpc import Host, Threads

    host = Host(ender)
    server = grpc.server(Threads(64), handlers=handlers(name, count, follow), interceptors=[host])
    server.add_insecure_port(f"127.0.0.1:{port}")
    host.serve(server)


async def run_aio(ender):
    """Run a server of `grpc.aio.server`."""
    from grpc_health.v1 import health

    if ender is None:
        server = grpc.aio.server(handlers=handlers(aname, acount, afollow))
        server.add_insecure_port(f"127.0.0.1:{port}")
        add_health(server, health.aio.HealthServicer())
        asked = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
        await server.start()
        await asked.wait()
        await server.stop(GRACE_S)
        return
    from processender.integrations.grpc import aio

    host = aio.Host(ender)
    server = grpc.aio.server(handlers=handlers(aname, acount, afollow), interceptors=[host])
    server.add_insecure_port(f"127.0.0.1:{port}")
    await host.serve(server)


def main():
    """Run what was asked for."""
    ender = None
    if way == "library":
        from processender import Ender

        ender = Ender(f"rpc-{port}", grace=20, drain_delay=delay, on_drain="fail-readiness", limits={"stream": GRACE_S})
    if kind == "sync":
        run_sync(ender)
    else:
        asyncio.run(run_aio(ender))


if __name__ == "__main__":
    main()
