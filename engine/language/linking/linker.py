"""Names in a person's words, linked to what is in the cluster, before any other word is looked at.

Longest first: whole names (also with spaces for dashes), hosts of Ingresses, plurals, parts of names, labels, images; then what is nearly a
name. A word that is part of the language is no name by its spelling alone. What is said as a name and is nowhere stays as unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from engine.cluster.kinds import KINDS
from engine.cluster.objects import Obj, text_at
from engine.core.types import ObjectRef
from engine.language.linking.inventory import CORE, FURTHER, RARE, TOPS, Inventory, images_of, label
from engine.language.linking.spelling import COMPOUND, VALUE, closest, has_shape, similar, unknown_subject
from engine.language.request import Link, Linked, Unknown
from engine.language.words.vocabulary import DUTIES, KIND_WORDS, ORDINARY, ROLES, STOP

_TOKEN = re.compile(r"[A-Za-z0-9À-ÿ_](?:[\w./:@-]*[\w])?")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""How the API server lets a namespace be called."""
_PLACES = frozenset("production prod staging stage preprod pre-prod qa uat dev development test testing live".split())
_NEAR, _NEAR_PLAIN = 84.0, 85.0
"""Out of 100: a word is taken for a name from the first (the second for a word without a dash)."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word with where it stands in the text."""

    text: str
    start: int
    end: int

    @property
    def low(self) -> str:
        return self.text.lower()


@dataclass(slots=True)
class Links:
    """What the names in a text came to; `masked` is the text in lower case with placeholders for them."""

    objects: list[Linked] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)
    namespace: str | None = None
    masked: str = ""
    spans: list[tuple[int, int, str]] = field(default_factory=list)
    """Start, end and placeholder of each part of the text that was linked."""


def link(text: str, inventory: Inventory | None, *, pod: str = "") -> Links:
    """Link the names in a text. Without an inventory only the shape of words tells names from others."""
    links = Links()
    tokens = [Token(found.group(), found.start(), found.end()) for found in _TOKEN.finditer(text)]
    if inventory is None:
        links.spans = [(t.start, t.end, "xname") for t in tokens if has_shape(t.text)]
        links.masked = _mask(text, links.spans)
        return links
    _Linker(text, tokens, inventory, links, pod).run()
    links.masked = _mask(text, links.spans)
    if not links.unknown:
        strange = unknown_subject(links.masked, bool(links.objects))
        names = list(inventory.by_name(CORE))
        near = tuple(dict.fromkeys(name for word in strange for name in similar(word, names)))[:3]
        links.unknown += [Unknown(" ".join(strange), "", near)] if strange else []
    return links


