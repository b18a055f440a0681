"""Findings from pasted text alone: manifests by their schema and the analyzers as a tiny recording, events and states by what they mean, the rest as a log."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from engine.analyzers.check import check
from engine.analyzers.common.containers import pod_template
from engine.analyzers.common.selectors import mismatches
from engine.analyzers.common.view import ClusterView
from engine.analyzers.logs.reader import analyze_text
from engine.cluster.kinds import KIND_OF, RESOURCE_OF_KIND
from engine.cluster.objects import Obj, labels_at, map_at, maps_at, text_at
from engine.cluster.source import ClusterSource, NotRecorded
from engine.cluster.usage import quantity
from engine.core.types import Evidence, Finding, ObjectRef, Remedy
from engine.language.answers.glossary.entries import find
from engine.language.answers.glossary.fields import problems
from engine.language.answers.pasted.recognize import EventLine, Pasted, recognize

_REMOVED: Mapping[tuple[str, str], tuple[str, str]] = {
    **{("extensions/v1beta1", kind): ("apps/v1", "1.16") for kind in ("Deployment", "DaemonSet", "ReplicaSet")},
    **{(f"apps/{version}", kind): ("apps/v1", "1.16") for version in ("v1beta1", "v1beta2") for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")},
    ("extensions/v1beta1", "Ingress"): ("networking.k8s.io/v1", "1.22"),
    ("networking.k8s.io/v1beta1", "Ingress"): ("networking.k8s.io/v1", "1.22"),
    ("networking.k8s.io/v1beta1", "IngressClass"): ("networking.k8s.io/v1", "1.22"),
    ("extensions/v1beta1", "NetworkPolicy"): ("networking.k8s.io/v1", "1.16"),
    ("batch/v1beta1", "CronJob"): ("batch/v1", "1.25"),
    ("batch/v2alpha1", "CronJob"): ("batch/v1", "1.21"),
    ("policy/v1beta1", "PodDisruptionBudget"): ("policy/v1", "1.25"),
    ("policy/v1beta1", "PodSecurityPolicy"): ("", "1.25"),
    ("autoscaling/v2beta1", "HorizontalPodAutoscaler"): ("autoscaling/v2", "1.25"),
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler"): ("autoscaling/v2", "1.26"),
    ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"): ("apiextensions.k8s.io/v1", "1.22"),
    ("discovery.k8s.io/v1beta1", "EndpointSlice"): ("discovery.k8s.io/v1", "1.25"),
    ("scheduling.k8s.io/v1beta1", "PriorityClass"): ("scheduling.k8s.io/v1", "1.22"),
    ("storage.k8s.io/v1beta1", "StorageClass"): ("storage.k8s.io/v1", "1.22"),
    ("storage.k8s.io/v1beta1", "CSIDriver"): ("storage.k8s.io/v1", "1.22"),
    **{("rbac.authorization.k8s.io/v1beta1", kind): ("rbac.authorization.k8s.io/v1", "1.22") for kind in ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")},
    **{("admissionregistration.k8s.io/v1beta1", kind): ("admissionregistration.k8s.io/v1", "1.22") for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")},
}  # fmt: skip
"""(apiVersion, kind) -> (the version that replaced it, the Kubernetes release that removed it), from the project's deprecation guide."""
_SHORT = re.compile(r"(\d+) (Insufficient [\w/-]+(?:\.[\w/-]+)*|node\(s\) [^,.]+|Too many pods)")
_WORDS = {
    "Insufficient": "too little {0} left for the pod's requests",
    "Too many pods": "as many pods as they may run",
    "had untolerated taint": "a taint that the pod does not tolerate",
    "didn't match Pod's node affinity/selector": "labels that do not match the pod's node selector or affinity",
    "didn't match pod anti-affinity rules": "a pod that the anti-affinity forbids beside it",
    "were unschedulable": "been cordoned",
    "had volume node affinity conflict": "no access to the pod's volume, which lies in another zone or on another node",
    "didn't have free ports": "the host port taken already",
}
_STATES = re.compile(
    r"\b(?:CrashLoopBackOff|ImagePullBackOff|ErrImagePull|ErrImageNeverPull|InvalidImageName|CreateContainerConfigError|CreateContainerError|RunContainerError|OOMKilled|Evicted|ContainerStatusUnknown|DeadlineExceeded|StartError|NotReady|SchedulingDisabled|Init:Error|Init:CrashLoopBackOff|Unknown|Pending|Terminating|ContainerCreating|Error|Lost|Failed)\b"
)
_EXIT = re.compile(r"^\s*Exit Code:\s+(\d+)", re.M)
_REASON = re.compile(r"^\s*Reason:\s+([A-Z]\w+)", re.M)
_WAITS = frozenset(("CrashLoopBackOff", "ImagePullBackOff", "BackOff", "Failed", "Error", "Unhealthy"))
"""States and events that only say that something else went wrong."""
_NORMAL = frozenset(("Completed", "Started", "Pulled", "Created", "Scheduled"))


