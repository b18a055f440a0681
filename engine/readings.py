"""Informational questions that code can answer: which read command shows it, and the sentence that the API's own numbers give.

Counts, ages, comparisons and attributes are computed here from the objects, never by a model and never from printed text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from engine.analyzers.view import event_time
from engine.cancel import CancelToken
from engine.cluster.objects import Obj, text_at
from engine.cluster.rows import PodRow, pod_row
from engine.cluster.source import ClusterSource, Forbidden, NotFound, NotRecorded, Usage
from engine.detail import age
from engine.facts import ObjectRef
from engine.resolve import KIND_OF, WORKLOADS, KindWord, mentioned_kind, resolve


@dataclass(frozen=True, slots=True)
class Reading:
    """What to run (at most two read commands), and the answer's first sentence from the API; `missing` says what is not there instead.

    `rows` are the (namespace, name) pairs that the question is about: only their lines of the table belong into the answer.
    """

    commands: tuple[str, ...] = ()
    answer: str = ""
    missing: str = ""
    objects: tuple[ObjectRef, ...] = ()
    rows: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """A question's words and the place it is asked in ("" = all namespaces)."""

    text: str
    source: ClusterSource
    namespace: str
    cancel: CancelToken | None = None

    @property
    def flags(self) -> str:
        return f" -n {self.namespace}" if self.namespace else " -A"

    @property
    def where(self) -> str:
        return f"namespace {self.namespace}" if self.namespace else "all namespaces"

    def has(self, pattern: str) -> bool:
        return re.search(pattern, self.text, re.I) is not None

    def objects(self, resource: str) -> list[Obj]:
        try:
            return [Obj(raw) for raw in self.source.list(resource, self.namespace or None, cancel=self.cancel)]
        except (NotFound, NotRecorded):
            return []

    def pods(self) -> list[PodRow]:
        return [pod_row(obj.raw, now=self.source.now()) for obj in self.objects("pods")]


def read(query: str, source: ClusterSource, namespace: str, *, pod: str = "", cancel: CancelToken | None = None) -> Reading | None:
    """The reading of a question, or None where code cannot tell what is asked. Raises ClusterError."""
    question = Question(" ".join(f"{query} {pod}".split()), source, namespace, cancel)
    for pattern, make in _SHAPES:
        if question.has(pattern):
            found = make(question)
            if found is not None:
                return found
    return None


def _literal(q: Question) -> Reading | None:
    command = re.search(r"\bkubectl\s+\S.*", q.text)
    return Reading((command.group(0).strip("`'\" ?"),)) if command else None


def _version(q: Question) -> Reading:
    return Reading(("kubectl version",), f"The API server runs {q.source.server_version()}.")


def _restarts(q: Question) -> Reading:
    rows = sorted(q.pods(), key=lambda row: (-row.restarts, row.name))
    top = [row for row in rows if row.restarts][:5]
    command = f"kubectl get pods{q.flags} --sort-by=.status.containerStatuses[0].restartCount"
    if not top:
        return Reading((command,), f"No pod in {q.where} has restarted.")
    listed = ", ".join(f"{row.name} {row.restarts}×" + ("" if q.namespace else f" ({row.namespace})") for row in top)
    return Reading((command,), f"Most restarts in {q.where}: {listed}.")


def _usage(q: Question) -> Reading:
    nodes = q.has(r"\bnodes?\b")
    by_cpu = q.has(r"\bcpu\b|\bprocessor") and not q.has(r"\bmemory\b|\bram\b|\bmem\b")
    what = "cpu" if by_cpu else "memory"
    command = f"kubectl top {'nodes' if nodes else 'pods' + q.flags} --sort-by={what}"
    try:
        used = q.source.top("nodes" if nodes else "pods", None if nodes else q.namespace or None)
    except (NotFound, NotRecorded, Forbidden) as error:
        return _requests(q, what, nodes, str(error))
    totals: Counter[str] = Counter()
    for usage in used:
        key = usage.name if nodes or q.namespace else f"{usage.namespace}/{usage.name}"
        totals[key] += int(_amount(usage, what))
    listed = ", ".join(f"{name} {_shown(value, what)}" for name, value in totals.most_common(5))
    return Reading((command,), f"Most {what} in use: {listed}." if listed else "No usage was reported.")


def _amount(usage: Usage, what: str) -> float:
    return usage.cpu * 1000 if what == "cpu" else usage.memory


def _shown(value: float, what: str) -> str:
    return f"{value:.0f}m" if what == "cpu" else f"{value / 2**20:.0f}Mi"


