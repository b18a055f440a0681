"""Two objects side by side: what differs, a row for each, and what is the same."""

from __future__ import annotations

from collections.abc import Sequence

from engine.analyzers.common.containers import is_ready, pod_template
from engine.analyzers.common.settings import references
from engine.analyzers.common.view import ClusterView
from engine.analyzers.network.service_facts import slices_of
from engine.cluster.objects import Obj, labels_at, map_at, maps_at, text_at
from engine.cluster.rows.build import pod_row
from engine.core.text import age
from engine.core.types import ObjectRef
from engine.language.answers.interface import Reply, listed

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod")
_NOTHING = "–"


def compare(view: ClusterView, refs: Sequence[ObjectRef]) -> Reply | None:
    """What tells two (or more) objects apart; None where one of them is not there."""
    objects = [obj for ref in refs if (obj := view.find_ref(ref)) is not None]
    if len(objects) < 2:
        return None
    facts = [_facts(view, obj) for obj in objects]
    keys = list(dict.fromkeys(key for fact in facts for key in fact))
    differing = [key for key in keys if len({fact.get(key, _NOTHING) for fact in facts}) > 1]
    same = [key for key in keys if key not in differing]
    titles = [obj.name if len({o.name for o in objects}) == len(objects) else f"{obj.kind}/{obj.name} ({obj.namespace})" for obj in objects]
    rows = [("", *titles), *((key, *(fact.get(key, _NOTHING) for fact in facts)) for key in differing)]
    names = " and ".join(str(obj.ref) + (f" in {obj.namespace}" if obj.namespace else "") for obj in objects)
    if not differing:
        return Reply(answer=f"{names} are the same in {listed(same, 12)}.", objects=tuple(o.ref for o in objects))
    alike = f" The same: {listed([f'{key} {facts[0][key]}' if len(facts[0][key]) < 30 else key for key in same], 8)}." if same else ""
    shown = listed(
        [
            f"{key} ({' against '.join(fact.get(key, 'none') for fact in facts)})" if sum(len(f.get(key, "")) for f in facts) < 90 else key
            for key in differing
        ],
        5,
    )
    return Reply(answer=f"{names} differ in {shown}.{alike}", table=tuple(rows), objects=tuple(o.ref for o in objects))


def _facts(view: ClusterView, obj: Obj) -> dict[str, str]:
    facts = {"kind": obj.kind, "namespace": obj.namespace} if obj.namespace else {"kind": obj.kind}
    if obj.kind in _WORKLOADS:
        facts |= _of_workload(view, obj)
    elif obj.kind == "Service":
        facts |= _of_service(view, obj)
    elif obj.kind == "Node":
        facts |= _of_node(view, obj)
    else:
        facts |= _flat(obj.map("spec")) | _flat(dict.fromkeys(obj.map("data"), "…"))
    if obj.created:
        facts["age"] = age((view.now - obj.created).total_seconds())
    facts["labels"] = ", ".join(f"{key}={value}" for key, value in sorted(obj.labels.items())) or _NOTHING
    return facts


