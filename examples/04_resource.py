"""
Resources: set-up and tear-down in one place, closed in reverse order of opening.

Each is a generator that yields once. What it yields is its `value`; what the `yield` gives back is the cause of the
end. The generator stays in one task from beginning to end, so `async with` across the `yield` is safe.
"""

# send: TERM after ready
# exits: 0

from __future__ import annotations

import asyncio

from processender import Ender

ender = Ender("resources", grace=10)


@ender.resource
async def server():
    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(f"listening on port {listening.sockets[0].getsockname()[1]}")
    cause = yield listening
    listening.close()
    print(f"closed the server: {cause}")


@ender.resource
def cache():
    entries = {}  # a plain generator is driven by a thread of its own
    yield entries
    print(f"wrote back {len(entries)} entries")


async def answer(reader, writer):
    cache.value[await reader.readline()] = True
    writer.close()


async def main():
    async with ender:
        port = server.value.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello\n")
        await asyncio.sleep(0.1)
        print("ready", flush=True)
        await asyncio.sleep(3600)


asyncio.run(main())
