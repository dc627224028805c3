"""
The agent, for programs in any language: the same as `processender run -c examples/10_agent.toml -- COMMAND`.

The command here is a line of shell that knows nothing of ProcessEnder. Its end is a step of the plan, between leaving
the registry, which fails once and is asked again, and the configured commands.
"""

# exits: 143

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

COMMAND = "trap 'echo command: ended; exit 143' TERM; echo command: ready; while :; do sleep 0.1; done"


class Registry(BaseHTTPRequestHandler):
    """A service registry that is not well the first time it is asked."""

    answers = iter((503, 204))

    def do_DELETE(self):
        """Forget the instance."""
        self.send_response(status := next(self.answers))
        self.end_headers()
        print(f"registry: {status} for {self.path}, key {self.headers['Idempotency-Key'].partition('/')[2]}")

    def log_message(self, *_):
        """Say nothing."""


registry = HTTPServer(("127.0.0.1", 0), Registry)
threading.Thread(target=registry.serve_forever, daemon=True).start()

# Every key of the file can be overridden from the environment.
url = f"http://127.0.0.1:{registry.server_port}/instances/shop"
environment = os.environ | {"PROCESSENDER_HANDLERS__LEAVE_REGISTRY__HTTP__URL": url}

config = os.path.join(os.path.dirname(__file__), "10_agent.toml")
agent = [sys.executable, "-m", "processender", "run", "-c", config, "--", "sh", "-c", COMMAND]
with subprocess.Popen(agent, env=environment, stdout=subprocess.PIPE, text=True) as process:
    for line in process.stdout:
        print(line, end="")
        if "ready" in line:
            process.send_signal(signal.SIGTERM)

print("exit code", process.returncode)
sys.exit(process.returncode)
