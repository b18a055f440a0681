"""Questions that compare, filter or rank what there is: oldest and newest, by label, by node, by state, by request, in a time window.

Every number comes from the API's objects; the table that follows shows only the rows that the sentence is about.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

from engine.cluster.kinds import KINDS, KindWord
from engine.cluster.objects import Obj, parse_time, text_at
from engine.core.text import age
from engine.language.answers.interface import Reply
from engine.language.names import mentioned_kind
from engine.language.questions.question import Question, quantity_of, shown, span, window

MOST = 10
Rows = Sequence[Obj]


def listed(q: Question, objects: Rows, tell: Callable[[Obj], str] = lambda obj: "") -> str:
    """Names in a sentence, at most ten, each with its namespace where several are looked at."""
    names = [
        obj.name + (f" {said}" if (said := tell(obj)) else "") + (f" ({obj.namespace})" if obj.namespace and not q.namespace else "")
        for obj in objects[:MOST]
    ]
    return ", ".join(names) + (f" and {len(objects) - MOST} more" if len(objects) > MOST else "")


def of_kind(q: Question, kind: KindWord) -> list[Obj]:
    """The objects of a kind at the question's place."""
    return q.objects(kind.resource) if kind.namespaced else [Obj(raw) for raw in q.source.list(kind.resource, cancel=q.cancel)]


def _place(q: Question, kind: KindWord) -> tuple[str, str]:
    """(flags of the command, words) for where a kind is looked for."""
    return (q.flags, q.where) if kind.namespaced else ("", "the cluster")


def _rows(objects: Rows) -> tuple[tuple[str, str], ...]:
    return tuple((obj.namespace, obj.name) for obj in objects)


def _many(count: int, kind: KindWord) -> str:
    return f"{count} {kind.singular if count == 1 else kind.argument}"


def by_age(q: Question) -> Reply | None:
    """The oldest or newest of a kind."""
    kind = mentioned_kind(q.text) or KINDS["pod"]
    newest = q.has(r"\b(?:newest|youngest|latest|last created|most recent(?:ly created)?)\b")
    dated = [obj for obj in of_kind(q, kind) if obj.created]
    dated.sort(key=lambda obj: (str(obj.created), obj.name), reverse=newest)
    flags, where = _place(q, kind)
    command = f"kubectl get {kind.argument}{flags} --sort-by=.metadata.creationTimestamp"
    if not dated:
        return Reply((command,), f"There are no {kind.argument} in {where}.")
    said = listed(q, dated[:1], lambda obj: f"created {_age(q, obj)} ago")
    return Reply((command,), f"The {'newest' if newest else 'oldest'} {kind.singular} in {where} is {said}.", rows=_rows(dated[:1]))


def _age(q: Question, obj: Obj) -> str:
    return age((q.source.now() - obj.created).total_seconds()) if obj.created else "unknown"


def by_label(q: Question) -> Reply | None:
    """The objects of a kind that have a label."""
    pair = re.search(r"(?<![\w-])([A-Za-z0-9][\w./-]*)=([\w.-]+)", q.text)
    if pair is None:
        return None
    kind = mentioned_kind(q.text) or KINDS["pod"]
    hit = [obj for obj in of_kind(q, kind) if obj.labels.get(pair.group(1)) == pair.group(2)]
    flags, where = _place(q, kind)
    verb = "has" if len(hit) == 1 else "have"
    said = f"{_many(len(hit), kind)} in {where} {verb} the label {pair.group(0)}"
    return Reply((f"kubectl get {kind.argument} -l {pair.group(0)}{flags}",), said + (f": {listed(q, hit)}." if hit else "."))


def on_node(q: Question) -> Reply | None:
    """The pods of a node that is named."""
    nodes = {Obj(raw).name for raw in q.source.list("nodes", cancel=q.cancel)}
    named = [word for word in re.findall(r"[a-z0-9][-a-z0-9.]*", q.text.lower()) if word in nodes]
    if not named or not q.has(r"\bpods?\b|\brun(?:s|ning)?\b|\bscheduled\b"):
        return None
    hit = [pod for pod in q.objects("pods") if pod.text("spec", "nodeName") == named[0]]
    said = f"{_many(len(hit), KINDS['pod'])} in {q.where} {'runs' if len(hit) == 1 else 'run'} on {named[0]}"
    command = f"kubectl get pods{q.flags} --field-selector spec.nodeName={named[0]} -o wide"
    return Reply((command,), said + (f": {listed(q, hit)}." if hit else "."))


