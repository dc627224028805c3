"""gRPC servers, sync and on a loop: no RPC is lost, each gets its proper status, and nothing holds up the end."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from processender.testing.processes import Program
from tests.integration.library_programs import LIMIT_S, End, finish, program

EXAMPLES = Path(__file__).parents[2] / "examples" / "frameworks"

COMMON = """
import grpc
from processender.integrations.grpc import Host, Threads, aio
ender = Ender('rpc', grace=GRACE, drain_delay=DELAY, on_drain='fail-readiness', limits={'stream': 0.3})
late = threading.Event()

def raw(**kinds):
    known = {'U': grpc.unary_unary_rpc_method_handler, 'S': grpc.unary_stream_rpc_method_handler,
             'C': grpc.stream_unary_rpc_method_handler, 'B': grpc.stream_stream_rpc_method_handler}
    return grpc.method_handlers_generic_handler('t.T', {name: known[name[0]](call) for name, call in kinds.items()})
"""

SYNC = (
    COMMON
    + """
def unary(request, context):
    say('began', request.decode())
    if request == b'slow': ender.stopping.wait(); time.sleep(0.5)
    if request == b'stuck': time.sleep(1000)
    if request == b'late': late.set()
    if request == b'bad': context.abort(grpc.StatusCode.NOT_FOUND, 'no such thing')
    if request == b'odd': context.set_code(grpc.StatusCode.DATA_LOSS); return None
    if request == b'none': return None
    if request == b'error': raise ValueError('of the application')
    return request.upper()
def stream(request, context):
    say('began', request.decode())
    if request in (b'stream', b'flood'):
        try:
            while True:
                yield b'x' * (100_000 if request == b'flood' else 1); time.sleep(0 if request == b'flood' else 0.02)
        finally:
            say('handler of', request.decode(), 'left')
    yield from (request, request)
def join(requests, context): return b','.join(requests)
def both(requests, context): yield from requests
def build(*interceptors, threads=8, **more):
    server = grpc.server(Threads(threads), handlers=[raw(U=unary, S=stream, C=join, B=both, **more)], interceptors=interceptors)
    return server, server.add_insecure_port('127.0.0.1:0')
"""
)
SERVE_SYNC = """
host = Host(ender, services=('orders',))
servers = [build(host) for _ in range(SERVERS)]
say('port', *(port for _, port in servers), '.')
host.serve(*(server for server, _ in servers))
say('left')
"""
LOOP = (
    COMMON
    + """
async def unary(request, context):
    say('began', request.decode())
    if request == b'slow': await asyncio.to_thread(ender.stopping.wait); await asyncio.sleep(0.5)
    while request == b'stuck':
        try: await asyncio.sleep(1000)
        except asyncio.CancelledError: say('swallowed'); request = b''
    if request == b'late': late.set()
    if request == b'bad': await context.abort(grpc.StatusCode.NOT_FOUND, 'no such thing')
    if request == b'odd': context.set_code(grpc.StatusCode.DATA_LOSS); return None
    if request == b'none': return None
    if request == b'error': raise ValueError('of the application')
    return request.upper()
async def stream(request, context):
    say('began', request.decode())
    if request in (b'stream', b'flood'):
        try:
            while True:
                yield b'x' * (100_000 if request == b'flood' else 1); await asyncio.sleep(0 if request == b'flood' else 0.02)
        finally:
            say('handler of', request.decode(), 'left')
    yield request; yield request
async def join(requests, context): return b','.join([each async for each in requests])
async def both(requests, context):
    async for each in requests: await context.write(each)
def build(*interceptors, **more):
    server = grpc.aio.server(handlers=[raw(U=unary, S=stream, C=join, B=both, **more)], interceptors=interceptors)
    return server, server.add_insecure_port('127.0.0.1:0')
"""
)
SERVE_LOOP = """
async def main():
    host = aio.Host(ender, services=('orders',))
    servers = [build(host) for _ in range(SERVERS)]
    say('port', *(port for _, port in servers), '.')
    await host.serve(*(server for server, _ in servers))
    say('left')
