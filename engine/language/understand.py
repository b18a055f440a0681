"""From a person's text to Requests: what was pasted is set aside, several questions are told apart, names are linked, then the words are read."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from engine.core.types import ObjectRef
from engine.language.linking.inventory import Inventory
from engine.language.linking.linker import Links, link
from engine.language.names import mentioned_kind
from engine.language.pronouns import spelt_out
from engine.language.questions.question import window
from engine.language.request import Request
from engine.language.wants import Intent, wanted
from engine.language.words.vocabulary import symptoms_in

_OPENER = r"(?:why|what(?:'s)?|which|who|when|where|how|is|are|does|do|did|can|could|has|have|show|list|give me|tell me|describe|compare|count|since when)"
_NEXT = re.compile(
    rf"(?:,\s+(?=what(?:'s| is| are)\b)|\?\s+(?:and\s+|also\s+)?|\s*,?\s+(?:and|also|and also|plus|and then)\s+)(?={_OPENER}\b)", re.I
)
_QUESTION = re.compile(rf"^\W*{_OPENER}\b", re.I)
_FIELDS: tuple[tuple[str, str], ...] = (
    (r"\brestart\w*|\bcrash\w*", "restarts"),
    (r"\bcpu\b", "cpu"),
    (r"\bmemory\b|\bram\b|\bmem\b", "memory"),
    (r"\bold\w*|\byoung\w*|\bnew\w*|\bage\b|\brecent\w*", "age"),
    (r"\bbig\w*|\blarg\w*|\bsize\b|\bspace\b|\bstorage\b|\bdisk\b", "size"),
    (r"\bimages?\b", "image"),
    (r"\bnodes?\b", "node"),
    (r"\blabels?\b", "labels"),
    (r"\bannotations?\b", "annotations"),
    (r"\breplicas?\b", "replicas"),
    (r"\bports?\b", "ports"),
)
_SCRIPTS = ((r"\bpython\b|\bpy\b|\bscript\b", "python"), (r"\byaml\b|\bmanifest\b|\bpolicy\b|\btemplate\b", "yaml"), (r".", "kubectl"))
_FIRST = re.compile(r"\b(?:top|first|last|newest|oldest|latest)\s+(\d{1,4})\b|\b(\d{1,4})\s+(?:lines?|newest|oldest|latest|most)\b", re.I)


def understand(query: str, inventory: Inventory | None, *, pod: str = "", attachment: str = "") -> tuple[Request, ...]:
    """The Requests of a text, in order; at least one. Raises ClusterError when the cluster cannot be read."""
    text, pasted = split_pasted(query)
    pasted = attachment or pasted
    requests: list[Request] = []
    for part in split_questions(text) or [""]:
        said, _ = spelt_out(part, [ref for done in reversed(requests) for ref in done.refs][:1])
        requests.append(_one(said, inventory, pod, pasted))
    return tuple(requests)


def _one(text: str, inventory: Inventory | None, pod: str, pasted: str) -> Request:
    text = " ".join(text.split())
    links = link(text, inventory, pod=pod)
    found = wanted(text, links.masked)
    of_it = re.search(r"\b(?:this|these|that|it)\b", links.masked) is not None
    if pasted and (found.want not in ("change", "write", "explain_concept", "explain_error") or (of_it and found.want != "change")):
        found = Intent("diagnose", "something was pasted", 0.9)
    return read_slots(text, links, found, pasted)


def read_slots(text: str, links: Links, found: Intent, pasted: str = "") -> Request:
    """The Request of linked words and of what they want."""
    bare = _without_names(text, links)
    kind = mentioned_kind(bare)
    first = _FIRST.search(links.masked)
    want = found.want
    return Request(
        text=text,
        wants=want,
        reason=found.reason,
        confidence=found.confidence,
        masked=links.masked,
        objects=tuple(links.objects),
        unknown=tuple(links.unknown),
        namespace=links.namespace,
        kind=kind.kind if kind else "",
        term=_term(bare) if want in ("explain_concept", "explain_error", "write", "how_to") else "",
        language=next(name for pattern, name in _SCRIPTS if re.search(pattern, bare, re.I)) if want == "write" else "",
        field=next((name for pattern, name in _FIELDS if re.search(pattern, bare, re.I)), ""),
        conditions=tuple(f"{key}={value}" for key, value in re.findall(r"(?<![\w-])([A-Za-z0-9][\w./-]*)=([\w.-]+)", text)),
        order="ascending"
        if re.search(r"\b(?:smallest|lowest|least|fewest|youngest|newest|latest)\b", bare, re.I)
        else "descending"
        if want == "top"
        else "",
        limit=int(first.group(1) or first.group(2)) if first else None,
        window=window(text),
        symptoms=symptoms_in(links.masked) if want in ("diagnose", "status", "since_when") else (),
        quoted=found.quoted,
        pasted=pasted,
    )


def _without_names(text: str, links: Links) -> str:
    for start, end, _ in sorted(links.spans, reverse=True):
        text = f"{text[:start]} {text[end:]}"
    return " ".join(text.split())


_ASKING = re.compile(
    r"^\W*(?:(?:please|so|and|ok|hey|can you|could you)[, ]+)*(?:what(?:'s| is| are| does| do)?|whats|explain|define|describe|tell me (?:about|what)|meaning of|show me|give me|generate|write|create|make|"
    r"draft|produce|how (?:do|can|should|to|does|would)(?: (?:i|we|you|one))?|the difference between)\s+(?:(?:the|an?|is|are|me|meaning of|difference between)\s+)*",
    re.I,
)


def _term(text: str) -> str:
    """What is to be explained or written: the words behind the asking ones."""
    said = _ASKING.sub("", text.strip())
    return re.sub(r"\s*(?:\bmeans?\b|\bin kubernetes\b|\bin k8s\b|\bdo(?:es)?\b)?[\s?.!]*$", "", said, flags=re.I).strip(" \"'`")


# -- several questions, and what was pasted --------------------------------------------------------------------------------------


def split_questions(text: str) -> list[str]:
    """The questions of a text, each whole by itself; an order or a complaint with its remarks stays one."""
    text = text.strip()
    parts, at = [], 0
    for found in _NEXT.finditer(text):
        before, after = text[at : found.start()], text[found.end() :]
        if _QUESTION.match(before) and _whole(before) and _whole(after):
            parts.append(before.strip(" ,") + ("?" if found.group().startswith("?") else ""))
            at = found.end()
    return [part for part in [*parts, text[at:].strip()] if part]


def _whole(text: str) -> bool:
    """Whether a part can be asked by itself: an opener with something behind it ("why" alone belongs to the question before)."""
    return len(re.findall(r"\w+", text)) >= 3 and not re.match(
        r"^\W*(?:is|are|do|does|did|can|has|have) (?:it|that|this|they|not)\b(?! \w+ \w)", text, re.I
    )


_LOOKS_PASTED = re.compile(
    r"^\s*(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d\d:\d\d:\d\d|\[?\d{4}/\d\d/\d\d|[IWEF]\d{4} \d\d:|[{\[<]|at [\w.$]+\(|Traceback|Caused by:|(?:apiVersion|kind|metadata|spec|status):|Name:\s|Events:|"
    r"(?:NAME|NAMESPACE|LAST SEEN)\s{2,}|(?:INFO|WARN(?:ING)?|ERROR|DEBUG|FATAL|TRACE)\b|level=|time=|ts=|[\w./-]+\s{2,}\S+\s{2,}|[\w.]+(?:Exception|Error)\b|panic:|goroutine \d|Warning\s|Normal\s|E\d{4}|\w{3} +\d+ \d\d:\d\d:\d\d)",
    re.M,
)


def split_pasted(query: str) -> tuple[str, str]:
    """The question and what was pasted behind (or before) it: a log, YAML, a table; several plain sentences are no paste."""
    fence = re.search(r"```[a-z]*\n(.*?)(?:```|$)", query, re.S)
    if fence:
        return " ".join((query[: fence.start()] + " " + query[fence.end() :]).split()), fence.group(1).strip("\n")
    lines = query.strip("\n").splitlines()
    if len(lines) < 2:
        return query.strip(), ""
    if lines[0].rstrip().endswith(":") and len(lines[0].split()) > 1 and not _LOOKS_PASTED.match(lines[0]):
        last = lines[-1] if len(lines) > 2 and lines[-1].rstrip().endswith("?") else ""
        return f"{lines[0].strip()} {last}".strip(), "\n".join(lines[1:-1] if last else lines[1:])
    marked = [number for number, line in enumerate(lines) if _LOOKS_PASTED.match(line)]
    if not marked:
        return (" ".join(lines), "") if len(lines) < 4 else (lines[0], "\n".join(lines[1:]))
    first = marked[0]
    if first == 0:
        last = lines[-1].strip()
        if last.endswith("?") and not _LOOKS_PASTED.match(lines[-1]):
            return last, "\n".join(lines[:-1])
        return "", "\n".join(lines)
    return " ".join(line.strip() for line in lines[:first]), "\n".join(lines[first:])


def with_objects(request: Request, refs: Sequence[ObjectRef]) -> Request:
    """The same request about other objects: what a person chose of several, or what a follow-up names."""
    kept = set(refs)
    return dataclasses.replace(request, objects=tuple(linked for linked in request.objects if linked.ref in kept))


_ORDERS_ABROAD = (
    (r"^\W*(?:skaliere|schaal|escala|scala)\b", "scale"),
    (r"^\W*(?:lösche|elimina|borra|supprime|verwijder)\b", "delete"),
    (r"^\W*(?:reinicia|redémarre|riavvia|herstart)\b", "restart"),
    (r"^\W*starte\b(?=.*\bneu\b)", "restart"),
    (r"\b(?:auf|à|naar)\s+(?=\d+\b)", "to "),
)
"""The commonest orders in other languages, as their first word."""


def in_english(order: str) -> str:
    """An order with its verb in English, so that one grammar reads it."""
    for pattern, word in _ORDERS_ABROAD:
        order = re.sub(pattern, word, order, flags=re.I)
    return re.sub(r"\s+neu\W*$", "", order) if order.startswith("restart ") else order