def analyze(text: str, now: datetime, source: ClusterSource | None = None) -> tuple[Pasted, list[Finding]]:
    """What a pasted text is, and its findings, the most telling first; `source` gives the schemas of manifests."""
    pasted = recognize(text)
    match pasted.kind:
        case "objects":
            found = _of_objects(pasted, now, source)
        case "broken manifest":
            found = [
                _finding(
                    "InvalidYaml",
                    ObjectRef("Manifest"),
                    f"the YAML cannot be parsed: {pasted.problem}",
                    (),
                    0.95,
                    "check indentation and quotes at that line",
                )
            ]
        case "events":
            found = list(_of_events(pasted.events))
        case "describe":
            found = sorted([*_of_states(text), *_of_events(pasted.events)], key=lambda finding: finding.code in _WAITS)
        case "table":
            found = list(_of_table(text))
        case _:
            found = analyze_text(text)
            if not found:
                found = [*_of_events(pasted.events), *_of_states(text)]
    return pasted, found


def _of_objects(pasted: Pasted, now: datetime, source: ClusterSource | None) -> list[Finding]:
    found: list[Finding] = []
    for raw in pasted.objects:
        obj = Obj(raw)
        removed = _REMOVED.get((obj.text("apiVersion"), obj.kind))
        if removed is not None:
            found.append(_of_removed(obj, *removed))
            continue
        wrong = [problem for problem in problems(source, raw) if not problem.startswith(("unknown field status", "status."))]
        if wrong:
            evidence = (Evidence(f"{obj.ref} as pasted", "\n".join(wrong[:6]), object=obj.ref),)
            found.append(
                _finding(
                    "InvalidManifest",
                    obj.ref,
                    f"{obj.kind} {obj.name or '(no name)'} does not fit its schema: {'; '.join(wrong[:4])}",
                    evidence,
                    0.95,
                    "correct these fields",
                )
            )
        found += _of_manifest(obj)
    told = {(finding.object, finding.code) for finding in found}
    try:
        report = check(_tiny_view(pasted.objects, now))
    except NotRecorded:
        return found
    pasted_refs = {Obj(raw).ref for raw in pasted.objects}
    found += [
        f
        for f in report.findings
        if (f.object in pasted_refs or f.owner in pasted_refs)
        and f.severity != "info"
        and (f.object, f.code) not in told
        and f.code != "CannotSee"
    ]
    return found


def _of_removed(obj: Obj, instead: str, release: str) -> Finding:
    evidence = (Evidence(f"{obj.ref} apiVersion", f"apiVersion: {obj.text('apiVersion')}", object=obj.ref),)
    if not instead:
        return _finding(
            "RemovedApi",
            obj.ref,
            f"{obj.kind} was removed from Kubernetes in {release} without a successor of that kind; Pod Security Admission replaces it",
            evidence,
            0.97,
            "label namespaces with pod-security.kubernetes.io/enforce",
        )
    more = ""
    if obj.kind == "Ingress":
        more = "; backends are written as service.name and service.port.number there, and every path needs a pathType"
    elif obj.kind in ("Deployment", "DaemonSet", "StatefulSet", "ReplicaSet"):
        more = "; spec.selector is required there"
    elif obj.kind == "HorizontalPodAutoscaler":
        more = "; a metric's target is written as target.type and target.averageUtilization there"
    return _finding(
        "RemovedApi",
        obj.ref,
        f"{obj.text('apiVersion')} {obj.kind} is not served since Kubernetes {release}: the apiVersion is now {instead}{more}",
        evidence,
        0.97,
        f"set apiVersion: {instead}",
    )


