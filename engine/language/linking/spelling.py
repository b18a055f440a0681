"""What the spelling of a word says: whether it looks like a name, and which names are most like it; names that are said and are nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from engine.language.words.vocabulary import ORDINARY, ROLES, STOP

VALUE = re.compile(
    r"^(?:v?\d+(?:[.:/-]\d+)*(?:[a-z]{1,3}|%)?|\d+(?:\.\d+)?(?:m|Ki|Mi|Gi|Ti|k|M|G|s|ms|h|d|x)|\d{4}-\d\d-\d\d\S*|x509|i?p?v[46]|[a-z]\d?s)$",
    re.I,
)
COMPOUND = re.compile(
    r"^(?:port-forward(?:s|ing)?|(?:re|non|un|pre|multi|auto|in|sub|co|self|out|read|write|cluster|one|two|three|half|full|long|short|high|low|scale|start|set|shut|roll|back|log|clean|time|"
    r"work|right|up|down|over|under|on|off|end|cross|point|last|first|real|hard|soft|so|e|day|24|fail|well|built|step|side|front|drop|run|crash|cpu|memory)-[a-z]+(?:-[a-z]+)?|[a-z]+-(?:wide|only|in|out|up|down|based|level|related|side|like|time|by|to|the|of|"
    r"off|on|end|liner|name|free|less|safe|ready|term|line|to-date|scoped|specific|facing|minute|hour|day|second|loop|back))$",
    re.I,
)
_SIMILAR = 58.0
"""Out of 100: a name this like a word that is none is offered in its place."""


def has_shape(word: str) -> bool:
    """Whether a word looks like an object's name: letters with a dash or with digits among them."""
    if VALUE.match(word) or not re.search(r"[A-Za-z]", word) or word.lower() in ORDINARY or word.lower() in ROLES:
        return False
    if re.search(r"[A-Z]", word[1:]) and "-" not in word:  # CrashLoopBackOff, OOMKilled
        return False
    return bool(re.search(r"[A-Za-z0-9]-[A-Za-z0-9]", word) and not COMPOUND.match(word)) or bool(re.search(r"[a-z]+-?\d", word))


def closest(word: str, names: Iterable[str], least: float) -> str:
    """The name most like a word, "" where none is at least so like it (out of 100)."""
    from rapidfuzz import fuzz, process

    hit = process.extractOne(word, list(names), scorer=fuzz.ratio, score_cutoff=least)
    return str(hit[0]) if hit else ""


def similar(word: str, names: Sequence[str], most: int = 3) -> tuple[str, ...]:
    """The names most like a word, best first."""
    from rapidfuzz import fuzz, process

    hits = process.extract(word, list(dict.fromkeys(names)), scorer=fuzz.WRatio, score_cutoff=_SIMILAR, limit=12)
    ranked = sorted(hits, key=lambda hit: -float(fuzz.ratio(word, hit[0])))
    return tuple(str(hit[0]) for hit in ranked if float(fuzz.ratio(word, hit[0])) >= _SIMILAR)[:most]


# -- names that are said and are nowhere ---------------------------------------------------------------------------------------

_ARTICLE = r"(?:(?:the|my|our|this|that|these|those|a|an|your|their|all)\s+)*"
_NP = r"(?P<np>[a-zà-ÿ][\w'-]*(?:\s+[a-zà-ÿ][\w'-]*){0,3}?)"
_BE = r"(?:is|are|was|were|does|do|did|has|have|had|can'?t|can|cannot|could|isn'?t|doesn'?t|won'?t|aren'?t|don'?t|hasn'?t|will|keeps?|didn'?t|wasn'?t)"
_SLOTS = (
    re.compile(rf"\bwhy\s+{_BE}\s+(?:not\s+)?{_ARTICLE}{_NP}(?=\s|[?.!,]|$)(?P<rest>.*)", re.I),
    re.compile(rf"^\W*(?:is|are|was|were|does|did|has)\s+{_ARTICLE}{_NP}(?=\s|[?.!,]|$)(?P<rest>.*)", re.I),
    re.compile(
        rf"\b(?:wrong with|happened (?:to|with)|happening (?:to|with)|matter with|(?:issue|problem|trouble|going on|up) with|(?:status|health|state|yaml|manifest|logs?|events?|"
        rf"image|replicas|pods|ports?) (?:of|for|from)|describe|about|debug|diagnose|troubleshoot|investigate|fix|check|reach|find|uses?)\s+{_ARTICLE}{_NP}(?=\s|[?.!,]|$)(?P<rest>.*)",
        re.I,
    ),
    re.compile(rf"\b(?:does|do|did|has|have)\s+{_ARTICLE}{_NP}\s+(?:have|use|run|need|get|own|mount)\b(?P<rest>)", re.I),
    re.compile(
        rf"^\W*{_ARTICLE}{_NP}\s+(?:is|are|was|were|keeps?|kept|has|have|won'?t|can'?t|cannot|does|doesn'?t|do|don'?t|gets?|never|stays?|crash\w*|fail\w*|hangs?|returns?|"
        r"times?|shows?|restarts?|broke\w*|died|dies|went|stopped|refuses|throws|isn'?t|aren'?t|not)\b(?P<rest>.*)",
        re.I,
    ),
)
_ADJECTIVES = frozenset(
    "nightly daily weekly hourly monthly internal external public private legacy primary secondary remote local certain backend frontend upstream downstream "
    "intermittent sporadic permanent temporary strange failing running unhealthy sick buggy flaky faulty affected".split()
)


def unknown_subject(masked: str, linked: bool) -> list[str]:
    """Plain words that stand where a name is expected and are neither linked nor part of the language; `linked` says whether a name was."""
    for number, slot in enumerate(_SLOTS):
        found = slot.search(masked)
        if found is None or (number >= len(_SLOTS) - 2 and linked):
            continue
        last = number == len(_SLOTS) - 1
        words = _noun_phrase(found.group("np") if last else f"{found.group('np')} {found.group('rest')}")
        if not words or any(word in ("xname", "xnode", "xspace") for word in words):
            continue
        strange = [word for word in words if not ordinary(word)]
        if strange:
            return strange
    return []


def _noun_phrase(text: str) -> list[str]:
    """The words up to the predicate: an ordinary word behind a strange one, or a mark, ends it."""
    words: list[str] = []
    for token in re.findall(r"[\wà-ÿ'-]+|[^\w\s]", text):
        if not re.match(r"[\wà-ÿ]", token):
            break
        if token in STOP and token not in ("the", "my", "our", "new", "old"):
            break
        if words and ordinary(token) and not ordinary(words[-1]):
            break
        words.append(token)
        if len(words) == 4:
            break
    return [word for word in words if word not in STOP]


def ordinary(word: str) -> bool:
    """Whether a word is part of the language, in some form, and so no name."""
    bare = word.strip("'").removesuffix("'s")
    return (
        bare in ORDINARY
        or bare in ROLES
        or bare in _ADJECTIVES
        or bool(VALUE.match(bare))
        or len(bare) < 3
        or bare.removesuffix("s") in ORDINARY
        or bare.removesuffix("s") in ROLES
        or bool(COMPOUND.match(bare))
        or bare.endswith(("ing", "ly", "tion", "ness", "ment", "ers"))
        or bool(re.match(r"x\w*name$", bare))
        or "backoff" in bare
        or "error" in bare
    )
