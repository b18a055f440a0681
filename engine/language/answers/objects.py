"""Questions about whole objects: their YAML, and several side by side."""

from __future__ import annotations

from typing import Any

from engine.cluster.kinds import RESOURCE_OF_KIND
from engine.cluster.objects import Obj, text_at
from engine.cluster.rows.build import pod_row
from engine.cluster.source import RawObject
from engine.core.text import age
from engine.language.answers.interface import Reply, Scene
from engine.language.request import Request

_NOISE = ("managedFields", "selfLink", "generateName")
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def yaml_of(raw: RawObject) -> str:
    """An object as YAML in the API's own order, without fields that only machines read."""
    import yaml

    body: dict[str, Any] = {key: raw[key] for key in ("apiVersion", "kind") if key in raw}
    metadata = {key: value for key, value in (raw.get("metadata") or {}).items() if key not in _NOISE}
    if isinstance(metadata.get("annotations"), dict):
        metadata["annotations"] = {key: value for key, value in metadata["annotations"].items() if key != _APPLIED}
    body["metadata"] = metadata
    body.update({key: value for key, value in raw.items() if key not in body})
    return yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=120)


def as_yaml(request: Request, scene: Scene) -> Reply | None:
    """The YAML of each object that is named."""
    if not request.refs:
        return None
    blocks = [yaml_of(scene.source.get(RESOURCE_OF_KIND[ref.kind], ref.namespace, ref.name)) for ref in request.refs[:5]]
    named = ", ".join(f"{ref} in {ref.namespace}" if ref.namespace else str(ref) for ref in request.refs[:5])
    return Reply(answer=f"{named}, as it is now:", code="---\n".join(blocks), code_language="yaml", objects=request.refs[:5])


def compared(request: Request, scene: Scene) -> Reply | None:
    """Two or more objects side by side, the fields in which they differ first named in a sentence."""
    refs = request.refs[:4]
    if len(refs) < 2:
        return None
    sides = [_facts(Obj(scene.source.get(RESOURCE_OF_KIND[ref.kind], ref.namespace, ref.name)), scene) for ref in refs]
    names = list(dict.fromkeys(name for side in sides for name in side))
    if request.field and request.field in _FIELD_ROWS:
        names = [name for name in names if name in _FIELD_ROWS[request.field]] or names
    rows = [(name, *(side.get(name, "-") for side in sides)) for name in names]
    differ = [name for name, *values in rows if len(set(values)) > 1 and name not in ("age", "namespace")]
    heads = ("", *(f"{ref}" + (f" ({ref.namespace})" if ref.namespace else "") for ref in refs))
    said = (
        f"{' and '.join(str(ref) for ref in refs)} differ in {', '.join(differ)}."
        if differ
        else f"{' and '.join(str(ref) for ref in refs)} do not differ in what is compared."
    )
    return Reply(answer=said, table=(heads, *rows), objects=refs)


_FIELD_ROWS = {"image": ("image",), "replicas": ("replicas",), "ports": ("ports",), "labels": ("labels",), "restarts": ("restarts",)}


def _facts(obj: Obj, scene: Scene) -> dict[str, str]:
    """What is compared of an object, as words."""
    facts = {"namespace": obj.namespace or "-", "age": age((scene.now - obj.created).total_seconds()) if obj.created else "-"}
    if obj.kind == "Service":
        ingress = obj.maps("status", "loadBalancer", "ingress")
        facts |= {
            "type": obj.text("spec", "type", default="ClusterIP"),
            "cluster IP": obj.text("spec", "clusterIP", default="none"),
            "external IP": ", ".join(text_at(one, "ip") or text_at(one, "hostname") for one in ingress) or "none",
            "ports": ", ".join(f"{text_at(p, 'port')}→{text_at(p, 'targetPort')}" for p in obj.maps("spec", "ports")) or "none",
            "selector": ",".join(f"{key}={value}" for key, value in sorted(obj.map("spec", "selector").items())) or "none",
        }
        return facts
    if obj.kind == "Node":
        info = obj.map("status", "nodeInfo")
        return facts | {
            "Ready": str(obj.condition("Ready").get("status", "Unknown")),
            "kubelet": str(info.get("kubeletVersion", "-")),
            "cpu": obj.text("status", "allocatable", "cpu", default="-"),
            "memory": obj.text("status", "allocatable", "memory", default="-"),
            "taints": ", ".join(text_at(t, "key") for t in obj.maps("spec", "taints")) or "none",
        }
    spec = obj.map("spec") if obj.kind == "Pod" else obj.map("spec", "template", "spec")
    containers = [Obj(raw) for raw in Obj({"c": spec.get("containers") or []}).maps("c")]
    if not containers:
        return facts | {"fields": ", ".join(sorted(map(str, obj.map("data")))) or "-"}
    pods = (
        [obj]
        if obj.kind == "Pod"
        else [pod for pod in scene.view_of(obj.namespace).all("pods") if scene.view_of(obj.namespace).workload_of(pod) == obj.ref]
    )
    rows = [pod_row(pod.raw, now=scene.now) for pod in pods]
    wanted = obj.number("spec", "replicas", default=len(rows)) if obj.kind != "Pod" else 1
    facts |= {
        "replicas": f"{sum(row.trouble == 'ok' for row in rows)} of {wanted} ready",
        "status": ", ".join(dict.fromkeys(row.status for row in rows)) or "no pods",
        "restarts": str(sum(row.restarts for row in rows)),
        "image": ", ".join(c.text("image") for c in containers),
        "ports": ", ".join(str(port.get("containerPort")) for c in containers for port in c.maps("ports")) or "none",
        "requests": _amounts(containers, "requests"),
        "limits": _amounts(containers, "limits"),
        "probes": ", ".join(p for p in ("liveness", "readiness", "startup") if any(c.map(f"{p}Probe") for c in containers)) or "none",
        "service account": str(spec.get("serviceAccountName") or "default"),
        "nodes": ", ".join(sorted({pod.text("spec", "nodeName", default="none yet") for pod in pods})) or "none",
    }
    return facts


def _amounts(containers: list[Obj], side: str) -> str:
    return "; ".join(", ".join(f"{key} {value}" for key, value in c.map("resources", side).items()) or "none" for c in containers)