asyncio.run(main())
"""
CLIENT = """
import sys, threading, grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
away, states = threading.Event(), health_pb2.HealthCheckResponse.ServingStatus
port, *calls = sys.argv[1:]
channel = grpc.insecure_channel('127.0.0.1:' + port, options=[('grpc.enable_retries', 0)])
health = health_pb2_grpc.HealthStub(channel)
def check(service=''): return states.Name(health.Check(health_pb2.HealthCheckRequest(service=service)).status)
def watch(service=''):
    for answer in health.Watch(health_pb2.HealthCheckRequest(service=service), wait_for_ready=True):
        tell('health', repr(service), states.Name(answer.status))
        if states.Name(answer.status) == 'NOT_SERVING' and not service: away.set()
def tell(*words): sys.stdout.write(' '.join(map(str, words)) + '\\n'); sys.stdout.flush()
def call(name):
    if name == 'watch': return watch()
    if name == 'watch-orders': return watch('orders')
    if name == 'late': away.wait(); return check('liveness'), channel.unary_unary('/t.T/U')(b'late').decode()
    if name == 'last': over.wait(); return channel.unary_unary('/t.T/U')(b'last').decode()
    if name == 'ticks': return len(list(channel.unary_stream('/t.T/Sticks')(b'ticks', wait_for_ready=True)))
    if name == 'clock':
        ticks = channel.unary_stream('/demo.Clock/Follow')(b'', wait_for_ready=True)
        return [tell('ticks', channel.unary_unary('/demo.Clock/Tell')(b''), next(ticks)), *ticks]
    if name == 'join': return channel.stream_unary('/t.T/C')(iter([b'a', b'b']), wait_for_ready=True).decode()
    if name == 'both': return [each.decode() for each in channel.stream_stream('/t.T/B')(iter([b'a', b'b']), wait_for_ready=True)]
    if name in ('pair', 'stream'): return len(list(channel.unary_stream('/t.T/S')(name.encode(), wait_for_ready=True)))
    if name == 'flood':
        answers = channel.unary_stream('/t.T/S')(b'flood', wait_for_ready=True); next(answers)
        tell('reads no more'); over.wait(); return len(list(answers))
    method, _, text = name.rpartition('/')
    return channel.unary_unary('/t.T/' + (method or 'U'))(text.encode(), wait_for_ready=True).decode()
over = threading.Event()
def run(name):
    try: tell(name, 'OK', call(name))
    except grpc.RpcError as error: tell(name, error.code().name, error.details())
    if name == 'watch': over.set()
for each in [threading.Thread(target=run, args=(name,)) for name in calls]: each.start()
"""

HELD = """
ender.add(lambda: late.wait(20), name='hold', phase='drain')
"""
EARLY = """
@ender.resource
def early():
    os.kill(os.getpid(), signal.SIGTERM)
    ender.stopping.wait()
    yield
