"""Which finding explains which by references between objects of any kind: what a custom resource needs, owns, makes and speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.analyzers.common.links import links, mentions
from engine.analyzers.common.view import ClusterView
from engine.cluster.kinds import KIND_OF
from engine.cluster.objects import Obj
from engine.core.types import Finding, ObjectRef

if TYPE_CHECKING:
    from engine.analyzers.diagnosis.graph import Graph

_ABSENT = re.compile(r"^Missing|NotFound$|SecretNotFound")
_HELM = re.compile(r"another operation|pending-(?:install|upgrade|rollback)|has no deployed releases", re.IGNORECASE)


def follow_references(view: ClusterView, graph: Graph) -> None:
    """Add the arrows that references give; the findings of built-in workloads among each other have surer rules of their own."""
    broken = [f for f in graph.by_id.values() if f.severity != "info"]
    custom = {f.object: f for f in broken if f.object.kind and f.object.kind not in KIND_OF and f.code != "ReferenceNotFound"}
    if not custom:
        return
    objects = {ref: obj for ref in custom if (obj := view.locate(ref)) is not None}
    for ref, obj in objects.items():
        for link in links(view, obj):
            for other in graph.of(link.to):
                if other.severity == "info" or other.id == custom[ref].id:
                    continue
                if link.makes and _ABSENT.search(other.code):
                    graph.explains(custom[ref], other)
                elif not link.makes and other.object == link.to:
                    graph.explains(other, custom[ref])
    for finding in broken:
        for owner in _owners(view, finding):
            for parent in [p for ref, p in custom.items() if ref.kind == owner.kind and ref.name == owner.name]:
                if parent.object.namespace in ("", finding.object.namespace):
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
