"""What an order is made of: exact commands with how to see that they worked, and the objects that its words mean.

Every slot is looked up in the cluster; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.cluster.kinds import KIND_OF, KindWord
from engine.cluster.objects import Obj
from engine.cluster.source import ClusterError, ClusterSource, NotFound, RawObject
from engine.core.cancel import CancelToken
from engine.core.types import ObjectRef
from engine.language.linking.linker import Links
from engine.language.linking.spelling import ordinary, similar
from engine.language.names import Resolution, mentioned_kind, named

EXAMPLES = (
    "scale deployment cart-api to 3",
    "restart checkout-api",
    "delete pod web-0",
    "cordon worker-1",
    "roll back deployment web",
    "set image of web to nginx:1.27",
    "set memory limit of web to 256Mi",
    "set env LOG_LEVEL=debug on web",
    "create configmap web-settings with MODE=blue",
    "run cronjob backup now",
)
SCALABLE = tuple(KIND_OF[kind] for kind in ("Deployment", "StatefulSet", "ReplicaSet"))
RESTARTABLE = tuple(KIND_OF[kind] for kind in ("Deployment", "StatefulSet", "DaemonSet", "Pod"))
ROLLED = tuple(KIND_OF[kind] for kind in ("Deployment", "StatefulSet", "DaemonSet"))

Look = Callable[[ClusterSource], tuple[bool, str]]
"""Reads the cluster: (settled, what it says now)."""


@dataclass(frozen=True, slots=True)
class Order:
    """One exact command, in words what it does, and how to see that it worked."""

    command: str
    words: str
    objects: tuple[ObjectRef, ...]
    verify: Look


@dataclass(frozen=True, slots=True)
class Plan:
    """What an order comes to: commands in order, or (none) a sentence on what is missing; `note` is said beside them.

    Where a name fits several objects these are the `choices`; where it fits none, `near` are names like `word`.
    """

    orders: tuple[Order, ...] = ()
    problem: str = ""
    note: str = ""
    choices: tuple[ObjectRef, ...] = ()
    word: str = ""
    near: tuple[str, ...] = ()
    understood: tuple[Order, ...] = ()
    """Steps that were understood beside the one that was not: shown, never carried out without it."""
    used: str = ""
    """Words of the order that went into the commands in another form ("double" into a number)."""


@dataclass(frozen=True, slots=True)
class Words:
    """An order's text with its names linked, and where it is meant; `chosen` is the object that a person picked where several fit."""

    text: str
    source: ClusterSource
    namespace: str
    cancel: CancelToken | None
    chosen: ObjectRef | None = None
    links: Links = field(default_factory=Links)
    planned: tuple[ObjectRef, ...] = ()
    """Objects that earlier steps of the same order make."""

    @property
    def bare(self) -> str:
        """The text without the names that were linked."""
        text = self.text
        for start, end, _ in sorted(self.links.spans, reverse=True):
            text = f"{text[:start]} {text[end:]}"
        return text

    def refs(self, kind: str) -> list[ObjectRef]:
        """The objects of a kind that the order names."""
        return [linked.ref for linked in self.links.objects if linked.ref.kind == kind]

    def find(self, kinds: Sequence[KindWord]) -> Resolution:
        """The object that the order names, of some kinds: the first mention's candidates, else what is nearly such a name."""
        named = mentioned_kind(self.text)
        wanted = {k.kind for k in ([named] if named in kinds and named is not None else kinds)}
        groups: dict[str, list[ObjectRef]] = {}
        for linked in self.links.objects:
            if linked.how not in ("typo", "image", "label"):
                groups.setdefault(linked.word, []).append(linked.ref)
        for word, refs in groups.items():
            hit = [ref for ref in refs if ref.kind in wanted]
            if not hit and wanted == {"Pod"}:
                hit = [pod.ref for ref in refs for pod in self._pods_of(ref)]
            if not hit and any(ref.kind in ("Deployment", "StatefulSet", "DaemonSet", "Service", "CronJob") for ref in refs):
                hit = [ref for one_ref in refs for ref in self._namesakes(one_ref, kinds, wanted)]
            if hit:
                elsewhere = bool(self.namespace) and hit[0].namespace not in ("", self.namespace)
                return Resolution(word, tuple(hit), elsewhere=elsewhere)
        for linked in self.links.objects:
            if linked.how == "typo":
                return Resolution(linked.word, near=(linked.ref.name,))
        for unknown in self.links.unknown:
            return Resolution(unknown.word, near=unknown.near[:1] if unknown.near else ())
        strange = [word for word in re.findall(r"[a-z][a-z0-9.-]+", self.bare.lower()) if not ordinary(word) and "=" not in word]
        return Resolution(strange[0] if strange else "", near=() if not strange else self._like(strange[0], kinds))

    def _namesakes(self, ref: ObjectRef, kinds: Sequence[KindWord], wanted: set[str]) -> list[ObjectRef]:
        """The object of the same name and namespace that is of a wanted kind ("delete service web" where a Deployment was linked)."""
        for kind in kinds:
            if kind.kind in wanted:
                try:
                    return [Obj(self.source.get(kind.resource, ref.namespace if kind.namespaced else "", ref.name)).ref]
                except ClusterError:
                    continue
        return []

    def _pods_of(self, ref: ObjectRef) -> list[Obj]:
        pods = named(Obj(raw) for raw in self.source.list("pods", ref.namespace or None, cancel=self.cancel))
        return [pod for pod in pods if pod.name.startswith(f"{ref.name}-") and pod.controller is not None]

    def _like(self, word: str, kinds: Sequence[KindWord]) -> tuple[str, ...]:
        names = [Obj(raw).name for kind in kinds for raw in self._listed(kind)]
        return similar(word, names)[:2] if len(word) > 3 else ()

    def _listed(self, kind: KindWord) -> Sequence[RawObject]:
        try:
            return self.source.list(kind.resource, None, cancel=self.cancel)
        except ClusterError:
            return ()

    def get(self, ref: ObjectRef) -> Obj:
        """The object as it is now; what an earlier step makes is empty."""
        if ref in self.planned:
            return Obj({"kind": ref.kind, "metadata": {"name": ref.name, "namespace": ref.namespace}})
        return Obj(self.source.get(KIND_OF[ref.kind].resource, ref.namespace, ref.name))


