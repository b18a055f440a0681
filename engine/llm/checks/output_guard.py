"""What a model must not get through with: loops, tool-call text, refusals, another language, an answer beside the point."""

from __future__ import annotations

import re

_CALL = re.compile(
    r"\s*(?:<\|?python_tag|<tool_call|<function|\[TOOL_CALLS|\{\s*\"(?:name|function|tool|tool_calls|type|arguments|parameters)\"|```(?:json|tool))"
)
_REFUSAL = re.compile(
    r"(?i)\s*(?:i['’]?m (?:very )?(?:sorry|unable|afraid)|i am (?:sorry|unable)|sorry,|i (?:can(?:no|['’])t|cannot|won['’]t)"
    r" (?:help|assist|provide|answer|do)|as an ai\b|unfortunately, i (?:can|am))"
)
_ENGLISH = frozenset(
    "the a an is are was be to of in on for and or not no it its this that with has have by from as at so which when why cause fix because "
    "does do can because then there they you your more than after".split()
)
_BLOCK = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+")
_TOKEN = re.compile(r"[\w./:@-]+")
_ADDRESS = re.compile(r"\d+(?:\.\d+){3}(?::\d+)?(?:/.*)?")
_KIND = re.compile(
    r"Pod|Deployment|ReplicaSet|StatefulSet|DaemonSet|Job|CronJob|Service|ServiceAccount|ConfigMap|Secret|Node|Namespace|Ingress|NetworkPolicy|"
    r"PersistentVolume(?:Claim)?|StorageClass|(?:Cluster)?Role(?:Binding)?|HorizontalPodAutoscaler|PodDisruptionBudget|ResourceQuota|LimitRange"
)
LOOP_CHARS = 160


class LoopGuard:
    """Notices that a text goes round in circles; feed it the pieces as they come."""

    def __init__(self) -> None:
        self._tail = ""
        self._lines: dict[str, int] = {}
        self._line = ""
        self._since = 0

    def feed(self, text: str) -> bool:
        """True once the end repeats one unit over 160 characters, or one long line came six times."""
        self._tail = (self._tail + text)[-4 * LOOP_CHARS :]
        self._since += len(text)
        *whole, self._line = (self._line + text).split("\n")
        for line in whole:
            key = line.strip()
            if len(key) >= 24:
                self._lines[key] = self._lines.get(key, 0) + 1
                if self._lines[key] >= 6:
                    return True
        if self._since < 32 or len(self._tail) < LOOP_CHARS:
            return False
        self._since = 0
        return any(_repeats(self._tail, period) for period in range(1, LOOP_CHARS // 2 + 1))


def bad_start(text: str) -> str:
    """Why an answer that begins like this is none ("" when it may be one)."""
    if _CALL.match(text):
        return "it returned a tool call instead of an answer"
    if _REFUSAL.match(text):
        return "it refused to answer"
    return ""


def unfit(text: str, *, about: str = "", query: str = "") -> str:
    """Why a finished answer is not fit to be shown ("" when it is).

    `about` is what the answer has to be about (the result that it words): two in five of its first distinctive words must come back.
    Another language than the question's is no answer either, as far as English can be told from it.
    """
    if len(_WORD.findall(text)) < 3:
        return "its answer is empty" if not text.strip() else "its answer is almost empty"
    reason = bad_start(text)
    if reason:
        return reason
    letters = [c for c in text if c.isalpha()]
    if sum(not c.isascii() for c in letters) > len(letters) * 0.3 and (query or about).isascii():
        return "its answer is in another language"
    words = [w.lower() for w in _WORD.findall(_BLOCK.sub("", text))]
    if len(words) >= 12 and sum(w in _ENGLISH for w in words) < len(words) * 0.08 and english(query or about):
        return "its answer is in another language or has no sentences"
    keywords = distinctive_words(about)
    if keywords and sum(word in text for word in keywords) * 5 < len(keywords) * 2:
        return "it left out the findings"
    return ""


def english(text: str) -> bool:
    """Whether a text looks English; a few words are taken for English."""
    words = [w.lower() for w in _WORD.findall(text)]
    return len(words) < 4 or sum(w in _ENGLISH for w in words) >= len(words) * 0.08


def distinctive_words(text: str) -> tuple[str, ...]:
    """Names, constants, paths and amounts at the beginning of a result, six at most: an answer about it cannot do without most of them."""
    lines = [line for line in text.splitlines() if line.strip()][:2]
    found: list[str] = []
    for word in _TOKEN.findall(re.sub(r"\[[ED]\d+\]", "", "\n".join(lines))):
        kind, slash, name = word.partition("/")
        bare = (name if slash and _KIND.fullmatch(kind) else word).strip("./:-@")
        named = re.search(r"[a-z0-9]-[a-z0-9]|[A-Z]_|\w[./]\w|[a-z][A-Z]", bare) or (len(bare) > 1 and bare[:1].isdigit())
        if named and not _KIND.fullmatch(bare) and not _ADDRESS.fullmatch(bare):
            found.append(bare)
    return tuple(dict.fromkeys(found))[:6]


def _repeats(tail: str, period: int) -> bool:
    span = tail[-LOOP_CHARS:]
    return bool(span.strip()) and span[period:] == span[:-period]
