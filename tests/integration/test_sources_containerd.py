"""What the source of containerd hears of another container, on good days and on bad ones."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from processender.core.notice import Action
from processender.errors import SourceError
from processender.glance import Unclear
from processender.integrations.oci import events
from processender.integrations.oci.messages import bytes_field, subscription, understood, varint
from processender.testing.containerd import Containerd
from processender.testing.sources import Heard, until

ID = "b0221aeada50dd65291cbba774d7b8d78c766db5add92e82427fcfebe4bcf601"
SEEN = b"cd9fe2e8864fd8f8213f86fe2f4cab266bb69beac679bc9fb20685bf9beaa8a9"
ENVELOPE = (
    b'\n\x0c\x08\xb2\xc2\xaa\xd8\x06\x10\xf6\xc7\x81\x9e\x03\x12\x04moby\x1a\x0b/tasks/exit"\xb6\x01'
    b"\n\x1acontainerd.events.TaskExit\x12\x97\x01\n@" + SEEN + b"\x12@" + SEEN +
    b"\x18\xc5/ \x05*\x0c\x08\xb2\xc2\xaa\xd8\x06\x10\xeb\xfe\xfe\x9d\x03"
)  # fmt: skip
"""What containerd 1.6.20 has sent when a container ended with 5."""


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Come back soon."""
    monkeypatch.setattr(events, "AGAIN_S", 0.01)
    monkeypatch.setattr("processender.listening.SLOWEST_S", 0.05)


@pytest.fixture
def containerd(tmp_path: Path) -> Iterator[Containerd]:
    """Run the double."""
    with Containerd(str(tmp_path / "s"), namespace="k8s.io") as found:
        yield found


class Ears:
    """A source that listens for the length of a block."""

    def __init__(self, containerd: Containerd) -> None:
        self.containerd, self.heard = containerd, Heard()
        self.source = events.listen(container=ID, namespace="k8s.io", endpoint=f"unix://{containerd.path}")

    def __enter__(self) -> Heard:
        self.source.start(self.heard)
        until(lambda: self.containerd.listening, "nobody has subscribed")
        return self.heard

    def __exit__(self, *_: object) -> None:
        self.source.stop()


def test_the_end_of_the_container_is_heard(containerd: Containerd) -> None:
    """That of its first process; not of an `exec`, nor of others."""
    with Ears(containerd) as heard:
        containerd.exit("other", 1)
        containerd.exit(ID, 1, process="exec-1")
        containerd.tell("/tasks/start", "containerd.events.TaskStart", bytes_field(1, ID.encode()))
        containerd.oom(ID)
        containerd.exit(ID, 5)
        containerd.exit(ID, 5)
        until(lambda: len(heard.notices) > 1, "the end was not heard")

    told = [(each.cause, each.action, each.sender) for each in heard.notices]
    assert [("container out of memory", Action.ADVISE, ""), ("container died", Action.STOP, "exit 5")] == told
    assert not heard.troubles
    wanted = 'topic=="{}",namespace=="k8s.io"'
    assert [subscription([wanted.format("/tasks/exit"), wanted.format("/tasks/oom")])] == containerd.asked


def test_after_a_break_it_subscribes_anew(containerd: Containerd) -> None:
    """The break is one trouble, however often it comes."""
    with Ears(containerd) as heard:
        for number in range(3):
            containerd.hang_up()
            until(lambda: len(containerd.asked) > number + 1, "nobody came back")  # noqa: B023
        containerd.exit(ID)
        until(lambda: heard.notices, "the end was not heard")

    assert ["source-away"] == heard.codes


@pytest.mark.parametrize("garbage", [b"\xff", b"\x0a\x7f", b"\x22\xff\xff\xff\xff\x0f", b"\xff" * 20, b"\x0b"])
def test_garbage_is_told_once_and_passed_over(containerd: Containerd, garbage: bytes) -> None:
    """The stream is read on."""
    with Ears(containerd) as heard:
        containerd.say(garbage)
        containerd.say(garbage)
        containerd.exit(ID)
        until(lambda: heard.notices, "nothing was heard")

    assert ["source-unclear"] == heard.codes


def test_no_socket_is_one_trouble_and_may_come_later(tmp_path: Path) -> None:
    """As on every start of a machine."""
    path, heard = str(tmp_path / "s"), Heard()
    source = events.listen(container=ID, endpoint=path)
    source.start(heard)
    until(lambda: heard.troubles, "nobody has complained")
    with Containerd(path) as late:
        until(lambda: late.listening, "it was not found")
        late.exit(ID)
        until(lambda: heard.notices, "nothing was heard")
        source.stop()

    assert "is its socket mounted" in heard.troubles[0][1]


def test_a_socket_that_never_answers_delays_neither_start_nor_stop(tmp_path: Path) -> None:
    """And tells nothing afterwards."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(8)
        source, heard = events.listen(container=ID, endpoint=path), Heard()
        source.start(heard)
        source.stop()

    assert not heard.notices
    assert not heard.troubles


@pytest.mark.parametrize(
    ("container", "address", "text"), [("", events.ADDRESS, "`container`"), (ID, "s", "path of its socket")]
)
def test_what_cannot_be_is_refused_at_once(container: str, address: str, text: str) -> None:
    """Before anything runs."""
    with pytest.raises(SourceError, match=text):
        events.listen(container=container, endpoint=address)


def test_an_envelope_is_read_field_by_field() -> None:
    """As containerd has sent it, with a time, and fields that are of no account."""
    told = understood(ENVELOPE)

    assert ("moby", "/tasks/exit", 5) == (told.namespace, told.topic, told.status)
    assert SEEN.decode() == told.container == told.process


@pytest.mark.parametrize("cut", [1, 5, 60, len(ENVELOPE) - 1])
def test_an_envelope_that_is_cut_is_none(cut: int) -> None:
    """Wherever."""
    with pytest.raises(Unclear):
        understood(ENVELOPE[:cut])


@pytest.mark.parametrize(("number", "data"), [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")])
def test_a_number_has_seven_bits_in_a_byte(number: int, data: bytes) -> None:
    """As protobuf writes it."""
    assert data == varint(number)
