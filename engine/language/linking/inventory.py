"""The names in a cluster by kind, each list read once and only when it is needed."""

from __future__ import annotations

from collections.abc import Sequence

from engine.cluster.kinds import KIND_OF, KindWord
from engine.cluster.objects import Obj, text_at
from engine.cluster.source import ClusterSource, Forbidden, NotFound, NotRecorded
from engine.core.cancel import CancelToken
from engine.language.names import named

TOPS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Pod")
CORE = (*TOPS, "Service", "Ingress", "Node", "Namespace")
FURTHER = (
    "PersistentVolumeClaim",
    "ConfigMap",
    "Secret",
    "HorizontalPodAutoscaler",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "ResourceQuota",
)
RARE = ("ServiceAccount", "PersistentVolume", "StorageClass", "ReplicaSet", "IngressClass", "PriorityClass")


class Inventory:
    """The names in a cluster by kind, each list read once and only when it is needed."""

    def __init__(self, source: ClusterSource, namespace: str, cancel: CancelToken | None = None) -> None:
        self.source, self.namespace, self.cancel = source, namespace, cancel
        self._lists: dict[tuple[str, str], list[Obj]] = {}
        self._index: dict[tuple[tuple[str, ...], str], dict[str, list[Obj]]] = {}

    def of(self, kind: str, namespace: str = "") -> list[Obj]:
        """The objects of a kind that a command can name; of a namespace, or ("") of all that can be read."""
        word = KIND_OF[kind]
        within = namespace if word.namespaced else ""
        key = (kind, within)
        if key not in self._lists:
            if within and (kind, "") in self._lists:
                self._lists[key] = [obj for obj in self._lists[(kind, "")] if obj.namespace == within]
            else:
                self._lists[key] = self._read(word, within)
        return self._lists[key]

    def holds_pods(self, namespace: str) -> bool:
        """Whether pods of a namespace can be seen: then it is there, also where namespaces may not be listed."""
        return bool(self._read(KIND_OF["Pod"], namespace))

    def move(self, namespace: str) -> None:
        """Look in this namespace where not all of them may be read."""
        if namespace != self.namespace:
            self.namespace = namespace
            self._lists.clear()
            self._index.clear()

    def _read(self, word: KindWord, within: str) -> list[Obj]:
        try:
            return named(Obj(raw) for raw in self.source.list(word.resource, within or None, cancel=self.cancel))
        except Forbidden:
            if not within and word.namespaced and self.namespace:
                return self.of(word.kind, self.namespace)
            return []
        except (NotFound, NotRecorded):
            return []

    def by_name(self, kinds: Sequence[str], namespace: str = "") -> dict[str, list[Obj]]:
        """The objects of some kinds by their names in lower case."""
        key = (tuple(kinds), namespace)
        if key not in self._index:
            index: dict[str, list[Obj]] = {}
            for kind in kinds:
                for obj in self.of(kind, namespace):
                    index.setdefault(obj.name.lower(), []).append(obj)
            self._index[key] = index
        return self._index[key]

    def namespaces(self) -> list[str]:
        return [obj.name for obj in self.of("Namespace")]


def label(obj: Obj, key: str) -> str:
    """A label of a workload or of its pods, in lower case."""
    return (obj.labels.get(key) or text_at(obj.raw, "spec", "template", "metadata", "labels", key)).lower()


def images_of(obj: Obj) -> set[str]:
    """The bare names of a workload's images (`nginx`)."""
    spec = obj.map("spec", "template", "spec") or obj.map("spec", "jobTemplate", "spec", "template", "spec") or obj.map("spec")
    images = [text_at(container, "image") for container in Obj({"c": spec.get("containers") or []}).maps("c")]
    return {image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[0].lower() for image in images}
