"""What a runtime says of a container, and what its annotations may have released: hostile input, read by pure code."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.errors import ObligationError
from processender.integrations.oci import LONGEST, Allowance, Container, Wanted, parse_state, wanted

RUNC = '{"ociVersion":"1.0.2-dev","id":"a","status":"creating","pid":42,"bundle":"/b","annotations":{"x":"y"}}'
CRUN = '{"ociVersion":"1.0","id":"a","pid":42,"root":"rootfs","bundle":"/b","status":"created","annotations":{"x":"y"}}'
RUNC_STOPPED = '{"ociVersion":"1.0.2-dev","id":"a","status":"stopped","bundle":"/b"}'
CRUN_STOPPED = '{"ociVersion":"1.0","id":"a","pid":0,"root":"rootfs","bundle":"/b","status":"stopped"}'
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
ROOTS = Allowance(("/srv/scratch", "/run/locks"))


def noted(*releases: Any) -> Container:
    """Return a container whose annotations name *releases*, as they are or as JSON."""
    texts = [each if isinstance(each, str) else json.dumps(each) for each in releases]
    return Container("a", annotations={f"dev.processender.release.{n}": text for n, text in enumerate(texts)})


def refused(release: Any, allowance: Allowance = ROOTS) -> str:
    """Return what is wrong with a release that must not be taken."""
    found, troubles = wanted(noted(release), allowance)

    assert [] == found
    return troubles[0]


class TestStates:
    @pytest.mark.parametrize(("text", "pid"), [(RUNC, 42), (CRUN, 42), (RUNC_STOPPED, 0), (CRUN_STOPPED, 0)])
    def test_each_runtime_is_understood(self, text: str, pid: int) -> None:
        """No pid and pid 0 are the same, keys of a runtime's own are nothing, and so are annotations of others."""
        found = parse_state(text.encode())

        assert ("a", pid, "/b", {}) == (found.id, found.pid, found.bundle, found.annotations)

    @pytest.mark.parametrize("pid", [True, -1, 0, 1, 2**22 + 1, 1.5, "42", None, [42]])
    def test_what_is_no_number_of_a_process_is_no_pid(self, pid: Any) -> None:
        """Nobody is made an owner by mistake, least of all process 1."""
        assert 0 == parse_state(json.dumps({"id": "a", "pid": pid}).encode()).pid

    @pytest.mark.parametrize(
        "data",
        [b"", b"[]", b"null", b"{}", b'{"id": 5}', b'{"id": ""}', b"\xff", b"[" * 100_000, b'{"id": "a"', b"1" * 5000,
         b" " * (LONGEST + 1), json.dumps({"id": "a" * 1025}).encode()],
        ids=range(12),
    )  # fmt: skip
    def test_what_is_no_state_is_refused(self, data: bytes) -> None:
        """The error says that it is the state of the container."""
        with pytest.raises(ObligationError, match="cannot read the state of the container"):
            parse_state(data)

    @given(st.dictionaries(st.sampled_from(["pid", "status", "bundle", "annotations", "ociVersion"]), JSON))
    def test_nothing_beside_the_id_can_make_it_fail(self, more: dict[str, Any]) -> None:
        """What makes no sense is taken as not said."""
        found = parse_state(json.dumps({**more, "id": "a"}).encode())

        assert "a" == found.id
        assert all(isinstance(text, str) for text in (found.status, found.bundle, *found.annotations.values()))

    @given(st.binary(max_size=200))
    def test_no_bytes_can_crash_it(self, data: bytes) -> None:
        """It is read, or refused."""
        try:
            found = parse_state(data)
        except ObligationError:
            return

        assert found.id


