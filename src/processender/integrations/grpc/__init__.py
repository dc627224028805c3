"""
gRPC servers of grpcio, `grpc.server` and `grpc.aio.server`: a host that is their first interceptor and runs them.

    host = Host(ender)
    server = grpc.server(Threads(10), interceptors=[host])
    add_OrdersServicer_to_server(Orders(), server)
    server.add_insecure_port("[::]:50051")
    host.serve(server)

For `grpc.aio` it is `processender.integrations.grpc.aio.Host`, and `await host.serve(server)`.

Takes over: Start and stop of the servers, several at once if they are given together; signals, which are the Ender's;
the health service, if `grpcio-health-checking` is installed: at the beginning of a drain it says NOT_SERVING, to those
who ask and to those who watch, and SERVING again after a resume; its service `liveness` stays SERVING to the end. Each
RPC counts as work in flight, of the kind `rpc`, or `stream` where the answer is one, from the moment it is accepted
until its handler has returned and its client has the status; the `limits` of the Ender hold for both. In `quiesce` the
servers stop listening, clients get GOAWAY, what is new is refused with UNAVAILABLE, and what is open is waited for.
What is cut gets the status UNAVAILABLE with a reason, at once, whether its handler obeys or not; a coroutine is
cancelled then. Nobody waits for those who watch the health service. A client that does not read its last message is
waited for as long as any other, and for 0.25 s once it was cut.

Leaves: A thread that is stuck in a handler: it is named, and with `Threads` instead of a `ThreadPoolExecutor` it does
not hold up the exit. A coroutine that swallows its cancellation for ever: the last resorts of the Ender end it. Where
another interceptor stands before the host, it sees every answer of a sync server as a stream, and a sync RPC is cut at
its next message. TLS, reflection and all else of the server are as you have made them.

Why nothing is lost: `server.stop(grace)` refuses at once; an RPC that is under way on an open connection then, since
its client has not yet seen the GOAWAY, is answered with CANCELLED, which no retry policy takes for a reason to retry: a
few at each stop of a server under load (grpcio 1.85; the benchmark `calls` counts them). So clients must be gone
before: those that balance by themselves and check health (`"healthCheckConfig": {"serviceName": ""}` in the service
config, with `round_robin`) leave within milliseconds of NOT_SERVING and finish what they have there; give others, who
are told by name resolution or by a proxy, a `drain_delay` that is longer than they need to notice. A delay of which no
client is told gains nothing. After its grace `server.stop` ends what is left with UNAVAILABLE; it waits the whole grace
as soon as one client watches the health service. `grpc.max_connection_age_ms` does not help in a drain: clients come
back as long as the server listens; set it, well above the longest RPC and with `grpc.max_connection_age_grace_ms`,
where connections would otherwise never move to new replicas.

Under Kubernetes readiness keeps passing for the time of the delay, but the health service does not: it speaks to
clients first. A readiness probe of the kind `grpc` sees it; give it the service `liveness` if that matters.

Versions: grpcio 1.66 to 1.85. It rests on `experimental_non_blocking`, by which a sync handler is given the function
that sends, as the health service of grpcio uses it; a test pins that a status sent so is what the client gets. A server
that was made without the host among its interceptors is refused by `serve`, which looks where grpcio keeps them.
"""

from __future__ import annotations

from .sync import Host
from .threads import Threads

__all__ = ["Host", "Threads"]
