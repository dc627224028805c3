"""The same application with the library: `web_library.py SERVER PORT`, or as gunicorn's `web_library:app`."""

import json
import os
import sys

from web import app as plain

from processender import Ender
from processender.integrations import asgi

ender = Ender(
    os.environ.get("NAME", "web"), grace=20, drain_delay=float(os.environ["DRAIN_DELAY"]), on_drain="fail-readiness"
)
app = asgi.EnderMiddleware(plain, ender, ready_path="/readyz")
drain = json.loads(os.environ.get("DRAIN", "null"))
if drain:
    from processender.plugins import find_drainer

    ender.add(find_drainer(drain["drain"])(**drain["with"]))

if __name__ == "__main__":
    server, port = sys.argv[1], int(sys.argv[2])
    if server == "uvicorn":
        from processender.integrations import uvicorn

        sys.exit(uvicorn.run(ender, app, port=port, log_level="warning"))
    from hypercorn.config import Config

    from processender.integrations import hypercorn

    sys.exit(hypercorn.run(ender, app, Config.from_mapping(bind=[f"127.0.0.1:{port}"], loglevel="WARNING")))
