"""What manifests are filled from: the words of a request, the objects that it names, and the cluster."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.analyzers.common.containers import pod_template
from engine.analyzers.common.view import ClusterView
from engine.analyzers.network.service_facts import container_ports, service_ports
from engine.cluster.objects import Obj, labels_at, map_at, text_at
from engine.core.types import ObjectRef

Raw = dict[str, Any]


@dataclass(slots=True)
class Facts:
    """What a request says in words and names, and the cluster that fills the rest; `assumed` collects what had to be assumed."""

    text: str
    view: ClusterView
    refs: tuple[ObjectRef, ...] = ()
    namespace: str = ""
    assumed: list[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        return self.text.lower()

    def has(self, pattern: str) -> re.Match[str] | None:
        return re.search(pattern, self.text, re.I)

    def take(self, pattern: str, default: str, what: str) -> str:
        """The first group of a pattern in the request, else a default that is said to be assumed."""
        found = self.has(pattern)
        if found:
            return next(group for group in found.groups() if group)
        self.assumed.append(f"{what} {default}")
        return default

    @property
    def place(self) -> str:
        """The namespace: that of the objects that are named, else the one that was said."""
        return next((ref.namespace for ref in self.refs if ref.namespace), "") or self.namespace or "default"

    def object(self, *kinds: str) -> Obj | None:
        """The first named object of some kinds."""
        for ref in self.refs:
            if ref.kind in kinds:
                return self.view.find_ref(ref)
        return None

    def name(self, default: str) -> str:
        """The name that the request gives ("called scratch", "named x"), else a default."""
        found = self.has(r"\b(?:called|named|name)\s+[\"'`]?([a-z0-9][a-z0-9.-]*[a-z0-9])")
        return found.group(1).lower() if found else default


def made(version: str, kind: str, name: str, namespace: str, labels: Mapping[str, str] | None = None, **rest: Any) -> Raw:
    """An object with its metadata."""
    metadata: Raw = {"name": name, **({"namespace": namespace} if namespace else {}), **({"labels": dict(labels)} if labels else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def labels_of(workload: Obj) -> dict[str, str]:
    """The labels by which to select the pods of a workload: its own selector, which is the most stable."""
    return selector_of(workload) or (workload.labels if workload.kind == "Pod" else {})


def selector_of(workload: Obj) -> dict[str, str]:
    return labels_at(workload.raw, "spec", "selector", "matchLabels") or labels_at(pod_template(workload), "metadata", "labels")


def pod_labels(view: ClusterView, obj: Obj) -> dict[str, str]:
    if obj.kind == "Service":
        return labels_at(obj.raw, "spec", "selector")
    return labels_of(obj)


def port_of(obj: Obj | None, facts: Facts) -> int | str:
    """The port that an object's pods listen on: from its Service, its containers, or what the request says."""
    if obj is None:
        return int(facts.take(r"\b(?:target ?port|container ?port)\s+(\d{2,5})\b", "8080", "target port"))
    if obj.kind == "Service":
        ports = service_ports(obj)
        return (int(ports[0].target) if ports[0].target.isdigit() else ports[0].target) if ports else 80
    for service in facts.view.within("services", obj.namespace):
        selector = labels_at(service.raw, "spec", "selector")
        labels = labels_at(pod_template(obj), "metadata", "labels") or obj.labels
        ports = service_ports(service)
        if selector and ports and all(labels.get(k) == v for k, v in selector.items()):
            if ports[0].target.isdigit():
                return int(ports[0].target)
            named = [p for p in container_ports(Obj({"spec": map_at(pod_template(obj), "spec")})) if text_at(p, "name") == ports[0].target]
            return int(text_at(named[0], "containerPort")) if named else ports[0].target
    declared = container_ports(Obj({"spec": map_at(pod_template(obj), "spec")}))
    if declared:
        return int(text_at(declared[0], "containerPort") or 80)
    facts.assumed.append(f"port 8080, since {obj.ref} declares none")
    return 8080


def noun(facts: Facts, default: str) -> str:
    """The name of the object that is meant, else a default."""
    return next((ref.name for ref in facts.refs if ref.kind not in ("Namespace", "Node")), default)
