"""What a manifest says: workloads with their containers, and files in ConfigMaps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..core.record import Record
from .documents import Node
from .finding import Unreadable
from .words import Ours, expand, ours

GRACE_S = 30
"""What a pod has that does not say it."""
MOST = 100_000
"""How many containers, variables and objects are looked at, however many times an alias names them."""
_FINITE = frozenset({"Job", "CronJob"})


class Container(Record):
    """One container of a pod."""

    name: str
    """Its name."""
    node: Node
    """Where it stands."""
    init: bool = False
    """Whether it stands among the init containers."""
    variables: Mapping[str, str] = {}
    """Its variables, as far as their values are written down."""
    words: tuple[str, ...] = ()
    """What it runs, as far as the manifest says it: `command` and `args`."""
    ours: Ours | None = None
    """The call of `processender` in it."""

    @property
    def native(self) -> bool:
        """Whether it is a native sidecar."""
        return self.init and self.node.get("restartPolicy").text() == "Always"

    @property
    def lives(self) -> bool:
        """Whether it runs as long as the pod, so that it is there at the end."""
        return not self.init or self.native

    @property
    def serves(self) -> bool:
        """Whether it says that it has a port."""
        return self.lives and bool(self.node.get("ports").each())

    @property
    def hook(self) -> Node:
        """Its preStop hook."""
        return self.node.get("lifecycle", "preStop")

    @property
    def runs_at(self) -> Node:
        """Where it says what it runs."""
        command = self.node.get("command")
        return command or self.node.get("args")


class Pod(Record):
    """A pod, or the template of one."""

    kind: str
    """The kind of its workload."""
    name: str
    """The name of its workload."""
    spec: Node
    """Its specification."""
    metadata: Node
    """Its metadata."""
    containers: tuple[Container, ...]
    """All of its containers, those of the initialisation first."""

    @property
    def grace(self) -> int:
        """Its grace period, seconds."""
        said = self.spec.get("terminationGracePeriodSeconds").number()
        return GRACE_S if said is None else said

    @property
    def grace_node(self) -> Node:
        """Where that stands, or where it would."""
        return self.spec.get("terminationGracePeriodSeconds")

    @property
    def serves_on(self) -> bool:
        """Whether it is meant to serve until it is told to end."""
        return self.kind not in _FINITE

    @property
    def living(self) -> list[Container]:
        """The containers that are there at the end."""
        return [each for each in self.containers if each.lives]

    def subject(self, container: Container | None = None) -> str:
        """Return how it is called, or *container* in it."""
        return f"{self.kind}/{self.name}" + (f" container {container.name}" if container else "")

    def mark(self, key: str) -> Node:
        """Return the annotation *key*, or the label."""
        return self.metadata.get("annotations", key) or self.metadata.get("labels", key)


class Budget:
    """How much is still looked at: a few aliases name as much as they like."""

    def __init__(self, left: int = MOST) -> None:
        """Begin with *left*."""
        self.left = left

    def spend(self, node: Node) -> list[Node]:
        """Return the elements of *node*, and pay for them; raise `Unreadable` when nothing is left."""
        found = node.each()
        self.left -= len(found)
        if self.left < 0:
            raise Unreadable(f"{node.place}: says more than {MOST} things; split the file")
        return found


def objects(document: Node, budget: Budget) -> Iterator[Node]:
    """Yield the objects of a document: itself, or those of a list of kind List."""
    if document.get("kind").text().endswith("List") and document.get("items").each():
        yield from budget.spend(document.get("items"))
    else:
        yield document


def pod_of(thing: Node, budget: Budget) -> Pod | None:
    """Return the pod of an object; None if it has none."""
    kind = thing.get("kind").text()
    if not kind:
        return None
    template = thing if kind == "Pod" else thing.get("spec", "template")
    if kind == "CronJob":
        template = thing.get("spec", "jobTemplate", "spec", "template")
    spec = template.get("spec")
    mains = [_container(each, budget) for each in budget.spend(spec.get("containers"))]
    if not mains:
        return None
    inits = [_container(each, budget, init=True) for each in budget.spend(spec.get("initContainers"))]
    metadata = thing.get("metadata")
    name = metadata.get("name").text() or metadata.get("generateName").text() or "?"
    return Pod(kind, name, spec, template.get("metadata"), (*inits, *mains))


def files_of(thing: Node) -> dict[str, Node]:
    """Return the files of a ConfigMap by their names."""
    return thing.get("data").pairs() if thing.get("kind").text() == "ConfigMap" else {}


def _container(node: Node, budget: Budget, *, init: bool = False) -> Container:
    variables: dict[str, str] = {}
    for each in budget.spend(node.get("env")):
        if each.get("value"):
            variables[each.get("name").text()] = expand(each.get("value").text(), variables)
    said = [each.text() for key in ("command", "args") for each in budget.spend(node.get(key))]
    words = tuple(expand(word, variables) for word in said)
    return Container(node.get("name").text() or "?", node, init, variables, words, ours(words))