def most_of(q: Question) -> Reply | None:
    """Which node or namespace has the most (or fewest) of a kind."""
    found = re.search(r"\bwhich (node|namespace)s? (?:has|have|runs?|holds?) (?:the )?(most|fewest|least) (\w+)", q.text, re.I)
    kind = KINDS.get(found.group(3).lower()) if found else None
    if found is None or kind is None:
        return None
    by_node = found.group(1).lower() == "node"
    everything = [Obj(raw) for raw in q.source.list(kind.resource, cancel=q.cancel)]
    counts = Counter(obj.text("spec", "nodeName", default="(no node)") if by_node else obj.namespace for obj in everything)
    order = sorted(counts.items(), key=lambda pair: ((pair[1] if found.group(2).lower() != "most" else -pair[1]), pair[0]))
    if not order:
        return Reply((f"kubectl get {kind.argument} -A",), f"There are no {kind.argument} in all namespaces.")
    said = ", ".join(f"{name} {count}" for name, count in order[:5])
    title = f"{kind.argument.capitalize()} by {found.group(1).lower()}, {found.group(2).lower()} first"
    return Reply((f"kubectl get {kind.argument} -A" + (" -o wide" if by_node else ""),), f"{title}: {said}.")


def lacking(q: Question) -> Reply | None:
    """The workloads or pods with a container that has no request, limit or probe."""
    found = re.search(r"\b(?:no|without|lack\w*|missing)\s+(?:\w+\s+)?(requests?|limits?|liveness|readiness|probes?)\b", q.text, re.I)
    if found is None:
        return None
    what = found.group(1).lower()
    kind = mentioned_kind(q.text) or KINDS["deployment"]
    if kind.kind not in ("Pod", "Deployment", "StatefulSet", "DaemonSet"):
        return None
    only = next((name for name in ("memory", "cpu") if q.has(rf"\b{name}\b")), "")

    def lacks(container: Obj) -> bool:
        if what.startswith(("request", "limit")):
            amounts = container.map("resources", what if what.endswith("s") else f"{what}s")
            return not (amounts.get(only) if only else amounts)
        probes = (
            ("livenessProbe",)
            if what == "liveness"
            else ("readinessProbe",)
            if what == "readiness"
            else ("livenessProbe", "readinessProbe")
        )
        return not any(container.map(probe) for probe in probes)

    hit = [obj for obj in of_kind(q, kind) if any(lacks(c) for c in _containers(obj))]
    words = f"{only} {what}".strip()
    said = f"{_many(len(hit), kind)} in {q.where} {'has' if len(hit) == 1 else 'have'} a container without {words}"
    return Reply((f"kubectl get {kind.argument}{q.flags}",), said + (f": {listed(q, hit)}." if hit else "."), rows=_rows(hit))


def _containers(obj: Obj) -> list[Obj]:
    of_pod = obj.maps("spec", "containers")
    return [Obj(raw) for raw in of_pod or obj.maps("spec", "template", "spec", "containers")]


def largest(q: Question) -> Reply | None:
    """The workloads or pods with the largest (or smallest) request or limit."""
    found = re.search(r"\b(biggest|largest|highest|most|smallest|lowest|least)\b.*?\b(memory|cpu)?\s*\b(requests?|limits?)\b", q.text, re.I)
    if found is None:
        return None
    what = "cpu" if q.has(r"\bcpu\b") else "memory"
    side = "limits" if found.group(3).lower().startswith("limit") else "requests"
    kind = mentioned_kind(q.text) or KINDS["deployment"]
    if kind.kind not in ("Pod", "Deployment", "StatefulSet", "DaemonSet"):
        return None
    small = found.group(1).lower() in ("smallest", "lowest", "least")
    sums = [(sum(quantity_of(c.text("resources", side, what), what) for c in _containers(obj)), obj) for obj in of_kind(q, kind)]
    ranked = sorted(((amount, obj) for amount, obj in sums if amount), key=lambda pair: (pair[0] if small else -pair[0], pair[1].name))[:5]
    amounts = {id(obj): shown(amount, what) for amount, obj in ranked}
    hit = [obj for _, obj in ranked]
    command = f"kubectl get {kind.argument}{q.flags}"
    if not hit:
        return Reply((command,), f"No {kind.singular} in {q.where} has a {what} {side[:-1]}.")
    title = f"{'Smallest' if small else 'Largest'} {what} {side} in {q.where}"
    return Reply((command,), f"{title}: {listed(q, hit, lambda obj: amounts[id(obj)])}.", rows=_rows(hit))