def _of_manifest(obj: Obj) -> Iterator[Finding]:
    """What an object contradicts in itself: selector and labels, requests above limits, names given twice, probes of ports that are not declared."""
    template = pod_template(obj)
    if obj.kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"):
        selector, labels = labels_at(obj.raw, "spec", "selector", "matchLabels"), labels_at(template, "metadata", "labels")
        wrong = mismatches(selector, labels)
        if wrong:
            said = ", ".join(f"{key}={selector[key]} against {labels.get(key, 'no label')}" for key in wrong)
            evidence = (Evidence(f"{obj.ref} spec.selector.matchLabels and spec.template.metadata.labels", said, object=obj.ref),)
            yield _finding(
                "SelectorMismatch",
                obj.ref,
                f"the selector of {obj.kind} {obj.name} does not match the labels of its own template ({said}), so the API server refuses it",
                evidence,
                0.97,
                "make spec.template.metadata.labels hold what spec.selector.matchLabels asks for",
            )
    spec = template.get("spec") if isinstance(template, Mapping) else None
    names = [text_at(c, "name") for c in maps_at(spec, "containers")]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield _finding(
            "DuplicateContainer",
            obj.ref,
            f"two containers of {obj.ref} are called {twice[0]}",
            (),
            0.95,
            "give each container a name of its own",
        )
    for container in maps_at(spec, "containers"):
        for what in ("cpu", "memory"):
            request, limit = (quantity(map_at(container, "resources", part).get(what)) for part in ("requests", "limits"))
            if request is not None and limit is not None and request > limit:
                given = map_at(container, "resources")
                evidence = (
                    Evidence(f"{obj.ref} container {text_at(container, 'name')} resources", str(dict(given))[:300], object=obj.ref),
                )
                yield _finding(
                    "RequestAboveLimit",
                    obj.ref,
                    f"container {text_at(container, 'name')} of {obj.ref} requests more {what} than its limit allows, so the API server refuses it",
                    evidence,
                    0.97,
                    "lower the request or raise the limit",
                )
        mounted = {text_at(m, "name") for m in maps_at(container, "volumeMounts")}
        declared = {text_at(v, "name") for v in maps_at(spec, "volumes")} | {
            text_at(t, "metadata", "name") for t in obj.maps("spec", "volumeClaimTemplates")
        }
        for name in sorted(mounted - declared):
            yield _finding(
                "UnknownVolume",
                obj.ref,
                f"container {text_at(container, 'name')} of {obj.ref} mounts a volume {name} that the template does not declare",
                (),
                0.95,
                "add the volume, or correct the name",
            )


def _tiny_view(objects: Sequence[Mapping[str, Any]], now: datetime) -> ClusterView:
    """The pasted objects as a cluster of which nothing else is known."""
    held: dict[str, list[Obj]] = {}
    for raw in objects:
        obj = Obj({**raw, "metadata": {"namespace": "default" if _namespaced(raw) else "", **(raw.get("metadata") or {})}})
        held.setdefault(RESOURCE_OF_KIND.get(obj.kind, f"{obj.kind.lower()}s"), []).append(obj)

    def fetch(resource: str, namespace: str | None) -> list[Obj]:
        if resource not in held:
            raise NotRecorded(f"{resource} were not pasted")
        return [obj for obj in held[resource] if namespace is None or obj.namespace in ("", namespace)]

    view = ClusterView(fetch, now=now)
    view.unseen.update(dict.fromkeys(held, "only what was pasted is known"))
    view.unrecorded.update(held)
    return view


def _namespaced(raw: Mapping[str, Any]) -> bool:
    word = KIND_OF.get(text_at(raw, "kind"))
    return word is None or word.namespaced


def _of_events(events: Sequence[EventLine]) -> Iterator[Finding]:
    """A finding for each reason of a warning, with its message; what the scheduler counts is put into words."""
    told: dict[str, EventLine] = {}
    for event in events:
        if event.type == "Warning" and (event.reason not in told or event.count > told[event.reason].count):
            told[event.reason] = event
    heavy = sorted(told.values(), key=lambda e: (e.reason in ("BackOff", "Failed"), -e.count))
    for event in heavy:
        known = find(event.reason)
        about = ObjectRef(*_split(event.object)) if event.object else ObjectRef("Event", "", event.reason)
        evidence = (Evidence(f"event {event.reason} as pasted", event.message[:700]),)
        if event.reason == "FailedScheduling":
            yield _finding(
                "FailedScheduling",
                about,
                _scheduling(event.message),
                evidence,
                0.9,
                "compare the pod's requests, tolerations and node selector with the nodes: kubectl describe nodes",
                critical=True,
            )
            continue
        deeper = analyze_text(event.message)
        cause = f"{event.reason}: {event.message}" + (f" ({deeper[0].summary})" if deeper and deeper[0].code != "LoggedError" else "")
        meaning = f" {known.entry.text}" if known and not known.corrected and not deeper else ""
        yield _finding(
            event.reason,
            about,
            f"{cause.rstrip('.')}.{meaning}".rstrip("."),
            evidence,
            0.8,
            deeper[0].remedies[0].text if deeper and deeper[0].remedies else "",
        )


