"""What a term means: a difference, a field of the API, an entry of the glossary, in this order."""

from __future__ import annotations

import re

from engine.cluster.source import ClusterSource
from engine.language.answers.glossary import fields
from engine.language.answers.glossary.entries import difference, find, mentioned
from engine.language.answers.interface import Reply, Scene
from engine.language.request import Request

_FIELD_WORD = re.compile(r"\b[a-z]+(?:[A-Z][a-z0-9]*)+\b")
_MOST_BELOW = 30


def explained(request: Request, scene: Scene) -> Reply | None:
    """The answerer of questions about terms."""
    return explain(request.text, request.term, scene.source)


def explain(text: str, term: str = "", source: ClusterSource | None = None) -> Reply | None:
    """The paragraph that answers “what is …”, “what does … mean” and “difference between … and …”; None where the term is unknown.

    `term` is what is to be explained where that is known already; `source` gives the schemas for fields.
    """
    told = difference(text)
    if told:
        return Reply(answer=told)
    path = fields.path_in(text)
    if path is not None:
        field = _field(source, *path)
        if field is not None:
            return field
    named = mentioned(text)
    codes = [entry for entry in named if entry.topic == "exit_codes"]
    if codes:
        return Reply(answer=codes[0].text)
    exact = find(term) if term else None
    if exact is not None and not exact.corrected:
        return Reply(answer=exact.entry.text)
    if named:
        return Reply(answer="\n\n".join(entry.text for entry in named[: 2 if _asks_for_several(text) else 1]))
    for word in _FIELD_WORD.findall(text):
        known = fields.named(source, word)
        if known is not None:
            return _told(known)
    if exact is not None:
        return Reply(answer=f"Understood {exact.corrected} as {exact.entry.name}. {exact.entry.text}")
    return None


def _asks_for_several(text: str) -> bool:
    return bool(re.search(r"\band\b", text, re.I))


def _field(source: ClusterSource | None, kind: str, path: str) -> Reply | None:
    found = fields.explain(source, kind, path)
    if isinstance(found, fields.NoField):
        for other in ("Deployment", "Service", "PersistentVolumeClaim", "Ingress", "CronJob", "Node") if kind == "Pod" else ():
            there = fields.explain(source, other, path)  # a bare `spec.…` says no kind: the first that has the whole path is meant
            if isinstance(there, fields.Field):
                return _told(there)
        elsewhere = fields.named(source, found.name) if not found.parent or found.parent == "spec" else None
        if elsewhere is not None and elsewhere.kind != kind:
            return _told(elsewhere)
        near = f" Did you mean {' or '.join(found.near)}?" if found.near else ""
        return Reply(answer=f"{kind} has no field {found.name}{f' in {found.parent}' if found.parent else ''}.{near}")
    return _told(found) if found is not None else None


def _told(field: fields.Field) -> Reply:
    values = f" Values: {', '.join(field.values)}." if field.values else ""
    required = ", required" if field.required else ""
    below = (
        f"\nFields below it: {', '.join(field.below[:_MOST_BELOW])}{', …' if len(field.below) > _MOST_BELOW else ''}."
        if field.below
        else ""
    )
    return Reply(
        answer=f"{field.kind} {field.path} <{field.type}>{required}: {field.text}{values}{below}\nSame with kubectl: {field.command}"
    )
