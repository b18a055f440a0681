"""Questions about one object's fields: its image, labels, age, node, ports, resources, taints, what it uses."""

from __future__ import annotations

from collections.abc import Sequence

from engine.analyzers.common.containers import pod_template
from engine.analyzers.common.selectors import selects
from engine.analyzers.common.settings import references
from engine.cluster.kinds import KIND_OF, WORKLOADS, KindWord
from engine.cluster.objects import Obj, labels_at, text_at
from engine.cluster.rows.build import pod_row
from engine.core.text import age
from engine.core.types import ObjectRef
from engine.language.answers.interface import Reply
from engine.language.names import Resolution, mentioned_kind, resolve, words_of
from engine.language.questions.question import Question

_ATTRIBUTES: tuple[tuple[str, str], ...] = (
    (r"\bauto-?scal\w*\b|\bhpas?\b", "autoscaler"),
    (r"\bnetwork ?polic\w+\b.{0,20}\b(?:appl\w+|select\w*|cover\w*|affect\w*)\b", "policies"),
    (r"\bimages?\b", "image"),
    (r"\blabels?\b", "labels"),
    (r"\bannotations?\b", "annotations"),
    (r"\breplicas?\b", "replicas"),
    (r"\bhow old\b|\bage\b|\bsince when\b|\bcreated\b|\bhow long\b", "age"),
    (r"\bwhich nodes?\b|\bwhat nodes?\b|\bon what node\b|\bwhere (?:does|is|do|are)\b.*\brun", "node"),
    (r"\b(?:ips?|address(?:es)?)\b", "ip"),
    (r"\bprobes?\b", "probes"),
    (r"\b(?:target ?)?ports?\b", "ports"),
    (r"\b(?:requests?|limits?|resources)\b", "resources"),
    (r"\bowns?\b|\bowner\b|\bcreated by\b|\bbelongs? to\b", "owner"),
    (r"\b(?:status|state)\b", "status"),
    (r"\btaint(?:s|ed)?\b", "taints"),
    (r"\bkubelet\b", "kubelet"),
    (r"\b(?:how much|capacity|allocatable)\b.*\b(?:memory|cpu|pods)\b|\bcapacity\b", "capacity"),
    (r"\bcontainers\b", "containers"),
    (r"\bstorage ?class\b", "class"),
    (r"\bsecrets?\b|\bconfig ?maps?\b", "uses"),
    (r"\bhosts?\b|\burls?\b", "hosts"),
    (r"\bselectors?\b", "selector"),
)


def attribute(q: Question) -> Reply | None:
    """A field of an object that is named: image, labels, age, node, ports, resources…; of several side by side where they are compared."""
    wanted = next((name for pattern, name in _ATTRIBUTES if q.has(pattern)), None)
    if wanted is None:
        return None
    kind = mentioned_kind(q.text)
    if wanted in ("taints", "capacity", "kubelet"):
        kinds = [KIND_OF["Node"]]
    elif wanted in ("autoscaler", "policies"):
        kinds = list(WORKLOADS)
    elif wanted == "ip":
        kinds = [KIND_OF[name] for name in ("Service", "Pod", "Node")]
    elif kind and kind.kind not in ("Node", "Secret", "ConfigMap"):
        kinds = [kind]
    else:
        kinds = [*WORKLOADS, *(KIND_OF[name] for name in ("Service", "PersistentVolumeClaim", "Ingress", "Node"))]
    if q.has(r"\bcompare\b|\bversus\b|\bvs\b|\bboth\b"):
        compared = _compared(q, wanted, kinds)
        if compared is not None:
            return compared
    found = resolve(q.source, q.text, q.namespace, kinds, cancel=q.cancel)
    if not found.found:
        return None
    ref, others = meant(q, found)
    obj = Obj(q.source.get(KIND_OF[ref.kind].resource, ref.namespace, ref.name))
    where = f" -n {ref.namespace}" if ref.namespace else ""
    command = f"kubectl get {KIND_OF[ref.kind].singular} {ref.name}{where} -o wide" + (" --show-labels" if wanted == "labels" else "")
    said = _value(obj, wanted, q)
    note = f" (in {ref.namespace})" if found.elsewhere else ""
    return Reply((command,), f"{ref}{note}: {said}.", objects=(ref,), choices=others, word=found.word)


