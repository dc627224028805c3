"""The pages of the rooms: each framework, drainer, resource and platform has one, from its docstrings and examples."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import describing

from processender import closing
from processender.plugins import DRAINERS, SOURCES

ROOT = Path(__file__).parent.parent
FRAMEWORKS = (
    "asgi", "uvicorn", "starlette", "fastapi", "hypercorn", "granian", "gunicorn", "wsgi", "django", "aiohttp", "grpc",
)  # fmt: skip
"""The rooms of frameworks and servers."""
LEAVING = (
    "haproxy", "nginx", "envoy", "istio", "linkerd", "consul", "aws", "kubernetes", "http", "command",
)  # fmt: skip
"""The rooms of systems that send traffic here."""
RESOURCES = (
    "sql", "postgres", "redis", "httpx2", "apscheduler", "executors", "processes", "tasks", "caches", "opentelemetry",
)  # fmt: skip
"""The rooms of what a program uses and must close, flush, finish or stop."""
PLATFORMS = (
    "gcp", "cloud_run", "azure", "azure_apps", "alibaba", "aws_lambda", "logind", "systemd", "docker", "oci", "nut",
    "parent", "files", "ci",
)  # fmt: skip
"""The rooms of platforms that say that the end is coming."""
BESIDE = {"grpc": ["aio"], "files": ["listener"], "http": ["listener"], "oci": ["events"], "systemd": ["grace"]}
"""What of a room is loaded for itself, because not everybody has use for it."""
NEEDS = "needs the real program, and is run with it by the tests"
_HEADINGS = re.compile(r"^(Takes over|Hears|Leaves|Evidence|Way back|Versions):", re.MULTILINE)
SERVING = """
Where a room serves, it does so by one rule. `await serve(ender, app, ...)` serves inside the Ender, in the loop that
runs, and returns when the end is over; `run(ender, app, ...)` is the same in a loop of its own, and returns the exit
code, or None where no signal began the end: `sys.exit(run(ender, app))`. Where there is no loop, `serve` is a plain
call. Where the server is an object that you have made, it stands in the place of the application
(`wsgi.serve(ender, server)`), or a host takes it (`grpc.Host(ender).serve(server)`).
"""
"""What the index of the frameworks says of all that serve."""
PLUGINS = f"""
In a configuration a drainer is found by its name. A package makes one of its own known by an entry point of the group
`{DRAINERS}`: the name of the entry point is that of the drainer, its value a function that takes the fields of
`with` and returns a `Handler` of the phase `drain`. `processender.testing.drainers.check_drainer` tries whether it
keeps what a drainer promises; see [how to leave traffic](../../how-to/drain.md) and [the test kit](../testing.md).
"""
"""What the index of the drainers says of those of others."""
CLOSING = """
Each function returns a `Handler`: `ender.add(sql.close_engine(engine))`. See [how to close
resources](../../how-to/resources.md); `examples/services/web_service.py` closes many of them in one end. What had not
ended when its time was up is cut, and its handler fails with `LeftBehind`, which says what it was.

- [aiohttp](../frameworks/aiohttp.md): its client session.
- [django](../frameworks/django.md): its connections to databases, and their pools.
"""
"""What the index of the resources says of all of them."""
LISTENING = f"""
Each function named `listen` returns a `Source`: `ender.listen(gcp.listen())`. In a configuration it is found by its
name, `listen = "gcp"`. A package makes one of its own known by an entry point of the group `{SOURCES}`: its value is a
function that takes `name` and the fields of `with`. `processender.testing.sources.check_source` tries whether it keeps
what a source promises; see [how to hear of the end](../../how-to/platforms/index.md) and [the test kit](../testing.md).

- [aws](../drainers/aws.md): instances of EC2, tasks of ECS, and queues of their events.
- [kubernetes](../drainers/kubernetes.md): the own pod.
- [http](../drainers/http.md): a URL that is asked.
"""
"""What the index of the platforms says of all of them."""
KINDS = (
    ("frameworks", "Frameworks and servers", FRAMEWORKS, SERVING),
    ("drainers", "Drainers", LEAVING, PLUGINS),
    ("resources", "Resources", RESOURCES, CLOSING),
    ("platforms", "Platforms", PLATFORMS, LISTENING),
)


def page(kind: str, room: str, note: str) -> str:
    """Return the page of one room of a *kind*."""
    module = importlib.import_module(f"processender.integrations.{room}")
    told = _HEADINGS.sub(r"**\1:**", inspect.getdoc(module) or "")
    parts = [f"# {room}\n", note, f"{told}\n"]
    parts += [_with_the_agent(path, room) for path in sorted((ROOT / "examples" / kind).glob(f"{room}*.toml"))]
    examples = sorted((ROOT / "examples" / kind).glob(f"{room}*.py"))
    for path in examples:
        text = path.read_text(encoding="utf-8").rstrip()
        title = f"In a program: `{path.name}`" if len(examples) > 1 else "In a program"
        parts.append(f"## {title}\n\n```python fragment: {NEEDS}\n{text}\n```\n")
    parts.append("## What there is\n")
    for beside in ("", *BESIDE.get(room, ())):
        name = f"{room}.{beside}" if beside else room
        found = importlib.import_module(f"processender.integrations.{name}")
        parts += [describing.thing(f"{name}.{each}", getattr(found, each), module) for each in found.__all__]
    return "\n".join(parts)


def _with_the_agent(path: Path, room: str) -> str:
    title = "With the agent" if path.stem == room else f"With the agent: `{path.stem}`"
    return f"## {title}\n\n```toml\n{path.read_text(encoding='utf-8').rstrip()}\n```\n"


def pages(note: str) -> dict[str, str]:
    """Return the text of each page by its path below the reference, with an index of each kind."""
    found = {}
    for kind, title, rooms, rule in KINDS:
        links = []
        for room in rooms:
            found[f"{kind}/{room}"] = page(kind, room, note)
            module = importlib.import_module(f"processender.integrations.{room}")
            first = (inspect.getdoc(module) or "").partition("\n\n")[0].replace("\n", " ")
            links.append(f"- [{room}]({room}.md): {first}\n")
        found[f"{kind}/index"] = f"# {title}\n\n{note}{rule}\n{''.join(links)}"
    found["resources/index"] += "\n" + describing.thing("processender.closing.LeftBehind", closing.LeftBehind, closing)
    return found