def _of_workload(view: ClusterView, obj: Obj) -> dict[str, str]:
    spec = map_at(pod_template(obj), "spec")
    pods = [obj] if obj.kind == "Pod" else [p for p in view.within("pods", obj.namespace) if view.workload_of(p) == obj.ref]
    rows = [pod_row(pod.raw, view.now) for pod in pods]
    facts = {
        "replicas": obj.text("spec", "replicas") or _NOTHING,
        "ready": f"{sum(is_ready(p) for p in pods)} of {len(pods)} pods",
        "status": ", ".join(sorted({row.status for row in rows})) or _NOTHING,
        "restarts": str(sum(row.restarts for row in rows)),
        "nodes": ", ".join(sorted({row.node for row in rows if row.node})) or _NOTHING,
        "service account": text_at(spec, "serviceAccountName") or "default",
        "strategy": obj.text("spec", "strategy", "type") or obj.text("spec", "updateStrategy", "type") or _NOTHING,
        "node selector": ", ".join(f"{k}={v}" for k, v in labels_at(spec, "nodeSelector").items()) or _NOTHING,
        "schedule": obj.text("spec", "schedule") or _NOTHING,
        "configuration": ", ".join(sorted({str(r.object) for r in references(obj.namespace, spec)})) or _NOTHING,
    }
    containers = maps_at(spec, "containers")
    for container in containers:
        mark = "" if len(containers) == 1 else f" ({text_at(container, 'name')})"
        facts[f"image{mark}"] = text_at(container, "image")
        for part in ("requests", "limits"):
            facts[f"{part}{mark}"] = ", ".join(f"{k} {v}" for k, v in map_at(container, "resources", part).items()) or _NOTHING
        facts[f"ports{mark}"] = ", ".join(text_at(p, "containerPort") for p in maps_at(container, "ports")) or _NOTHING
        facts[f"probes{mark}"] = (
            ", ".join(
                f"{kind} {_probe(map_at(container, f'{kind}Probe'))}"
                for kind in ("startup", "liveness", "readiness")
                if map_at(container, f"{kind}Probe")
            )
            or _NOTHING
        )
        facts[f"env{mark}"] = ", ".join(text_at(e, "name") for e in maps_at(container, "env")) or _NOTHING
        facts[f"command{mark}"] = (
            " ".join([*(str(c) for c in container.get("command") or ()), *(str(c) for c in container.get("args") or ())])[:80] or _NOTHING
        )
    return {key: value for key, value in facts.items() if value}


def _of_service(view: ClusterView, obj: Obj) -> dict[str, str]:
    ingress = [text_at(i, "ip") or text_at(i, "hostname") for i in obj.maps("status", "loadBalancer", "ingress")]
    endpoints = [e for s in slices_of(view, obj) for e in s.maps("endpoints") if map_at(e, "conditions").get("ready") is not False]
    return {
        "type": obj.text("spec", "type") or "ClusterIP",
        "cluster IP": obj.text("spec", "clusterIP") or _NOTHING,
        "external IP": ", ".join(ingress) or ("<pending>" if obj.text("spec", "type") == "LoadBalancer" else _NOTHING),
        "ports": ", ".join(
            f"{text_at(p, 'port')}→{text_at(p, 'targetPort') or text_at(p, 'port')}/{text_at(p, 'protocol') or 'TCP'}"
            for p in obj.maps("spec", "ports")
        ),
        "selector": ", ".join(f"{k}={v}" for k, v in labels_at(obj.raw, "spec", "selector").items()) or _NOTHING,
        "ready endpoints": str(len(endpoints)),
        "annotations": ", ".join(key for key in obj.annotations if "last-applied" not in key) or _NOTHING,
    }


def _of_node(view: ClusterView, obj: Obj) -> dict[str, str]:
    pods = [p for p in view.within("pods", None) if p.text("spec", "nodeName") == obj.name]
    return {
        "ready": str(obj.condition("Ready").get("status") or "Unknown"),
        "kubelet": obj.text("status", "nodeInfo", "kubeletVersion"),
        "os": obj.text("status", "nodeInfo", "osImage"),
        "architecture": obj.text("status", "nodeInfo", "architecture"),
        **{f"allocatable {name}": text_at(obj.raw, "status", "allocatable", name) or _NOTHING for name in ("cpu", "memory", "pods")},
        "taints": ", ".join(f"{text_at(t, 'key')}:{text_at(t, 'effect')}" for t in obj.maps("spec", "taints")) or _NOTHING,
        "pods": str(len(pods)),
    }


def _flat(value: object, path: str = "", depth: int = 0) -> dict[str, str]:
    """Scalars under dotted paths, four levels deep."""
    if isinstance(value, dict) and depth < 4:
        return {
            key: text
            for name, inner in value.items()
            for key, text in _flat(inner, f"{path}.{name}" if path else str(name), depth + 1).items()
        }
    return {path: str(value)[:80]} if path else {}


def _probe(probe: object) -> str:
    port = text_at(probe, "httpGet", "port") or text_at(probe, "tcpSocket", "port") or text_at(probe, "grpc", "port")
    path = text_at(probe, "httpGet", "path")
    return f":{port}{path}" if port else "exec"
