"""Questions that lean on the one before: "it", "its" and "that" replaced by their object, "why?" and "and web?" said in full."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.cluster.kinds import KINDS
from engine.core.types import ObjectRef
from engine.language.names import mentioned_kind

_POSSESSIVE = re.compile(r"\b(?:its|their)\s+(?P<what>[a-z][\w-]*)", re.IGNORECASE)
_VERBS = "is are does did restart scale delete describe show debug fix check cordon drain why about of for from with".split()
_PRONOUN = re.compile(
    rf"\b(?:{'|'.join(_VERBS)})\s+(?P<it>it|that|this|them|that one|this one|the same)\b"
    r"(?!\s+(?:pod|deployment|service|node|namespace|job|statefulset|cluster|still)\b)",
    re.IGNORECASE,
)


_IDIOM = re.compile(
    r"\b(?:is|was|isn'?t|does|would|could) it (?:safe|ok|okay|possible|true|normal|bad|worth|mean|that|a good)\b"
    r"|\bit (?:seems|looks|appears|is said|matters)\b",
    re.IGNORECASE,
)
_OWN_NAME = re.compile(r"\b[a-z][\w.]*[-/][\w./-]*\w|\b[a-z]+\d\w*")
"""A word with a hyphen, a slash or a digit: the question names an object of its own."""


def spelt_out(query: str, objects: Sequence[ObjectRef]) -> tuple[str, ObjectRef | None]:
    """A query with "it", "its" and "that" replaced by the object that the question before was about; the object, or None for no change.

    "show me its logs" becomes "show me logs of deployment checkout-api".
    """
    if not objects:
        return query, None
    about = objects[0]
    words = f"{about.kind.lower()} {about.name}"
    if re.search(rf"(?<![\w-]){re.escape(about.name)}(?![\w-])", query) or _IDIOM.search(query) or _OWN_NAME.search(query):
        return query, None
    said = _POSSESSIVE.sub(lambda found: f"{found.group('what')} of {words}", query, count=1)
    if said == query:
        said = _PRONOUN.sub(lambda found: found.group(0)[: -len(found.group("it"))] + words, query, count=1)
    return (said, about) if said != query else (query, None)


_LEAD = r"^\W*(?:(?:and|ok|okay|but|so|then|now|please|also|well|hm+)[, ]+)*"
_WHY = re.compile(
    rf"{_LEAD}(?:why|how come|how so|why is that|why not|what is wrong with (?:it|them|that)|what's wrong with (?:it|them|that))\W*$", re.I
)
_SINCE = re.compile(rf"{_LEAD}(?:since when|for how long|how long(?: already)?|since what time)\W*$", re.I)
_ANOTHER = re.compile(
    r"^\W*(?:(?:ok|okay|so|then|now)[, ]+)*(?:and|what about|how about|same for|and for|and what about|also|and how about)\s+(?:the\s+)?(?P<name>[a-z0-9][\w./-]*)(?P<where>\s+in\s+[\w-]+)?\W*$",
    re.I,
)
_PLACE = re.compile(
    r"^\W*(?:and|what about|how about|same)\s+(?:in|for)\s+(?:the\s+)?(?:namespace\s+)?(?P<name>[a-z0-9][\w-]*)(?:\s+namespace)?\W*$", re.I
)
_PART = re.compile(
    rf"{_LEAD}(?:(?:show|give|get|print|see|let me see|tail|fetch)\s+)?(?:me\s+)?(?:the\s+|last\s+\d+\s+)*(?:lines\s+of\s+)?(?:the\s+)?"
    r"(?P<what>logs?|log lines|events?|yaml|manifest|labels|annotations|images?|status|ports?|replicas|resources|limits|owner|age|description|details)(?:\s+please)?\W*$",
    re.I,
)
_THAT_KIND = re.compile(
    r"\b(?:that|this|said)\s+(?P<kind>network ?policy|config ?map|service ?account|cron ?job|stateful ?set|daemon ?set|[a-z]+)\b", re.I
)
_WHICH = re.compile(r"^\W*(?:and\s+)?which (?:one|ones|of (?:them|these|those))\b", re.I)
_OTHER = re.compile(rf"{_LEAD}(?:what about |how about |why (?:is|does) )?(?:the other(?: one)?|the second(?: one)?)\b.*$", re.I)
_THEIR = re.compile(rf"{_LEAD}(?:what (?:about|are) )?their\s+(?P<what>[a-z]+(?: [a-z]+)?)\W*$", re.I)
_NO_NAMES = frozenset("then now why how what that this it them they so also again more else other others".split())


def carried_on(query: str, before: str, objects: Sequence[ObjectRef]) -> str:
    """A short question that leans on the one before it, said in full; any other text as it is.

    `before` is what was asked before, `objects` what that was about, most important first. "and checkout-api?" asks the same of another
    object, "why?" and "since when?" of what was found, "the logs" of the object, "which of them…" of the list.
    """
    text = query.strip()
    if not before:
        return query
    place = _PLACE.match(text)
    if place and not _WHICH.match(text):
        name = place.group("name")
        replaced, count = re.subn(
            r"\b(in|of|from)\s+(?:the\s+)?(?:namespace\s+)?[\w-]+(?=\W*$)", rf"\1 namespace {name}", before, count=1, flags=re.I
        )
        return replaced if count else f"{before.rstrip(' ?!.')} in namespace {name}?"
    another = _ANOTHER.match(text)
    if another and another.group("name").lower() not in _NO_NAMES and not _PART.match(text):
        return _of_another(before, another.group("name") + (another.group("where") or ""), objects)
    if _WHICH.match(text):
        kind = mentioned_kind(before)
        if kind is not None:
            where = re.search(r"\b(?:in|of)\s+(?:the\s+)?(?:namespace\s+)?([a-z0-9][\w-]*)\W*$", before, re.I)
            listed = f"which {kind.argument}" + (f" in {where.group(1)}" if where and kind.namespaced else "")
            return _WHICH.sub(lambda found: listed, text)
    if not objects:
        return query
    about = _named(objects[0])
    their = _THEIR.match(text)
    if their:
        return (
            f"compare {their.group('what')} of {' and '.join(_named(ref) for ref in objects[:4])}"
            if len(objects) > 1
            else f"{their.group('what')} of {about}"
        )
    if _OTHER.match(text) and len(objects) > 1:
        return _of_another(before, objects[1].name, objects)
    if _WHY.match(text):
        return f"what is wrong with {about}?"
    if _SINCE.match(text):
        return f"since when is {about} failing?"
    part = _PART.match(text)
    if part:
        return f"{text.rstrip(' ?!.')} of {about}"
    kind_said = _THAT_KIND.search(text)
    if kind_said:
        word = kind_said.group("kind").lower().replace(" ", "")
        kind = KINDS.get(word) or KINDS.get(word.removesuffix("s"))
        ref = next((ref for ref in objects if kind is not None and ref.kind == kind.kind), None)
        if ref is not None:
            said = _THAT_KIND.sub(lambda found: _named(ref), text, count=1)
            return re.sub(r"^\W*(?:show|display|print)(?: me)?\b", "describe", said, flags=re.I)
    return query


def _of_another(before: str, name: str, objects: Sequence[ObjectRef]) -> str:
    """The question before about another object."""
    for ref in objects:
        replaced, count = re.subn(
            rf"(?<![\w-]){re.escape(ref.name)}(?![\w-])(?:\s+in\s+{re.escape(ref.namespace)}\b)?", name, before, flags=re.I
        )
        if count:
            return replaced
    shaped = re.search(r"(?<![\w-])[a-z0-9]+(?:-[a-z0-9]+)+(?![\w-])", before, re.I)
    if shaped:
        return before[: shaped.start()] + name + before[shaped.end() :]
    return f"is {name} ok?"


def _named(ref: ObjectRef) -> str:
    return f"{ref.kind.lower()} {ref.name}" + (f" in {ref.namespace}" if ref.namespace else "")