def meant(q: Question, found: Resolution) -> tuple[ObjectRef, tuple[ObjectRef, ...]]:
    """The object that is meant (what was chosen, else the first that fits), and all that fit where there are several."""
    if q.chosen is not None and q.chosen in found.found:
        return q.chosen, ()
    return found.found[0], found.found if len(found.found) > 1 else ()


def _compared(q: Question, wanted: str, kinds: Sequence[KindWord]) -> Reply | None:
    """The same attribute of several objects that are named, side by side."""
    words = set(words_of(q.text))
    hit: list[tuple[KindWord, Obj]] = []
    for kind in kinds:
        hit += [(kind, obj) for obj in q.objects(kind.resource) if obj.name in words] if kind.namespaced and kind in WORKLOADS else []
    if len(hit) < 2:
        return None
    said = "; ".join(f"{obj.ref}: {_value(obj, wanted, q)}" for _, obj in hit)
    first = hit[0][0]
    names = " ".join(obj.name for kind, obj in hit if kind == first)
    namespaces = {obj.namespace for _, obj in hit}
    command = (
        f"kubectl get {first.argument} {names} -n {namespaces.pop()} -o wide"
        if len(namespaces) == 1
        else f"kubectl get {first.argument} -A"
    )
    return Reply((command,), f"{said}.", objects=tuple(obj.ref for _, obj in hit))


def _value(obj: Obj, wanted: str, q: Question) -> str:
    spec = obj.map("spec") if obj.kind == "Pod" else obj.map("spec", "template", "spec")
    containers = Obj({"c": spec.get("containers", [])}).maps("c")
    match wanted:
        case "image":
            return ", ".join(f"{text_at(c, 'name')} runs {text_at(c, 'image')}" for c in containers) or "has no containers"
        case "labels" | "annotations":
            pairs = obj.labels if wanted == "labels" else obj.annotations
            return f"{wanted} " + (", ".join(f"{key}={value}" for key, value in sorted(pairs.items())) or "none")
        case "replicas" if obj.kind == "HorizontalPodAutoscaler":
            return f"between {obj.number('spec', 'minReplicas', default=1)} and {obj.number('spec', 'maxReplicas')} replicas, now {obj.number('status', 'currentReplicas')}"
        case "replicas":
            return f"{obj.number('spec', 'replicas', default=1)} wanted, {obj.number('status', 'readyReplicas')} ready"
        case "autoscaler":
            scalers = [h for h in q.objects(KIND_OF["HorizontalPodAutoscaler"].resource) if h.namespace == obj.namespace]
            own = [
                h
                for h in scalers
                if (h.text("spec", "scaleTargetRef", "kind"), h.text("spec", "scaleTargetRef", "name")) == (obj.kind, obj.name)
            ]
            return "; ".join(f"autoscaled by {h.name}, {_value(h, 'replicas', q)}" for h in own) or "has no autoscaler"
        case "policies":
            policies = [p for p in q.objects(KIND_OF["NetworkPolicy"].resource) if p.namespace == obj.namespace]
            labels = labels_at(pod_template(obj), "metadata", "labels")
            names = [p.name for p in policies if selects(p.map("spec", "podSelector"), labels)]
            return (
                f"selected by the network {'policy' if len(names) == 1 else 'policies'} {', '.join(names)}"
                if names
                else "selected by no network policy"
            )
        case "age":
            return f"created {age((q.source.now() - obj.created).total_seconds())} ago" if obj.created else "has no creation time"
        case "node":
            if obj.kind == "Pod":
                return f"runs on {obj.text('spec', 'nodeName', default='no node yet')}"
            pods = [p for p in q.objects("pods") if p.name.startswith(obj.name + "-")]
            return "its pods run on " + (", ".join(sorted({p.text("spec", "nodeName", default="no node yet") for p in pods})) or "no node")
        case "ip":
            return _addresses(obj)
        case "probes":
            return "; ".join(_probes(c) for c in containers) or "has no containers"
        case "ports":
            source = obj.maps("spec", "ports") or [port for c in containers for port in Obj(c).maps("ports")]
            return ", ".join(_port(port) for port in source) or "declares no ports"
        case "resources":
            return "; ".join(_resources(c) for c in containers) or "has no containers"
        case "taints":
            taints = [f"{text_at(t, 'key')}={text_at(t, 'value')}:{text_at(t, 'effect')}" for t in obj.maps("spec", "taints")]
            return "taints " + (", ".join(taints) or "none")
        case "kubelet":
            return f"runs kubelet {obj.text('status', 'nodeInfo', 'kubeletVersion', default='of an unknown version')}"
        case "capacity":
            free, whole = obj.map("status", "allocatable"), obj.map("status", "capacity")
            return ", ".join(f"{name} {free.get(name, '?')} of {whole.get(name, '?')} allocatable" for name in ("cpu", "memory", "pods"))
        case "containers":
            return f"{len(containers)} container{'' if len(containers) == 1 else 's'}: " + ", ".join(text_at(c, "name") for c in containers)
        case "class":
            return (
                f"storage class {obj.text('spec', 'storageClassName', default='none')}, {obj.text('status', 'phase', default='no phase')}"
            )
        case "uses":
            used = [str(one.object) for one in references(obj.namespace, spec)]
            return "uses " + (", ".join(dict.fromkeys(used)) or "no config map and no secret")
        case "hosts":
            return ", ".join(text_at(rule, "host") or "any host" for rule in obj.maps("spec", "rules")) or "has no host"
        case "selector":
            selector = obj.map("spec", "selector", "matchLabels") or obj.map("spec", "selector")
            return "selects " + (", ".join(f"{key}={value}" for key, value in sorted(selector.items())) or "nothing")
        case "owner":
            return f"is owned by {obj.controller}" if obj.controller else "has no owner"
        case _:
            if obj.kind == "Pod":
                row = pod_row(obj.raw, now=q.source.now())
                return f"{row.status}, {row.ready} ready, {row.restarts} restarts"
            return f"{obj.number('status', 'readyReplicas')} of {obj.number('spec', 'replicas', default=1)} ready"


