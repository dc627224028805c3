"""In which container a process is, and how long that has, from what engines have been seen to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from processender.core.notice import DeadlineKind
from processender.integrations.docker import own_container
from processender.integrations.docker.grace import grace_of, signal_of
from processender.integrations.docker.identity import from_cgroup, from_mounts

ID = "b0221aeada50dd65291cbba774d7b8d78c766db5add92e82427fcfebe4bcf601"
OTHER = "a48f1166b3cb523fdf37e9e4ed89480187f8ba44409bd389da137717866a40b7"
MOUNT = "122 112 254:0 {source} {target} rw,relatime - ext4 /dev/vda rw,discard"


class TestMounts:
    @pytest.mark.parametrize(
        ("source", "target"),
        [
            (f"/var/lib/docker/containers/{ID}/hostname", "/etc/hostname"),
            (f"/var/lib/docker/containers/{ID}/resolv.conf", "/etc/resolv.conf"),
            (f"/run/containers/storage/overlay-containers/{ID}/userdata/hostname", "/etc/hostname"),
            (f"/tmp/run/vfs-containers/{ID}/userdata/.containerenv", "/run/.containerenv"),
        ],
    )
    def test_the_files_of_an_engine_come_from_a_place_with_the_id(self, source: str, target: str) -> None:
        """Docker's and podman's."""
        assert ID == from_mounts(f"90 1 0:1 / / rw\n{MOUNT.format(source=source, target=target)}\n")

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "garbage",
            MOUNT.format(source=f"/var/lib/docker/volumes/{ID}/_data", target="/data"),
            MOUNT.format(source="/etc/hostname", target="/etc/hostname"),
            MOUNT.format(source=f"/x/{ID}0/hostname", target="/etc/hostname"),
        ],
    )
    def test_other_mounts_say_nothing(self, text: str) -> None:
        """A volume of another container has an id in its path, too."""
        assert "" == from_mounts(text)


class TestCgroups:
    @pytest.mark.parametrize(
        ("text", "id_"),
        [
            (f"12:memory:/docker/{ID}\n0::/\n", ID),
            (f"0::/system.slice/docker-{ID}.scope\n", ID),
            (f"0::/machine.slice/libpod-{ID}.scope/container\n", ID),
            (f"0::/docker/{OTHER}/docker/{ID}\n", ID),
            ("0::/\n", ""),
            ("0::/system.slice/ssh.service\n", ""),
            ("", ""),
        ],
    )
    def test_a_path_may_name_it(self, text: str, id_: str) -> None:
        """The innermost counts; with a namespace of its own a container sees nothing."""
        assert id_ == from_cgroup(text)


class TestOwn:
    def write(self, root: Path, **files: str) -> str:
        """Write files below a root, and return what is found there."""
        for name, text in files.items():
            path = root / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return own_container(str(root))

    def test_podman_says_it_to_a_privileged_container(self, tmp_path: Path) -> None:
        """In a file of its own."""
        text = f'engine="podman-4.3.1"\nname="one"\nid="{ID}"\nimage=""\n'

        assert ID == self.write(tmp_path, run___dot_containerenv=text)

    def test_the_host_name_is_the_last_resort(self, tmp_path: Path) -> None:
        """Where a mark of an engine says that this is a container."""
        assert ID[:12] == self.write(tmp_path, etc__hostname=f"{ID[:12]}\n", _dot_dockerenv="")

    @pytest.mark.parametrize("name", ["web-1", "cafe", ID[:11], ID])
    def test_another_name_is_none(self, tmp_path: Path, name: str) -> None:
        """Somebody has chosen it."""
        assert "" == self.write(tmp_path, etc__hostname=name, _dot_dockerenv="")

    def test_outside_of_a_container_there_is_none(self, tmp_path: Path) -> None:
        """Whatever the host is called."""
        assert "" == self.write(tmp_path, etc__hostname=ID[:12], proc__self__cgroup="0::/init.scope\n")


class TestTimeout:
    @pytest.mark.parametrize(
        ("text", "number"),
        [("SIGQUIT", 3), ("quit", 3), ("10", 10), ("SIGRTMIN+3", 37), (None, 15), ("", 15), ("SIGNO", 15), ("99", 15),
         ("SIG_IGN", 15), ("SIGRTMIN+x", 15)],
    )  # fmt: skip
    def test_a_signal_has_a_name_or_a_number(self, text: str | None, number: int) -> None:
        """What is none is TERM, as the engines have it."""
        assert number == signal_of({"Config": {"StopSignal": text}})

    def test_the_variable_counts_before_all(self) -> None:
        """Whoever has written it knows with which time-out the container is stopped."""
        found = grace_of({"Config": {"StopTimeout": 5}}, {"PROCESSENDER_STOP_TIMEOUT": "2m"})

        assert (120.0, "the variable PROCESSENDER_STOP_TIMEOUT") == (found.seconds, found.known_from)

    @pytest.mark.parametrize("told", [None, [], {}, {"Config": 3}, {"Config": {"Labels": [], "StopTimeout": "7"}},
                                      {"Config": {"StopTimeout": True}}, {"Config": {"StopTimeout": 10**9}}])  # fmt: skip
    def test_nonsense_leaves_the_default(self, told: object) -> None:
        """It is assumed, and what would help is said."""
        found = grace_of(told, {})

        assert (10.0, DeadlineKind.ASSUMED) == (found.seconds, found.kind)
        assert found.better.startswith("set PROCESSENDER_STOP_TIMEOUT=30s")

    def test_a_variable_that_is_no_time_is_named(self) -> None:
        """And what holds without it."""
        found = grace_of(None, {"PROCESSENDER_STOP_TIMEOUT": "soon"})

        assert 10.0 == found.seconds
        assert "the variable PROCESSENDER_STOP_TIMEOUT is 'soon', which is no length of time" in found.wrong
