"""Every analyzer reads what it declares and nothing else, so that the role which `k8sagent setup` prints is enough."""

from __future__ import annotations

from engine.analyzers.common.view import ClusterView, Objects
from engine.analyzers.registry import SHARED, load
from engine.cluster.kinds import RESOURCE_OF_KIND
from engine.cluster.recordings.recorded_cluster import RecordedCluster

BUILT_IN = set(RESOURCE_OF_KIND.values())


class Declared(ClusterView):
    """A view that notes each built-in resource which was read."""

    seen: set[str]

    def within(self, resource: str, namespace: str | None) -> Objects:
        self.__dict__.setdefault("seen", set()).add(resource)
        return super().within(resource, namespace)


def test_no_analyzer_reads_a_resource_that_it_does_not_declare(demo: RecordedCluster) -> None:
    namespaces = [str(o["metadata"]["name"]) for o in demo.list("namespaces", None)]
    undeclared: dict[str, set[str]] = {}
    for analyzer in load():
        for namespace in [None, *namespaces]:
            view = Declared.of(demo, namespace)
            list(analyzer.look(view))
            extra = (getattr(view, "seen", set()) & BUILT_IN) - {*analyzer.needs, *SHARED}
            if extra:
                undeclared.setdefault(analyzer.name, set()).update(extra)
    assert not undeclared