"""
STEERED = """
signal.signal(signal.SIGUSR1, lambda *_: ender.drain())
signal.signal(signal.SIGUSR2, lambda *_: ender.resume())
"""


def server(source: str, *, grace: float = 20, delay: float = 0, servers: int = 1) -> Program:
    """Make a program of the *source* of a server."""
    numbers = {"GRACE": grace, "DELAY": delay, "SERVERS": servers}
    return program(re.sub(r"\b(GRACE|DELAY|SERVERS)\b", lambda found: str(numbers[found[0]]), source))


def ports(running: Program) -> list[str]:
    """Return where it serves."""
    written = running.wait_for(" .\n", LIMIT_S)
    return re.search(r"^port (.+) \.$", written, re.MULTILINE)[1].split()


def client(port: str, *calls: str) -> Program:
    """Make a client that makes all *calls* at once and says what became of each."""
    return Program(CLIENT, port, *calls)


def said(output: str, name: str) -> str:
    """Return what became of the call *name*."""
    found = [line for line in output.splitlines() if line.split()[:1] == [name]]
    assert found, f"nothing of {name!r} in:\n{output}"
    return found[-1].removeprefix(name).strip()


def end(running: Program, asking: Program) -> tuple[End, str]:
    """Ask the server to end; return how it ended, and what its client has seen."""
    running.signal("TERM")
    ended = finish(running)
    asking.wait(LIMIT_S)
    return ended, asking.output


both_kinds = pytest.mark.parametrize("source", [SYNC + SERVE_SYNC, LOOP + SERVE_LOOP], ids=["sync", "aio"])


@both_kinds
def test_no_rpc_is_lost_and_each_gets_its_proper_status(source: str) -> None:
    """Who watches is told first, what comes during the delay is served, and only what has had its time is cut."""
    with (
        server(source.replace("\ndef raw", HELD + "\ndef raw")) as running,
        client(ports(running)[0], "watch", "watch-orders", "slow", "stream", "late", "last") as asking,
    ):
        for name in ("began slow", "began stream"):
            running.wait_for(name, LIMIT_S)
        asking.wait_for("health 'orders' SERVING", LIMIT_S)
        asking.wait_for("health '' SERVING", LIMIT_S)
        ended, output = end(running, asking)

    assert "OK SLOW" == said(output, "slow")
    assert "OK ('SERVING', 'LATE')" == said(output, "late")
    assert "UNAVAILABLE the server is stopping and the time for this RPC is over" in said(output, "stream")
    assert "UNAVAILABLE" == said(output, "watch").split()[0] == said(output, "watch-orders").split()[0]
    assert "UNAVAILABLE" == said(output, "last").split()[0]
    for service in ("''", "'orders'"):
        states = [line.split()[2] for line in output.splitlines() if line.startswith(f"health {service}")]
        assert ["SERVING", "NOT_SERVING"] == [each for each in states if each != "SERVICE_UNKNOWN"][-2:]
    assert (0, "clean", {"done"}) == (ended.code, ended.report["verdict"], set(ended.outcomes.values()))
    assert "handler of stream left" in ended.lines
    assert (
        "cut 1 in flight, the limit of stream, 0.3 s, is over: streaming rpc /t.T/S from ipv4:127.0.0.1" in ended.output
    )


@both_kinds
def test_all_kinds_of_rpcs_answer_as_without_the_host(source: str) -> None:
    """Also errors, statuses without an answer, and answers that are none."""
    calls = ("x", "bad", "odd", "none", "error", "pair", "join", "both", "other/x")
    one_bare = source.replace("[build(host) for _ in range(SERVERS)]", "[build(host), build()]")
    serve, wait = "host.serve(*(server for server, _ in servers))", "await " if source == LOOP + SERVE_LOOP else ""
    one_bare = one_bare.replace(serve, f"servers[1][0].start(); {wait}host.serve(servers[0][0])")
    with server(one_bare) as running:
        hosted, bare = ports(running)
        with client(hosted, *calls) as asking, client(bare, *calls) as other:
            assert 0 == asking.wait(LIMIT_S) == other.wait(LIMIT_S)
        running.signal("TERM")
        ended = finish(running)

    assert {name: said(other.output, name) for name in calls} == {name: said(asking.output, name) for name in calls}
    assert ["OK X", "NOT_FOUND no such thing", "OK 2", "OK a,b"] == [
        said(asking.output, name) for name in ("x", "bad", "pair", "join")
    ]
    assert (0, "clean") == (ended.code, ended.report["verdict"])


@both_kinds
def test_a_handler_that_is_stuck_does_not_hold_up_the_exit_and_its_client_is_told(source: str) -> None:
    """A thread that never comes back, a coroutine that swallows its cancellation: the status is sent all the same."""
    with server(source, grace=1.5) as running, client(ports(running)[0], "stuck") as asking:
        running.wait_for("began stuck", LIMIT_S)
        ended, output = end(running, asking)

    assert "UNAVAILABLE the server is stopping and the time for this RPC is over" in said(output, "stuck")
    # Whether the server has gone when all time is over decides how the process goes; it goes.
    assert ended.code in {0, 143}
    # Nor does whether the last of it ended a moment before its time, or with it.
    assert ended.outcomes["inflight"] in {"failed", "timed_out"}
    assert "degraded" == ended.report["verdict"]
    assert "rpc /t.T/U" in ended.handler("inflight")["error"]


@both_kinds
def test_a_client_that_never_reads_is_not_waited_for_once_it_was_cut(source: str) -> None:
    """Its stream has no room for a status; it is let go, and gets one when it reads again."""
    with server(source) as running, client(ports(running)[0], "watch", "flood") as asking:
        running.wait_for("began flood", LIMIT_S)
        asking.wait_for("reads no more", LIMIT_S)
        ended, output = end(running, asking)

    assert "UNAVAILABLE" == said(output, "flood").split()[0]
    assert (0, "clean") == (ended.code, ended.report["verdict"])
    assert "handler of flood left" in ended.lines


@both_kinds
def test_a_notice_before_the_first_rpc_ends_two_servers_at_once(source: str) -> None:
    """Both of one process; idle, the end takes no time beyond the delay."""
    with server(source, delay=0, servers=2) as running:
        first, second = ports(running)
        with client(first, "x") as asking, client(second, "x") as other:
            assert 0 == asking.wait(LIMIT_S) == other.wait(LIMIT_S)
        running.signal("TERM")
        ended = finish(running)

    assert "OK X" == said(asking.output, "x") == said(other.output, "x")
    assert (0, "clean", True) == (ended.code, ended.report["verdict"], "left" in ended.lines)
    assert ended.report["seconds"] < 10


@both_kinds
def test_a_notice_during_start_up_ends_without_serving(source: str) -> None:
    """The servers are not started afterwards, or are stopped as well."""
    with server(source.replace("\ndef raw", EARLY + "\ndef raw")) as running:
        ended = finish(running)

    assert 0 == ended.code, ended.output


@both_kinds
def test_a_drain_that_is_taken_back_serves_again(source: str) -> None:
    """The health service says so to those who watch, and RPCs are answered all the while."""
    steered = source.replace("\ndef raw", STEERED + "\ndef raw")
    with server(steered) as running, client(ports(running)[0], "watch", "late") as watching:
        watching.wait_for("health '' SERVING", LIMIT_S)
        running.signal("USR1")
        watching.wait_for("late OK", LIMIT_S)
        running.signal("USR2")
        running.wait_for("ended cancelled", LIMIT_S)
        watching.wait_for("NOT_SERVING\nlate OK ('SERVING', 'LATE')\nhealth '' SERVING", LIMIT_S)
        ended, _ = end(running, watching)

    assert (0, "clean") == (ended.code, ended.report["verdict"])


QUEUED = (
    SYNC.replace("say('began'", "say('thread for'").replace("Threads(threads)", "Queue(threads)")
    + """
