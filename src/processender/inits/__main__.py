"""Lets `python -m processender.inits NAME ...` be one of the other inits without a link of its name."""

from __future__ import annotations

import sys

from .names import become, personality

if __name__ == "__main__":
    name = personality(sys.argv[1]) if len(sys.argv) > 1 else ""
    if not name:
        sys.exit("usage: python -m processender.inits {tini|docker-init|dumb-init} ...")
    become(name, sys.argv[1], sys.argv[2:])
