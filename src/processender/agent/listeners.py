"""From `listen = "aws"` and its table `with` to a source, and from what it hears to the main thread of the agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..core.events import Event, RunWithdrawn
from ..core.graph import nearest
from ..core.notice import Action, Notice
from ..errors import ProcessEnderError, SourceError
from ..hints import Any
from ..plugins import find_source, source_names
from ..ports import Clock, Source, last_of
from .arguments import convert
from .locate import Path
from .mistakes import Mistakes
from .schema import SourceConfig

_OWN = {"name": "is the name of the table; write [sources.NAME]"}
"""What each source takes and the file says elsewhere."""


def make_sources(configs: Mapping[str, SourceConfig], mistakes: Mistakes) -> tuple[Source, ...]:
    """Return the sources of *configs*, which nobody has started; what is wrong with them is noted."""
    made = [_make(name, config, ("sources", name), mistakes) for name, config in configs.items()]
    return tuple(each for each in made if each is not None)


def _make(name: str, config: SourceConfig, path: Path, mistakes: Mistakes) -> Source | None:
    listen = config.listen
    if not listen:
        mistakes.add(path, f'{name!r} does not say what it listens to; write listen = "aws"')
        return None
    try:
        function = find_source(listen)
    except (ProcessEnderError, ImportError) as error:
        mistakes.add((*path, "listen"), str(error))
        return None
    if function is None:
        mistakes.add((*path, "listen"), f"there is no source {listen!r}{nearest(listen, source_names())}")
        return None
    before = len(mistakes.found)
    given = convert(f"the source {listen!r}", function, config.arguments, (*path, "with"), mistakes, _OWN)
    if len(mistakes.found) > before:
        return None
    try:
        return function(name=name, **given)
    except SourceError as error:
        mistakes.add(path, str(error))
    except Exception as error:  # a plugin's own mistake; it is named
        mistakes.add(path, f"the source {listen!r} is broken: {error!r}")
    return None


class Listeners:
    """The sources of one agent: what they hear goes to its main thread, which alone acts."""

    def __init__(
        self,
        sources: Sequence[Source],
        clock: Clock,
        soon: Callable[[Callable[[], object]], object],
        take: Callable[[Notice], object],
        tell: Callable[[str, str], object],
    ) -> None:
        """
        Take the *sources*; nobody is started yet.

        Args:

            sources: The sources.

            clock: The time.

            soon: Lets the main thread do something.

            take: Takes a notice, on the main thread.

            tell: Tells of a trouble, on the main thread.
        """
        self.clock = clock
        """The time."""
        self.joined: Any = None
        """The applications that have joined; None as long as none can have."""
        self._sources = tuple(sources)
        self._soon = soon
        self._take = take
        self._tell = tell

    def start(self) -> None:
        """Start all of them; one that cannot be is told, and the others listen."""
        for source in self._sources:
            try:
                source.start(self)
            except Exception as error:  # foreign code; one deaf ear is better than no agent
                self.trouble("source-bug", f"cannot listen to {source.name}: {error!r}; it is not heard")

    def seen(self) -> dict[str, Any]:
        """Return what each has seen last, for the report."""
        return {source.name: last_of(source) for source in self._sources}

    def notify(self, notice: Notice) -> None:
        """Let the main thread take *notice*."""
        self._soon(lambda: self._take(notice))

    def trouble(self, code: str, text: str) -> None:
        """Let the main thread tell of a trouble."""
        self._soon(lambda: self._tell(code, text))

    def observe(self, event: Event) -> None:
        """Let those that have joined come back when what a source had asked for is taken back, and nothing else is."""
        if isinstance(event, RunWithdrawn) and event.notice.key and self.joined is not None:
            self.joined.tell(event.notice.cause, event.notice.sender, str(Action.RESUME))
