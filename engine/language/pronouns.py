""" "it", "its" and "that" in a follow-up question, replaced by the object that they mean."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.core.types import ObjectRef

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
