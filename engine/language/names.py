"""Names in a person's words, resolved against the cluster before any command is made: kinds, namespaces, objects.

A name without a namespace is looked for in the current namespace, then in all of them: one hit is taken and said, several are
offered, none ends in the nearest names.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.cluster.kinds import KIND_OF, KINDS, WORKLOADS, KindWord
from engine.cluster.objects import Obj
from engine.cluster.source import ClusterError, ClusterSource, Forbidden, NotFound, NotRecorded
from engine.core.cancel import CancelToken
from engine.core.types import ObjectRef

_VERBS = frozenset(
    "scale restart delete remove cordon uncordon drain roll back rollback undo set image label annotate create suspend resume logs log "
    "status images labels replicas age last lines failing running uses used most memory cpu old many version".split()
)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]*")
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?")
_SMALL_WORDS = frozenset(
    "a an the in on of for to from with at by and or is are was be it its this that my our all any no not do does did has have i we you me please "
    "namespace context cluster node pod replicas replica now why what which how who where when show list get describe".split()
)


def words_of(query: str) -> list[str]:
    """The tokens of a query that could be names of objects, in order, `kind/name` split."""
    tokens = re.findall(r"[A-Za-z0-9][-A-Za-z0-9./_]*", query)
    out: list[str] = []
    for token in tokens:
        for part in token.strip("./").split("/"):
            lowered = part.lower().strip(".")
            if lowered and _NAME.fullmatch(lowered) and lowered not in _SMALL_WORDS:
                out.append(lowered)
    return out


def mentioned_kind(query: str) -> KindWord | None:
    """The first kind that the query names, `pods` before the `in namespace x` part."""
    text = re.sub(r"\b(?:in|from|of)\s+(?:the\s+)?(?:namespace|ns)\b|\bnamespace\s+\S+", " ", query, flags=re.I)
    for token in re.findall(r"[A-Za-z]+(?:/\S+)?", text):
        word = token.split("/")[0].lower()
        if word in KINDS and word not in ("no", "claim", "service"):
            return KINDS[word]
    if re.search(r"\b(?:claim|service)\b", text, re.I):
        return KINDS["pvc" if re.search(r"\bclaim\b", text, re.I) else "service"]
    if re.search(r"\bnamespaces?\b", query, re.I) and not re.search(r"\b(?:in|from)\b.{0,20}\bnamespace\b|\bnamespace\s+\S+", query, re.I):
        return KINDS["namespace"]
    return None


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a name stands for: the objects it fits, best first; `near` are similar names where none fits; `word` is the name as typed."""

    word: str
    found: tuple[ObjectRef, ...] = ()
    near: tuple[str, ...] = ()
    elsewhere: bool = False
    """True when nothing in the current namespace fitted, so that the hits come from others."""


def resolve(
    source: ClusterSource,
    query: str,
    namespace: str,
    kinds: Sequence[KindWord] = WORKLOADS,
    *,
    cancel: CancelToken | None = None,
) -> Resolution:
    """Find the object that a query names: exact names first, then a pod by its workload's name; see the module's docstring.

    Raises ClusterError when the cluster cannot be read at all; kinds that may not be listed are passed over.
    """
    words = words_of(query)
    here: list[Obj] = []
    for kind in kinds:
        here += _list(source, kind, namespace or None, cancel)
    hit = _match(words, here)
    if hit:
        return hit
    everywhere: list[Obj] = []
    if namespace and any(kind.namespaced for kind in kinds):
        for kind in kinds:
            if kind.namespaced:
                everywhere += _list(source, kind, None, cancel)
        hit = _match(words, everywhere)
        if hit:
            return Resolution(hit.word, hit.found, elsewhere=True)
    names = sorted({obj.name for obj in here} or {obj.name for obj in everywhere})
    for word in words:
        near = difflib.get_close_matches(word, names, n=3, cutoff=0.7)
        if near:
            return Resolution(word, near=tuple(near))
    named = [word for word in words if "-" in word or any(ch.isdigit() for ch in word)]
    named += [word for before, word in itertools.pairwise(words) if before in KINDS and word not in KINDS]
    return Resolution(named[0] if named else "")


def named(objects: Iterable[Obj]) -> list[Obj]:
    """The objects whose names are one plain word of a command line, as API servers hold them to.

    What else a recording or a lying server calls an object (`x --all`, `x;y`) would become options and commands of their own.
    """
    return [obj for obj in objects if _WORD.fullmatch(obj.name) and (not obj.namespace or _WORD.fullmatch(obj.namespace))]


def _list(source: ClusterSource, kind: KindWord, namespace: str | None, cancel: CancelToken | None) -> list[Obj]:
    try:
        return named(Obj(raw) for raw in source.list(kind.resource, namespace if kind.namespaced else None, cancel=cancel))
    except (Forbidden, NotFound, NotRecorded):
        return []
    except ClusterError:
        raise


def _match(words: Sequence[str], objects: Sequence[Obj]) -> Resolution | None:
    by_name: dict[str, list[Obj]] = {}
    for obj in objects:
        by_name.setdefault(obj.name, []).append(obj)
    for word in sorted(words, key=len, reverse=True):
        if word in KINDS and word not in by_name:
            continue
        if word in by_name:
            found = by_name[word]
            kinds = {obj.kind for obj in found}
            if len(kinds) > 1:  # a Deployment and a Service of one name: the workload is meant
                first = next(k.kind for k in WORKLOADS + tuple(KIND_OF.values()) if k.kind in kinds)
                found = [obj for obj in found if obj.kind == first]
            return Resolution(word, tuple(obj.ref for obj in found))
    for word in sorted(words, key=len, reverse=True):
        if len(word) < 3 or word in KINDS or word in _VERBS:
            continue
        begun = [obj for obj in objects if obj.name.startswith(word + "-")]
        if begun:
            tops = [obj for obj in begun if obj.controller is None] or begun
            return Resolution(word, tuple(obj.ref for obj in tops))
    return None
