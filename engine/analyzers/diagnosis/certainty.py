"""How sure it is that a cause is the root, and not only real: what lowers it, and what would decide.

A finding's own confidence says whether it is true. Whether it is the root depends on what lies behind it, so each doubt caps the
confidence. The caps are set so that the table of tests/engine/analyzers/generality/test_reliability.py holds, which also diagnoses
recordings from which the decisive list, log or event was taken away:

- `GENERIC` 0.65      the code only says that something fails (a probe, a node, an API, an error in a log), not why;
- `CALLED` 0.55       the program waits for another object, and nothing was found wrong there;
- `UNREAD` 0.60       a log or an object further down could not be read;
- `ASIDE` 0.55        the question names an object that the cause does not touch;
- `RIVAL` 0.85        another cause explains the same symptom as well;
- `BEHIND`            a list in which the reason may lie cannot be read; the cap is the row's own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.analyzers.common.links import links
from engine.analyzers.common.view import ClusterView
from engine.analyzers.logs.cause import waits_on_others
from engine.cluster.kinds import RESOURCE_OF_KIND
from engine.core.types import Finding, ObjectRef

GENERIC, CALLED, UNREAD, ASIDE, RIVAL = 0.65, 0.55, 0.60, 0.55, 0.85
BEHIND: tuple[tuple[str, tuple[str, ...], float], ...] = (
    (r"^Missing(?:Secret|ConfigMap)$", ("customresourcedefinitions.apiextensions.k8s.io",), 0.85),
    (
        r"^(?:ScaledToZero|AutoscalerDisabled)$",
        ("horizontalpodautoscalers.autoscaling", "customresourcedefinitions.apiextensions.k8s.io"),
        0.80,
    ),
    (r"^(?:Autoscaler(?:Metrics|Inactive))$", ("apiservices.apiregistration.k8s.io",), 0.60),
    (r"^MultiAttachError$", ("volumeattachments.storage.k8s.io", "nodes"), 0.60),
    (r"^CSIDriver", ("daemonsets.apps", "nodes"), 0.60),
    (r"^(?:FailedScheduling|Unbound\w+|Claim\w+|Provision\w+)$", ("nodes", "persistentvolumes", "storageclasses.storage.k8s.io"), 0.60),
    (r"^(?:FailedCreate|Webhook\w+)$", ("validatingwebhookconfigurations.admissionregistration.k8s.io",), 0.80),
    (r"^(?:NamespaceTerminating|DeletionBlocked)$", ("apiservices.apiregistration.k8s.io",), 0.80),
)
"""Codes, the lists in which their reason may lie, and how sure the code alone is; makers of Secrets are rarer than misspelt names."""
_GENERIC_CODES = re.compile(
    r"^(?:LoggedError|CrashLoopBackOff|(?:Readiness|Liveness|Startup)ProbeFailed|NodeNotReady|NodeProblem|KubeletSilent|APIServiceUnavailable|"
    r"ServiceNotReady|ServiceWithoutPods|FailedCreate|FailedMount|FailedAttachVolume|FailedScheduling|StartError|InitContainerHangs|"
    r"ProvisionerSilent|Deployment\w+|StatefulSet\w+|DaemonSetUnavailable|ReplicaSetUnavailable|ProgressDeadlineExceeded|RolloutIncomplete|"
    r"PodTerminating|JobFailed|JobAlreadyActive|NoController|CSIDriverNotRegistered|UnboundVolumeClaim|MultiAttachError|ExtendedResourceMissing|DnsFailing|ClusterDnsDown|Waiting|HostPathCheckFailed)$"
)
_TOLD = re.compile(
    r"the program (?:listens|answers 404)|it has to listen|the path needs|the answer takes|the container (?:has no|declares) port|"
    r"probe and program disagree|probe's command|too short for|startup probe is missing|"
    r"names a host that does not resolve|did you mean|does not exist"
)
"""Words of a summary that name the mistake itself, so that even a generic code is a reason."""
_PASSES_ON = re.compile(r"(?:not Ready|still \w+|not \w+)$|waiting (?:on|for)|not ready|see the|unable to validate", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Certainty:
    """A confidence that a cause is the root, and the doubts that lowered it, a sentence each on what would decide."""

    confidence: float
    doubts: tuple[str, ...] = ()


def certainty(
    view: ClusterView,
    root: Finding,
    effects: Sequence[Finding],
    rivals: Sequence[Finding],
    *,
    asked: Sequence[ObjectRef],
    touched: bool,
    unlinked: bool = False,
) -> Certainty:
    """How sure it is that `root` is the root of its `effects`.

    `rivals` are other causes that explain the same, `asked` the objects that the question names, `touched` whether the cause concerns them;
    `unlinked`: it names no object that was found, and the cause shares no word with it.
    """
    caps: list[tuple[float, str]] = []
    told = bool(_TOLD.search(root.summary))
    if _GENERIC_CODES.match(root.code) and not told:
        caps.append((GENERIC, f"{root.code} says that it fails and not why"))
    if root.code == "CustomResourceNotReady" and _PASSES_ON.search(root.summary):
        caps.append((GENERIC, f"the status of {root.object} points at something else, which was not found"))
    if waits_on_others(root.code) and not told:
        caps.append((CALLED, "nothing was found wrong with what it calls: look at the server's own log"))
    unread = "" if told else _unread(view, root)
    if unread:
        caps.append((UNREAD, unread))
    dark = _dark(view, root)
    if dark is not None:
        caps.append(dark)
    if "(no event)" in root.summary:
        caps.append((UNREAD, f"no event of {root.object} was found that says why"))
    if unlinked:
        caps.append((ASIDE, "nothing that the question names was found, so this may be another fault"))
    if not touched and any(ref.kind != "Namespace" for ref in asked):
        caps.append((ASIDE, f"it does not concern {next(r for r in asked if r.kind != 'Namespace')}, which the question names"))
    if rivals:
        caps.append((RIVAL, f"{rivals[0].object} explains the same: {rivals[0].summary[:120]}"))
    sure = min([root.confidence, *(cap for cap, _ in caps)])
    if len(caps) > 1:
        sure *= 0.92 ** (len(caps) - 1)
    return Certainty(round(sure, 2), tuple(text for cap, text in sorted(caps) if cap <= root.confidence))


def _dark(view: ClusterView, root: Finding) -> tuple[float, str] | None:
    """The cap for a list behind a cause that cannot be read, and which one it is."""
    for codes, resources, cap in BEHIND:
        hidden = [r for r in resources if re.match(codes, root.code) and not view.can_see(r, root.object.namespace)]
        if hidden:
            return cap, f"{hidden[0]} could not be read, where the reason may lie"
    return None


def _unread(view: ClusterView, root: Finding) -> str:
    """What a cause refers to and may not be read, or whose log was not recorded, as a sentence; "" where all was read."""
    obj = view.locate(root.object)
    if obj is None or root.object.kind in ("Node", "Namespace"):
        return ""
    logged = any(e.source.startswith("log of") for e in root.evidence)
    if root.code in ("CrashLoopBackOff", "ReadinessProbeFailed", "LivenessProbeFailed", "StartupProbeFailed") and not logged:
        return f"the log of {root.owner or root.object} says nothing or was not read"
    if root.object.kind in RESOURCE_OF_KIND:
        return ""
    for link in links(view, obj):
        resources = [RESOURCE_OF_KIND[link.to.kind]] if link.to.kind in RESOURCE_OF_KIND else view.custom_kinds.get(link.to.kind, [])
        if any(not view.can_see(resource, link.to.namespace) for resource in resources):
            return f"{link.to.kind} {link.to.name}, which it refers to, could not be read"
    return ""
