"""Reading: places, keys that stand twice, merged keys, and what hostile hands write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processender.checking.audit import audit
from processender.checking.documents import DEEPEST, read_documents
from processender.checking.finding import Unreadable
from tests.unit.checking.manifests import codes, container, findings, pod


def test_a_key_that_stands_twice_is_found_and_the_last_one_counts() -> None:
    """With the line of both."""
    text = pod(container("w"), grace=0) + "  terminationGracePeriodSeconds: 30\n"
    (found,) = findings(text)

    assert ("duplicate-key", 10) == (found.code, found.place.line)
    assert "first in line 6" in found.what


def test_merged_keys_are_found() -> None:
    """Also those of a list of anchors; what stands there itself goes first."""
    anchors = "kind: Pod\nx: &a {terminationGracePeriodSeconds: 0}\ny: &b {containers: [{name: w}]}\n"

    assert {"grace-too-short": "error"} == codes(anchors + "spec:\n  <<: [*a, *b]\n")
    assert {} == codes(anchors + "spec:\n  <<: [*a, *b]\n  terminationGracePeriodSeconds: 30\n")


@pytest.mark.parametrize("code", ["grace-too-short", "other, grace-too-short"])
def test_what_is_meant_is_not_found(code: str) -> None:
    """Said in the line, or in the one before."""
    text = pod(container("w"), grace=0)
    beside = text.replace("Seconds: 0", f"Seconds: 0  # processender: ignore {code}")
    above = text.replace("  termination", f"  # processender: ignore {code}\n  termination")

    assert [{}, {}] == [codes(beside), codes(above)]
    assert {} != codes(text.replace("Seconds: 0", "Seconds: 0  # processender: ignore other"))


BOMB = "a: &a [x]\n" + "".join(f"b{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else '*a'] * 10)}]\n" for n in range(40))
ITSELF = "kind: List\nitems: &a\n- *a\n- kind: Pod\n  spec: &s\n    containers: *a\n    <<: *s\n"
MANY = (
    "x: &e {name: A, value: b}\ny: &l [" + "*e," * 1000 + "]\nz: &c {name: w, env: *l}\nkind: Pod\nspec:\n  containers: ["
    + "*c," * 1000 + "]\n"
)  # fmt: skip


@pytest.mark.parametrize("text", [BOMB, ITSELF], ids=["bomb", "itself"])
def test_aliases_are_followed_and_not_unfolded(text: str) -> None:
    """Ten to the power of forty, and those that hold themselves."""
    assert () == audit({"a.yaml": text}).unread


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (MANY, "split the file"),
        ("[" * (DEEPEST + 1), f"more than {DEEPEST} deep"),
        ("a: " * 50_000, "not YAML"),
        ("[" * 500_000, "nest"),
        ("a: *b\n", "not"),
        ("a:\n\tb: 1\n", "a.yaml:2:1: is not YAML"),
        ("{{- if .Values.x }}\na: 1\n", "helm template"),
        ("a: \x00", "not YAML"),
        ("a: !!python/object:os.system [x]\nb: 'c", "not YAML"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, words: str) -> None:
    """In a sentence, at once."""
    (told,) = audit({"a.yaml": text}).unread

    assert words in told


def test_a_tag_makes_nothing() -> None:
    """No object of any class is made."""
    (document,), _ = read_documents("a: !!python/object/apply:os.system [exit]\n", "a.yaml")

    assert "exit" == document.get("a").each()[0].text()


WORDS = st.sampled_from(
    ["", "0", "30", "-5", "1e9", "x", "Always", "sleep", "sh", "-c", "exec a", "a | b", "processender", "run", "sidecar",
     "pre-stop", "--grace", "5s", "--", "tini", "$(A)", "Pod", "List", "true", "null", "\ud800x", "processender.toml"]
)  # fmt: skip
KEYS = st.sampled_from(
    ["kind", "spec", "template", "metadata", "containers", "initContainers", "command", "args", "env", "name", "value",
     "lifecycle", "preStop", "exec", "sleep", "seconds", "readinessProbe", "periodSeconds", "ports", "image",
     "terminationGracePeriodSeconds", "restartPolicy", "volumes", "volumeMounts", "configMap", "data", "items",
     "annotations", "labels", "linkerd.io/inject", "jobTemplate", "<<", "processender.toml", "mountPath", "subPath"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | WORDS
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6))
CONTAINERS = st.lists(st.dictionaries(KEYS, TREES, max_size=6) | TREES, max_size=3)
SPECS = st.fixed_dictionaries({"containers": CONTAINERS}, optional={"initContainers": CONTAINERS, "volumes": TREES})
PODS = st.fixed_dictionaries({"kind": st.just("Pod"), "spec": SPECS}, optional={"metadata": TREES})


@given(st.one_of(TREES, PODS, st.lists(PODS, max_size=2).map(lambda pods: {"kind": "List", "items": pods})))
def test_no_manifest_is_too_odd(tree: object) -> None:
    """Whatever stands where: findings with places, or a sentence why it cannot be read."""
    import yaml

    text = yaml.safe_dump(tree, allow_unicode=True)
    made = audit({"a.yaml": text})

    assert all(0 < each.place.line <= text.count("\n") + 1 and each.place.column > 0 for each in made.findings)


@given(st.text(max_size=200))
def test_no_text_is_too_odd(text: str) -> None:
    """As a manifest and as a configuration."""
    made = audit({"a.yaml": text, "processender.toml": text, "pyproject.toml": text})

    assert isinstance(made.as_data(), dict)


def test_the_reader_without_the_c_library_sees_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML may be built without it."""
    import yaml

    text = pod(container("w", 'command: ["sh", "-c", "a; b |c"]'), grace=0)
    with_library = findings(text)
    monkeypatch.delattr(yaml, "CSafeLoader")

    assert with_library == findings(text)
    with pytest.raises(Unreadable):
        read_documents("[" * 500_000, "a.yaml")
