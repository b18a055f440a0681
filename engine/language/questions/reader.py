"""Informational questions that code can answer: which read command shows it, and the sentence that the API's own numbers give.

Counts, ages, comparisons and attributes are computed here from the objects, never by a model and never from printed text.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Sequence

from engine.analyzers.common.view import event_time
from engine.cluster.kinds import KIND_OF, KINDS, WORKLOADS, KindWord
from engine.cluster.objects import Obj, text_at
from engine.cluster.rows.build import pod_row
from engine.cluster.source import Forbidden, NotFound, NotRecorded, Usage
from engine.core.types import ObjectRef
from engine.language.answers.interface import Reply, Scene
from engine.language.names import mentioned_kind, resolve
from engine.language.questions.attributes import attribute, meant
from engine.language.questions.comparisons import SHAPES
from engine.language.questions.question import Question, quantity_of, shown, span, window
from engine.language.request import Request
from engine.language.words.vocabulary import SYMPTOMS


def read(request: Request, scene: Scene, chosen: ObjectRef | None = None) -> Reply | None:
    """The reply to a plain question, or None where code cannot tell what is asked. Raises ClusterError.

    `chosen` is the object that a person picked where a name fits several.
    """
    text = " ".join(f"{request.spelt_out} {scene.pod}".split())
    question = Question(text, scene.source, scene.namespace, scene.cancel, chosen, request)
    for pattern, make in (*_BEFORE, *SHAPES, *_SHAPES):
        if question.has(pattern):
            found = make(question)
            if found is not None:
                return found
    return None


def _literal(q: Question) -> Reply | None:
    command = re.search(r"\bkubectl\s+\S.*", q.text)
    return Reply((command.group(0).strip("`'\" ?"),)) if command else None


def _version(q: Question) -> Reply:
    return Reply(("kubectl version",), f"The API server runs {q.source.server_version()}.")


_NEVER_RESTARTED = r"\b(?:never|not|n't) (?:been )?restarted\b|\b(?:no|zero|0|without (?:a |any )?) ?restarts?\b"


def _restarts(q: Question) -> Reply:
    rows = sorted(q.pods(), key=lambda row: (-row.restarts, row.name))
    if q.has(_NEVER_RESTARTED):
        calm = [row for row in rows if not row.restarts]
        said = f"{len(calm)} of {len(rows)} pods in {q.where} {'has' if len(calm) == 1 else 'have'} never restarted"
        return Reply((f"kubectl get pods{q.flags}",), f"{said}.", rows=tuple((row.namespace, row.name) for row in calm))
    bound = re.search(r"\b(?:more than|over|above|at least|>=?)\s*(\d+)", q.text, re.I)
    if bound:
        least = int(bound[1]) + (0 if re.search(r"at least|>=", bound[0], re.I) else 1)
        many = [row for row in rows if row.restarts >= least]
        said = f"{len(many)} pod{'' if len(many) == 1 else 's'} in {q.where} restarted {bound[0].lower()} times"
        each = ", ".join(f"{row.name} {row.restarts}×" + ("" if q.namespace else f" ({row.namespace})") for row in many)
        return Reply(
            (f"kubectl get pods{q.flags}",), said + (f": {each}." if many else "."), rows=tuple((r.namespace, r.name) for r in many)
        )
    top = [row for row in rows if row.restarts][:5]
    command = f"kubectl get pods{q.flags} --sort-by=.status.containerStatuses[0].restartCount"
    if not top:
        return Reply((command,), f"No pod in {q.where} has restarted.")
    listed = ", ".join(f"{row.name} {row.restarts}×" + ("" if q.namespace else f" ({row.namespace})") for row in top)
    return Reply((command,), f"Most restarts in {q.where}: {listed}.")


def _usage(q: Question) -> Reply:
    nodes = q.has(r"\bnodes?\b")
    by_cpu = q.has(r"\bcpu\b|\bprocessor") and not q.has(r"\bmemory\b|\bram\b|\bmem\b")
    what = "cpu" if by_cpu else "memory"
    command = f"kubectl top {'nodes' if nodes else 'pods' + q.flags} --sort-by={what}"
    try:
        used = q.source.top("nodes" if nodes else "pods", None if nodes else q.namespace or None)
    except (NotFound, NotRecorded, Forbidden) as error:
        return _requests(q, what, nodes, str(error))
    totals: Counter[str] = Counter()
    for usage in used:
        key = usage.name if nodes or q.namespace else f"{usage.namespace}/{usage.name}"
        totals[key] += int(_amount(usage, what))
    listed = ", ".join(f"{name} {shown(value, what)}" for name, value in totals.most_common(5))
    return Reply((command,), f"Most {what} in use: {listed}." if listed else "No usage was reported.")


def _amount(usage: Usage, what: str) -> float:
    return usage.cpu * 1000 if what == "cpu" else usage.memory


def _requests(q: Question, what: str, nodes: bool, why: str) -> Reply:
    """Without metrics: what the pods ask for, said as such."""
    asked: Counter[str] = Counter()
    for pod in q.objects("pods"):
        if pod.text("status", "phase") not in ("Running", "Pending"):
            continue
        key = pod.text("spec", "nodeName", default="(unscheduled)") if nodes else pod.name
        for container in pod.maps("spec", "containers"):
            asked[key] += quantity_of(text_at(container, "resources", "requests", what), what)
    listed = ", ".join(f"{name} {shown(value, what)}" for name, value in asked.most_common(5) if value)
    said = (
        f"Actual usage cannot be read: {why.rstrip('.')}. By their requests, the largest in {what} are: {listed or 'none has a request'}."
    )
    columns = "NAME:.metadata.name,CPU:.status.allocatable.cpu,MEMORY:.status.allocatable.memory,PODS:.status.allocatable.pods"
    return Reply((f"kubectl get nodes -o custom-columns={columns}" if nodes else f"kubectl get pods{q.flags}",), said)


def _events(q: Question) -> Reply:
    warnings = q.has(r"\bwarnings?\b|\berrors?\b|\bproblems?\b")
    within = window(q.text)
    events = [e for e in q.objects("events") if not warnings or e.text("type") == "Warning"]
    now = q.source.now()
    if within is not None:
        events = [e for e in events if (when := event_time(e)) is not None and now - when <= within]
    reasons = Counter(e.text("reason") for e in events)
    what = "warning events" if warnings else "events"
    since = f" of the last {span(within)}" if within else ""
    listed = ", ".join(f"{reason} {count}×" for reason, count in reasons.most_common(6))
    command = f"kubectl get events{q.flags} --sort-by=.lastTimestamp" + (" --field-selector type=Warning" if warnings else "")
    return Reply((command,), f"{len(events)} {what}{since} in {q.where}" + (f": {listed}." if listed else "."))


def _trouble(q: Question) -> Reply | None:
    kind = mentioned_kind(q.text)
    if kind is not None and kind.kind != "Pod":
        return None
    command = f"kubectl get pods{q.flags}"
    states = [s.name for s in SYMPTOMS if s.exact and s.states and q.has(s.words)]
    if states:
        hit = [row for row in q.pods() if any(state.lower()[:9] in row.status.lower() for state in states)]
        said = f"{len(hit)} pod{'' if len(hit) == 1 else 's'} in {q.where} {'is' if len(hit) == 1 else 'are'} in {' or '.join(states)}"
        listed = ", ".join(row.name + ("" if q.namespace else f" ({row.namespace})") for row in hit[:10])
        return Reply((command,), said + (f": {listed}." if hit else "."), rows=tuple((row.namespace, row.name) for row in hit))
    bad = [row for row in q.pods() if row.trouble != "ok"]
    if not bad:
        return Reply((command,), f"No pod in {q.where} is failing.")
    listed = ", ".join(f"{row.name} ({row.status}" + (f", {row.restarts} restarts)" if row.restarts else ")") for row in bad[:10])
    more = f" and {len(bad) - 10} more" if len(bad) > 10 else ""
    rows = tuple((row.namespace, row.name) for row in bad)
    return Reply((command,), f"{len(bad)} pods in {q.where} are not healthy: {listed}{more}.", rows=rows)


def _logs(q: Question) -> Reply | None:
    found = resolve(q.source, q.text, q.namespace, WORKLOADS, cancel=q.cancel)
    if not found.found:
        return _unknown("" if found.word.isdigit() else found.word, found.near)
    ref, others = meant(q, found)
    target = ref.name if ref.kind == "Pod" else f"{KIND_OF[ref.kind].singular}/{ref.name}"
    lines = re.search(r"\blast\s+(\d+)\s+lines?\b|\b(\d+)\s+lines?\b", q.text)
    tail = next((g for g in lines.groups() if g), "50") if lines else "50"
    within = window(q.text)
    since = f" --since={int(within.total_seconds())}s" if within is not None and not lines else ""
    amount = since or f" --tail={tail}"
    previous = " --previous" if q.has(r"\bprevious\b|\bbefore the (?:crash|restart)\b") else ""
    said = f"What {ref} logged in the last {span(within)}:" if since and within is not None else f"The last {tail} lines of {ref}:"
    return Reply((f"kubectl logs {target} -n {ref.namespace}{amount}{previous}",), said, objects=(ref,), choices=others, word=found.word)


def _describe(q: Question) -> Reply | None:
    kind = mentioned_kind(q.text)
    kinds = [kind] if kind else list(KIND_OF.values())
    found = resolve(q.source, q.text, q.namespace, kinds, cancel=q.cancel)
    if not found.found:
        return _unknown(found.word, found.near) if found.word else None
    ref, others = meant(q, found)
    where = f" -n {ref.namespace}" if ref.namespace else ""
    command = f"kubectl describe {KIND_OF[ref.kind].singular} {ref.name}{where}"
    return Reply((command,), "", objects=(ref,), choices=others, word=found.word)


def _unknown(word: str, near: Sequence[str]) -> Reply:
    if near:
        return Reply(missing=f"There is no “{word}” here. Did you mean {' or '.join(near)}?", word=word, near=tuple(near))
    return Reply(missing=f"There is no “{word}” in any namespace that can be read." if word else "Which object? Name it.")


def _count_or_list(q: Question) -> Reply | None:
    kind = mentioned_kind(q.text)
    if kind is None:
        return None
    objects = q.objects(kind.resource) if kind.namespaced else [Obj(raw) for raw in q.source.list(kind.resource, cancel=q.cancel)]
    where = q.where if kind.namespaced else "the cluster"
    flags = q.flags if kind.namespaced else ""
    command = f"kubectl get {kind.argument}{flags}" + (" -o wide" if kind.kind in ("Node",) else "")
    if kind.namespaced and q.has(r"\b(?:per|by|in each|for each|in every|for every)\s+namespace\b"):
        each = Counter(obj.namespace for obj in objects)
        return Reply(
            (command,), f"{len(objects)} {kind.argument} in {where}: {', '.join(f'{name} {n}' for name, n in each.most_common())}."
        )
    if kind.kind == "Service" and q.has(r"\bheadless\b"):
        headless = [obj for obj in objects if obj.text("spec", "clusterIP") == "None"]
        listed = ", ".join(f"{obj.name} ({obj.namespace})" for obj in headless)
        rows = tuple((obj.namespace, obj.name) for obj in headless)
        return Reply((command,), f"{len(headless)} headless services in {where}" + (f": {listed}." if headless else "."), rows=rows)
    said = f"{len(objects)} {kind.argument if len(objects) != 1 else kind.singular} in {where}"
    return Reply((command,), said + _breakdown(kind, objects, q) + ".")


def _breakdown(kind: KindWord, objects: Sequence[Obj], q: Question) -> str:
    if not objects:
        return ""
    if kind.kind == "Pod":
        states = Counter(pod_row(obj.raw, now=q.source.now()).status for obj in objects)
    elif kind.kind == "Node":
        states = Counter("Ready" if obj.condition("Ready").get("status") == "True" else "NotReady" for obj in objects)
    elif kind.kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        states = Counter(
            "ready" if obj.number("status", "readyReplicas") >= obj.number("spec", "replicas", default=1) else "not ready"
            for obj in objects
        )
    elif kind.kind in ("Namespace", "PersistentVolumeClaim", "PersistentVolume"):
        states = Counter(obj.text("status", "phase") for obj in objects)
    else:
        names = ", ".join(sorted(obj.name for obj in objects)[:8])
        return f": {names}" + (", …" if len(objects) > 8 else "")
    return ": " + ", ".join(f"{count} {state}" for state, count in states.most_common())


def no_namespace(q: Question) -> Reply | None:
    """What is said of a namespace that is named as such and is not there; None where none is, or it is there."""
    named = re.search(r"(?:\bnamespace|\bns|(?:^|\s)-n)[ =]+[\"'`]?([a-z0-9][-a-z0-9]*)", q.text, re.I)
    if named is None or named.group(1).lower() in _NO_NAMES:
        return None
    try:
        names = [str(raw.get("metadata", {}).get("name", "")) for raw in q.source.list("namespaces", cancel=q.cancel)]
    except (Forbidden, NotFound, NotRecorded):
        return None
    word = named.group(1).lower()
    if not names or word in names:
        return None
    near = tuple(difflib.get_close_matches(word, names, n=3, cutoff=0.6))
    hint = f" Did you mean {' or '.join(near)}?" if near else f" There are {len(names)}: {', '.join(sorted(names)[:12])}."
    return Reply(missing=f"There is no namespace “{word}”.{hint}", word=word, near=near)


_NO_NAMES = frozenset(
    "has have is are with does do was the a of in for most called named and or that which events pods list used exist exists".split()
)
_OBJECT_WORDS = frozenset(
    "all the any every my our me us a an of in for it its them this that everything something anything things stuff help version cluster "
    "context logs log events event status state health usage memory cpu restarts images labels problems errors warnings failing failed broken "
    "unhealthy pending crashing current default running ready last recent top latest more changes findings docs documentation runbooks".split()
)


def _other_kind(q: Question) -> Reply | None:
    """Custom kinds, counted like any other; a kind that no cluster has is told, with the nearest ones."""
    asked = re.match(
        r"^\W*(?:please\s+)?(?:list|show|get|count|how many|which)\s+(?:me\s+)?(?:all\s+|the\s+)*([a-z][a-z0-9-]*)\b", q.text, re.I
    )
    if asked is None or mentioned_kind(q.text) is not None:
        return None
    word = asked.group(1).lower()
    if word in _OBJECT_WORDS or word.endswith("ing"):
        return None
    for resource in q.source.resources():
        plural = resource.name.split(".")[0]
        if word in (plural, plural.removesuffix("s"), resource.kind.lower(), *resource.short_names):
            within = (q.namespace or None) if resource.namespaced else None
            count = len(list(q.source.list(resource.name, within, cancel=q.cancel)))
            where = q.where if resource.namespaced else "the cluster"
            command = f"kubectl get {plural}{q.flags if resource.namespaced else ''}"
            return Reply((command,), f"{count} {plural if count != 1 else resource.kind.lower()} in {where}.")
    if not re.match(r"^\W*(?:list|how many|count)\b", q.text, re.I) or resolve(q.source, q.text, q.namespace, cancel=q.cancel).found:
        return None
    near = difflib.get_close_matches(word, [name for name in KINDS if len(name) > 3], n=2, cutoff=0.7)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return Reply(missing=f"This cluster has no kind “{word}”.{hint}", word=word, near=tuple(near))


_BEFORE: tuple[tuple[str, Callable[[Question], Reply | None]], ...] = (
    (r"\b(?:namespace|ns)[ =]|(?:^|\s)-n[ =]", no_namespace),
    (r"\bkubectl\s+(?:get|describe|logs|top|version|explain|events|api-resources|cluster-info|rollout (?:status|history))\b", _literal),
)
_SHAPES: tuple[tuple[str, Callable[[Question], Reply | None]], ...] = (
    (r"\b(?:cluster|kubernetes|k8s|server|api)\b.*\bversion\b|\bversion\b.*\b(?:cluster|kubernetes|k8s|server)\b", _version),
    (
        _NEVER_RESTARTED
        + r"|\brestart(?:s|ed|ing)?\b.*\b(?:most|count|often)\b|\bmost\b.*\brestart|\brestart counts?\b|\bhow (?:many|often)\b.*\brestart|\brestart\w*\b.{0,12}\b(?:more than|over|above|at least)\s+\d+|\b(?:more than|over|at least)\s+\d+\s+restarts",
        _restarts,
    ),
    (
        r"\b(?:memory|cpu|resources?|ram)\b.*\b(?:usage|use|used|using|uses|consum\w+|most|top)\b|\b(?:usage|most|top|consum\w+|uses?)\b.*\b(?:memory|cpu|ram)\b",
        _usage,
    ),
    (r"\bevents?\b", _events),
    (r"\blogs?\b", _logs),
    (r"\bdescribe\b|\bdetails? (?:of|about|on|for)\b|\btell me about\b", _describe),
    (r"\b(?:failing|failed|broken|unhealthy|crash\w*|not running|not ready|pending|problem\w*|bad|stuck)\b", _trouble),
    (r".", attribute),
    (r".", _count_or_list),
    (r".", _other_kind),
)