def _scheduling(message: str) -> str:
    """The scheduler's count of nodes in words: "no node takes the pod: 4 have too little cpu left for the pod's requests"."""
    head = message.partition(" preemption:")[0]
    parts = []
    for count, what in _SHORT.findall(head):
        words = next(
            (text.format(what.removeprefix("Insufficient ")) for key, text in _WORDS.items() if key in what), what.removeprefix("node(s) ")
        )
        parts.append(
            f"{count} {'has' if count == '1' else 'have'} {words}"
            + (f" ({what.partition('taint ')[2]})" if "taint" in what and "{" in what else "")
        )
    return "no node takes the pod: " + ("; ".join(parts) if parts else head.rstrip("."))


def _of_states(text: str) -> Iterator[Finding]:
    """States, reasons and exit codes in a description, each with what it means."""
    terms = [reason for reason in _REASON.findall(text) if reason not in _NORMAL]
    terms += [f"exit code {code}" for code in _EXIT.findall(text) if code != "0"]
    terms += [state for state in _STATES.findall(text) if state not in terms and ("Reason:" not in text)]
    name = re.search(r"^Name:\s+(\S+)", text, re.M)
    space = re.search(r"^Namespace:\s+(\S+)", text, re.M)
    about = ObjectRef("Pod", space[1] if space else "", name[1]) if name else ObjectRef("Text")
    for number, term in enumerate(dict.fromkeys(terms)):
        known = find(term)
        if known is not None and not known.corrected:
            line = next((line.strip() for line in text.splitlines() if term.removeprefix("exit code ") in line), term)
            yield _finding(
                known.entry.name.replace(" ", ""),
                about,
                _meaning(term, known.entry.text),
                (Evidence("as pasted", line[:300]),),
                0.75 - 0.05 * min(number, 4),
                "",
            )


def _of_table(text: str) -> Iterator[Finding]:
    """The rows of a table that are not well, by state, with what the state means."""
    header = next((line for line in text.splitlines() if re.match(r"^(?:NAMESPACE\s{2,})?NAME\s{2,}", line)), "")
    rows = text.splitlines()[text.splitlines().index(header) + 1 :] if header else []
    by_state: dict[str, list[str]] = {}
    for row in rows:
        hit = _STATES.search(row)
        cells = row.split()
        if hit and cells:
            by_state.setdefault(hit.group(), []).append(cells[1] if header.startswith("NAMESPACE") and len(cells) > 1 else cells[0])
        else:
            ready = re.search(r"\s(\d+)/(\d+)\s+Running\b", row)
            if ready and ready[1] != ready[2]:
                by_state.setdefault("ContainersNotReady", []).append(cells[0])
    for state, names in sorted(by_state.items(), key=lambda pair: -len(pair[1])):
        known = find(state.removeprefix("Init:"))
        listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        line = next((row for row in rows if names[0] in row), "")
        kind = "Node" if state in ("NotReady", "SchedulingDisabled") else "Pod"
        yield _finding(
            state.replace(":", ""),
            ObjectRef(kind, "", names[0]),
            f"{listed}: {_meaning(state, known.entry.text) if known else state}",
            (Evidence("as pasted", " ".join(line.split())),),
            0.7,
            "",
        )


def _split(name: str) -> tuple[str, str, str]:
    kind, _, rest = name.partition("/")
    known = next((word.kind for word in KIND_OF.values() if word.kind.lower() == kind.lower() or word.argument == kind.lower()), kind)
    return known, "", rest


def _finding(
    code: str, ref: ObjectRef, summary: str, evidence: tuple[Evidence, ...], sure: float, remedy: str, *, critical: bool = True
) -> Finding:
    return Finding(
        code=code,
        severity="critical" if critical else "warning",
        object=ref,
        summary=summary,
        evidence=evidence,
        owner=ref,
        remedies=(Remedy(remedy),) if remedy else (),
        confidence=sure,
        docs=(code,),
    )


def _meaning(term: str, text: str) -> str:
    """A paragraph that names its term at the beginning, or the term before it."""
    return (text if text.lower().startswith(term.lower()) else f"{term}: {text}").rstrip(".")