class Queue(Threads):
    def submit(self, *args, **named):
        say('accepted'); return super().submit(*args, **named)
"""
    + SERVE_SYNC.replace("build(host)", "build(host, threads=1)")
)


def test_an_rpc_that_waits_for_a_thread_is_in_flight() -> None:
    """It was accepted, so it is served, although its handler begins when the server has stopped; or cut, as any other."""
    with server(QUEUED) as running, client(ports(running)[0], "slow") as asking:
        running.wait_for("thread for slow", LIMIT_S)
        with client(ports(running)[0], "x", "pair") as queued:
            running.wait_for("accepted\n" * 2, LIMIT_S)
            ended, output = end(running, asking)
            queued.wait(LIMIT_S)

    assert ("OK SLOW", "OK X") == (said(output, "slow"), said(queued.output, "x"))
    assert "UNAVAILABLE" == said(queued.output, "pair").split()[0]
    assert "thread for pair" not in ended.lines
    assert (0, "clean") == (ended.code, ended.report["verdict"])


LATE_SYNC = (
    SYNC
    + """
asked = threading.Event()
ender.add(asked.set, name='asked', phase='quiesce')
class Late(grpc.ServerInterceptor):
    def intercept_service(self, continuation, details):
        if details.method == '/t.T/U':
            say('began late'); asked.wait()
            while not host._calls.closed: time.sleep(0.01)
        found = continuation(details)
        if not found.response_streaming: return found
        return grpc.unary_stream_rpc_method_handler(
            lambda request, context: found.unary_stream(request, context), found.request_deserializer, found.response_serializer)
"""
    + SERVE_SYNC.replace("build(host)", "build(Late(), host)")
)
LATE_LOOP = (
    LOOP
    + """