class _Linker:
    def __init__(self, text: str, tokens: list[Token], inventory: Inventory, links: Links, pod: str) -> None:
        self.text, self.tokens, self.names, self.links = text, tokens, inventory, links
        self.taken: set[int] = set()
        self.pod = pod

    def run(self) -> None:
        if self.pod:
            self._given(self.pod)
        self._scope()
        self._namespaces()
        for size in (4, 3, 2):
            self._joined(size)
        for kinds in (CORE, FURTHER):
            if kinds is CORE or self._left_over():
                self._exact(kinds)
        if self._left_over():
            self._exact(RARE)
        self._hosts()
        self._loosely()
        self._nearly()
        self._by_role()
        self._whole_cluster()
        self.links.objects.sort(key=lambda linked: self._position(linked.word))

    def _position(self, word: str) -> int:
        at = self.text.lower().find(word.lower())
        return at if at >= 0 else len(self.text)

    # -- the namespace -----------------------------------------------------------------------------------------------------

    def _scope(self) -> None:
        if re.search(
            r"\b(?:all|any|every|each|across)\s+(?:(?:the|of|my|our)\s+)*namespaces?\b|(?:^|\s)(?:-A|--all-namespaces)\b|\bcluster[- ]?wide\b"
            r"|\b(?:in|across|on|over|of)\s+(?:the\s+|my\s+|our\s+|this\s+)?(?:whole\s+|entire\s+)?cluster\b|\b(?:whole|entire) cluster\b|\b(?:anywhere|everywhere)\b",
            self.text,
            re.I,
        ):
            self.links.namespace = ""

    def _namespaces(self) -> None:
        known = {name.lower(): name for name in self.names.namespaces()}
        if not known:
            self._namespace_that_is_not_listed()
            return
        for n, token in enumerate(self.tokens):
            before = self.tokens[n - 1].low if n else ""
            earlier = self.tokens[n - 2].low if n > 1 else ""
            after = self.tokens[n + 1].low if n + 1 < len(self.tokens) else ""
            word = token.low
            flag = re.search(r"(?:^|\s)(?:-n|--namespace)[ =]+[\"'“‘`]?$", self.text[: token.start]) is not None
            behind_one = earlier in known and before in ("namespace", "ns")  # "the legacy-app namespace sits in Terminating"
            said_before = (
                (before in ("namespace", "ns") and not behind_one)
                or (before in ("called", "named") and earlier in ("namespace", "ns"))
                or flag
            )
            said_after = after in ("namespace", "ns") and self._adjacent(n, n + 1)
            placed = before in ("in", "inside", "within", "from", "of", "for") or (
                before in ("the", "my", "our") and earlier in ("in", "inside", "within", "from", "of")
            )
            if word in known and not (said_before or said_after) and self._starts_longer_name(n):
                continue
            if word in known:
                elsewhere = word in self.names.by_name(TOPS) and not (said_before or said_after or before in ("in", "inside", "within"))
                if (said_before or said_after or placed) and not elsewhere:
                    self._say_namespace(n, known[word], as_object=self._is_the_object(n))
                elif not elsewhere and word not in ORDINARY:
                    self._say_namespace(n, known[word], as_object=True)
                continue
            if (
                said_before
                or (said_after and word not in ORDINARY and before in _BEFORE_PLACES)
                or (before in ("in", "inside", "within") and word in _PLACES)
            ):
                named_so = word not in STOP and word not in KIND_WORDS and (word not in ORDINARY or flag or self._quoted(token))
                if named_so and not re.search(r"\b(?:create|make|add|called|named|new)\b[^.;]*$", self.text[: token.start], re.I):
                    self.links.unknown.append(Unknown(token.text, "Namespace", similar(word, list(known.values()))))
                    self._take(n, n, "xspace")

    def _namespace_that_is_not_listed(self) -> None:
        """Where namespaces may not be listed: one that the text calls so, or a place whose pods can be seen, is taken at its word."""
        found = re.search(r"(?:^|\s)(?:-n|--namespace)[ =]+[\"'“‘`]?([a-z0-9][-a-z0-9]*)", self.text)
        for n, token in enumerate(self.tokens):
            before = self.tokens[n - 1].low if n else ""
            after = self.tokens[n + 1].low if n + 1 < len(self.tokens) else ""
            word = token.low
            flag = found is not None and found.start(1) == token.start
            said = flag or before in ("namespace", "ns") or (after in ("namespace", "ns") and self._adjacent(n, n + 1))
            placed = before in ("in", "inside", "within")
            if word in STOP or word in KIND_WORDS or not _LABEL.fullmatch(word) or (word in ORDINARY and not (flag or self._quoted(token))):
                continue
            if said or (placed and self.names.holds_pods(word)):
                self.names.move(word)
                self._say_namespace(n, word, as_object=False)
                return

    def _is_the_object(self, n: int) -> bool:
        """Whether "namespace X" is what the text is about, and not where: no "in" or "of" before it."""
        before = [token.low for token in self.tokens[max(0, n - 3) : n] if token.low not in ("the", "my", "our", "called", "named")]
        return before[-1:] in (["namespace"], ["ns"]) and before[-2:-1] not in (
            ["in"],
            ["inside"],
            ["from"],
            ["of"],
            ["within"],
            ["for"],
            ["create"],
        )

    def _starts_longer_name(self, n: int) -> bool:
        """Whether the word begins a name of several words ("payments worker")."""
        names = self.names.by_name(CORE)
        for size in (2, 3):
            group = self.tokens[n : n + size]
            if len(group) == size and "-".join(t.low for t in group) in names:
                return True
        return False

    def _say_namespace(self, n: int, name: str, *, as_object: bool) -> None:
        if self.links.namespace is None or self.links.namespace == "":
            self.links.namespace = name
        elif self.links.namespace != name:
            return
        if as_object:
            self.links.objects.append(Linked(ObjectRef("Namespace", "", name), self.tokens[n].text, "namespace"))
        self._take(n, n, "xspace")

    def _whole_cluster(self) -> None:
        if self.links.namespace is None and not self.links.objects and re.search(r"\b(?:everything|anything|cluster)\b", self.text, re.I):
            self.links.namespace = ""

    # -- objects -------------------------------------------------------------------------------------------------------------

    def _given(self, pod: str) -> None:
        """The pod or workload that was given beside the question."""
        for kinds in (("Pod",), CORE):
            found = self._at_place(self.names.by_name(kinds).get(pod.lower(), []))
            if found:
                self.links.objects += [Linked(obj.ref, pod, "exact") for obj in self._preferred(found, "")]
                return
        begun = self._at_place([obj for kind in TOPS for obj in self.names.of(kind) if obj.name.startswith(f"{pod}-")])
        if begun:
            self.links.objects += [Linked(obj.ref, pod, "part") for obj in self._preferred(begun, "")]
        else:
            self.links.unknown.append(Unknown(pod, "", similar(pod.lower(), list(self.names.by_name(CORE)))))

    def _joined(self, size: int) -> None:
        names = self.names.by_name(CORE)
        for n in range(len(self.tokens) - size + 1):
            group = self.tokens[n : n + size]
            if self.taken & set(range(n, n + size)) or not all(self._adjacent(n + k, n + k + 1) for k in range(size - 1)):
                continue
            if all(token.low in STOP for token in group):
                continue
            for joined in ("-".join(token.low for token in group), "".join(token.low for token in group)):
                if joined in names and any(obj.kind != "Namespace" for obj in names[joined]):
                    self._link(n, n + size - 1, names[joined], "spaces")
                    break

    def _exact(self, kinds: Sequence[str]) -> None:
        names = self.names.by_name(kinds)
        for n, token in self._free():
            word = token.low
            kind, _, rest = word.partition("/")
            if rest and kind in KINDS:
                there = self.names.by_name((KINDS[kind].kind,)).get(rest, [])
                if there:
                    self._link(n, n, there, "exact", word=token.text.partition("/")[2])
                elif kinds is CORE:
                    near = similar(rest, list(self.names.by_name((KINDS[kind].kind,))))
                    self.links.unknown.append(Unknown(rest, KINDS[kind].kind, near))
                    self._take(n, n, "xname")
                continue
            if rest and rest in names:  # namespace/name
                there = [obj for obj in names[rest] if obj.namespace == kind]
                if there:
                    self._link(n, n, there, "exact")
                    continue
            found = [obj for obj in names.get(word, []) if obj.kind != "Namespace"]
            if not found:
                continue
            if word in ORDINARY and not self._named_by_kind(n) and not self._quoted(token):
                continue
            self._link(n, n, found, "node" if found[0].kind == "Node" else "exact")

    def _hosts(self) -> None:
        for n, token in self._free():
            host = re.sub(r"^https?://", "", token.low).split("/")[0].split(":")[0]
            if "." not in host:
                continue
            found = [
                obj
                for obj in self.names.of("Ingress")
                if host in {text_at(rule, "host").lower() for rule in obj.maps("spec", "rules")}
                or host in {str(h).lower() for tls in obj.maps("spec", "tls") for h in (tls.get("hosts") or [])}
            ]
            if not found and host.count("."):
                service, _, rest = host.partition(".")
                space = rest.partition(".")[0]
                found = [obj for obj in self.names.of("Service") if obj.name == service and (obj.namespace == space)]
            if found:
                self._link(n, n, found, "host")
            elif re.search(r"\bingress(?:es)?\s+(?:for|with|of|serving)\s+(?:the\s+)?(?:host\s+)?$", self.text[: token.start], re.I):
                self.links.unknown.append(Unknown(token.text, "Ingress"))
                self._take(n, n, "xname")

    def _loosely(self) -> None:
        """Plurals, parts of names, pods that are gone, labels and images."""
        tops = [obj for kind in TOPS for obj in self.names.of(kind) if obj.controller is None]
        services = [obj for kind in ("Service", "Ingress") for obj in self.names.of(kind)]
        for n, token in self._free():
            word = token.low
            if len(word) < 3 or word in ORDINARY or VALUE.match(word):
                continue
            plain = [obj for obj in (*tops, *services) if f"{obj.name}s" == word or obj.name == f"{word}s"]
            how: Link = "plural"
            found = plain
            if not found and word not in ROLES:
                how = "part"
                found = [
                    obj
                    for obj in tops
                    if len(obj.name) >= 4 and word.startswith(f"{obj.name}-") and re.search(r"\d", word[len(obj.name) :])
                ]
                found = found or [obj for obj in tops if _is_part(word, obj.name)] or [obj for obj in services if _is_part(word, obj.name)]
                found = found or [obj for node in ("Node",) for obj in self.names.of(node) if obj.name.startswith(f"{word}.")]
            if not found and word not in ROLES:
                how, found = "label", [obj for obj in tops if word in (label(obj, "app"), label(obj, "app.kubernetes.io/name"))]
            if not found and word not in ROLES:
                how, found = "image", [obj for obj in tops if word in images_of(obj)]
            if found:
                self._link(n, n, found, how)

    def _by_role(self) -> None:
        """What a system's part does, where that is a part of a name and nothing else was named: "checkout is down", "no backups were made"."""
        if self.links.objects or self.links.unknown:
            return
        tops = [obj for kind in TOPS for obj in self.names.of(kind) if obj.controller is None]
        for n, token in self._free():
            word = token.low.removesuffix("s")
            found = (
                [obj for obj in tops if word in [part.removesuffix("s") for part in obj.name.lower().split("-")]] if word in DUTIES else []
            )
            if 0 < len(found) <= 3:
                self._link(n, n, found, "part")
                return

    def _nearly(self) -> None:
        """What is almost a name; and what has a name's shape and is none."""
        candidates: dict[str, list[Obj]] | None = None
        for n, token in self._free():
            word = token.low
            shaped = has_shape(token.text)
            slot = self._named_by_kind(n) or self._in_name_slot(n)
            if word in ORDINARY or word in ROLES or len(word) < 4 or VALUE.match(word) or not (shaped or slot):
                continue
            if re.search(r"[=@:/]", token.text) or (shaped and "." in word and not slot) or "_" in word:
                continue
            if candidates is None:
                candidates = self.names.by_name(CORE)
            digits = re.findall(r"\d+", word)  # worker-9 is no misspelt worker-1
            same = [name for name in candidates if re.findall(r"\d+", name) == digits]
            near = closest(word, same, _NEAR if shaped else _NEAR_PLAIN)
            if near and abs(len(near) - len(word)) <= 2:
                found = candidates[near]
                if found[0].kind == "Namespace" and len(found) == 1:
                    self.links.objects.append(Linked(found[0].ref, token.text, "typo"))
                    self.links.namespace = self.links.namespace or found[0].name
                    self._take(n, n, "xspace")
                else:
                    self._link(n, n, [obj for obj in found if obj.kind != "Namespace"], "typo")
                continue
            if shaped and not COMPOUND.match(word) and not self._of_a_path(token):
                kind = self._kind_beside(n)
                self.links.unknown.append(Unknown(token.text, kind, similar(word, list(candidates))))
                self._take(n, n, "xname")

    # -- parts -----------------------------------------------------------------------------------------------------------------

    def _free(self) -> Iterator[tuple[int, Token]]:
        for n, token in enumerate(self.tokens):
            if n not in self.taken:
                yield n, token

    def _left_over(self) -> bool:
        """Whether a word that looks like a name, or stands behind a kind, is not linked yet."""
        return any(
            (has_shape(token.text) and not VALUE.match(token.text)) or (self._named_by_kind(n) and token.low not in ORDINARY)
            for n, token in self._free()
        )

    def _link(self, first: int, last: int, found: Sequence[Obj], how: Link, word: str = "") -> None:
        kind = self._kind_beside(first, last)
        if kind in CORE and not any(obj.kind == kind or obj.kind in CORE for obj in found):
            return  # "deployment nginx" is no IngressClass of that name
        chosen = self._preferred(self._at_place(found), kind)
        if not chosen:
            return
        word = word or self.text[self.tokens[first].start : self.tokens[last].end]
        known = {(linked.ref, linked.word) for linked in self.links.objects}
        self.links.objects += [Linked(obj.ref, word, how) for obj in chosen if (obj.ref, word) not in known]
        self._take(first, last, "xnode" if chosen[0].kind == "Node" else "xname")

    def _at_place(self, found: Sequence[Obj]) -> list[Obj]:
        """Those in the namespace that was said, else in the session's own, else all."""
        for place in (self.links.namespace, self.names.namespace if self.links.namespace != "" else ""):
            here = [obj for obj in found if obj.namespace in (place, "")] if place else []
            if here:
                return here
        return list(found)

    def _preferred(self, found: Sequence[Obj], kind: str) -> list[Obj]:
        """Those of the kind that stands beside the name; without one the workload before its Service and its pods."""
        if kind and kind != "Pod":
            of_kind = [obj for obj in found if obj.kind == kind]
            if of_kind:
                return of_kind
        if len({obj.kind for obj in found}) < 2:
            return list(found)
        names: dict[tuple[str, str], list[Obj]] = {}
        for obj in found:
            names.setdefault((obj.namespace, obj.name), []).append(obj)
        ranking = {name: n for n, name in enumerate((*CORE, *FURTHER, *RARE))}
        best = [min(group, key=lambda obj: ranking.get(obj.kind, 99)) for group in names.values()]
        tops = [obj for obj in best if obj.kind in TOPS]
        return tops or best

    def _kind_beside(self, first: int, last: int | None = None) -> str:
        """The Kind that stands before or behind a word ("service web", "the web service")."""
        last = first if last is None else last
        before = first - 1
        while before >= 0 and self.tokens[before].low in ("the", "named", "called", "my", "our", "a"):
            before -= 1
        if before >= 0 and before not in self.taken:
            word = self.tokens[before].low
            if word in KINDS and word not in ("no", "claim", "event", "events"):
                return KINDS[word].kind
        if last + 1 < len(self.tokens) and self._adjacent(last, last + 1):
            word = self.tokens[last + 1].low
            if word in KINDS and word not in ("no", "claim", "event", "events", "secret", "secrets"):
                return KINDS[word].kind
        return ""

    def _named_by_kind(self, n: int) -> bool:
        return bool(self._kind_beside(n))

    def _in_name_slot(self, n: int) -> bool:
        """Whether a name is expected here: behind "of", "with", "is", an action's verb, or as the subject."""
        before = n - 1
        while before >= 0 and self.tokens[before].low in ("the", "my", "our", "this", "that"):
            before -= 1
        if before < 0:
            return True
        return self.tokens[before].low in _BEFORE_NAMES

    def _quoted(self, token: Token) -> bool:
        return self.text[token.start - 1 : token.start] in ("'", '"', "`", "“") if token.start else False

    def _of_a_path(self, token: Token) -> bool:
        return self.text[token.start - 1 : token.start] in ("/", "-", "=", "$", "#", ":") if token.start else False

    def _adjacent(self, first: int, second: int) -> bool:
        return self.text[self.tokens[first].end : self.tokens[second].start].strip(" \"'`“”") == ""

    def _take(self, first: int, last: int, mask: str) -> None:
        self.taken |= set(range(first, last + 1))
        self.links.spans.append((self.tokens[first].start, self.tokens[last].end, mask))


_BEFORE_PLACES = frozenset("in inside within from of for the my our a".split())
_BEFORE_NAMES = frozenset(
    "of for from with about is are was were does do did has have why to on at scale restart delete describe remove bounce redeploy expose autoscale pause resume suspend "
    "drain cordon uncordon reach and or vs versus than between logs log status state yaml uses use in against into by called named".split()
)


def _is_part(word: str, name: str) -> bool:
    return word in name.lower().split("-") or name.lower().startswith(f"{word}-")


def _mask(text: str, spans: Sequence[tuple[int, int, str]]) -> str:
    out, at = [], 0
    for start, end, mask in sorted(spans):
        if start >= at:
            out += [text[at:start], mask]
            at = end
    return " ".join("".join([*out, text[at:]]).lower().split())
