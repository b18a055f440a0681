"""An order in plain words to exact commands: a verb, objects that exist, and how to see afterwards that it worked.

Every slot is looked up in the cluster; nothing is guessed. What cannot be parsed is told, with what would be understood.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Callable, Sequence

from engine.cluster.kinds import KIND_OF, KINDS
from engine.cluster.objects import Obj
from engine.cluster.rows.build import pod_row
from engine.cluster.source import ClusterSource
from engine.core.cancel import CancelToken
from engine.core.types import ObjectRef
from engine.language.names import mentioned_kind, mentioned_number, named
from engine.language.orders.configure import containers_of, environment, pause, resources, which_container
from engine.language.orders.create import autoscale, create, expose, job_from_cron
from engine.language.orders.plan import (
    EXAMPLES,
    RESTARTABLE,
    ROLLED,
    SCALABLE,
    Look,
    Order,
    Plan,
    Words,
    changed_and_rolled_out,
    gone,
    one,
    rolled_out,
)
from engine.language.pronouns import spelt_out

ORDER_VERBS = (
    "scale|restart|bounce|redeploy|delete|remove|cordon|uncordon|drain|roll ?back|undo|set|change|update|label|annotate|create|expose|"
    "autoscale|pause|resume|suspend|unsuspend|run|trigger"
)

MOST = 50
"""Objects that one approval can show."""
_THEN = re.compile(r"(?:,\s*|;\s*|\s+)(?:and\s+then|then|and|after that)\s+(?=(?:please\s+)?(?:" + ORDER_VERBS + r")\b)", re.I)


def plan(query: str, source: ClusterSource, namespace: str, *, cancel: CancelToken | None = None, chosen: ObjectRef | None = None) -> Plan:
    """The commands of an order, of several joined by "and" or "then" one after another; raises ClusterError for a cluster that is gone.

    `chosen` is the object that a person picked where several fit. One part that cannot be understood leaves the whole undone.
    """
    text = " ".join(query.split())
    literal = re.search(r"\bkubectl\s+\S.*", text)
    if literal:
        command = literal.group(0).strip("`'\" ")
        return Plan((Order(command, "runs the command as typed", (), lambda _: (True, "")),))
    orders: list[Order] = []
    notes: list[str] = []
    parts = _THEN.split(text)
    for number, part in enumerate(parts, 1):
        said, _ = spelt_out(part, [ref for order in reversed(orders) for ref in order.objects][:1])
        made = _plan_one(said, source, namespace, cancel, chosen)
        if not made.orders:
            return dataclasses.replace(made, problem=f"Step {number} (“{part}”): {made.problem}" if len(parts) > 1 else made.problem)
        orders += made.orders
        notes += [made.note] if made.note else []
    return Plan(tuple(orders), note=" ".join(dict.fromkeys(notes)))


def _plan_one(text: str, source: ClusterSource, namespace: str, cancel: CancelToken | None, chosen: ObjectRef | None) -> Plan:
    for pattern, make in _VERBS:
        if re.search(pattern, text, re.I):
            return make(Words(text, source, namespace, cancel, chosen))
    return Plan(problem="I cannot tell what to do from these words. " + _understood())


def _understood() -> str:
    return "Understood are orders such as: " + "; ".join(f"“{example}”" for example in EXAMPLES) + "."


def _scale(words: Words) -> Plan:
    ref, plan_ = one(words, SCALABLE, "deployment or stateful set")
    if ref is None:
        return plan_
    resource = KIND_OF[ref.kind]
    before = words.get(ref).number("spec", "replicas", default=1)
    number = _replicas(words.text, before)
    if number is None:
        return Plan(problem=f"To how many replicas? As in “scale {ref.name} to 3”.")
    command = f"kubectl scale {resource.singular} {ref.name} --replicas={number} -n {ref.namespace}"

    def look(source: ClusterSource) -> tuple[bool, str]:
        now = Obj(source.get(resource.resource, ref.namespace, ref.name))
        wanted, ready = now.number("spec", "replicas"), now.number("status", "readyReplicas")
        settled = wanted == number and (ready == number) and now.number("status", "replicas") == number
        return settled, f"{ref} now asks for {wanted} replicas, {ready} of them ready (before: {before})"

    return Plan((Order(command, f"scales {ref} in {ref.namespace} from {before} to {number} replicas", (ref,), look),), note=plan_.note)


def _replicas(text: str, before: int) -> int | None:
    """The number of replicas that is wanted: given as such, or as a difference ("by 2", "one more replica")."""
    spelt = {"one": 1, "a": 1, "another": 1, "two": 2, "three": 3, "four": 4, "five": 5}
    by = re.search(r"\bby\s+(\d+|one|two|three|four|five)\b", text, re.I)
    more = re.search(
        r"\b(\d+|one|two|three|four|five|another|a)?\s*(more|fewer|less)\s+(?:replicas?|instances?|pods?|copies)\b", text, re.I
    )
    another = re.search(r"\banother\s+(?:replica|instance|pod|copy)\b", text, re.I)
    if not (by or more or another):
        return mentioned_number(text)
    word = (by.group(1) if by else more.group(1) if more else "one") or "one"
    count = spelt.get(word.lower()) or int(word)
    down = re.search(r"\b(?:down|decrease|lower|reduce|fewer|less)\b", text, re.I)
    return max(0, before - count) if down else before + count


def _restart(words: Words) -> Plan:
    ref, plan_ = one(words, RESTARTABLE, "workload")
    if ref is None:
        return plan_
    if ref.kind == "Pod":
        return _delete_pods(words, [ref], "restarts", plan_.note)
    resource = KIND_OF[ref.kind]
    stamp = Obj(words.source.get(resource.resource, ref.namespace, ref.name)).text(
        "spec", "template", "metadata", "annotations", _RESTARTED
    )
    command = f"kubectl rollout restart {resource.singular} {ref.name} -n {ref.namespace}"

    def look(source: ClusterSource) -> tuple[bool, str]:
        now = Obj(source.get(resource.resource, ref.namespace, ref.name))
        restarted = now.text("spec", "template", "metadata", "annotations", _RESTARTED) != stamp
        return rolled_out(now, restarted, ref)

    return Plan((Order(command, f"restarts the pods of {ref} in {ref.namespace}, one after another", (ref,), look),), note=plan_.note)


_RESTARTED = "kubectl.kubernetes.io/restartedAt"


def _rollback(words: Words) -> Plan:
    ref, plan_ = one(words, ROLLED, "workload")
    if ref is None:
        return plan_
    resource = KIND_OF[ref.kind]
    command = f"kubectl rollout undo {resource.singular} {ref.name} -n {ref.namespace}"
    words_ = f"takes {ref} in {ref.namespace} back to its previous revision"
    return Plan((Order(command, words_, (ref,), changed_and_rolled_out(words, ref)),), note=plan_.note)


def _delete(words: Words) -> Plan:
    bulk = re.search(
        r"\b(?:pods?|jobs?)\b.*\b"
        r"(not running|not ready|failed|failing|evicted|crash\w*|completed|succeeded|pending|error\w*|unhealthy|broken)\b"
        r"|\b(failed|failing|evicted|crash\w*|completed|succeeded|pending|unhealthy|broken)\s+(?:pods?|jobs?)\b",
        words.text,
        re.I,
    )
    if bulk:
        return _delete_by_state(words, (bulk.group(1) or bulk.group(2)).lower())
    labelled = re.search(r"\bpods?\b.*?(?:\blabel\w*\s+|-l\s+|\bselector\s+)([\w./-]+)=([\w.-]+)", words.text, re.I)
    if labelled:
        return _delete_by_label(words, labelled.group(1), labelled.group(2))
    kind = mentioned_kind(words.text)
    kinds = [kind] if kind else list(KIND_OF.values())[:10]
    ref, plan_ = one(words, kinds, kind.singular if kind else "object")
    if ref is None:
        return plan_
    if ref.kind == "Pod":
        return _delete_pods(words, [ref], "deletes", plan_.note)
    resource = KIND_OF[ref.kind]
    where = f" -n {ref.namespace}" if resource.namespaced else ""
    command = f"kubectl delete {resource.singular} {ref.name}{where}"
    look = gone(resource.resource, ref)
    return Plan((Order(command, f"deletes {ref}" + (f" in {ref.namespace}" if ref.namespace else ""), (ref,), look),), note=plan_.note)


def _delete_pods(words: Words, refs: Sequence[ObjectRef], verb: str, note: str) -> Plan:
    orders = []
    for namespace in dict.fromkeys(ref.namespace for ref in refs):
        here = [ref for ref in refs if ref.namespace == namespace]
        pods = [Obj(words.source.get("pods", namespace, ref.name)) for ref in here]
        owned = all(pod.controller for pod in pods)
        looks = [gone("pods", ref, pod.uid) for ref, pod in zip(here, pods, strict=True)]

        def look(source: ClusterSource, looks: list[Look] = looks) -> tuple[bool, str]:
            seen = [one(source) for one in looks]
            return all(settled for settled, _ in seen), "; ".join(said for _, said in seen[:5])

        names = " ".join(ref.name for ref in here)
        after = "; the controller makes new ones" if owned else "; nothing re-creates pods without a controller"
        what = f"{len(here)} pods" if len(here) > 1 else str(here[0])
        orders.append(Order(f"kubectl delete pod {names} -n {namespace}", f"{verb} {what} in {namespace}{after}", tuple(here), look))
    return Plan(tuple(orders), note=note)


def _listed(words: Words, resource: str) -> list[Obj]:
    """The objects of a resource that a command can name."""
    return named(Obj(raw) for raw in words.source.list(resource, words.namespace or None, cancel=words.cancel))


def _delete_by_state(words: Words, state: str) -> Plan:
    jobs = bool(re.search(r"\bjobs?\b", words.text, re.I)) and not re.search(r"\bpods?\b", words.text, re.I)
    if jobs:
        return _delete_jobs(words, state)
    rows = [pod_row(pod.raw, now=words.source.now()) for pod in _listed(words, "pods")]
    tests: dict[str, Callable[[str], bool]] = {
        "evicted": lambda s: s == "Evicted",
        "completed": lambda s: s in ("Completed", "Succeeded"),
        "succeeded": lambda s: s in ("Completed", "Succeeded"),
        "pending": lambda s: s == "Pending",
        "crash": lambda s: "CrashLoop" in s or s == "Error",
        "failed": lambda s: s in ("Error", "Failed", "Evicted", "OOMKilled", "ContainerStatusUnknown"),
    }
    test = next(
        (check for word, check in tests.items() if state.startswith(word)), lambda s: s not in ("Running", "Completed", "Succeeded")
    )
    hit = [ObjectRef("Pod", row.namespace, row.name) for row in rows if test(row.status)]
    where = f"namespace {words.namespace}" if words.namespace else "any namespace"
    if not hit:
        return Plan(problem=f"Nothing to delete: no pod in {where} is {state}.")
    if len(hit) > MOST:
        return Plan(problem=f"{len(hit)} pods in {where} are {state}; that is more than one approval can show. Name a namespace.")
    return _delete_pods(words, hit, "deletes", f"By their status, not their phase: {len(hit)} pods in {where} are {state}.")


def _delete_by_label(words: Words, key: str, value: str) -> Plan:
    pods = _listed(words, "pods")
    hit = [pod.ref for pod in pods if pod.labels.get(key) == value]
    where = f"namespace {words.namespace}" if words.namespace else "any namespace"
    if not hit:
        return Plan(problem=f"Nothing to delete: no pod in {where} has the label {key}={value}.")
    if len(hit) > MOST:
        return Plan(problem=f"{len(hit)} pods in {where} have the label {key}={value}; that is more than one approval can show.")
    return _delete_pods(words, hit, "deletes", f"{len(hit)} pods in {where} have the label {key}={value}.")


def _delete_jobs(words: Words, state: str) -> Plan:
    wanted = "Complete" if state.startswith(("complet", "succeed")) else "Failed"
    jobs = _listed(words, "jobs.batch")
    hit = [job for job in jobs if job.condition(wanted).get("status") == "True"]
    if not hit:
        return Plan(problem=f"Nothing to delete: no job there is {state}.")
    orders = []
    for namespace in dict.fromkeys(job.namespace for job in hit):
        here = [job for job in hit if job.namespace == namespace]
        looks = [gone("jobs.batch", job.ref, job.uid) for job in here]

        def look(source: ClusterSource, looks: list[Look] = looks) -> tuple[bool, str]:
            seen = [one(source) for one in looks]
            return all(settled for settled, _ in seen), "; ".join(said for _, said in seen[:5])

        command = f"kubectl delete job {' '.join(job.name for job in here)} -n {namespace}"
        orders.append(
            Order(command, f"deletes {len(here)} {wanted.lower()} jobs in {namespace}, with their pods", tuple(j.ref for j in here), look)
        )
    return Plan(tuple(orders))


def _node_order(words: Words, verb: str, effect: str, unschedulable: bool) -> Plan:
    ref, plan_ = one(words, (KINDS["node"],), "node")
    if ref is None:
        return plan_
    flags = " --ignore-daemonsets" if verb == "drain" else ""

    def look(source: ClusterSource) -> tuple[bool, str]:
        node = Obj(source.get("nodes", "", ref.name))
        now = node.flag("spec", "unschedulable")
        return now == unschedulable, f"{ref} {'takes no new pods' if now else 'takes new pods'}"

    return Plan((Order(f"kubectl {verb} {ref.name}{flags}", f"{effect} {ref}", (ref,), look),))


def _set_image(words: Words) -> Plan:
    image = re.search(r"\b(?:to|=)\s*([\w.-]+(?::\d+)?(?:/[\w.-]+)*(?::[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64}))(?=[\s,;]|$)", words.text)
    ref, plan_ = one(words, ROLLED, "workload")
    if ref is None:
        return plan_
    if image is None:
        return Plan(problem=f"To which image? With its tag, as in “set image of {ref.name} to nginx:1.27”.")
    resource = KIND_OF[ref.kind]
    found, container = containers_of(words, ref)
    if container is None:
        return which_container(ref, found)
    name, old = container.text("name"), container.text("image")
    command = f"kubectl set image {resource.singular}/{ref.name} {shlex.quote(name)}={image.group(1)} -n {ref.namespace}"
    said = f"changes the image of {ref} from {old} to {image.group(1)}"
    return Plan((Order(command, said, (ref,), changed_and_rolled_out(words, ref)),), note=plan_.note)


def _suspend(words: Words, value: bool) -> Plan:
    ref, plan_ = one(words, (KINDS["cronjob"],), "cron job")
    if ref is None:
        return plan_
    patch = '{"spec":{"suspend":%s}}' % ("true" if value else "false")
    command = f"kubectl patch cronjob {ref.name} --type=merge -p '{patch}' -n {ref.namespace}"

    def look(source: ClusterSource) -> tuple[bool, str]:
        now = Obj(source.get("cronjobs.batch", ref.namespace, ref.name)).flag("spec", "suspend")
        return now == value, f"{ref} is {'suspended' if now else 'scheduled again'}"

    return Plan((Order(command, f"{'suspends' if value else 'resumes'} {ref} in {ref.namespace}", (ref,), look),), note=plan_.note)


def _label(words: Words, verb: str) -> Plan:
    pair = re.search(r"\b([A-Za-z0-9][\w./-]*)=([\w.-]*)", words.text)
    kind = mentioned_kind(words.text)
    kinds = [kind] if kind else list(KIND_OF.values())[:10]
    ref, plan_ = one(words, kinds, kind.singular if kind else "object")
    if ref is None:
        return plan_
    removed = re.search(rf"\b(?:remove|delete|drop)\s+(?:the\s+)?{verb}\w*\s+([A-Za-z0-9][\w./-]*)", words.text, re.I)
    if pair is None and removed is None:
        return Plan(problem=f"Which {verb}? As in “{verb} {ref.name} key=value”.")
    resource = KIND_OF[ref.kind]
    where = f" -n {ref.namespace}" if resource.namespaced else ""
    field = "labels" if verb == "label" else "annotations"
    key = pair.group(1) if pair else removed.group(1) if removed else ""
    value = pair.group(2) if pair else None

    def look(source: ClusterSource) -> tuple[bool, str]:
        now = Obj(source.get(resource.resource, ref.namespace, ref.name)).map("metadata", field).get(key)
        return now == value, f"{ref} has {key}={now}" if now is not None else f"{ref} has no {verb} {key}"

    said = f"sets {key}={value} on {ref}" if value is not None else f"removes the {verb} {key} of {ref}"
    change = f"{key}={value}" if value is not None else f"{key}-"
    overwrite = " --overwrite" if value is not None and key in words.get(ref).map("metadata", field) else ""
    command = f"kubectl {verb} {resource.singular} {ref.name} {change}{overwrite}{where}"
    return Plan((Order(command, said, (ref,), look),), note=plan_.note)


_VERBS: tuple[tuple[str, Callable[[Words], Plan]], ...] = (
    (r"\b(?:set|change|update|switch|replace)\b.*\bimage\b", _set_image),
    (r"\b(?:set|raise|increase|lower|decrease|bump|change|update|reduce)\b.*\b(?:memory|cpu)\b", resources),
    (
        r"\b(?:set|unset|change|update|add|remove|delete)\b.*\b(?:env|environment|variables?)\b|\bunset\b|\bset\s+[A-Z_][A-Z0-9_]*=",
        environment,
    ),
    (r"\bautoscale\b", autoscale),
    (r"\bexpose\b", expose),
    (r"\buncordon\b", lambda w: _node_order(w, "uncordon", "lets new pods onto", False)),
    (r"\bcordon\b", lambda w: _node_order(w, "cordon", "keeps new pods off", True)),
    (r"\bdrain\b|\bevict\b.*\bnode\b", lambda w: _node_order(w, "drain", "evicts the pods of", True)),
    (r"\b(?:roll ?back|rollout undo|undo)\b", _rollback),
    (r"\b(?:unsuspend|resume|enable)\b.*\bcron ?job|\bcron ?job\b.*\b(?:unsuspend|resume|enable)\b", lambda w: _suspend(w, False)),
    (r"\b(?:suspend|pause|disable|stop)\b.*\bcron ?job|\bcron ?job\b.*\b(?:suspend|pause|disable)\b", lambda w: _suspend(w, True)),
    (r"\b(?:run|trigger|start|rerun|re-run)\b.*\bcron ?job\b|\bcreate\b.*\bjob\b.*\bfrom\b", job_from_cron),
    (r"\bpause\b", lambda w: pause(w, True)),
    (r"\b(?:resume|unpause)\b", lambda w: pause(w, False)),
    (r"^\W*(?:please\s+)?label\b|\b(?:add|set|change|remove|drop|delete)\s+(?:the |a )?labels?\b", lambda w: _label(w, "label")),
    (
        r"^\W*(?:please\s+)?annotate\b|\b(?:add|set|change|remove|drop|delete)\s+(?:the\s+|an\s+)?annotations?\b",
        lambda w: _label(w, "annotate"),
    ),
    (r"\b(?:create|add|make)\b.*\b(?:namespace|ns|config ?map|cm|job)\b", create),
    (r"\b(?:delete|remove|kill|terminate|get rid of)\b", _delete),
    (r"\b(?:restart|bounce|recycle|redeploy|re-?roll)\b", _restart),
    (r"\bscale\b|\breplicas?\b|\binstances?\b|\b(?:increase|decrease|raise|lower|bump|resize|reduce)\b", _scale),
)
