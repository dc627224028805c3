"""From `[export.NAME]` to an exporter: who sends away what became of the end, and of crashes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from ..core.graph import nearest
from ..errors import ProcessEnderError
from ..hints import Any
from ..plugins import exporter_names, find_exporter
from ..ports import Exporter
from ..secret import SECRET_HEADERS, find_password, reveal
from .arguments import convert
from .locate import Path
from .mistakes import Mistakes
from .schema_parts import ExportConfig

_OWN = {
    "name": "is the name of the table; write [export.NAME]",
    "url": "stands beside `kind`",
    "headers": "stand beside `kind`",
}
"""What each exporter takes and the file says elsewhere."""


def make_exporters(configs: Mapping[str, ExportConfig], mistakes: Mistakes) -> tuple[Exporter, ...]:
    """Return the exporters of *configs*, which send nothing yet; what is wrong with them is noted."""
    made = [_make(name, config, ("export", name), mistakes) for name, config in configs.items()]
    return tuple(each for each in made if each is not None)


def _make(name: str, config: ExportConfig, path: Path, mistakes: Mistakes) -> Exporter | None:
    if not config.kind:
        mistakes.add(path, f'{name!r} does not say what it is; write kind = "otlp"')
        return None
    try:
        function = find_exporter(config.kind)
    except (ProcessEnderError, ImportError) as error:
        mistakes.add((*path, "kind"), str(error))
        return None
    if function is None:
        mistakes.add((*path, "kind"), f"there is no exporter {config.kind!r}{nearest(config.kind, exporter_names())}")
        return None
    before = len(mistakes.found)
    parameters = inspect.signature(function).parameters
    _check_beside(config, parameters, path, mistakes)
    given = convert(f"the exporter {config.kind!r}", function, config.arguments, (*path, "with"), mistakes, _OWN)
    if len(mistakes.found) > before:
        return None
    try:
        if config.url:
            # One that takes a reference looks it up itself, whenever it is needed.
            keeps = "Any" in str(parameters["url"].annotation)
            given["url"] = config.url if keeps else reveal(config.url)
        if config.headers:
            given["headers"] = config.headers
        return function(name=name, **given)
    except (ProcessEnderError, ImportError) as error:
        mistakes.add(path, str(error))
    except Exception as error:  # a plugin's own mistake, or what it does not take; it is named
        mistakes.add(path, f"the exporter {config.kind!r} cannot be made of that: {error!r}")
    return None


def _check_beside(config: ExportConfig, parameters: Mapping[str, Any], path: Path, mistakes: Mistakes) -> None:
    """Note what is wrong with what stands beside `kind`: above all each secret that is written out."""
    for key in ("url", "headers"):
        if getattr(config, key) and key not in parameters:
            mistakes.add((*path, key), f"goes with other exporters; {config.kind!r} takes none")
    if not config.url and "url" in parameters and parameters["url"].default is inspect.Parameter.empty:
        mistakes.add(path, f"{path[-1]!r} does not say where to; write url = ...")
    for field, value in config.headers.items():
        if isinstance(value, str) and field.lower() in SECRET_HEADERS:
            example = f'{field} = {{ env = "TOKEN" }} or {{ file = "/run/secrets/token" }}'
            mistakes.add((*path, "headers", field), f"is a secret, and must not stand here itself; write {example}")
    if find_password({"url": config.url}):
        text = 'holds a password; write url = { env = "URL" } or { file = "/run/secrets/url" }'
        mistakes.add((*path, "url"), text)
