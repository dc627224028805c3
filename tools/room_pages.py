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
    "uvicorn": ["serve", "Server"],
    "starlette": ["BackgroundTask", "BackgroundTasks"],
    "fastapi": ["Access", "Tasks"],
    "hypercorn": ["serve"],
    "granian": ["serve"],
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
NEEDS = "needs the real program, and is run with it by the tests"
_HEADINGS = re.compile(r"^(Takes over|Leaves|Evidence|Way back|Versions):", re.MULTILINE)


def page(kind: str, room: str, names: list[str], note: str) -> str:
    """Return the page of one room of a *kind*, `frameworks` or `drainers`."""
    module = importlib.import_module(f"processender.integrations.{room}")
    told = _HEADINGS.sub(r"**\1.**", inspect.getdoc(module) or "")
    parts = [f"# {room}\n", note, f"{told}\n"]
    if kind == "drainers":
        parts += ["## With the agent\n", *_fenced(kind, f"{room}*.toml", "toml")]
    programs = _fenced(kind, f"{room}*.py", f"python fragment: {NEEDS}")
    parts += ["## In a program\n", *programs] if programs else []
    if names:
        parts.append("## What there is\n")
    parts += [_described(room, name, getattr(module, name)) for name in names]
    return "\n".join(parts)


def _fenced(kind: str, pattern: str, language: str) -> list[str]:
    """Return the examples of a *kind* whose names fit, those of a room first."""
    files = sorted((ROOT / "examples" / kind).glob(pattern), key=lambda file: file.stem)
    return [f"```{language}\n{file.read_text(encoding='utf-8').rstrip()}\n```\n" for file in files]


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
        found[f"{kind}/index"] = f"# {title}\n\n{note}\n{''.join(links)}"
    return found