def one(words: Words, kinds: Sequence[KindWord], what: str) -> tuple[ObjectRef | None, Plan]:
    """The single object meant, or the plan that says why there is none."""
    for ref in words.planned:
        if ref.kind in {kind.kind for kind in kinds} and re.search(rf"(?<![\w-]){re.escape(ref.name)}(?![\w-])", words.text):
            return ref, Plan()
    found = words.find(kinds)
    if words.chosen is not None and words.chosen in found.found:
        return words.chosen, Plan()
    if len(found.found) == 1:
        ref = found.found[0]
        note = f"{ref} is in namespace {ref.namespace}, not in {words.namespace}." if found.elsewhere else ""
        return ref, Plan(note=note)
    if found.found:
        places = ", ".join(f"{ref} in {ref.namespace}" for ref in found.found[:6])
        return None, Plan(
            problem=f"“{found.word}” is ambiguous: {places}. Say which, e.g. add “in {found.found[0].namespace}”.", choices=found.found
        )
    if found.near:
        problem = f"There is no {what} “{found.word}”. Did you mean {' or '.join(found.near)}?"
        return None, Plan(problem=problem, word=found.word, near=found.near)
    if found.word:
        return None, Plan(problem=f"There is no {what} “{found.word}” in any namespace that can be read.")
    return None, Plan(problem=f"Which {what}? Name it, as in “{EXAMPLES[0]}”.")


def rolled_out(now: Obj, changed: bool, ref: ObjectRef) -> tuple[bool, str]:
    """Whether a workload's pods are all of its newest revision and ready, and how far it came."""
    wanted = now.number("spec", "replicas", default=1) if ref.kind != "DaemonSet" else now.number("status", "desiredNumberScheduled")
    updated = now.number("status", "updatedReplicas") if ref.kind != "DaemonSet" else now.number("status", "updatedNumberScheduled")
    ready = now.number("status", "readyReplicas") if ref.kind != "DaemonSet" else now.number("status", "numberReady")
    seen = now.number("status", "observedGeneration") >= now.number("metadata", "generation")
    settled = changed and seen and updated >= wanted and ready >= wanted
    words = f"{ref}: {updated} of {wanted} pods are of the new revision, {ready} ready"
    return settled, words if changed else f"{ref} was not changed"


def changed_and_rolled_out(words: Words, ref: ObjectRef) -> Look:
    """Looks whether a change of a workload's template was taken up and its pods are ready."""
    generation = words.get(ref).number("metadata", "generation")

    def look(source: ClusterSource) -> tuple[bool, str]:
        now = Obj(source.get(KIND_OF[ref.kind].resource, ref.namespace, ref.name))
        return rolled_out(now, now.number("metadata", "generation") > generation, ref)

    return look


def there(resource: str, ref: ObjectRef) -> Look:
    """Looks whether an object exists."""

    def look(source: ClusterSource) -> tuple[bool, str]:
        try:
            source.get(resource, ref.namespace, ref.name)
        except NotFound:
            return False, f"{ref} is not there yet"
        return True, f"{ref} exists"

    return look


def gone(resource: str, ref: ObjectRef, uid: str = "") -> Look:
    """Looks whether an object is gone, or another one of its name took its place."""

    def look(source: ClusterSource) -> tuple[bool, str]:
        try:
            now = Obj(source.get(resource, ref.namespace, ref.name))
        except NotFound:
            return True, f"{ref} is gone"
        if uid and now.uid != uid:
            return True, f"{ref} is gone; a new one of the same name took its place"
        return False, f"{ref} is still there" + (" (terminating)" if now.deleting_since else "")

    return look
