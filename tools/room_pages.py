"""The pages of the rooms: one for each framework and each drainer, from its docstrings and its example."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))

ROOT = Path(__file__).parent.parent
FRAMEWORKS = {
    "asgi": ["EnderMiddleware"],
    "uvicorn": ["serve", "run", "Server"],
    "starlette": ["BackgroundTask", "BackgroundTasks"],
    "fastapi": ["Access", "Tasks"],
    "hypercorn": ["serve", "run"],
    "granian": ["serve", "run"],
    "gunicorn": [],
    "wsgi": ["EnderMiddleware"],
    "django": [],
    "aiohttp": [],
    "grpc": ["Host", "Threads"],
}
"""The rooms of frameworks and servers, each with what an application uses of it."""
DRAINERS = {
    "haproxy": ["drain", "AgentCheck"],
    "nginx": ["drain"],
    "envoy": ["drain", "drain_endpoint", "stop_proxy"],
    "istio": ["drain", "stop_proxy"],
    "linkerd": ["drain", "stop_proxy"],
    "consul": ["drain"],
    "aws": ["drain"],
    "kubernetes": ["drain"],
    "http": ["drain"],
    "command": ["drain"],
}
"""The rooms of systems that send traffic here, each with what takes this process out of it."""
SERVING = """
Where a room serves, it does so by one rule. `await serve(ender, app, ...)` serves inside the Ender, in the loop that
runs, and returns when the end is over; `run(ender, app, ...)` is the same in a loop of its own, and returns the exit
code, or None where no signal began the end: `sys.exit(run(ender, app))`. Where there is no loop, `serve` is a plain
call. Where the server is an object that you have made, it stands in the place of the application
(`wsgi.serve(ender, server)`), or a host takes it (`grpc.Host(ender).serve(server)`).
"""
"""What the index of the frameworks says of all that serve."""
NEEDS = "needs the real program, and is run with it by the tests"
_HEADINGS = re.compile(r"^(Takes over|Leaves|Evidence|Way back|Versions):", re.MULTILINE)


def page(kind: str, room: str, names: list[str], note: str) -> str:
    """Return the page of one room of a *kind*, `frameworks` or `drainers`."""
    module = importlib.import_module(f"processender.integrations.{room}")
    told = _HEADINGS.sub(r"**\1.**", inspect.getdoc(module) or "")
    parts = [f"# {room}\n", note, f"{told}\n"]
    if kind == "drainers":
        parts.append(_with_the_agent(room))
    example = next(iter(sorted((ROOT / "examples" / kind).glob(f"{room}*.py"))), None)
    if example is not None:
        text = example.read_text(encoding="utf-8").rstrip()
        parts.append(f"## In a program\n\n```python fragment: {NEEDS}\n{text}\n```\n")
    if names:
        parts.append("## What there is\n")
    parts += [_described(room, name, getattr(module, name)) for name in names]
    return "\n".join(parts)


def _with_the_agent(room: str) -> str:
    file = ROOT / "examples" / "drainers" / f"{room}.toml"
    return f"## With the agent\n\n```toml\n{file.read_text(encoding='utf-8').rstrip()}\n```\n"


def _described(room: str, name: str, thing: object) -> str:
    called: Any = vars(thing)["__init__"] if isinstance(thing, type) else thing
    signature = re.sub(r"\(self(, )?", "(", str(inspect.signature(called)))
    text = inspect.getdoc(thing) or ""
    if isinstance(thing, type):
        text += f"\n\n{inspect.getdoc(called) or ''}"
    return f"### `{room}.{name}{signature}`\n\n{text}\n"


def pages(note: str) -> dict[str, str]:
    """Return the text of each page by its path below the reference, with an index of each kind."""
    found = {}
    for kind, title, rooms in (
        ("frameworks", "Frameworks and servers", FRAMEWORKS),
        ("drainers", "Drainers", DRAINERS),
    ):
        links = []
        for room, names in rooms.items():
            found[f"{kind}/{room}"] = page(kind, room, names, note)
            module = importlib.import_module(f"processender.integrations.{room}")
            first = (inspect.getdoc(module) or "").partition("\n\n")[0].replace("\n", " ")
            links.append(f"- [{room}]({room}.md): {first}\n")
        rule = f"{SERVING}\n" if kind == "frameworks" else ""
        found[f"{kind}/index"] = f"# {title}\n\n{note}{rule}\n{''.join(links)}".replace("\n\n\n", "\n\n")
    return found
