"""
A gRPC server on an event loop: `python examples/frameworks/grpc_aio.py [PORT]`, then Ctrl-C or SIGTERM.

Ask it with `grpcurl -plaintext localhost:50051 grpc.health.v1.Health/Check`, or any client of `/demo.Clock/Tell`, whose
requests and answers are plain bytes here, so that nothing needs to be generated.
"""

from __future__ import annotations

import asyncio
import sys
import time

import grpc

from processender import Ender
from processender.integrations.grpc import aio

ender = Ender("clock", grace=20, limits={"stream": 0.5})


async def tell(request, context):
    return time.ctime().encode()


async def follow(request, context):
    while True:
        yield time.ctime().encode()
        await asyncio.sleep(0.2)


@ender.handler(phase="close")
async def close_pool():
    print("the pool is closed, after the last RPC")


async def main():
    clock = grpc.method_handlers_generic_handler(
        "demo.Clock",
        {"Tell": grpc.unary_unary_rpc_method_handler(tell), "Follow": grpc.unary_stream_rpc_method_handler(follow)},
    )
    host = aio.Host(ender)
    server = grpc.aio.server(handlers=[clock], interceptors=[host])
    port = server.add_insecure_port(f"127.0.0.1:{sys.argv[1] if len(sys.argv) > 1 else 50051}")
    print("port", port, flush=True)
    await host.serve(server)


asyncio.run(main())