class TestReleases:
    def test_they_come_in_the_order_of_their_numbers(self) -> None:
        """2 comes before 10."""
        texts = {f"dev.processender.release.{n}": f"file /srv/scratch/{n}" for n in (10, 2, 0)}
        found, _ = wanted(Container("a", annotations=texts), ROOTS)

        assert ["/srv/scratch/0", "/srv/scratch/2", "/srv/scratch/10"] == [each.key for each in found]

    @pytest.mark.parametrize(
        "release",
        ["tree /srv/scratch/a/b", {"kind": "tree", "key": "/srv/scratch/a/b"},
         {"kind": "tree", "key": "/srv/scratch/a/b", "root": "/srv/scratch"},
         {"kind": "tree", "key": "/srv/scratch/a/b", "root": "/srv/scratch/a"}],
        ids=range(4),
    )  # fmt: skip
    def test_a_tree_is_released_below_the_root_of_the_hook(self, release: Any) -> None:
        """A root that lies deeper could be a link that the container has made."""
        want = Wanted("tree", "/srv/scratch/a/b", "tree", {"root": "/srv/scratch"})

        assert ([want], []) == wanted(noted(release), ROOTS)

    @pytest.mark.parametrize(
        "release",
        ["tree /etc", "tree /srv/scratch", "tree /srv/scratch/../x", "tree srv/scratch/a", "tree /srv/scratcher/a",
         {"kind": "tree", "key": "/etc/a", "root": "/etc"}, {"kind": "tree", "key": "/srv/scratch/a", "root": "/"},
         {"kind": "tree", "key": "/srv/scratch/a", "root": "/srv/scratch/b"},
         {"kind": "x", "releaser": "file", "key": "/etc/passwd"}, {"kind": "tree", "key": "/srv/scratch/a", "root": 5}],
        ids=range(10),
    )  # fmt: skip
    def test_nothing_is_touched_outside_the_roots(self, release: Any) -> None:
        """Who writes annotations does not decide what root removes on the host."""
        assert "does not lie below" in refused(release) or "allowed here" in refused(release)

    def test_without_roots_no_file_may_be_named(self) -> None:
        """The hook must be told."""
        assert "--allow-root DIR" in refused("file /srv/scratch/a", Allowance())

    def test_no_other_releaser_may_be_used(self) -> None:
        """Least of all one that runs commands."""
        assert "--allow command" in refused({"kind": "command", "key": "a", "argv": ["id"]})

    def test_one_that_was_allowed_may_name_anything(self) -> None:
        """Its arguments are what stands beside kind, key and releaser."""
        release = {"kind": "job", "key": "a", "releaser": "command", "argv": ["id"]}
        found, troubles = wanted(noted(release), Allowance(releasers=("command",)))

        assert ([Wanted("job", "a", "command", {"argv": ["id"]})], []) == (found, troubles)

    @pytest.mark.parametrize("release", ["tree", "", "{", '{"kind": 5}', "{" * 50_000, '{"kind": "tree"}', {"key": 5}])
    def test_what_makes_no_sense_is_told_and_holds_up_nothing(self, release: Any) -> None:
        """The others are taken."""
        found, troubles = wanted(noted(release, "file /srv/scratch/a"), ROOTS)

        assert (["/srv/scratch/a"], 1) == ([each.key for each in found], len(troubles))
        assert "dev.processender.release.0" in troubles[0]

    def test_there_is_a_limit(self) -> None:
        """Of a thousand annotations 64 are taken."""
        found, troubles = wanted(noted(*(f"file /srv/scratch/{n}" for n in range(1000))), ROOTS)

        assert (64, 1) == (len(found), len(troubles))

    @given(st.lists(JSON | st.text(max_size=60), max_size=4))
    def test_nothing_can_crash_it(self, releases: list[Any]) -> None:
        """Each is taken or told."""
        found, troubles = wanted(noted(*releases), ROOTS)

        assert len(releases) == len(found) + len(troubles)

    @given(st.sampled_from(["tree", "file"]), st.lists(st.sampled_from(["..", ".", "", "a", "srv", "scratch", "\0"])))
    def test_what_is_taken_lies_below_a_root(self, kind: str, steps: list[str]) -> None:
        """Whatever the path looks like."""
        found, _ = wanted(noted({"kind": kind, "key": "/srv/scratch/" + "/".join(steps)}), ROOTS)

        assert all(".." not in each.key.split("/") and "\0" not in each.key for each in found)


class TestWhatAContainerWroteItself:
    @pytest.mark.parametrize(
        ("releaser", "key", "root"),
        [("file", "/srv/scratch/a", "/srv"), ("file", "/srv/scratch/a/b", "/srv/scratch/a"), ("tree", "/a", None),
         ("command", "a", None), ("file", "/srv/scratch/../a", "/srv/scratch")],
    )  # fmt: skip
    def test_it_is_refused_outside_the_very_roots(self, releaser: str, key: str, root: str | None) -> None:
        """Its journal is as hostile as its annotations."""
        assert ROOTS.refusal(releaser, key, {} if root is None else {"root": root})

    def test_it_is_taken_below_them(self) -> None:
        """The root must be one of the hook's, letter for letter."""
        assert "" == ROOTS.refusal("file", "/srv/scratch/a", {"root": "/srv/scratch"})