def _addresses(obj: Obj) -> str:
    if obj.kind == "Node":
        return ", ".join(f"{text_at(a, 'type')} {text_at(a, 'address')}" for a in obj.maps("status", "addresses")) or "has no address"
    if obj.kind != "Service":
        return obj.text("status", "podIP") or "has no address"
    outside = [text_at(one, "ip") or text_at(one, "hostname") for one in obj.maps("status", "loadBalancer", "ingress")]
    said = f"cluster IP {obj.text('spec', 'clusterIP', default='none')}"
    if outside:
        return f"{said}, external {', '.join(outside)}"
    return f"{said}, no external address yet" if obj.text("spec", "type") == "LoadBalancer" else said


def _probes(container: object) -> str:
    found = []
    for name in ("startup", "readiness", "liveness"):
        probe = Obj({"c": container}).map("c", f"{name}Probe")
        if probe:
            http, tcp = Obj(probe).map("httpGet"), Obj(probe).map("tcpSocket")
            how = (
                f"GET {http.get('path', '/')} on port {http.get('port')}"
                if http
                else f"TCP port {tcp.get('port')}"
                if tcp
                else "a command"
                if probe.get("exec")
                else "gRPC"
            )
            found.append(f"{name} {how} every {probe.get('periodSeconds', 10)} s, {probe.get('failureThreshold', 3)} failures")
    return f"{text_at(container, 'name')} has {', '.join(found) or 'no probe'}"


def _port(port: object) -> str:
    number = text_at(port, "port") or text_at(port, "containerPort")
    target = text_at(port, "targetPort")
    return f"{text_at(port, 'name')} {number}".strip() + (f" → {target}" if target and target != number else "")


def _resources(container: object) -> str:
    def side(name: str) -> str:
        pairs = Obj({"x": container}).map("x", "resources", name)
        return ", ".join(f"{key} {value}" for key, value in pairs.items()) or "none"

    return f"{text_at(container, 'name')} requests {side('requests')}, limits {side('limits')}"
