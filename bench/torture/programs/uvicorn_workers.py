"""uvicorn with two workers, an Ender in the supervisor and one in each worker."""

from __future__ import annotations

import asyncio
import threading

import uvicorn
from common import GRACE, PORT
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process
from uvicorn_inside import Server, serve

from processender import Ender


class Worker(Process):
    """A worker whose server runs inside an Ender of its own, with a shorter window."""

    def target(self, sockets=None):
        """Answer the supervisor's questions, and serve."""
        threading.Thread(target=self.always_pong, daemon=True).start()
        self._server = Server(self.config)
        asyncio.run(serve(self._server, Ender("torture-worker", grace=GRACE / 2), sockets))


class Supervisor(Multiprocess):
    """A supervisor whose end is a handler."""

    def init_processes(self):
        """Start the workers of our kind."""
        self.processes = [Worker(self.config, self.sockets) for _ in range(self.processes_num)]
        for worker in self.processes:
            worker.start()

    def join_all(self):
        """Leave the waiting to the handler."""

    def end_workers(self, ctx):
        """Stop the workers, wait, and kill what is left."""
        self.should_exit.set()
        for worker in self.processes:
            worker.terminate()
        for worker in self.processes:
            worker.process.join(max(0.0, ctx.remaining() - 0.3))
        for worker in self.processes:
            worker.process.kill()
            worker.process.join(0.2)


def main() -> None:
    """Run the application of `asgi.py` in two workers."""
    config = uvicorn.Config("asgi:app", port=PORT, workers=2, timeout_graceful_shutdown=1)
    supervisor = Supervisor(config, [config.bind_socket()])
    supervisor.terminate_all = lambda: None
    ender = Ender("torture", grace=GRACE, displaced="never")
    ender.add(supervisor.end_workers, phase="quiesce", importance="must")
    with ender:
        supervisor.run()


if __name__ == "__main__":
    main()
