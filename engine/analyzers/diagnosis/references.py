"""Which finding explains which by references between objects of any kind: what a custom resource needs, owns, makes and speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.analyzers.common.links import links, mentions
from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.graph import Graph
from engine.cluster.kinds import KIND_OF
from engine.cluster.objects import Obj
from engine.core.types import Finding, ObjectRef

_ABSENT = re.compile(r"^Missing|NotFound$|SecretNotFound")
_BY_AUTOSCALER = ("ScaledToZero", "AutoscalerDisabled")
"""States that an autoscaler sets: what keeps it from working explains them, never the other way round."""
_HELM = re.compile(r"another operation|pending-(?:install|upgrade|rollback)|has no deployed releases", re.IGNORECASE)


def follow_references(view: ClusterView, graph: Graph) -> None:
    """Add the arrows that references give; the findings of built-in workloads among each other have surer rules of their own."""
    _conversions(view, graph)
    broken = [f for f in graph.by_id.values() if f.severity != "info"]
    custom = {f.object: f for f in broken if f.object.kind and f.object.kind not in KIND_OF and f.code != "ReferenceNotFound"}
    if not custom:
        return
    objects = {ref: obj for ref in custom if (obj := view.locate(ref)) is not None}
    for ref, obj in objects.items():
        for link in links(view, obj):
            for other in graph.of(link.to):
                if other.id == custom[ref].id or (other.severity == "info" and other.code not in _BY_AUTOSCALER):
                    continue
                if (link.makes and _ABSENT.search(other.code)) or (other.code in _BY_AUTOSCALER and "caleTarget" in link.path):
                    graph.explains(custom[ref], other)
                elif not link.makes and other.object == link.to:
                    graph.explains(other, custom[ref])
    for finding in broken:
        for owner in _owners(view, finding):
            for parent in [p for ref, p in custom.items() if ref.kind == owner.kind and ref.name == owner.name]:
                if parent.object.namespace not in ("", finding.object.namespace):
                    continue
                if finding.code in _BY_AUTOSCALER:
                    graph.explains(parent, finding)
                else:
                    graph.explains(finding, parent)
    for ref, effect in custom.items():
        for finding in broken:
            if finding.id != effect.id and _spoken_of(effect, finding):
                graph.explains(finding, effect)
        if _HELM.search(effect.summary):
            for finding in graph.by_id.values():
                release = finding.detail
                if finding.code == "HelmReleasePending" and _releases(objects.get(ref), ref, release):
                    graph.explains(finding, effect)


def _conversions(view: ClusterView, graph: Graph) -> None:
    """What complains of a kind that cannot be converted is explained by the definition's webhook."""
    for cause in [f for f in graph.by_id.values() if f.code == "ConversionWebhookUnavailable"]:
        crd = view.locate(cause.object)
        group = crd.text("spec", "group") if crd is not None else ""
        host = ".".join(reversed(cause.detail.split("/")))
        for effect in list(graph.by_id.values()):
            text = " ".join([effect.summary, *(e.excerpt for e in effect.evidence)])
            if effect.id != cause.id and ((group and f"conversion webhook for {group}/" in text) or f"//{host}.svc" in text):
                graph.explains(cause, effect)


def _releases(obj: Obj | None, ref: ObjectRef, release: str) -> bool:
    """Whether a custom resource is about a Helm release: by its own name, or by the name that it gives the release."""
    named = obj.text("spec", "releaseName") if obj is not None else ""
    target = obj.text("spec", "targetNamespace") if obj is not None else ""
    return release in {named or ref.name, f"{target or ref.namespace}-{ref.name}"}


def _owners(view: ClusterView, finding: Finding) -> Iterator[ObjectRef]:
    """The owners of a finding's object and of its workload, up to the custom resource at the top."""
    waiting = [ref for ref in (finding.object, finding.owner) if ref is not None]
    seen: set[ObjectRef] = set()
    while waiting and len(seen) < 12:
        ref = waiting.pop()
        if ref in seen:
            continue
        seen.add(ref)
        obj = view.locate(ref)
        for entry in obj.maps("metadata", "ownerReferences") if obj is not None else ():
            owner = ObjectRef(str(entry.get("kind") or ""), ref.namespace, str(entry.get("name") or ""))
            yield owner
            waiting.append(owner)


def _spoken_of(effect: Finding, finding: Finding) -> bool:
    """Whether the words of a status name another finding's object by kind and name."""
    about = finding.owner or finding.object
    same_place = about.namespace in ("", effect.object.namespace) or about.namespace in effect.summary
    named = any(mentions(effect.summary, ref.name) and ref.kind.lower() in effect.summary.lower() for ref in {about, finding.object})
    return named and same_place and effect.object not in (about, finding.object)
