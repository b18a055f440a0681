"""What a diagnosis may say to what was asked: causes on a chain to it, its state, symptoms that are not there; the rest is elsewhere."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.rank import Diagnosis, Root
from engine.analyzers.diagnosis.relevance_gate import belongings, is_well, on_chain, relevant, state_of
from engine.cluster.objects import Obj, text_at
from engine.cluster.rows.build import pod_row
from engine.core.types import Answer, Evidence, ObjectRef, RootCause
from engine.language.request import Request, Unknown
from engine.language.words.vocabulary import SYMPTOM_OF

NOTHING_PASTED = (
    "Nothing was pasted with the question. Paste the log, YAML or output behind it, or pipe it in "
    '(kubectl logs POD | k8sagent troubleshoot -q "what is wrong?"). To look at logs in the cluster, say which: “logs of NAME”.'
)


@dataclasses.dataclass(frozen=True, slots=True)
class Scope:
    """What the gate left: how the asked objects stand, claimed symptoms that nobody shows, how much is wrong elsewhere."""

    asked: tuple[ObjectRef, ...] = ()
    states: tuple[str, ...] = ()
    """A sentence for each asked object, where no cause was found for it."""
    healthy: bool = False
    absent: tuple[str, ...] = ()
    """A sentence for each state that the question names and that nothing asked about is in."""
    not_found: tuple[str, ...] = ()
    elsewhere: str = ""
    closed: bool = False
    """Nothing may be diagnosed: what was asked about is nowhere, or in no such state."""

    def lead(self, request: Request) -> str:
        """What comes before a diagnosis: how names were understood, what was not found, which symptom is not there."""
        return "\n".join([*request.corrections, *self.not_found, *self.absent])


_OF_A_PASTE = re.compile(
    r"\b(?:these|this|following|attached|pasted)\s+(?:\w+\s+)?(?:logs?|output|yaml|manifest|trace|lines?|text|file)\b|\blogs? below\b"
)


def nothing_pasted(request: Request) -> bool:
    """Whether the question speaks of a text beside it that is not there."""
    return not request.pasted and not request.objects and _OF_A_PASTE.search(request.masked) is not None


def gated(request: Request, view: ClusterView, diagnosis: Diagnosis) -> tuple[Diagnosis, Scope]:
    """The diagnosis with only the causes that lie on a chain to what was asked about, and what is to be said beside them."""
    asked = tuple(ref for ref in request.refs if view.find_ref(ref) is not None or ref.kind == "Namespace")
    found = _found_by_name(request, diagnosis)
    asked += tuple(ref for ref in found if ref not in asked)
    names = {ref.name for ref in found}
    unknown = [one for one in request.unknown if (one.kind != "Namespace" or not asked) and one.word.lower() not in names]
    not_found = tuple(_nowhere(one) for one in unknown)
    if unknown and not asked:
        scope = Scope(not_found=not_found, elsewhere=_elsewhere(diagnosis, (), view), closed=True)
        return dataclasses.replace(diagnosis, root_causes=()), scope
    absent, showing = _symptoms(request, view, asked)
    roots = diagnosis.root_causes
    if asked:
        roots = relevant(view, roots, diagnosis.findings, asked, paths="unreachable" in request.symptoms)
    elif absent:
        closed = Scope(absent=absent, elsewhere=_instead(diagnosis.root_causes, view), closed=True)
        return dataclasses.replace(diagnosis, root_causes=()), closed
    elif showing:
        own = belongings(view, showing)
        roots = tuple(root for root in roots if on_chain(root, diagnosis.findings, own)) or roots
    states = () if roots else tuple(_state(view, ref) for ref in asked if ref.kind != "Namespace")
    healthy = bool(asked) and not roots and all(is_well(view, ref) for ref in asked)
    scope = Scope(asked, states, healthy, absent, not_found, _elsewhere(diagnosis, roots, view))
    return dataclasses.replace(diagnosis, root_causes=roots), scope


def _found_by_name(request: Request, diagnosis: Diagnosis) -> list[ObjectRef]:
    """The objects of findings whose compound names stand in the question, also those of custom kinds and of other namespaces."""
    words = {word.strip(".,:;?!'\"()“”‘’").lower() for word in request.text.split()}
    refs = [ref for f in diagnosis.findings for ref in (f.object, f.owner) if ref is not None and "-" in ref.name]
    return list(dict.fromkeys(ref for ref in refs if ref.name in words))


def _nowhere(unknown: Unknown) -> str:
    near = f" The nearest names are {', '.join(unknown.near)}." if unknown.near else ""
    kind = f"{unknown.kind} " if unknown.kind else ""
    return f"There is no {kind}“{unknown.word}” in any namespace that can be read.{near}"


def _state(view: ClusterView, ref: ObjectRef) -> str:
    where = f" in {ref.namespace}" if ref.namespace else ""
    state = state_of(view, ref)
    if is_well(view, ref):
        looked = "its pods, events, logs, probes, configuration and the Services in front of it"
        return f"{ref}{where} is healthy: {state}. Nothing wrong was found in {looked}, read just now."
    looked = "its pods, events, logs, configuration, volumes and node"
    return f"{ref}{where} is not healthy ({state}), and nothing that was found explains it. Looked at {looked}."


def _elsewhere(diagnosis: Diagnosis, given: Sequence[Root], view: ClusterView) -> str:
    """One line on the critical findings that are no part of the answer; "" where there are none."""
    known = {finding.id for finding in diagnosis.findings}
    told = {part.id for root in given for part in (root.finding, *root.findings)}
    roots = [f for f in diagnosis.findings if f.severity == "critical" and not any(cause in known for cause in f.causes)]
    count = sum(finding.id not in told for finding in roots)
    if not count:
        return ""
    where = f" in namespace {view.namespace}" if view.namespace else ""
    return f"Elsewhere{where}: {count} critical finding{'' if count == 1 else 's'} (/findings)."


def _instead(roots: Sequence[Root], view: ClusterView) -> str:
    """What is wrong in place of a state that was claimed: the first causes in a line each, none of them as the answer."""
    if not roots:
        return ""
    lines = [f"  - {(root.symptom.owner or root.symptom.object)}{_in(root)}: {_short(root.finding.summary)}" for root in roots[:3]]
    more = f"\n  and {len(roots) - 3} more (/findings)" if len(roots) > 3 else ""
    return "What is wrong instead, ask about one of them:\n" + "\n".join(lines) + more


def _in(root: Root) -> str:
    about = root.symptom.owner or root.symptom.object
    return f" in {about.namespace}" if about.namespace else ""


def _short(summary: str) -> str:
    return summary if len(summary) <= 160 else summary[:157].rsplit(" ", 1)[0] + "…"


# -- states that a question names --------------------------------------------------------------------------------------------


def _symptoms(request: Request, view: ClusterView, asked: Sequence[ObjectRef]) -> tuple[tuple[str, ...], tuple[ObjectRef, ...]]:
    """(sentences on named states that nothing asked about is in, the pods that are in one of them)."""
    named = [SYMPTOM_OF[name] for name in request.symptoms if SYMPTOM_OF[name].exact]
    if not named or any(ref.kind not in _WITH_PODS for ref in asked):
        return (), ()
    own = belongings(view, asked) if asked else None
    pods = [pod for pod in view.all("pods") if own is None or pod.ref in own]
    absent: list[str] = []
    showing: list[ObjectRef] = []
    for symptom in named:
        hit = [pod.ref for pod in pods if _is_in(pod, symptom.states, view)]
        if symptom.name == "Pending" and not hit and _pending_elsewhere(view, own):
            continue
        showing += hit
        if not hit:
            about = ", ".join(f"{ref} in {ref.namespace}" for ref in asked) if asked else _where(view)
            absent.append(_absent(symptom.name, about, bool(asked)))
    if not asked and absent and len(absent) == len(named):
        absent = [f"{sentence}{_other_places(view, named[0].states)}" for sentence in absent[:1]]
    return (tuple(absent) if not showing else ()), tuple(showing)


_WITH_PODS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod", "Service")


def _is_in(pod: Obj, states: str, view: ClusterView) -> bool:
    row = pod_row(pod.raw, now=view.now)
    reasons = [row.status]
    for status in (*pod.maps("status", "containerStatuses"), *pod.maps("status", "initContainerStatuses")):
        reasons += [text_at(status, "state", "waiting", "reason"), text_at(status, "state", "terminated", "reason")]
        reasons += [text_at(status, "lastState", "terminated", "reason")] if "OOM" in states or "CrashLoop" in states else []
    return any(reason and re.search(states, reason) for reason in reasons)


def _pending_elsewhere(view: ClusterView, own: set[ObjectRef] | None) -> bool:
    """Whether something that is no pod is pending: a claim, or a load balancer without an address."""
    claims = [c for c in view.all("persistentvolumeclaims") if c.text("status", "phase") == "Pending"]
    services = [
        s for s in view.all("services") if s.text("spec", "type") == "LoadBalancer" and not s.maps("status", "loadBalancer", "ingress")
    ]
    return any(own is None or obj.ref in own for obj in (*claims, *services))


def _where(view: ClusterView) -> str:
    return f"namespace {view.namespace}" if view.namespace else "any namespace"


def _absent(name: str, about: str, named: bool) -> str:
    subject = f"No pod of {about}" if named else f"No pod in {about}"
    match name:
        case "OOMKilled":
            return f"{subject} was OOM-killed: no container's state or last state says so."
        case "Evicted":
            return f"{subject} is evicted."
        case "Pending":
            return f"{subject} is Pending."
    return f"{subject} is in {name}."


def _other_places(view: ClusterView, states: str) -> str:
    """Where else pods are in a state, when the question's namespace has none."""
    if view.namespace is None:
        return ""
    hit = [pod for pod in view.within("pods", None) if _is_in(pod, states, view)]
    if not hit:
        return " Nor is one in any other namespace."
    named = dict.fromkeys(f"{view.workload_of(pod).name} in {pod.namespace}" for pod in hit)
    return f" In other namespaces: {', '.join(list(named)[:5])}."


