"""From a Request to a search of logs: which text, lines, window, container and count are meant."""

from __future__ import annotations

import re

from engine.analyzers.common.containers import pod_template
from engine.cluster.objects import maps_at, text_at
from engine.core.types import ObjectRef
from engine.language.answers.interface import Reply, Scene
from engine.language.answers.log_search.search import ERRORS, WARNINGS, Wanted, count_of, lines_of, rate_of, read, since_clock
from engine.language.request import Request

_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod", "Service")
_QUOTED = re.compile(r"[\"“`](?P<text>[^\"”`]{2,120})[\"”`]|(?<!\w)'(?P<single>[^']{2,120})'(?!\w)")
_CONTAINING = re.compile(
    r"\b(?:contain(?:s|ed|ing)?|with|matching|mention\w*|includ\w+|say\w*|for|grep(?: for)?|find|search(?: for)?)\s+(?:the\s+)?(?:(?:word|text|string|phrase|pattern)\s+)?(?P<text>[A-Za-z0-9_.:/=-]{2,60})",
    re.I,
)
_ANY = re.compile(r"\bany\s+(?P<text>[A-Z0-9_]{4,40}|[\w.:/-]{2,60}Exception)\s+in\b")
"""An error's code by its spelling: "any ECONNREFUSED in the log"."""
_NO_TEXT = frozenset(
    "the a an all any in of logs log lines line errors error warnings warning last first container pod deployment service namespace me it its this that from minute minutes hour hours exceptions".split()
)
_PER = re.compile(r"\b(?:per|each|every|a|by)\s+minute\b|\bper[- ]minute\b", re.I)
_SINCE_CLOCK = re.compile(r"\b(?:since|after|from)\s+(\d{1,2})[:.](\d{2})\b", re.I)
_CONTAINERS = (
    re.compile(r"\bcontainer\s+[\"'`]?([a-z0-9][a-z0-9-]*)", re.I),
    re.compile(r"\b([a-z0-9][a-z0-9-]*)\s+container\b", re.I),
    re.compile(r"(?:^|\s)-c\s+([a-z0-9][a-z0-9-]*)"),
)


def logs(request: Request, scene: Scene) -> Reply | None:
    """The lines, their number or their rate, of the workloads and pods that are named."""
    refs = [ref for ref in request.refs if ref.kind in _KINDS]
    if not refs:
        return None
    groups = [group for _, group in request.candidates()]
    refs = list(
        dict.fromkeys(
            next((ref for ref in group if ref.kind in _KINDS), None) or refs[0]
            for group in groups
            if any(ref.kind in _KINDS for ref in group)
        )
    )
    view = scene.view_of("" if len({ref.namespace for ref in refs}) > 1 else refs[0].namespace)
    pattern, words = _pattern(request)
    clock = _SINCE_CLOCK.search(request.text)
    since = (
        since_clock(view.now, int(clock[1]) % 24, int(clock[2]) % 60) if clock else view.now - request.window if request.window else None
    )
    counting = bool(re.search(r"\bhow (?:many|often)\b|\bcount\b|\bnumber of\b", request.text, re.I))
    rate = bool(_PER.search(request.text))
    if rate and pattern is None:
        pattern, words = re.compile(""), "were written"
    if counting and pattern is None:
        pattern, words = re.compile(""), "were written"
    known = {text.lower() for ref in refs for text in _container_names(scene, ref)}
    named = [found[1].lower() for shape in _CONTAINERS for found in shape.finditer(request.text)]
    container = next((name for name in named if name in known), "")
    wanted = Wanted(
        pattern, words, since, request.limit or (50 if pattern is None else 30), container,
        bool(re.search(r"\bprevious\b|\bbefore (?:the|it|its) (?:crash|restart)|\blast run\b", request.text, re.I)),
    )  # fmt: skip
    found = read(scene.source, view, refs, wanted, scene.cancel)
    return rate_of(found, refs, wanted) if rate else count_of(found, refs, wanted) if counting else lines_of(found, refs, wanted)


def _pattern(request: Request) -> tuple[re.Pattern[str] | None, str]:
    """What lines must match, and the words for it; (None, "") where all lines are meant."""
    text = request.text
    quoted = _QUOTED.search(text)
    if quoted:
        said = quoted["text"] or quoted["single"]
        return re.compile(re.escape(said), re.I), f"contain “{said}”"
    names = {linked.word.lower() for linked in request.objects} | {ref.name.lower() for ref in request.refs}
    for found in (*_ANY.finditer(text), *_CONTAINING.finditer(text)):
        said = found["text"]
        if (
            said.lower() not in _NO_TEXT
            and said.lower() not in names
            and not said.isdigit()
            and said.lower() not in {(request.namespace or "").lower()}
        ):
            return re.compile(re.escape(said), 0 if said.isupper() else re.I), f"contain “{said}”"
    level = re.search(r"\b(ERROR|WARN|WARNING|FATAL|INFO|DEBUG|CRITICAL|TRACE)\b", text)
    if level:
        return re.compile(rf"\b{level[1]}\b"), f"contain {level[1]}"
    if re.search(r"\b(?:errors?|exceptions?|failures?)\b", text, re.I):
        return ERRORS, "are errors"
    if re.search(r"\bwarnings?\b", text, re.I):
        return WARNINGS, "are warnings"
    status = re.search(r"\b(?:status(?: code)?|http)\s+(\d{3})\b|\b([45]\d\d)s?\b(?:\s+(?:errors?|responses?|codes?))?", text)
    if status:
        code = next(group for group in status.groups() if group)
        return re.compile(rf"(?<!\d){code}(?!\d)"), f"contain {code}"
    return None, ""


def _container_names(scene: Scene, ref: ObjectRef) -> list[str]:
    obj = scene.view_of(ref.namespace).find_ref(ref)
    spec = pod_template(obj).get("spec") if obj is not None else None
    return [text_at(c, "name") for part in ("initContainers", "containers") for c in maps_at(spec, part)]
