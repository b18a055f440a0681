"""How sure it is that a cause is the root, and not only real: what lowers it, and what would decide.

A finding's own confidence says whether it is true. Whether it is the root depends on what lies behind it. Each doubt caps the confidence
at the share of right answers that causes with this doubt had, over labelled recordings of several sources (tests/engine/analyzers/
generality/test_reliability.py holds the table):

- `GENERIC` 0.70      the code only says that something fails (a probe, a node, an API, an error in a log), not why;
- `CALLED` 0.55       the program waits for another object, and nothing was found wrong there;
- `UNREAD` 0.60       a log or an object further down could not be read;
- `ASIDE` 0.55        the question names an object that the cause does not touch;
- `RIVAL` 0.85        another cause explains the same symptom as well;
- `MENTIONED` 0.85    the chain holds by a name in a text alone.
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

GENERIC, CALLED, UNREAD, ASIDE, RIVAL = 0.70, 0.55, 0.60, 0.55, 0.85
_GENERIC_CODES = re.compile(
    r"^(?:LoggedError|CrashLoopBackOff|(?:Readiness|Liveness|Startup)ProbeFailed|NodeNotReady|NodeProblem|KubeletSilent|APIServiceUnavailable|"
    r"ServiceNotReady|ServiceWithoutPods|FailedCreate|FailedMount|FailedAttachVolume|FailedScheduling|StartError|InitContainerHangs|"
    r"ProvisionerSilent|Deployment\w+|StatefulSet\w+|DaemonSetUnavailable|ReplicaSetUnavailable|ProgressDeadlineExceeded|RolloutIncomplete|"
    r"PodTerminating|JobFailed|JobAlreadyActive|NoController|ExtendedResourceMissing|DnsFailing|ClusterDnsDown|Waiting|HostPathCheckFailed)$"
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
    view: ClusterView, root: Finding, effects: Sequence[Finding], rivals: Sequence[Finding], *, asked: Sequence[ObjectRef], touched: bool
) -> Certainty:
    """How sure it is that `root` is the root of its `effects`.

    `rivals` are other causes that explain the same, `asked` the objects that the question names, `touched` whether the cause concerns them.
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
    if not touched and any(ref.kind != "Namespace" for ref in asked):
        caps.append((ASIDE, f"it does not concern {next(r for r in asked if r.kind != 'Namespace')}, which the question names"))
    if rivals:
        caps.append((RIVAL, f"{rivals[0].object} explains the same: {rivals[0].summary[:120]}"))
    sure = min([root.confidence, *(cap for cap, _ in caps)])
    if len(caps) > 1:
        sure *= 0.92 ** (len(caps) - 1)
    return Certainty(round(sure, 2), tuple(text for cap, text in sorted(caps) if cap <= root.confidence))


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
