"""What every source that looks at a pace refuses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from processender.errors import SourceError
from processender.integrations import alibaba, aws, azure, docker, nut, parent
from processender.integrations.files import listener as files
from processender.integrations.http import listener as http


@pytest.mark.parametrize(
    "listen",
    [
        alibaba.listen,
        aws.listen,
        aws.listen_ecs,
        azure.listen,
        docker.listen,
        partial(files.listen, "/run/leave"),
        partial(http.listen, "http://127.0.0.1/"),
        nut.listen,
        parent.listen,
    ],
)
@pytest.mark.parametrize("every", [0.0, -1.0, float("nan")])
def test_a_pace_without_a_pause_is_refused(listen: Callable[..., object], every: float) -> None:
    """When it is written, and by all in the same words."""
    with pytest.raises(SourceError, match="cannot look without a pause: `every` must be above 0"):
        listen(every=every)


def test_a_hook_is_kept_waiting_at_a_pace() -> None:
    """It is refused when it is written, too."""
    with pytest.raises(SourceError, match="`heartbeat` must be above 0"):
        aws.listen(heartbeat=0)