Test = Callable[[Obj, Question], bool]


def _behind(obj: Obj, q: Question) -> bool:
    return obj.number("status", "readyReplicas") < obj.number("spec", "replicas", default=1)


def _zero(obj: Obj, q: Question) -> bool:
    return obj.number("spec", "replicas", default=1) == 0


def _failed(obj: Obj, q: Question) -> bool:
    return obj.condition("Failed").get("status") == "True" or obj.number("status", "failed") > 0


def _without_address(obj: Obj, q: Question) -> bool:
    return obj.text("spec", "type") == "LoadBalancer" and not obj.maps("status", "loadBalancer", "ingress")


_ZERO, _BEHIND = r"\b(?:scaled? (?:down )?to (?:zero|0)|zero replicas|0 replicas)\b", r"\b(?:not ready|unavailable|unhealthy|failing)\b"
_STATES: tuple[tuple[str, str, str, Test], ...] = (
    ("Node", r"\b(?:not ready|notready|down|unready)\b", "not ready", lambda o, q: o.condition("Ready").get("status") != "True"),
    ("Node", r"\b(?:cordoned|unschedulable)\b", "cordoned", lambda o, q: o.flag("spec", "unschedulable")),
    ("PersistentVolumeClaim", r"\b(?:pending|unbound|not bound)\b", "not bound", lambda o, q: o.text("status", "phase") != "Bound"),
    ("Job", r"\bfail\w*\b", "marked as failed", _failed),
    ("Job", r"\b(?:complete|succeed|finish)\w*\b", "complete", lambda o, q: o.condition("Complete").get("status") == "True"),
    ("CronJob", r"\bsuspended\b", "suspended", lambda o, q: o.flag("spec", "suspend")),
    ("Service", r"\bload ?balancers?\b.*\b(?:no|without|pending|lack\w*|missing)\b", "load balancers without an address", _without_address),
    ("Service", r"\bload ?balancers?\b", "of type LoadBalancer", lambda o, q: o.text("spec", "type") == "LoadBalancer"),
    ("Service", r"\b(?:no|without)\s+(?:ready\s+)?endpoints?\b", "without a ready endpoint", lambda o, q: not _endpoints(o, q)),
    *((kind, _ZERO, "scaled to zero", _zero) for kind in ("Deployment", "StatefulSet")),
    ("Deployment", r"\bpaused\b", "paused", lambda o, q: o.flag("spec", "paused")),
    *((kind, _BEHIND, "not ready", _behind) for kind in ("Deployment", "StatefulSet")),
    ("Namespace", r"\b(?:terminating|stuck)\b", "terminating", lambda o, q: o.text("status", "phase") == "Terminating"),
)


def _endpoints(service: Obj, q: Question) -> bool:
    slices = q.objects("endpointslices.discovery.k8s.io")
    own = [s for s in slices if s.namespace == service.namespace and s.labels.get("kubernetes.io/service-name") == service.name]
    return service.text("spec", "type") == "ExternalName" or any(
        Obj(end).raw.get("conditions", {}).get("ready") is not False for s in own for end in s.maps("endpoints")
    )


def in_state(q: Question) -> Reply | None:
    """The objects of a kind in a state that the question names."""
    kind = mentioned_kind(q.text)
    if kind is None:
        return None
    for of, pattern, words, test in _STATES:
        if of == kind.kind and q.has(pattern):
            everything = of_kind(q, kind)
            hit = [obj for obj in everything if test(obj, q)]
            flags, where = _place(q, kind)
            said = f"{len(hit)} of {_many(len(everything), kind)} in {where} {'is' if len(hit) == 1 else 'are'} {words}"
            return Reply((f"kubectl get {kind.argument}{flags}",), said + (f": {listed(q, hit)}." if hit else "."), rows=_rows(hit))
    return None