class Late(grpc.aio.ServerInterceptor):
    async def intercept_service(self, continuation, details):
        if details.method == '/t.T/U':
            say('began late')
            while not hosts[0]._calls.closed: await asyncio.sleep(0.01)
        return await continuation(details)
hosts = []
"""
    + SERVE_LOOP.replace("    servers =", "    hosts.append(host); servers =").replace(
        "build(host)", "build(Late(), host)"
    )
)


@pytest.mark.parametrize("source", [LATE_SYNC, LATE_LOOP], ids=["sync", "aio"])
def test_what_comes_too_late_is_refused_and_never_half_served(source: str) -> None:
    """With a status that a client may retry elsewhere; and one behind a foreign interceptor is cut all the same."""
    with server(source) as running, client(ports(running)[0], "stream") as streaming:
        running.wait_for("began stream", LIMIT_S)
        with client(ports(running)[0], "x") as asking:
            running.wait_for("began late", LIMIT_S)
            ended, output = end(running, asking)
        streaming.wait(LIMIT_S)

    assert "UNAVAILABLE the server is stopping; try another one" == said(output, "x")
    assert "UNAVAILABLE the server is stopping and the time" in said(streaming.output, "stream")
    assert ("began x" in ended.lines, 0, "clean") == (False, ended.code, ended.report["verdict"])


MIXED = (
    LOOP
    + """
def sleepy(request, context): say('began', request.decode()); ender.stopping.wait(); time.sleep(0.3); return b'from a thread'
def ticks(request, context):
    say('began', request.decode())
    while True: yield b'x'; time.sleep(0.02)
from grpc_health.v1 import health
"""
    + SERVE_LOOP.replace("aio.Host(ender, ", "aio.Host(ender, health=health.aio.HealthServicer(), ").replace(
        "build(host)", "build(host, Usleepy=sleepy, Sticks=ticks)"
    )
)


def test_sync_handlers_of_a_server_on_a_loop_and_a_health_service_of_its_own() -> None:
    """Both are taken as they are."""
    with server(MIXED) as running, client(ports(running)[0], "watch", "Usleepy/x", "ticks") as asking:
        for name in ("began x", "began ticks"):
            running.wait_for(name, LIMIT_S)
        asking.wait_for("health '' SERVING", LIMIT_S)
        ended, output = end(running, asking)

    assert "OK from a thread" == said(output, "Usleepy/x")
    assert "UNAVAILABLE the server is stopping and the time" in said(output, "ticks")
    assert "health '' NOT_SERVING" in output
    assert (0, "clean") == (ended.code, ended.report["verdict"])


BARE = """
server, port = build()
from grpc_health.v1 import health, health_pb2_grpc
health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
server.start(); say('port', port, '.')
with ender: ender.stopping.wait()
over = server.stop(3600); over.wait(0.3); say('stopped early', over.is_set())
server.stop(0).wait(); say('stopped')
"""


def test_what_the_server_does_by_itself() -> None:
    """Why there is a host: one watcher of the health service makes `server.stop` wait for all of its grace."""
    with server(SYNC + BARE) as running, client(ports(running)[0], "watch") as asking:
        asking.wait_for("SERVING", LIMIT_S)
        ended, output = end(running, asking)

    assert ["stopped early False", "stopped"] == [line for line in ended.lines if line.startswith("stopped")]
    assert "UNAVAILABLE Cancelling all calls" == said(output, "watch")


@pytest.mark.parametrize("name", ["grpc_sync", "grpc_aio"])
def test_the_example_serves_and_ends_well(name: str) -> None:
    """An answer, a stream that is cut when its time is over, and the pool closed after both."""
    with Program([sys.executable, str(EXAMPLES / f"{name}.py"), "0"]) as running:
        port = running.wait_for("\n", LIMIT_S).split()[1]
        with client(port, "watch", "clock") as asking:
            asking.wait_for("ticks", LIMIT_S)
            ended, output = end(running, asking)

    assert "UNAVAILABLE" == said(output, "clock").split()[0]
    assert (0, "clean") == (ended.code, ended.report["verdict"])
    assert "the pool is closed, after the last RPC" in ended.lines