def _requests(q: Question, what: str, nodes: bool, why: str) -> Reading:
    """Without metrics: what the pods ask for, said as such."""
    asked: Counter[str] = Counter()
    for pod in q.objects("pods"):
        if pod.text("status", "phase") not in ("Running", "Pending"):
            continue
        key = pod.text("spec", "nodeName", default="(unscheduled)") if nodes else pod.name
        for container in pod.maps("spec", "containers"):
            asked[key] += quantity(text_at(container, "resources", "requests", what), what)
    listed = ", ".join(f"{name} {_shown(value, what)}" for name, value in asked.most_common(5) if value)
    said = (
        f"Actual usage cannot be read: {why.rstrip('.')}. By their requests, the largest in {what} are: {listed or 'none has a request'}."
    )
    columns = "NAME:.metadata.name,CPU:.status.allocatable.cpu,MEMORY:.status.allocatable.memory,PODS:.status.allocatable.pods"
    return Reading((f"kubectl get nodes -o custom-columns={columns}" if nodes else f"kubectl get pods{q.flags}",), said)


def quantity(text: str, what: str) -> int:
    """A Kubernetes quantity as millicores (`cpu`) or bytes (anything else); 0 for what is none."""
    found = re.fullmatch(r"([0-9.]+)(m|k|[KMGTPE]i?|)", text.strip())
    if not found:
        return 0
    number, unit = float(found.group(1)), found.group(2)
    if what == "cpu":
        return int(number if unit == "m" else number * 1000)
    powers = {"": 1, "m": 0.001, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
    binary = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
    return int(number * {**powers, **binary}[unit])


def _events(q: Question) -> Reading:
    warnings = q.has(r"\bwarnings?\b|\berrors?\b|\bproblems?\b")
    window = _window(q.text)
    events = [e for e in q.objects("events") if not warnings or e.text("type") == "Warning"]
    now = q.source.now()
    if window is not None:
        events = [e for e in events if (when := event_time(e)) is not None and now - when <= window]
    reasons = Counter(e.text("reason") for e in events)
    what = "warning events" if warnings else "events"
    span = f" of the last {_words(window)}" if window else ""
    listed = ", ".join(f"{reason} {count}×" for reason, count in reasons.most_common(6))
    command = f"kubectl get events{q.flags} --sort-by=.lastTimestamp" + (" --field-selector type=Warning" if warnings else "")
    return Reading((command,), f"{len(events)} {what}{span} in {q.where}" + (f": {listed}." if listed else "."))


def _window(text: str) -> timedelta | None:
    if re.search(r"\b(?:recent|recently|lately|just now)\b", text, re.I):
        return timedelta(hours=1)
    found = re.search(r"\b(?:last|past|previous)\s+(\d+|an?|few)?\s*(minutes?|mins?|m|hours?|hrs?|h|days?|d)\b", text, re.I)
    if not found:
        return None
    count = int(found.group(1)) if (found.group(1) or "").isdigit() else 1
    unit = found.group(2)[0].lower()
    return timedelta(minutes=count) if unit == "m" else timedelta(hours=count) if unit == "h" else timedelta(days=count)


def _words(window: timedelta) -> str:
    minutes = int(window.total_seconds() // 60)
    for size, word in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes % size == 0:
            count = minutes // size
            return word if count == 1 else f"{count} {word}s"
    return f"{minutes} minutes"


def _trouble(q: Question) -> Reading | None:
    kind = mentioned_kind(q.text)
    if kind is not None and kind.kind != "Pod":
        return None
    bad = [row for row in q.pods() if row.trouble != "ok"]
    command = f"kubectl get pods{q.flags}"
    if not bad:
        return Reading((command,), f"No pod in {q.where} is failing.")
    listed = ", ".join(f"{row.name} ({row.status}" + (f", {row.restarts} restarts)" if row.restarts else ")") for row in bad[:10])
    more = f" and {len(bad) - 10} more" if len(bad) > 10 else ""
    rows = tuple((row.namespace, row.name) for row in bad)
    return Reading((command,), f"{len(bad)} pods in {q.where} are not healthy: {listed}{more}.", rows=rows)


def _logs(q: Question) -> Reading | None:
    found = resolve(q.source, q.text, q.namespace, WORKLOADS, cancel=q.cancel)
    if not found.found:
        return _unknown(found.word, found.near)
    ref = found.found[0]
    target = ref.name if ref.kind == "Pod" else f"{KIND_OF[ref.kind].singular}/{ref.name}"
    lines = re.search(r"\blast\s+(\d+)\s+lines?\b|\b(\d+)\s+lines?\b", q.text)
    tail = next((g for g in lines.groups() if g), "50") if lines else "50"
    previous = " --previous" if q.has(r"\bprevious\b|\bbefore the (?:crash|restart)\b") else ""
    return Reading(
        (f"kubectl logs {target} -n {ref.namespace} --tail={tail}{previous}",), f"The last {tail} lines of {ref}:", objects=(ref,)
    )


def _describe(q: Question) -> Reading | None:
    kind = mentioned_kind(q.text)
    kinds = [kind] if kind else list(KIND_OF.values())
    found = resolve(q.source, q.text, q.namespace, kinds, cancel=q.cancel)
    if not found.found:
        return _unknown(found.word, found.near) if found.word else None
    ref = found.found[0]
    where = f" -n {ref.namespace}" if ref.namespace else ""
    return Reading((f"kubectl describe {KIND_OF[ref.kind].singular} {ref.name}{where}",), "", objects=(ref,))


def _unknown(word: str, near: Sequence[str]) -> Reading:
    if near:
        return Reading(missing=f"There is no “{word}” here. Did you mean {' or '.join(near)}?")
    return Reading(missing=f"There is no “{word}” in any namespace that can be read." if word else "Which object? Name it.")


_ATTRIBUTES: tuple[tuple[str, str], ...] = (
    (r"\bimages?\b", "image"),
    (r"\blabels?\b", "labels"),
    (r"\bannotations?\b", "annotations"),
    (r"\breplicas?\b", "replicas"),
    (r"\bhow old\b|\bage\b|\bsince when\b|\bcreated\b|\bhow long\b", "age"),
    (r"\bwhich nodes?\b|\bwhat nodes?\b|\bon what node\b|\bwhere (?:does|is|do|are)\b.*\brun", "node"),
    (r"\b(?:ip|address)\b", "ip"),
    (r"\bports?\b", "ports"),
    (r"\b(?:requests?|limits?|resources)\b", "resources"),
    (r"\bowns?\b|\bowner\b|\bcreated by\b|\bbelongs? to\b", "owner"),
    (r"\b(?:status|state)\b", "status"),
)


def _attribute(q: Question) -> Reading | None:
    wanted = next((name for pattern, name in _ATTRIBUTES if q.has(pattern)), None)
    if wanted is None:
        return None
    kind = mentioned_kind(q.text)
    kinds = [kind] if kind and kind.kind not in ("Node",) else [*WORKLOADS, KIND_OF["Service"], KIND_OF["Node"]]
    found = resolve(q.source, q.text, q.namespace, kinds, cancel=q.cancel)
    if not found.found:
        return None
    ref = found.found[0]
    obj = Obj(q.source.get(KIND_OF[ref.kind].resource, ref.namespace, ref.name))
    where = f" -n {ref.namespace}" if ref.namespace else ""
    command = f"kubectl get {KIND_OF[ref.kind].singular} {ref.name}{where} -o wide" + (" --show-labels" if wanted == "labels" else "")
    said = _value(obj, wanted, q)
    note = f" (in {ref.namespace})" if found.elsewhere else ""
    return Reading((command,), f"{ref}{note}: {said}.", objects=(ref,))


def _value(obj: Obj, wanted: str, q: Question) -> str:
    spec = obj.map("spec") if obj.kind == "Pod" else obj.map("spec", "template", "spec")
    containers = Obj({"c": spec.get("containers", [])}).maps("c")
    match wanted:
        case "image":
            return ", ".join(f"{text_at(c, 'name')} runs {text_at(c, 'image')}" for c in containers) or "has no containers"
        case "labels" | "annotations":
            pairs = obj.labels if wanted == "labels" else obj.annotations
            return f"{wanted} " + (", ".join(f"{key}={value}" for key, value in sorted(pairs.items())) or "none")
        case "replicas":
            return f"{obj.number('spec', 'replicas', default=1)} wanted, {obj.number('status', 'readyReplicas')} ready"
        case "age":
            return f"created {age((q.source.now() - obj.created).total_seconds())} ago" if obj.created else "has no creation time"
        case "node":
            if obj.kind == "Pod":
                return f"runs on {obj.text('spec', 'nodeName', default='no node yet')}"
            pods = [p for p in q.objects("pods") if p.name.startswith(obj.name + "-")]
            return "its pods run on " + (", ".join(sorted({p.text("spec", "nodeName", default="no node yet") for p in pods})) or "no node")
        case "ip":
            return obj.text("status", "podIP") or obj.text("spec", "clusterIP") or "has no address"
        case "ports":
            source = obj.maps("spec", "ports") or [port for c in containers for port in Obj(c).maps("ports")]
            return ", ".join(_port(port) for port in source) or "declares no ports"
        case "resources":
            return "; ".join(_resources(c) for c in containers) or "has no containers"
        case "owner":
            return f"is owned by {obj.controller}" if obj.controller else "has no owner"
        case _:
            if obj.kind == "Pod":
                row = pod_row(obj.raw, now=q.source.now())
                return f"{row.status}, {row.ready} ready, {row.restarts} restarts"
            return f"{obj.number('status', 'readyReplicas')} of {obj.number('spec', 'replicas', default=1)} ready"


def _port(port: object) -> str:
    number = text_at(port, "port") or text_at(port, "containerPort")
    target = text_at(port, "targetPort")
    return f"{text_at(port, 'name')} {number}".strip() + (f" → {target}" if target and target != number else "")


def _resources(container: object) -> str:
    def side(name: str) -> str:
        pairs = Obj({"x": container}).map("x", "resources", name)
        return ", ".join(f"{key} {value}" for key, value in pairs.items()) or "none"

    return f"{text_at(container, 'name')} requests {side('requests')}, limits {side('limits')}"


def _count_or_list(q: Question) -> Reading | None:
    kind = mentioned_kind(q.text)
    if kind is None:
        return None
    objects = q.objects(kind.resource) if kind.namespaced else [Obj(raw) for raw in q.source.list(kind.resource, cancel=q.cancel)]
    where = q.where if kind.namespaced else "the cluster"
    flags = q.flags if kind.namespaced else ""
    command = f"kubectl get {kind.argument}{flags}" + (" -o wide" if kind.kind in ("Node",) else "")
    said = f"{len(objects)} {kind.argument if len(objects) != 1 else kind.singular} in {where}"
    return Reading((command,), said + _breakdown(kind, objects, q) + ".")


def _breakdown(kind: KindWord, objects: Sequence[Obj], q: Question) -> str:
    if not objects:
        return ""
    if kind.kind == "Pod":
        states = Counter(pod_row(obj.raw, now=q.source.now()).status for obj in objects)
    elif kind.kind == "Node":
        states = Counter("Ready" if obj.condition("Ready").get("status") == "True" else "NotReady" for obj in objects)
    elif kind.kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        states = Counter(
            "ready" if obj.number("status", "readyReplicas") >= obj.number("spec", "replicas", default=1) else "not ready"
            for obj in objects
        )
    elif kind.kind in ("Namespace", "PersistentVolumeClaim", "PersistentVolume"):
        states = Counter(obj.text("status", "phase") for obj in objects)
    else:
        names = ", ".join(sorted(obj.name for obj in objects)[:8])
        return f": {names}" + (", …" if len(objects) > 8 else "")
    return ": " + ", ".join(f"{count} {state}" for state, count in states.most_common())


_SHAPES: tuple[tuple[str, Callable[[Question], Reading | None]], ...] = (
    (r"\bkubectl\s+(?:get|describe|logs|top|version|explain|events|api-resources|cluster-info|rollout (?:status|history))\b", _literal),
    (r"\b(?:cluster|kubernetes|k8s|server|api)\b.*\bversion\b|\bversion\b.*\b(?:cluster|kubernetes|k8s|server)\b", _version),
    (
        r"\brestart(?:s|ed|ing)?\b.*\b(?:most|count|often)\b|\bmost\b.*\brestart|\brestart counts?\b|\bhow (?:many|often)\b.*\brestart",
        _restarts,
    ),
    (
        r"\b(?:memory|cpu|resources?|ram)\b.*\b(?:usage|use|used|using|uses|consum\w+|most|top)\b|\b(?:usage|most|top|consum\w+|uses?)\b.*\b(?:memory|cpu|ram)\b",
        _usage,
    ),
    (r"\bevents?\b", _events),
    (r"\blogs?\b", _logs),
    (r"\bdescribe\b|\bdetails? (?:of|about|on|for)\b|\btell me about\b", _describe),
    (r"\b(?:failing|failed|broken|unhealthy|crash\w*|not running|not ready|pending|problem\w*|bad|stuck)\b", _trouble),
    (r".", _attribute),
    (r".", _count_or_list),
)
