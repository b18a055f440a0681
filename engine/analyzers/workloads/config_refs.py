"""ConfigMaps, Secrets and settings that containers cannot start without: what is missing, and what it may have meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator

from engine.analyzers.common import citations
from engine.analyzers.common.confidence import EVENT, RELATION, STATE, confidence
from engine.analyzers.common.containers import Container, containers, is_finished, is_settled, pod_template
from engine.analyzers.common.settings import Reference, keys_of, keys_shown, references
from engine.analyzers.common.view import ClusterView
from engine.analyzers.registry import analyzer
from engine.analyzers.workloads.crash import runtime_cause
from engine.cluster.objects import Obj, map_at, text_at
from engine.core.types import Evidence, Finding, ObjectRef, Remedy

_RESOURCE = {"ConfigMap": "configmaps", "Secret": "secrets"}
_MISSING_KEY = re.compile(r"couldn't find key (?P<key>\S+) in (?P<kind>ConfigMap|Secret) (?:(?P<ns>[\w.-]+)/)?(?P<name>[\w.-]+)")
_NOT_FOUND = re.compile(r"(?P<kind>configmaps?|secrets?) \"(?P<name>[^\"]+)\" (?:not found|is forbidden)", re.IGNORECASE)
_NO_KEY = re.compile(r"references non-existent (?P<kind>config|secret) key: (?P<key>\S+)")
_WORKLOADS = ("deployments.apps", "statefulsets.apps", "daemonsets.apps")


@analyzer("configuration-references", speciality="workload", needs=("pods", "events", "configmaps", "secrets"))
def configuration(view: ClusterView) -> Iterable[Finding]:
    """Pods held by a missing ConfigMap, Secret or key, or by a security setting that the image does not meet."""
    for pod in view.all("pods"):
        if pod.deleting_since is not None or is_finished(pod) or is_settled(pod):
            continue
        owner = view.workload_of(pod)
        told: set[tuple[ObjectRef, str]] = set()
        for container in containers(pod):
            if container.waiting_reason in ("CreateContainerConfigError", "CreateContainerError"):
                for finding in _config_error(view, container, owner):
                    told.add((finding.object, finding.detail))
                    yield finding
        if any(c.waiting_reason in ("ContainerCreating", "PodInitializing") for c in containers(pod)):
            yield from _mounts(view, pod, owner)
    yield from _dangling(view)


def _near(name: str, names: Iterable[str]) -> str:
    """The name that a misspelt one may mean; names that only share their first words (`web-tls`, `web-db`) are not near."""
    close = citations.nearest(name, names)
    mine, theirs = re.split(r"[-._]", name.lower()), re.split(r"[-._]", close.lower())
    if close and len(mine) == len(theirs):
        apart = [(a, b) for a, b in zip(mine, theirs, strict=True) if a != b]
        if len(apart) == 1 and difflib.SequenceMatcher(None, *apart[0]).ratio() < 0.5:
            return ""
    return close


def missing(view: ClusterView, reference: Reference) -> tuple[str, str] | None:
    """(what is missing, what it may have meant) for a reference that leads nowhere; None where it is fine or cannot be seen."""
    ref = reference.object
    resource = _RESOURCE[ref.kind]
    if reference.optional or not view.can_see(resource, ref.namespace):
        return None
    found = view.find_ref(ref)
    if found is None:
        close = _near(ref.name, [o.name for o in view.within(resource, ref.namespace)])
        elsewhere = [o.namespace for o in view.within(resource, view.namespace) if o.name == ref.name and o.namespace != ref.namespace]
        hint = f"did you mean {close}?" if close else f"there is one in namespace {elsewhere[0]}" if elsewhere else ""
        return f"{ref.kind} {ref.name} does not exist in namespace {ref.namespace} (not found)", hint
    if reference.key and keys_shown(view, ref):
        keys = keys_of(view, ref)
        if reference.key not in keys:
            close = _near(reference.key, keys)
            hint = f"it has {close}" if close else f"its keys are {citations.listed(keys)}" if keys else "it has no keys"
            return f"{ref.kind} {ref.name} has no key {reference.key}", hint
    return None


def _finding(
    view: ClusterView,
    owner: ObjectRef,
    reference: Reference,
    lost: tuple[str, str],
    evidence: Iterable[Evidence],
    held: str,
    weights: Iterable[float],
) -> Finding:
    ref = reference.object
    found = view.find_ref(ref)
    quoted = list(evidence)
    if found is not None and ref.kind == "ConfigMap":
        quoted.append(Evidence(f"{ref} data", "\n".join(f"{k}:" for k in keys_of(view, ref))[:300], object=ref))
    what, hint = lost
    where = f"{reference.where}{f' of container {reference.container}' if reference.container else ''}"
    return Finding(
        code=f"Missing{ref.kind}{'Key' if found is not None else ''}",
        severity="critical",
        object=ref,
        summary=f"{what}{f' ({hint})' if hint else ''}, but {owner} needs it for {where}{held}",
        evidence=tuple(quoted),
        owner=owner,
        remedies=_remedies(ref, reference, found is not None),
        confidence=confidence(weights),
        docs=("CreateContainerConfigError" if reference.container else "FailedMount", f"missing {ref.kind}"),
        detail="/".join(p for p in (owner.name, reference.key) if p),
    )


def _remedies(ref: ObjectRef, reference: Reference, exists: bool) -> tuple[Remedy, ...]:
    key = reference.key or "KEY"
    if exists:
        return (
            Remedy(
                f"add the key {key} to {ref}, or correct the key in the pod template",
                f"kubectl edit {ref.kind.lower()}/{ref.name} -n {ref.namespace}",
                "mutate",
            ),
        )
    kind = "configmap" if ref.kind == "ConfigMap" else "secret generic"
    return (
        Remedy(
            f"create {ref}, or correct its name in the pod template",
            f"kubectl create {kind} {ref.name} -n {ref.namespace} --from-literal={key}=VALUE",
            "mutate",
        ),
    )


def _config_error(view: ClusterView, container: Container, owner: ObjectRef) -> Iterator[Finding]:
    message = text_at(container.waiting, "message")
    held = f", so {container.label} waits ({container.waiting_reason})"
    wanted = [r for r in references(container.pod.namespace, container.pod.map("spec")) if r.container == container.name]
    weights = [STATE, RELATION]
    found = _MISSING_KEY.search(message)
    if found:
        ref = ObjectRef(found["kind"], container.pod.namespace, found["name"])
        reference = next(
            (r for r in wanted if r.object == ref and r.key == found["key"]),
            Reference(ref, found["key"], False, "a variable", container.name),
        )
        lost = missing(view, reference) or (f"{ref.kind} {ref.name} has no key {found['key']}", "")
        yield _finding(view, owner, reference, lost, [container.wait()], held, weights)
        return
    found = _NOT_FOUND.search(message)
    if found:
        ref = ObjectRef("ConfigMap" if found["kind"].lower().startswith("configmap") else "Secret", container.pod.namespace, found["name"])
        reference = next((r for r in wanted if r.object == ref), Reference(ref, "", False, "a variable", container.name))
        lost = missing(view, Reference(ref, "", False, reference.where)) or (
            f"{ref.kind} {ref.name} does not exist in namespace {ref.namespace} (not found)",
            "",
        )
        yield _finding(view, owner, reference, lost, [container.wait()], held, weights)
        return
    security = _security(view, container, owner, message)
    if security is not None:
        yield security
        return
    cause = runtime_cause(view, container, owner, message)
    code = cause.code if cause.code != "StartError" else container.waiting_reason
    says = cause.says if cause.code != "StartError" else f"the kubelet cannot make it: {message[:300]}"
    yield Finding(
        code=code,
        severity="critical",
        object=owner,
        summary=f"{container.label} of {owner} waits in {container.waiting_reason}: {says}",
        evidence=(container.wait(), *cause.evidence[1:]),
        owner=owner,
        remedies=tuple(cause.remedies)
        or (Remedy("see the pod's events", f"kubectl describe pod {container.pod.name} -n {container.pod.namespace}", "read"),),
        confidence=confidence([STATE]),
        docs=(container.waiting_reason,),
        detail=container.name,
    )


def _security(view: ClusterView, container: Container, owner: ObjectRef, message: str) -> Finding | None:
    """runAsNonRoot against an image that runs as root, or as a user that has only a name."""
    if "runAsNonRoot" not in message and "non-numeric user" not in message:
        return None
    own, pods = map_at(container.spec, "securityContext"), container.pod.map("spec", "securityContext")
    by_container = "runAsNonRoot" in own
    user = own.get("runAsUser", pods.get("runAsUser"))
    place = f"{container.spec_where}.securityContext" if by_container else "spec.securityContext"
    if "non-numeric" in message:
        says = "runAsNonRoot is true and the image's user is a name, not a number, so the kubelet cannot verify that it is not root"
    elif user == 0:
        says = "runAsNonRoot is true, but runAsUser is 0 (root)"
    else:
        says = f"runAsNonRoot is true, but image {container.image} runs as root and no runAsUser is set"
    what = f"{owner.kind.lower()}/{owner.name}"
    return Finding(
        code="RunAsNonRoot",
        severity="critical",
        object=owner,
        summary=f"{container.label} of {owner} cannot be created ({container.waiting_reason}): {says}",
        evidence=(
            container.wait(),
            Evidence(f"{container.pod.ref} {place}", "runAsNonRoot: true", object=container.pod.ref),
            container.declared("image"),
        ),
        owner=owner,
        remedies=(
            Remedy("set runAsUser to a number above 0 that the image can run as", f"kubectl edit {what} -n {owner.namespace}", "mutate"),
        ),
        confidence=confidence([STATE, RELATION]),
        docs=("runAsNonRoot", "securityContext"),
        detail=container.name,
    )


def _mounts(view: ClusterView, pod: Obj, owner: ObjectRef) -> Iterator[Finding]:
    """FailedMount events about the ConfigMaps and Secrets of a pod that still waits."""
    wanted = [r for r in references(pod.namespace, pod.map("spec")) if r.where.startswith("volume ")]
    done: set[tuple[ObjectRef, str]] = set()
    events = [e for e in view.events_of(pod) if e.text("reason") in ("FailedMount", "FailedAttachVolume")]
    held = ", so its containers stay in ContainerCreating (FailedMount)"
    for reference in wanted:
        lost = missing(view, reference)
        if lost is None or (reference.object, reference.key) in done:
            continue
        done.add((reference.object, reference.key))
        about = [e for e in events if reference.object.name in e.text("message") or (reference.key and reference.key in e.text("message"))]
        quoted = [citations.event(e) for e in about[-1:]] or [citations.field(pod, "spec", "volumes")]
        yield _finding(view, owner, reference, lost, quoted, held, [RELATION, STATE, *([EVENT] if about else [])])
    for event in reversed(events):
        message = event.text("message")
        found = _NOT_FOUND.search(message)
        if found and not done:
            ref = ObjectRef("ConfigMap" if found["kind"].lower().startswith("configmap") else "Secret", pod.namespace, found["name"])
            if view.can_see(_RESOURCE[ref.kind], ref.namespace) and view.find_ref(ref) is not None:
                continue
            reference = next((r for r in wanted if r.object == ref), Reference(ref, "", False, "a volume"))
            yield _finding(
                view,
                owner,
                reference,
                (f"{ref.kind} {ref.name} does not exist in namespace {ref.namespace} (not found)", ""),
                [citations.event(event)],
                held,
                [EVENT, STATE],
            )
            return
        found = _NO_KEY.search(message)
        if found and not done:
            kind = "ConfigMap" if found["kind"] == "config" else "Secret"
            keyed = next((r for r in wanted if r.object.kind == kind and r.key == found["key"]), None)
            if keyed is not None:
                yield _finding(
                    view,
                    owner,
                    keyed,
                    (f"{kind} {keyed.object.name} has no key {found['key']}", ""),
                    [citations.event(event)],
                    held,
                    [EVENT, STATE],
                )
                return


def _dangling(view: ClusterView) -> Iterator[Finding]:
    """References of templates whose pods do not show it (yet): nothing runs, or the running pods are older than the loss."""
    waiting: set[ObjectRef] = set()
    for pod in view.all("pods"):
        if pod.text("status", "phase") == "Pending" and pod.text("spec", "nodeName"):
            waiting.add(view.workload_of(pod))
    for resource in (*_WORKLOADS, "cronjobs.batch"):
        for workload in view.all(resource):
            if workload.ref in waiting or workload.at("spec", "replicas") == 0 or workload.deleting_since is not None:
                continue
            for reference in references(workload.namespace, pod_template(workload).get("spec")):
                lost = missing(view, reference)
                if lost is None:
                    continue
                what, hint = lost
                yield Finding(
                    code=f"Missing{reference.object.kind}{'Key' if ' has no key ' in what else ''}",
                    severity="warning",
                    object=reference.object,
                    summary=f"{what}{f' ({hint})' if hint else ''}, and {workload.ref} names it ({reference.where}): its next pod "
                    "will not start",
                    evidence=(citations.field(workload, "spec", "template", "spec", "volumes"),)
                    if reference.where.startswith("volume ") and workload.kind != "CronJob"
                    else (),
                    owner=workload.ref,
                    remedies=_remedies(reference.object, reference, " has no key " in what),
                    confidence=confidence([RELATION]),
                    docs=(f"missing {reference.object.kind}",),
                    detail="/".join(p for p in (workload.name, reference.key) if p),
                )
