"""Pods that the API server refuses: quotas, ranges, Pod Security, webhooks, policies, and names that do not exist."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from engine.analyzers.common.citations import condition, event, field, fields, listed, nearest
from engine.analyzers.common.confidence import EVENT, HINT, RELATION, STATE, confidence
from engine.analyzers.common.view import ClusterView, event_time
from engine.analyzers.control_plane.security import complying_patch
from engine.analyzers.control_plane.webhooks import CONFIGURATIONS, webhook_failure
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj, maps_at, text_at
from engine.core.types import Evidence, Finding, ObjectRef, Remedy

_MAKERS = {
    "ReplicaSet": "replicasets.apps",
    "StatefulSet": "statefulsets.apps",
    "DaemonSet": "daemonsets.apps",
    "Job": "jobs.batch",
    "CronJob": "cronjobs.batch",
    "ReplicationController": "replicationcontrollers",
}
_EXCEEDED = re.compile(
    r"exceeded quota: (?P<quota>[\w.-]+), requested: (?P<requested>\S+(?:,\S+)*), used: (?P<used>\S+(?:,\S+)*), limited: (?P<limited>\S+)"
)
_MUST = re.compile(r"failed quota: (?P<quota>[\w.-]+): must specify (?P<what>.+)")
_LIMITS = re.compile(
    r"(?:maximum|minimum) [\w./-]+ usage per \w+ is [^,\]]+(?:, but (?:limit|request) is [^,\]\.]+|\.  ?No (?:limit|request) is specified)"
    r"|[\w./-]+ max limit to request ratio per \w+ is [^,\]]+, but (?:provided ratio is [^,\]]+|no (?:request|limit) is specified[^,\]]*)"
)
_SECURITY = re.compile(r'violates PodSecurity "(?P<level>[\w-]+):(?P<version>[\w.]+)": (?P<what>.+)', re.DOTALL)
_DENIED = re.compile(r'admission webhook "(?P<webhook>[^"]+)" denied the request(?: without explanation)?:?\s*(?P<what>.*)', re.DOTALL)
_POLICY = re.compile(
    r"ValidatingAdmissionPolicy '(?P<policy>[^']+)' with binding '(?P<binding>[^']+)' denied request: (?P<what>.*)", re.DOTALL
)
_ACCOUNT = re.compile(r'(?:error looking up service account (?P<where>[^:]+): )?serviceaccount "(?P<name>[^"]+)" not found')
_PRIORITY = re.compile(r"no PriorityClass with name (?P<name>\S+) was found")
_RUNTIME = re.compile(r'RuntimeClass(?:\.node\.k8s\.io)? "(?P<name>[^"]+)" not found')
_TERMINATING = re.compile(r"because it is being terminated")
_CONSTRAINT = re.compile(r"unable to validate against any security context constraint: (?P<what>.*)", re.DOTALL)
_INVALID = re.compile(r'(?:Pod|pods?) "[^"]*" is invalid: (?P<what>.*)', re.DOTALL)


@analyzer(
    "admission",
    speciality="workload",
    needs=("replicationcontrollers", "resourcequotas", "limitranges", *CONFIGURATIONS),
)
def admission(view: ClusterView) -> Iterator[Finding]:
    """What keeps workloads from creating their pods, and CronJobs their Jobs, one finding a workload and cause."""
    told: set[str] = set()
    for maker, message, evidence in _refusals(view):
        finding = explain(view, maker, message, evidence)
        if finding.id not in told:
            told.add(finding.id)
            yield finding


def _refusals(view: ClusterView) -> Iterator[tuple[Obj, str, Evidence]]:
    """(the object that creates pods, the API server's answer, evidence) where pods are missing at this moment."""
    latest: dict[tuple[str, str, str], Obj] = {}
    for found in view.all("events"):
        if found.text("reason") != "FailedCreate":
            continue
        about = found.map("involvedObject")
        key = (text_at(about, "kind"), text_at(about, "namespace") or found.namespace, text_at(about, "name"))
        known = latest.get(key)
        if known is None or str(event_time(found) or "") >= str(event_time(known) or ""):
            latest[key] = found
    seen: set[tuple[str, str, str]] = set()
    for (kind, namespace, name), found in latest.items():
        resource = _MAKERS.get(kind)
        maker = view.find(resource, namespace, name) if resource else None
        if maker is not None and (_skipped(maker, found) if kind == "CronJob" else _lacks_pods(maker)):
            seen.add((kind, namespace, name))
            yield maker, found.text("message"), event(found)
    for kind in ("ReplicaSet", "ReplicationController"):
        for maker in view.all(_MAKERS[kind]):
            failure = maker.condition("ReplicaFailure")
            if failure.get("status") == "True" and (kind, maker.namespace, maker.name) not in seen and _lacks_pods(maker):
                yield maker, str(failure.get("message") or ""), condition(maker, "ReplicaFailure")


def _skipped(cron: Obj, refusal: Obj) -> bool:
    """Whether no Job of a CronJob has been created since one was refused."""
    last, refused = cron.time("status", "lastScheduleTime"), event_time(refusal)
    return cron.deleting_since is None and (last is None or refused is None or last <= refused)


def _lacks_pods(maker: Obj) -> bool:
    if maker.deleting_since is not None:
        return False
    if maker.kind == "DaemonSet":
        return maker.number("status", "currentNumberScheduled") < maker.number("status", "desiredNumberScheduled") or not maker.number(
            "status", "numberReady"
        )
    if maker.kind == "Job":
        finished = any(c.get("type") in ("Complete", "Failed") and c.get("status") == "True" for c in maker.conditions())
        return not finished and not maker.number("status", "active")
    return maker.number("status", "replicas") < maker.number("spec", "replicas", default=1)


def explain(view: ClusterView, maker: Obj, message: str, evidence: Evidence) -> Finding:
    """The cause of one refusal, in the values that the API server names."""
    for pattern, tell in _CAUSES:
        found = pattern.search(message)
        if found:
            return tell(view, maker, found, evidence)
    failed = webhook_failure(view, message)
    owner = view.workload_of(maker)
    if failed is not None:
        return _finding(
            maker,
            owner,
            failed.code,
            failed.object,
            f"{_missing(maker, owner)}: {failed.text}",
            (evidence, *failed.evidence),
            [EVENT, STATE, RELATION],
            failed.remedies,
            causes=failed.causes,
            detail=failed.webhook,
        )
    return _finding(maker, owner, "FailedCreate", owner, f"{_missing(maker, owner)}: {_tail(message)}", (evidence,), [EVENT])


def _exceeded(view: ClusterView, maker: Obj, found: re.Match[str], evidence: Evidence) -> Finding:
    owner, name = view.workload_of(maker), found["quota"]
    quota = view.find("resourcequotas", maker.namespace, name)
    limits = dict(pair.split("=", 1) for pair in found["limited"].rstrip(".,").split(",") if "=" in pair)
    used = dict(pair.split("=", 1) for pair in found["used"].split(",") if "=" in pair)
    asked = dict(pair.split("=", 1) for pair in found["requested"].split(",") if "=" in pair)
    parts = [f"{used.get(r, '?')} of {limit} {r} is used and a pod more needs {asked.get(r, '?')}" for r, limit in limits.items()]
    patch = ",".join(f'"{resource}":"AMOUNT"' for resource in limits)
    return _finding(
        maker,
        owner,
        "QuotaExceeded",
        ObjectRef("ResourceQuota", maker.namespace, name),
        f"ResourceQuota {name} of namespace {maker.namespace} is exceeded, so {_missing(maker, owner, short=True)}: {listed(parts)}",
        (evidence, *(fields(quota, ("status", "hard"), ("status", "used")) if quota else ())),
        [EVENT, RELATION],
        (
            Remedy(
                f"raise {listed(limits)} in the quota, lower the pods' requests, or run fewer pods",
                f'kubectl -n {maker.namespace} patch resourcequota {name} --type=merge -p \'{{"spec":{{"hard":{{{patch}}}}}}}\'',
                "mutate",
            ),
        ),
        detail=owner.name,
    )


def _must_specify(view: ClusterView, maker: Obj, found: re.Match[str], evidence: Evidence) -> Finding:
    owner, name = view.workload_of(maker), found["quota"]
    quota = view.find("resourcequotas", maker.namespace, name)
    what = found["what"].strip().rstrip(".")
    resources = re.findall(r"((?:limits|requests)\.[\w./-]+)", what)
    flags = " ".join(f"--{side}={r}=AMOUNT" for side in ("requests", "limits") for r in _of_side(resources, side))
    command = (
        f"kubectl -n {owner.namespace} set resources {owner.kind.lower()}/{owner.name} {flags}" if flags and owner.kind != "Job" else ""
    )
    return _finding(
        maker,
        owner,
        "QuotaNeedsResources",
        owner,
        (
            f"{_missing(maker, owner)}: ResourceQuota {name} demands that every container "
            f"sets {listed(resources) or what}, and the pod template does not ({what})"
        ),
        (evidence, *(fields(quota, ("spec", "hard")) if quota else ())),
        [EVENT, RELATION],
        (Remedy("set the requests and limits, or give the namespace defaults with a LimitRange", command, "mutate" if command else ""),),
    )


def _of_side(resources: list[str], side: str) -> list[str]:
    return list(dict.fromkeys(r.removeprefix(f"{side}.") for r in resources if r.startswith(f"{side}.")))


def _limit_range(view: ClusterView, maker: Obj, found: re.Match[str], evidence: Evidence) -> Finding:
    owner = view.workload_of(maker)
    ranges = view.within("limitranges", maker.namespace)
    said = list(dict.fromkeys(m.group(0).strip() for m in _LIMITS.finditer(evidence.excerpt))) or [found.group(0)]
    guilty = next((r for r in ranges if any(_names_bound(r, text) for text in said)), ranges[0] if ranges else None)
    name = guilty.name if guilty else "?"
    object_ = guilty.ref if guilty else owner
    return _finding(
        maker,
        owner,
        "LimitRangeViolated",
        object_,
        (
            f"LimitRange {name} of namespace {maker.namespace} refuses the pods "
            f"of {owner}, so {_missing(maker, owner, short=True)}: {listed(said)}"
        ),
        (evidence, *(fields(guilty, ("spec", "limits")) if guilty else ())),
        [EVENT, RELATION],
        (
            Remedy(
                "bring the containers' requests and limits within the range, or change the range",
                f"kubectl -n {maker.namespace} describe limitrange",
                "read",
            ),
        ),
        detail=owner.name if guilty else "",
    )


def _names_bound(limit_range: Obj, text: str) -> bool:
    bounds = [
        text_at(rule, side, key)
        for rule in maps_at(limit_range.raw, "spec", "limits")
        for side in ("max", "min", "maxLimitRequestRatio")
        for key in ("cpu", "memory", "ephemeral-storage", "storage")
    ]
    return any(bound and f" is {bound}" in text for bound in bounds)


def _security(view: ClusterView, maker: Obj, found: re.Match[str], evidence: Evidence) -> Finding:
    owner = view.workload_of(maker)
    namespace = view.find("namespaces", "", maker.namespace)
    level = found["level"]
    workload = view.find_ref(owner)
    patch = complying_patch(workload, found["what"]) if workload is not None else ""
    return _finding(
        maker,
        owner,
        "PodSecurityViolation",
        owner,
        (
            f"{_missing(maker, owner)}: namespace {maker.namespace} enforces the Pod "
            f"Security Standard {level}, which the pod violates: {_tail(found['what'], 420)}"
        ),
        (evidence, *((field(namespace, "metadata", "labels"),) if namespace else ())),
        [EVENT, RELATION],
        (
            Remedy(
                f"make the pod's securityContext comply with {level}" + (", if its program does without these rights" if patch else ""),
                patch or f"kubectl -n {owner.namespace} get {owner.kind.lower()} {owner.name} -o yaml",
                "mutate" if patch else "read",
            ),
            Remedy(
                "or, if the workload really needs it, run it in a namespace with another level",
                f"kubectl label namespace {maker.namespace} pod-security.kubernetes.io/enforce=privileged --overwrite",
                "mutate",
            ),
        ),
        speciality="security",
    )


def _denied(view: ClusterView, maker: Obj, found: re.Match[str], evidence: Evidence) -> Finding:
    owner = view.workload_of(maker)
    text = f"{_missing(maker, owner)}: admission webhook {found['webhook']} denies them: {_tail(found['what']) or 'without a reason'}"
    remedy = Remedy(
        "make the pod template meet the webhook's policy",
        f"kubectl -n {owner.namespace} get {owner.kind.lower()} {owner.name} -o yaml",
        "read",
    )
    return _finding(maker, owner, "WebhookDenied", owner, text, (evidence,), [EVENT, RELATION], (remedy,))


def _policy(view: ClusterView, maker: Obj, found: re.Match[str], evidence: Evidence) -> Finding:
    owner = view.workload_of(maker)
    policy = view.find("validatingadmissionpolicies.admissionregistration.k8s.io", "", found["policy"])
    text = (
        f"{_missing(maker, owner)}: ValidatingAdmissionPolicy {found['policy']} "
        f"(binding {found['binding']}) denies them: {_tail(found['what'])}"
    )
    remedy = Remedy(
        "make the pod template meet the policy, or change the policy or its binding",
        f"kubectl get validatingadmissionpolicy {found['policy']} -o yaml",
        "read",
    )
    cited = fields(policy, ("spec", "validations")) if policy else ()
    return _finding(maker, owner, "AdmissionPolicyDenied", owner, text, (evidence, *cited), [EVENT, RELATION], (remedy,))


def _account(view: ClusterView, maker: Obj, found: re.Match[str], evidence: Evidence) -> Finding:
    owner, name = view.workload_of(maker), found["name"]
    names = [s.name for s in view.within("serviceaccounts", maker.namespace)]
    elsewhere = [s.namespace for s in view.within("serviceaccounts", None) if s.name == name] if view.namespace is None else []
    text = (
        f"{_missing(maker, owner)}: its ServiceAccount {name} does not exist in namespace {maker.namespace}{_hint(name, names, elsewhere)}"
    )
    remedy = Remedy(
        "create the ServiceAccount, or correct serviceAccountName", f"kubectl -n {maker.namespace} create serviceaccount {name}", "mutate"
    )
    object_ = ObjectRef("ServiceAccount", maker.namespace, name)
    cited = fields(maker, ("spec", "template", "spec", "serviceAccountName"))
    return _finding(
        maker, owner, "ServiceAccountNotFound", object_, text, (evidence, *cited), [EVENT, RELATION], (remedy,), detail=owner.name
    )


def _priority(view: ClusterView, maker: Obj, found: re.Match[str], evidence: Evidence) -> Finding:
    owner, name = view.workload_of(maker), found["name"].strip('"')
    names = [p.name for p in view.within("priorityclasses.scheduling.k8s.io", None)]
    text = f"{_missing(maker, owner)}: its PriorityClass {name} does not exist{_hint(name, names, [])}"
    remedy = Remedy("create the PriorityClass, or correct priorityClassName", "kubectl get priorityclass", "read")
    cited = fields(maker, ("spec", "template", "spec", "priorityClassName"))
    object_ = ObjectRef("PriorityClass", "", name)
    return _finding(
        maker, owner, "PriorityClassNotFound", object_, text, (evidence, *cited), [EVENT, RELATION], (remedy,), detail=owner.name
    )


def _runtime(view: ClusterView, maker: Obj, found: re.Match[str], evidence: Evidence) -> Finding:
    owner, name = view.workload_of(maker), found["name"]
    names = [r.name for r in view.within("runtimeclasses.node.k8s.io", None)]
    text = f"{_missing(maker, owner)}: its RuntimeClass {name} does not exist{_hint(name, names, [])}"
    remedy = Remedy("create the RuntimeClass, or correct runtimeClassName", "kubectl get runtimeclass", "read")
    cited = fields(maker, ("spec", "template", "spec", "runtimeClassName"))
    object_ = ObjectRef("RuntimeClass", "", name)
    return _finding(
        maker, owner, "RuntimeClassNotFound", object_, text, (evidence, *cited), [EVENT, RELATION], (remedy,), detail=owner.name
    )


def _terminating(view: ClusterView, maker: Obj, found: re.Match[str], evidence: Evidence) -> Finding:
    owner = view.workload_of(maker)
    text = f"{_missing(maker, owner)}: namespace {maker.namespace} is being deleted and takes nothing new"
    return _finding(
        maker,
        owner,
        "NamespaceTerminating",
        ObjectRef("Namespace", "", maker.namespace),
        text,
        (evidence,),
        [EVENT, RELATION],
        detail=owner.name,
    )


def _constraint(view: ClusterView, maker: Obj, found: re.Match[str], evidence: Evidence) -> Finding:
    owner = view.workload_of(maker)
    text = (
        f"{_missing(maker, owner)}: no security context constraint (SCC) that "
        f"its ServiceAccount may use allows them: {_tail(found['what'], 400)}"
    )
    remedy = Remedy(
        "make the securityContext fit restricted-v2, or grant the ServiceAccount another SCC",
        f"kubectl -n {owner.namespace} get {owner.kind.lower()} {owner.name} -o yaml",
        "read",
    )
    return _finding(maker, owner, "SecurityContextConstraint", owner, text, (evidence,), [EVENT, HINT], (remedy,), speciality="security")


def _invalid(view: ClusterView, maker: Obj, found: re.Match[str], evidence: Evidence) -> Finding:
    owner = view.workload_of(maker)
    text = f"{_missing(maker, owner)}: the pod made from its template is invalid: {_tail(found['what'])}"
    remedy = Remedy("correct the pod template", f"kubectl -n {owner.namespace} get {owner.kind.lower()} {owner.name} -o yaml", "read")
    return _finding(maker, owner, "InvalidPodTemplate", owner, text, (evidence,), [EVENT, RELATION], (remedy,))


_Tell = Callable[[ClusterView, Obj, "re.Match[str]", Evidence], Finding]
_CAUSES: tuple[tuple[re.Pattern[str], _Tell], ...] = (
    (_DENIED, _denied),
    (_POLICY, _policy),
    (_EXCEEDED, _exceeded),
    (_MUST, _must_specify),
    (_SECURITY, _security),
    (_CONSTRAINT, _constraint),
    (_LIMITS, _limit_range),
    (_ACCOUNT, _account),
    (_PRIORITY, _priority),
    (_RUNTIME, _runtime),
    (_TERMINATING, _terminating),
    (_INVALID, _invalid),
)


def _missing(maker: Obj, owner: ObjectRef, *, short: bool = False) -> str:
    """`Deployment web has 2 of 4 pods and the API server refuses the rest`."""
    if maker.kind == "CronJob":
        return f"{owner.kind} {owner.name} starts no Job" + ("" if short else " since the API server refuses to create it")
    if maker.kind == "DaemonSet":
        have, want = maker.number("status", "currentNumberScheduled"), maker.number("status", "desiredNumberScheduled")
    elif maker.kind == "Job":
        have, want = maker.number("status", "active"), maker.number("spec", "parallelism", default=1)
    else:
        have, want = maker.number("status", "replicas"), maker.number("spec", "replicas", default=1)
    counts = f"{owner.kind} {owner.name} has {have} of {want} pods"
    return counts if short else f"{counts} since the API server refuses to create them"


def _hint(name: str, names: list[str], elsewhere: list[str]) -> str:
    guess = nearest(name, names)
    if guess:
        return f"; did you mean {guess}?"
    return f"; there is one in namespace {elsewhere[0]}" if elsewhere else ""


def _tail(message: str, most: int = 300) -> str:
    flat = " ".join(message.split()).rstrip(". ")
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def _finding(
    maker: Obj,
    owner: ObjectRef,
    code: str,
    object_: ObjectRef,
    summary: str,
    evidence: tuple[Evidence, ...],
    weights: list[float],
    remedies: tuple[Remedy, ...] = (),
    *,
    causes: tuple[str, ...] = (),
    detail: str = "",
    speciality: str = "workload",
) -> Finding:
    see = Remedy("see the refusal", f"kubectl -n {maker.namespace} describe {maker.kind.lower()} {maker.name}", "read")
    return Finding(
        code=code,
        severity="critical",
        object=object_,
        summary=summary,
        evidence=evidence,
        owner=owner,
        causes=causes,
        remedies=(*remedies, see),
        confidence=confidence(weights),
        docs=("FailedCreate", "admission", code),
        speciality=speciality,
        detail=detail,
    )
