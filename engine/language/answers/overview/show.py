"""One field of an object: probes, environment names, cluster and external addresses, schedule, version, labels, or any path that is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from engine.analyzers.common.citations import field as quoted
from engine.analyzers.common.containers import pod_template
from engine.analyzers.common.view import ClusterView
from engine.cluster.objects import Obj, labels_at, map_at, maps_at, text_at
from engine.core.types import ObjectRef
from engine.language.answers.interface import Reply, Scene, listed
from engine.language.request import Request

_PATH = re.compile(r"(?<![\w.])((?:spec|status|metadata)(?:\.[A-Za-z][\w-]*(?:\[\d+\])?)+)")
Show = Callable[[ClusterView, Obj, str], str]
"""(view, object, the question's words) -> what is said behind the object's name; "" where the object has no such field."""


def shown(request: Request, scene: Scene) -> Reply | None:
    """The field that is asked for; None where another reader knows it."""
    words = request.masked
    if re.search(r"\bversion\b", words) and (not request.refs or [ref.name for ref in request.refs] == ["kubernetes"]):
        return Reply(
            answer=f"The API server runs Kubernetes {scene.source.server_version() or 'of an unknown version'}.",
            commands=("kubectl version",),
        )
    ref = next((ref for ref in request.refs if ref.kind != "Namespace"), None)
    view = scene.view_of("")
    obj = view.find_ref(ref) if ref is not None else None
    if ref is None or obj is None:
        return None
    path = _PATH.search(request.text)
    if path is not None:
        steps: list[str | int] = [int(part) if part.isdigit() else part for part in re.findall(r"[A-Za-z][\w-]*|(?<=\[)\d+(?=\])", path[1])]
        value = obj.at(*steps)
        return (
            Reply(answer=f"{ref}{_in(ref)} has no {path[1]}.", objects=(ref,))
            if value is None
            else Reply(answer=f"{ref}{_in(ref)}: {path[1]} is {_text(value)}.", evidence=(quoted(obj, *steps),), objects=(ref,))
        )
    for pattern, show in _SHOWS:
        if re.search(pattern, words):
            for candidate in (obj, *_around(view, obj)):
                said = show(view, candidate, words)
                if said:
                    return Reply(
                        answer=f"{candidate.ref}{_in(candidate.ref)}{': ' if said.startswith('container') else ' '}{said}.",
                        objects=(candidate.ref,),
                    )
    return None


def _probes(_: ClusterView, obj: Obj, words: str) -> str:
    wanted = [name for name in ("startup", "liveness", "readiness") if name in words] or ["startup", "liveness", "readiness"]
    said = []
    for container in maps_at(pod_template(obj), "spec", "containers"):
        probes = [f"{name} probe: {_probe(map_at(container, f'{name}Probe'))}" for name in wanted if map_at(container, f"{name}Probe")]
        missing = [name for name in wanted if not map_at(container, f"{name}Probe")] if len(wanted) == 1 else []
        said.append(
            f"container {text_at(container, 'name')} has {'; '.join(probes) if probes else f'no {missing[0]} probe' if missing else 'no probe'}"
        )
    return "; ".join(said)


def _probe(probe: Mapping[str, Any]) -> str:
    http, tcp, grpc = (map_at(probe, key) for key in ("httpGet", "tcpSocket", "grpc"))
    if http:
        how = f"{text_at(http, 'scheme') or 'HTTP'} GET :{text_at(http, 'port')}{text_at(http, 'path') or '/'}"
    elif tcp:
        how = f"TCP :{text_at(tcp, 'port')}"
    elif grpc:
        how = f"gRPC :{text_at(grpc, 'port')}"
    else:
        how = "exec " + " ".join(str(word) for word in map_at(probe, "exec").get("command") or ())
    times = [
        f"{word} {text_at(probe, key)}s"
        for key, word in (("initialDelaySeconds", "delay"), ("timeoutSeconds", "timeout"), ("periodSeconds", "period"))
        if text_at(probe, key)
    ]
    return ", ".join(
        [how, *times, *([f"failure threshold {text_at(probe, 'failureThreshold')}"] if text_at(probe, "failureThreshold") else [])]
    )


def _environment(_: ClusterView, obj: Obj, words: str) -> str:
    said = []
    for container in maps_at(pod_template(obj), "spec", "containers"):
        names = [f"{text_at(e, 'name')}{_origin(e)}" for e in maps_at(container, "env")]
        names += [
            f"all of {kind} {text_at(source, key, 'name')}"
            for source in maps_at(container, "envFrom")
            for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret"))
            if map_at(source, key)
        ]
        said.append(f"container {text_at(container, 'name')} gets {listed(names, 25) or 'no environment variables'}")
    return "; ".join(said)


def _origin(variable: Mapping[str, Any]) -> str:
    for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        source = map_at(variable, "valueFrom", key)
        if source:
            return f" (from {kind} {text_at(source, 'name')}, key {text_at(source, 'key')})"
    return ""


def _cluster_ip(_: ClusterView, obj: Obj, words: str) -> str:
    if obj.kind != "Service":
        return ""
    return f"has the cluster IP {obj.text('spec', 'clusterIP') or 'none'}"


def _external_ip(_: ClusterView, obj: Obj, words: str) -> str:
    if obj.kind not in ("Service", "Ingress", "Node"):
        return ""
    if obj.kind == "Node":
        return "has the addresses " + listed([f"{text_at(a, 'address')} ({text_at(a, 'type')})" for a in obj.maps("status", "addresses")])
    given = [text_at(i, "ip") or text_at(i, "hostname") for i in obj.maps("status", "loadBalancer", "ingress")]
    if given:
        return f"has the external address {listed(given)}"
    return "has no external address" + (
        " yet (pending)" if obj.text("spec", "type") == "LoadBalancer" else f" (type {obj.text('spec', 'type') or obj.kind})"
    )


def _schedule(_: ClusterView, obj: Obj, words: str) -> str:
    if obj.kind != "CronJob":
        return ""
    last = obj.text("status", "lastScheduleTime")
    return f"runs on the schedule {obj.text('spec', 'schedule')}{' (suspended)' if obj.flag('spec', 'suspend') else ''}{f', last started {last}' if last else ', never started'}"


def _labels(_: ClusterView, obj: Obj, words: str) -> str:
    return "has the labels " + (", ".join(f"{key}={value}" for key, value in sorted(obj.labels.items())) or "(none)")


def _annotations(_: ClusterView, obj: Obj, words: str) -> str:
    kept = {key: value for key, value in obj.annotations.items() if "last-applied-configuration" not in key}
    return "has the annotations " + (", ".join(f"{key}={value[:80]}" for key, value in sorted(kept.items())) or "(none)")


def _taints(_: ClusterView, obj: Obj, words: str) -> str:
    if obj.kind != "Node":
        return ""
    taints = [
        f"{text_at(t, 'key')}{'=' + text_at(t, 'value') if text_at(t, 'value') else ''}:{text_at(t, 'effect')}"
        for t in obj.maps("spec", "taints")
    ]
    return f"has the taints {listed(taints)}" if taints else "has no taints"


def _account(_: ClusterView, obj: Obj, words: str) -> str:
    spec = pod_template(obj).get("spec")
    return f"runs as ServiceAccount {text_at(spec, 'serviceAccountName') or 'default'}" if isinstance(spec, Mapping) else ""


def _command(_: ClusterView, obj: Obj, words: str) -> str:
    said = []
    for container in maps_at(pod_template(obj), "spec", "containers"):
        words_ = [*(str(w) for w in container.get("command") or ()), *(str(w) for w in container.get("args") or ())]
        said.append(f"container {text_at(container, 'name')} runs {' '.join(words_)[:300] if words_ else 'what its image says'}")
    return "; ".join(said)


def _volumes(_: ClusterView, obj: Obj, words: str) -> str:
    spec = pod_template(obj).get("spec")
    if not isinstance(spec, Mapping):
        return ""
    kinds = [f"{text_at(v, 'name')} ({next((k for k in v if k != 'name'), 'emptyDir')})" for v in maps_at(spec, "volumes")]
    return f"has the volumes {listed(kinds)}" if kinds else "has no volumes"


def _finalizers(_: ClusterView, obj: Obj, words: str) -> str:
    held = [*obj.texts("metadata", "finalizers"), *obj.texts("spec", "finalizers")]
    return f"has the finalizers {listed(held)}" if held else "has no finalizers"


def _strategy(_: ClusterView, obj: Obj, words: str) -> str:
    given = obj.map("spec", "strategy") or obj.map("spec", "updateStrategy")
    rolling = map_at(given, "rollingUpdate")
    return (
        f"is updated by {text_at(given, 'type')}" + (f" ({', '.join(f'{k} {v}' for k, v in rolling.items())})" if rolling else "")
        if given
        else ""
    )


_SHOWS: tuple[tuple[str, Show], ...] = (
    (r"\bprobes?\b|\bliveness\b|\breadiness\b|\bhealth ?checks?\b", _probes),
    (r"\benv\b|\benv(?:ironment)?[- ]?var\w*|\benvironment\b|\benv names\b", _environment),
    (r"\bcluster ?ips?\b", _cluster_ip),
    (r"\bexternal[- ]?(?:ips?|address\w*)\b|\bpublic ip\b|\b(?:which|what) (?:ip|address)\b", _external_ip),
    (r"\bschedule\w*\b|\bhow often\b", _schedule),
    (r"\blabels?\b", _labels),
    (r"\bannotations?\b", _annotations),
    (r"\btaints?\b", _taints),
    (r"\bservice ?account\b", _account),
    (r"\bcommand\b|\bargs\b|\barguments\b|\bentrypoint\b", _command),
    (r"\bvolumes\b|\bmounts?\b", _volumes),
    (r"\bfinalizers?\b", _finalizers),
    (r"\bstrategy\b|\bmax ?surge\b", _strategy),
)  # fmt: skip


def _around(view: ClusterView, obj: Obj) -> list[Obj]:
    """The Services that stand for a workload, for fields that only they have."""
    labels = obj.labels if obj.kind == "Pod" else labels_at(pod_template(obj), "metadata", "labels")
    if not labels:
        return []
    services = view.within("services", obj.namespace)
    return [
        s for s in services if (selector := labels_at(s.raw, "spec", "selector")) and all(labels.get(k) == v for k, v in selector.items())
    ]


def _text(value: object) -> str:
    import json

    return str(value) if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)[:600]


def _in(ref: ObjectRef) -> str:
    return f" in {ref.namespace}" if ref.namespace else ""
