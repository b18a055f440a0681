"""Refinements of a story about an object of the cluster that a program asked for and did not find."""

from __future__ import annotations

import re

from engine.analyzers.common.citations import nearest
from engine.analyzers.common.confidence import RELATION
from engine.analyzers.common.containers import Container
from engine.analyzers.common.view import ClusterView
from engine.analyzers.logs.cause import Cause
from engine.analyzers.logs.reader import Story
from engine.analyzers.registry import SHARED
from engine.cluster.kinds import KINDS

_NAMED = re.compile(r"\b(?P<resource>[a-z]{4,40})(?:\.[a-z0-9.-]+)? \\?\"(?P<name>[a-z0-9.-]+)\\?\" not found")
_NAMESPACE = re.compile(r"\bnamespace\\?\"?[:= ]+\\?\"?(?P<namespace>[a-z0-9][a-z0-9-]*)")


def object_not_found(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    """Look for the object itself: say in which namespace it is missing, what is close to its name, or that it is there by now."""
    text = " ".join([story.entry.text, *story.entry.lines[:2]])
    found = _NAMED.search(text)
    kind = KINDS.get(found["resource"]) if found is not None else None
    if found is None or kind is None or kind.resource not in SHARED:
        return
    told = _NAMESPACE.search(text)
    namespace = (told["namespace"] if told is not None else container.pod.namespace) if kind.namespaced else ""
    name, where = found["name"], f" in namespace {namespace}" if namespace else ""
    if view.find(kind.resource, namespace, name) is not None:
        cause.says += f"; {kind.kind} {name} exists{where} by now"
        return
    if not view.can_see(kind.resource, namespace):
        return
    there = [o.name for o in view.within(kind.resource, namespace or None)]
    close = nearest(name, there)
    cause.says = f"{kind.kind} {name} does not exist{where}" + (f" (did you mean {close}?)" if close else "")
    cause.weights.append(RELATION)
