"""From findings to a diagnosis: what the question is about, which root causes explain it, by which chain, and what is unknown."""

# ruff: noqa: E501 - word lists stand on one line each
from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.analyzers.check import Report, check
from engine.analyzers.common.containers import is_finished, is_ready
from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.certainty import Certainty, certainty
from engine.analyzers.diagnosis.correlate import INTENDED, SHORTAGES
from engine.analyzers.diagnosis.focus import named_objects, related
from engine.core.types import Evidence, Finding, ObjectRef

_ASKS_HEALTH = re.compile(
    r"\b(?:everything|all|things?|anything|any (?:problems?|issues?|errors?|faults?|trouble))\b.{0,30}\b(?:ok|okay|fine|good|well|healthy|wrong|right|there|running|up|broken)\b"
    r"|\bstill (?:broken|failing|down|wrong|an issue|a problem)\b|\b(?:is|are|how(?:'s| is| are))\b.{0,40}\b(?:healthy|ok|okay|fine|doing|in good (?:shape|health))\b|\bhealth ?(?:check|y)?\b|\bany (?:problems?|issues?)\b|\bcheck (?:the )?(?:namespace|cluster)\b",
    re.IGNORECASE,
)
_COMPLAINS = re.compile(
    r"\b(?:why|but|although|though|since|never|no longer|cannot|not|no \w+ (?:are|is|have|has|were|was|come|comes|came|arrive|run|runs))\b|n't\b",
    re.IGNORECASE,
)
_DRAINS = re.compile(r"\bdrain\w*|\bevict\w*|\bcordon(?:ed)? .{0,40}\b(?:but|and|still)\b|\bmaintenance\b", re.IGNORECASE)
"""Questions about emptying a node: a cordon is what they start with, not what they ask for."""
ESSENTIAL = frozenset({"pods", "events", "nodes", "deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "services"})
"""Without these nothing can be called healthy; what else a recording lacks is said beside it."""
_QUIET = frozenset({"CannotSee", "RestartedBefore"})
_OF_CLUSTER = frozenset({"CsrPending", "CsrDenied", "CsrNotIssued", "VersionSkew", "NodeSilent", "NodeNotReady"})
"""Faults of the cluster that touch no pod here, and are told when the query speaks of nodes or certificates."""
_WORDS: tuple[tuple[str, str], ...] = (
    (r"image|pull|registry", r"Image|Pull|Registry"),
    (r"pending|schedul|placed|no node", r"Schedul|Insufficient|Taint|Affinity|NodeSelector|Volume|Claim|HostPort|Spread|Preempt|Quota"),
    (r"volume|disk|storage|mount|pvc|claim|space", r"Volume|Claim|Storage|Mount|Disk|Attach|Provision"),
    (r"dns|resolv|host ?name|lookup", r"Dns|Name|CoreDNS"),
    (r"time[sd]? ?out|unreachable|connect|reach|refused|50[234]", r"Connection|Service|Endpoint|NetworkPolicy|Ingress|Port|Dns|Name"),
    (r"certificate|tls|ssl|https|x509", r"Certificate|Tls|TLS"),
    (r"scal(?:e|ing)|autoscal|hpa|load", r"HPA|Autoscal|Metric|Replica|Scale|Quota"),
    (r"backup|cron|schedule[ds]?|nightly|every (?:hour|night|day)|job", r"Cron|Job|Schedule|Deadline"),
    (r"permission|forbidden|denied|rbac|not allowed|access", r"Forbidden|Rbac|Permission|Auth|Role"),
    (r"terminating|delet|stuck|go away|gone|finalizer", r"Finalizer|Terminating|Namespace|PodOnLostNode"),
    (r"memory|oom|killed", r"OOM|Memory|Heap|Evict"),
    (r"restart|crash|kill", r"Probe|OOM|Missing|Crash|Command|Completed|Config|Panic|Env"),
    (r"evict", r"Evict|Ephemeral|Pressure|Preempt"),
    (r"\bnodes?\b|kubelet|\bworker[- ]?\d|\bcsr\b|certificate request", r"Node|Kubelet|Csr|VersionSkew"),
    (r"quota|limit", r"Quota|Limit"),
    (r"roll ?out|deploy|update|version|upgrade", r"Rollout|Progress|Image|Revision|Paused"),
    (r"drain|disruption|pdb", r"Disruption|PDB"),
    (r"config", r"Config|Secret|Env|Value"),
)


@dataclass(frozen=True, slots=True)
class Root:
    """One root cause: its finding, the sentences from cause to symptom, the symptom's finding (the root itself where there is no other)."""

    finding: Finding
    chain: tuple[str, ...]
    symptom: Finding
    findings: tuple[Finding, ...]
    """The findings along the chain, root first."""
    certainty: Certainty
    """How sure it is that this is the root, as opposed to a real fault on the way; no repeated look raises it."""

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The root's own evidence, then one piece of each further finding of the chain."""
        return (*self.finding.evidence, *(f.evidence[0] for f in self.findings[1:] if f.evidence))


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a question's answer is made of, without a word of a model."""

    root_causes: tuple[Root, ...]
    findings: tuple[Finding, ...]
    focus: tuple[ObjectRef, ...]
    healthy: bool
    looked_at: str
    unknown: tuple[str, ...]
    scanned: dict[str, int]


def diagnose(view: ClusterView, query: str, *, pod: str = "", focus: Sequence[ObjectRef] = (), report: Report | None = None) -> Diagnosis:
    """Check the view and order its root causes by how well they explain what the query names.

    `pod` names a pod (or a workload) that the question is about, `focus` objects that are known already; `report` is a check that was
    made of this view before. Raises Unreachable when the cluster is gone.
    """
    seen = report or check(view)
    query_text = f"{query} {pod}".strip()
    named = list(dict.fromkeys([*focus, *named_objects(view, query_text)]))
    near = related(view, named)
    by_id = {f.id: f for f in seen.findings}
    candidates = [f for f in seen.findings if f.code not in _QUIET and not hygiene(f)]
    roots = [f for f in candidates if f.severity != "info" and not any(c in by_id for c in f.causes)]
    effects = _effects(candidates)
    asks_health = bool(_ASKS_HEALTH.search(query_text)) and not _COMPLAINS.search(query_text)
    scored = [(_score(f, effects.get(f.id, []), named, near, query_text, view), f) for f in roots]
    if not asks_health:
        scored += _intended(candidates, named, near, query_text, view, effects)
    if _DRAINS.search(query_text):
        scored = [pair for pair in scored if pair[1].code != "NodeCordoned"]  # a drain begins with it
    own = [pair for pair in scored if _concerns(pair[1], effects.get(pair[1].id, []), view, near)]
    own = _without_bystanders(own, effects, view, near)
    ranked = [f for _, f in sorted(own, key=lambda pair: (-pair[0], pair[1].id))]
    ranked = _without_weak(ranked, {f.id: s for s, f in own}, everywhere=view.namespace is None)
    ranked = _about_the_named(ranked, effects, named, near)
    causes = tuple(_root(f, effects, named, near, by_id, view, ranked, query_text) for f in ranked)
    return Diagnosis(
        root_causes=causes,
        findings=seen.findings,
        focus=tuple(named),
        healthy=not causes and not _blind(seen) and not view.unrecorded & ESSENTIAL,
        looked_at=_looked_at(view, seen),
        unknown=tuple(seen.errors),
        scanned=seen.scanned,
    )


def hygiene(finding: Finding) -> bool:
    """Whether a finding is advice on security, which is never the reason why something does not work."""
    return finding.speciality == "security" and finding.severity == "info"


def _effects(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """For each finding's id the findings that it explains, over any number of steps."""
    by_id = {f.id: f for f in findings}
    direct: dict[str, list[str]] = {}
    for finding in by_id.values():
        for cause in finding.causes:
            direct.setdefault(cause, []).append(finding.id)
    reached: dict[str, list[Finding]] = {}
    for start in by_id:
        seen: dict[str, None] = {}
        waiting = list(direct.get(start, ()))
        while waiting:
            current = waiting.pop(0)
            if current not in seen and current in by_id and current != start:
                seen[current] = None
                waiting.extend(direct.get(current, ()))
        reached[start] = [by_id[i] for i in seen]
    return reached


def _touch(finding: Finding, named: Sequence[ObjectRef], near: dict[ObjectRef, float]) -> float:
    best = 0.0
    for ref in (finding.object, finding.owner):
        if ref is not None:
            best = max(best, near.get(ref, 0.0))
    if best < 0.5:
        for ref in named:
            if ref.kind != "Namespace" and len(ref.name) > 3 and re.search(rf"(?<![\w-]){re.escape(ref.name)}(?![\w-])", finding.summary):
                best = max(best, 0.5)
    return best


def _score(
    finding: Finding, effects: list[Finding], named: Sequence[ObjectRef], near: dict[ObjectRef, float], query: str, view: ClusterView
) -> float:
    touch = max([_touch(finding, named, near), *(0.95 * _touch(e, named, near) for e in effects)], default=0.0)
    rank = {"critical": 3.0, "warning": 1.5, "info": 0.0}
    severity = max(rank[finding.severity], *(rank[e.severity] - 0.2 for e in effects), 0.0) if effects else rank[finding.severity]
    words = any(re.search(said, query, re.IGNORECASE) and re.search(code, finding.code) for said, code in _WORDS)
    bare = finding.code in SHORTAGES
    kin = 0.8 if _kin(finding, query) else 0.0
    home = (
        view.namespace is None
        or finding.object.namespace == view.namespace
        or (finding.owner is not None and finding.owner.namespace == view.namespace)
    )
    return (
        touch * 10
        + severity
        + finding.confidence
        + min(len(effects), 6) * 0.15
        + kin
        + (0.9 if words else 0.0)
        - (1.2 if bare else 0.0)
        + (1.0 if home else 0.0)
    )


def _kin(finding: Finding, query: str) -> bool:
    """Whether a word of the object's name stands in the query (`backups` for `db-backup`)."""
    said = query.lower()
    names = {finding.object.name, finding.owner.name if finding.owner else ""}
    return any(len(word) >= 4 and word.rstrip("s") in said for name in names for word in re.split(r"[-.]", name.lower()))


def _intended(
    findings: Iterable[Finding],
    named: Sequence[ObjectRef],
    near: dict[ObjectRef, float],
    query: str,
    view: ClusterView,
    effects: dict[str, list[Finding]],
) -> list[tuple[float, Finding]]:
    """States of `info` that may be what a complaint is about: suspended, scaled to zero, kept off by a taint."""
    found = []
    for finding in findings:
        if finding.severity != "info" or finding.causes:
            continue
        at_home = view.namespace is None or finding.object.namespace == view.namespace
        touched = _touch(finding, named, near) >= 0.5
        asked_otherwise = any(ref.kind != "Namespace" for ref in named) and not _kin(finding, query)
        of_cluster = finding.code in _OF_CLUSTER and any(
            re.search(s, query, re.IGNORECASE) and re.search(c, finding.code) for s, c in _WORDS
        )
        intended = of_cluster or (finding.code in INTENDED | {"DaemonSetTainted"} and at_home)
        if (intended and not asked_otherwise) or touched:
            found.append((_score(finding, effects.get(finding.id, []), named, near, query, view) - 0.5, finding))
    return found


def _concerns(finding: Finding, effects: list[Finding], view: ClusterView, near: dict[ObjectRef, float]) -> bool:
    """Whether a finding belongs into the answer for this namespace: it is there, it touches what is there, or the query names it."""
    if view.namespace is None:
        return True
    for one in (finding, *effects):
        for ref in (one.object, one.owner):
            if ref is not None and (ref.namespace == view.namespace or near.get(ref, 0.0) >= 0.5):
                return True
    return finding.object.namespace == "" and (finding.severity != "info" or finding.code in _OF_CLUSTER)


def _without_bystanders(
    scored: list[tuple[float, Finding]], effects: dict[str, list[Finding]], view: ClusterView, near: dict[ObjectRef, float]
) -> list[tuple[float, Finding]]:
    """Without faults of the cluster (a node that is down) that explain nothing here, where something here explains itself."""

    def bystander(finding: Finding) -> bool:
        if view.namespace is None or finding.object.namespace or finding.owner is not None or near.get(finding.object, 0.0) >= 0.5:
            return False
        return not any(e.object.namespace == view.namespace for e in effects.get(finding.id, ()))

    if any(f.severity == "critical" and not bystander(f) for _, f in scored):
        return [pair for pair in scored if not bystander(pair[1])]
    return scored


def _without_weak(ranked: list[Finding], scores: dict[str, float], *, everywhere: bool) -> list[Finding]:
    """The causes worth telling; over all namespaces, where the query names something, only those that touch it."""
    if not ranked:
        return []
    best = scores[ranked[0].id]
    kept = []
    for finding in ranked:
        if finding.severity == "info" and finding.id != ranked[0].id and best - scores[finding.id] > 3:
            continue
        if everywhere and best >= 8 and best - scores[finding.id] > 5:
            continue
        kept.append(finding)
    return kept[:8]


def _about_the_named(
    ranked: list[Finding], effects: dict[str, list[Finding]], named: Sequence[ObjectRef], near: dict[ObjectRef, float]
) -> list[Finding]:
    """Where the query names an object and the best cause touches it, only causes that do; what else is wrong stays among the findings."""
    if not ranked or all(ref.kind == "Namespace" for ref in named):
        return ranked

    def touches(finding: Finding) -> bool:
        return any(_touch(f, named, near) >= 0.5 for f in (finding, *effects.get(finding.id, ())))

    return [f for f in ranked if touches(f)] if touches(ranked[0]) else ranked


def _root(
    finding: Finding,
    effects: dict[str, list[Finding]],
    named: Sequence[ObjectRef],
    near: dict[ObjectRef, float],
    by_id: dict[str, Finding],
    view: ClusterView,
    ranked: Sequence[Finding],
    query: str,
) -> Root:
    reached = effects.get(finding.id, [])
    symptom = finding
    best = (0.0, 0)
    for effect in reached:
        steps = len(_path(finding.id, effect.id, by_id))
        score = (_touch(effect, named, near), steps if effect.code not in SHORTAGES else steps - 1)
        if score > best:
            best, symptom = score, effect
    path = [by_id[i] for i in _path(finding.id, symptom.id, by_id)] or [finding]
    path = [f for i, f in enumerate(path) if i == 0 or f.code not in SHORTAGES] if len(path) > 2 else path
    chain = tuple(_sentence(f) for f in path) if len(path) > 1 else ()
    shared = {f.id for f in reached}
    rivals = [f for f in ranked if f.id != finding.id and shared & {e.id for e in effects.get(f.id, ())}]
    touched = any(_touch(f, named, near) >= 0.5 for f in (finding, *reached))
    lost = bool(view.unseen) and not any(ref.kind != "Namespace" for ref in named)
    unlinked = lost and not any(_kin(f, query) for f in (finding, *reached))
    sure = certainty(view, finding, reached, rivals, asked=named, touched=touched, unlinked=unlinked)
    return Root(dataclasses.replace(finding, confidence=sure.confidence), chain, symptom, tuple(path), sure)


def _path(start: str, end: str, by_id: dict[str, Finding]) -> list[str]:
    """The longest simple way from a cause to what it explains, bounded, so that no step of the chain is left out."""
    best: list[str] = []
    stack = [(end, [end])]
    steps = 0
    while stack and steps < 2000:
        steps += 1
        current, way = stack.pop()
        if current == start:
            if len(way) > len(best):
                best = way
            continue
        finding = by_id.get(current)
        for cause in finding.causes if finding else ():
            if cause not in way and cause in by_id and len(way) < 10:
                stack.append((cause, [*way, cause]))
    return list(reversed(best))


def _sentence(finding: Finding) -> str:
    """A finding as one step of a chain."""
    text = finding.summary.split(" (log: “")[0].split("; so its readiness probe")[0]
    return text if len(text) <= 200 else text[:197].rsplit(" ", 1)[0] + "…"


def _blind(report: Report) -> bool:
    return any(f.code == "CannotSee" and f.severity != "info" for f in report.findings)


def _looked_at(view: ClusterView, report: Report) -> str:
    """What was looked at, in words: counts of pods and workloads with how many of them are ready."""
    pods = [p for p in view.all("pods") if not is_finished(p)]
    ready = sum(is_ready(p) for p in pods)
    done = len(view.all("pods")) - len(pods)
    parts = [f"{ready} of {len(pods)} pods ready" + (f", {done} finished" if done else "")]
    names = (
        ("deployments.apps", "Deployment"),
        ("statefulsets.apps", "StatefulSet"),
        ("daemonsets.apps", "DaemonSet"),
        ("jobs.batch", "Job"),
        ("cronjobs.batch", "CronJob"),
        ("services", "Service"),
        ("persistentvolumeclaims", "PersistentVolumeClaim"),
        ("ingresses.networking.k8s.io", "Ingress"),
    )
    for resource, kind in names:
        count = len(view.all(resource)) if resource not in view.unseen else 0
        if count:
            parts.append(f"{count} {kind}{'' if count == 1 else 'es' if kind.endswith('s') else 's'}")
    where = f"namespace {view.namespace}" if view.namespace else "all namespaces"
    events = report.scanned.get("events", 0)
    return f"{where}: {', '.join(parts)}, {events} events"