def claims_by_size(q: Question) -> Reply | None:
    """The claims that ask for more or less than a size."""
    kind = mentioned_kind(q.text)
    found = re.search(
        r"\b(?P<more>more than|over|above|larger than|bigger than)?(?:less than|under|below|smaller than)?\s*(?P<size>\d+(?:Ki|Mi|Gi|Ti|K|M|G|T))\b",
        q.text,
    )
    if found is None or kind is None or kind.kind != "PersistentVolumeClaim" or not found[0].lower().strip()[0].isalpha():
        return None
    bound, more = quantity_of(found["size"], "memory"), bool(found["more"])
    claims = [(obj, quantity_of(obj.text("spec", "resources", "requests", "storage"), "memory")) for obj in of_kind(q, kind)]
    hit = [obj for obj, size in claims if (size > bound if more else size < bound)]
    said = (
        f"{_many(len(hit), kind)} in {q.where} {'asks' if len(hit) == 1 else 'ask'} for {'more' if more else 'less'} than {found['size']}"
    )
    tell = listed(q, hit, lambda obj: obj.text("spec", "resources", "requests", "storage"))
    return Reply((f"kubectl get {kind.argument}{q.flags}",), said + (f": {tell}." if hit else "."), rows=_rows(hit))


def restarted(q: Question) -> Reply | None:
    """The pods of which a container ended within a time window."""
    within = window(q.text)
    if within is None or not q.has(r"\brestart\w*\b|\bcrash\w*\b"):
        return None
    now = q.source.now()

    def ends(pod: Obj) -> bool:
        finished = [parse_time(text_at(c, "lastState", "terminated", "finishedAt")) for c in pod.maps("status", "containerStatuses")]
        return any(when is not None and timedelta(0) <= now - when <= within for when in finished)

    hit = [pod for pod in q.objects("pods") if ends(pod)]
    said = f"{_many(len(hit), KINDS['pod'])} in {q.where} had a container that restarted within the last {span(within)}"
    return Reply((f"kubectl get pods{q.flags}",), said + (f": {listed(q, hit)}." if hit else "."), rows=_rows(hit))


def images(q: Question) -> Reply | None:
    """Which images the pods use, and how many of them."""
    if not q.has(r"\b(?:used|use|running|in use|are there|do we)\b"):
        return None
    counts: Counter[str] = Counter(text_at(c, "image") for pod in q.objects("pods") for c in pod.maps("spec", "containers"))
    if not counts:
        return None
    told = ", ".join(f"{image} {count}×" for image, count in counts.most_common(MOST))
    more = f" and {len(counts) - MOST} more" if len(counts) > MOST else ""
    columns = "POD:.metadata.name,IMAGES:.spec.containers[*].image"
    return Reply((f"kubectl get pods{q.flags} -o custom-columns={columns}",), f"{len(counts)} images in {q.where}: {told}{more}.")


SHAPES: tuple[tuple[str, Callable[[Question], Reply | None]], ...] = (
    (r"\b(?:oldest|newest|youngest|most recent(?:ly created)?|last created|latest (?:pod|job|deployment)s?)\b", by_age),
    (r"\b(?:biggest|largest|highest|most|smallest|lowest|least)\b.*\b(?:requests?|limits?)\b", largest),
    (r"\bwhich (?:node|namespace)s? (?:has|have|runs?|holds?) (?:the )?(?:most|fewest|least)\b", most_of),
    (r"\b(?:no|without|lack\w*|missing)\b.*\b(?:requests?|limits?|liveness|readiness|probes?)\b", lacking),
    (r"\b(?:than|over|under|above|below)\s+\d+[KMGT]i?\b", claims_by_size),
    (r"\b(?:restart|crash)\w*\b.*\b(?:last|past)\b", restarted),
    (r"(?<![\w-])[A-Za-z0-9][\w./-]*=[\w.-]+", by_label),
    (r"\b(?:on|of) (?:the )?(?:node )?[a-z0-9]", on_node),
    (
        r"\b(?:which|what|list|show|all|how many)\b.*\bimages\b",
        lambda q: images(q) if q.has(r"\b(?:used|use|running|in use|are there|do we)\b") else None,
    ),
    (r".", in_state),
)