# -- answers without an investigation -------------------------------------------------------------------------------------------


def without_cause(request: Request, diagnosis: Diagnosis, scope: Scope) -> Answer:
    """The answer where nothing may be diagnosed: what was not found or is in no such state, and that there is trouble elsewhere."""
    parts = [scope.lead(request), scope.elsewhere]
    return Answer(tier="troubleshooting", text="\n\n".join(part for part in parts if part), metrics={"findings": len(diagnosis.findings)})


def ranked_answer(diagnosis: Diagnosis, scope: Scope, most: int = 10) -> Answer:
    """What to fix first: the root causes in their order, each with why it stands there."""
    roots = _by_weight(diagnosis)
    if not roots:
        return Answer(tier="troubleshooting", text=f"There is nothing to fix: no problem was found. Looked at {diagnosis.looked_at}.")
    lines, evidence, causes = [], [], []
    for number, root in enumerate(roots[:most], 1):
        finding = root.finding
        effects = _effects(root, diagnosis)
        why = f"{finding.severity}" + (f", explains {effects} more finding{'' if effects == 1 else 's'}" if effects else "")
        where = f" in {finding.object.namespace}" if finding.object.namespace else ""
        lines.append(f"{number}. {finding.object}{where}: {_short(finding.summary)} ({why})")
        piece = finding.evidence[0] if finding.evidence else Evidence("analyzer", finding.summary)
        evidence.append(dataclasses.replace(piece, id=f"E{number}"))
        causes.append(
            RootCause(finding.summary, finding.object, round(finding.confidence, 2), (f"E{number}",), chain=root.chain, code=finding.code)
        )
    more = f"\n… and {len(roots) - most} more (/findings)." if len(roots) > most else ""
    text = "Fix in this order:\n" + "\n".join(lines) + more + "\nAsk about one of them for its evidence and its fix."
    return Answer(tier="troubleshooting", text=text, root_causes=tuple(causes), evidence=tuple(evidence))


def _by_weight(diagnosis: Diagnosis) -> list[Root]:
    rank = {"critical": 0, "warning": 1, "info": 2}
    order = {id(root): n for n, root in enumerate(diagnosis.root_causes)}
    return sorted(diagnosis.root_causes, key=lambda r: (rank[r.finding.severity], -_effects(r, diagnosis), order[id(r)]))


def _effects(root: Root, diagnosis: Diagnosis) -> int:
    reached = {root.finding.id}
    while more := {f.id for f in diagnosis.findings if f.id not in reached and any(c in reached for c in f.causes)}:
        reached |= more
    return len(reached) - 1
