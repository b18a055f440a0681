"""An order in plain words to exact commands: a verb, objects that exist, and how to see afterwards that it worked.

Every slot is looked up in the cluster; nothing is guessed. What cannot be parsed is told, with what would be understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.cancel import CancelToken
from engine.cluster.objects import Obj
from engine.cluster.rows import pod_row
from engine.cluster.source import ClusterError, ClusterSource, NotFound
from engine.facts import ObjectRef
from engine.resolve import KIND_OF, KINDS, KindWord, Resolution, mentioned_kind, mentioned_number, resolve

EXAMPLES = (
    "scale deployment cart-api to 3",
    "restart checkout-api",
    "delete pod web-0",
    "cordon worker-1",
    "roll back deployment web",
    "set image of web to nginx:1.27",
)
_SCALABLE = tuple(KIND_OF[kind] for kind in ("Deployment", "StatefulSet", "ReplicaSet"))
_RESTARTABLE = tuple(KIND_OF[kind] for kind in ("Deployment", "StatefulSet", "DaemonSet", "Pod"))
_ROLLBACKABLE = tuple(KIND_OF[kind] for kind in ("Deployment", "StatefulSet", "DaemonSet"))

Look = Callable[[ClusterSource], tuple[bool, str]]
"""Reads the cluster: (settled, what it says now)."""


@dataclass(frozen=True, slots=True)
class Order:
    """One exact command, in words what it does, and how to see that it worked."""

    command: str
    words: str
    objects: tuple[ObjectRef, ...]
    verify: Look


@dataclass(frozen=True, slots=True)
class Plan:
    """What an order comes to: commands in order, or (none) a sentence on what is missing; `note` is said beside them."""

    orders: tuple[Order, ...] = ()
    problem: str = ""
    note: str = ""
    choices: tuple[ObjectRef, ...] = ()


def plan(query: str, source: ClusterSource, namespace: str, *, cancel: CancelToken | None = None) -> Plan:
    """The commands of an order; raises ClusterError when the cluster cannot be read."""
    text = " ".join(query.split())
    literal = re.search(r"\bkubectl\s+\S.*", text)
    if literal:
        command = literal.group(0).strip("`'\" ")
        return Plan((Order(command, "runs the command as typed", (), lambda _: (True, "")),))
    for pattern, make in _VERBS:
        if re.search(pattern, text, re.I):
            return make(_Words(text, source, namespace, cancel))
    return Plan(problem="I cannot tell what to do from these words. " + _understood())


def _understood() -> str:
    return "Understood are orders such as: " + "; ".join(f"“{example}”" for example in EXAMPLES) + "."


@dataclass(frozen=True, slots=True)
class _Words:
    """An order's text and where it is meant."""

    text: str
    source: ClusterSource
    namespace: str
    cancel: CancelToken | None

    def find(self, kinds: Sequence[KindWord]) -> Resolution:
        named = mentioned_kind(self.text)
        wanted = [named] if named in kinds else kinds
        return resolve(self.source, self.text, self.namespace, [k for k in wanted if k is not None], cancel=self.cancel)


def _one(words: _Words, kinds: Sequence[KindWord], what: str) -> tuple[ObjectRef | None, Plan]:
    """The single object meant, or the plan that says why there is none."""
    found = words.find(kinds)
    if len(found.found) == 1:
        ref = found.found[0]
        note = f"{ref} is in namespace {ref.namespace}, not in {words.namespace}." if found.elsewhere else ""
        return ref, Plan(note=note)
    if found.found:
        places = ", ".join(f"{ref} in {ref.namespace}" for ref in found.found[:6])
        return None, Plan(
            problem=f"“{found.word}” is ambiguous: {places}. Say which, e.g. add “in {found.found[0].namespace}”.", choices=found.found
        )
    if found.near:
        return None, Plan(problem=f"There is no {what} “{found.word}”. Did you mean {' or '.join(found.near)}?")
    if found.word:
        return None, Plan(problem=f"There is no {what} “{found.word}” in any namespace that can be read.")
    return None, Plan(problem=f"Which {what}? Name it, as in “{EXAMPLES[0]}”.")


def _scale(words: _Words) -> Plan:
    number = mentioned_number(words.text)
    ref, plan_ = _one(words, _SCALABLE, "deployment or stateful set")
    if ref is None:
        return plan_
    if number is None:
        return Plan(problem=f"To how many replicas? As in “scale {ref.name} to 3”.")
    resource = KIND_OF[ref.kind]
    before = Obj(words.source.get(resource.resource, ref.namespace, ref.name)).number("spec", "replicas", default=1)
    command = f"kubectl scale {resource.singular} {ref.name} --replicas={number} -n {ref.namespace}"

    def look(source: ClusterSource) -> tuple[bool, str]:
        now = Obj(source.get(resource.resource, ref.namespace, ref.name))
        wanted, ready = now.number("spec", "replicas"), now.number("status", "readyReplicas")
        settled = wanted == number and (ready == number) and now.number("status", "replicas") == number
        return settled, f"{ref} now asks for {wanted} replicas, {ready} of them ready (before: {before})"

    return Plan((Order(command, f"scales {ref} in {ref.namespace} from {before} to {number} replicas", (ref,), look),), note=plan_.note)


def _restart(words: _Words) -> Plan:
    ref, plan_ = _one(words, _RESTARTABLE, "workload")
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
        return _rolled_out(now, restarted, ref)

    return Plan((Order(command, f"restarts the pods of {ref} in {ref.namespace}, one after another", (ref,), look),), note=plan_.note)


_RESTARTED = "kubectl.kubernetes.io/restartedAt"


def _rolled_out(now: Obj, changed: bool, ref: ObjectRef) -> tuple[bool, str]:
    wanted = now.number("spec", "replicas", default=1) if ref.kind != "DaemonSet" else now.number("status", "desiredNumberScheduled")
    updated = now.number("status", "updatedReplicas") if ref.kind != "DaemonSet" else now.number("status", "updatedNumberScheduled")
    ready = now.number("status", "readyReplicas") if ref.kind != "DaemonSet" else now.number("status", "numberReady")
    seen = now.number("status", "observedGeneration") >= now.number("metadata", "generation")
    settled = changed and seen and updated >= wanted and ready >= wanted
    words = f"{ref}: {updated} of {wanted} pods are of the new revision, {ready} ready"
    return settled, words if changed else f"{ref} was not changed"


def _rollback(words: _Words) -> Plan:
    ref, plan_ = _one(words, _ROLLBACKABLE, "workload")
    if ref is None:
        return plan_
    resource = KIND_OF[ref.kind]
    generation = Obj(words.source.get(resource.resource, ref.namespace, ref.name)).number("metadata", "generation")
    command = f"kubectl rollout undo {resource.singular} {ref.name} -n {ref.namespace}"

    def look(source: ClusterSource) -> tuple[bool, str]:
        now = Obj(source.get(resource.resource, ref.namespace, ref.name))
        return _rolled_out(now, now.number("metadata", "generation") > generation, ref)

    return Plan((Order(command, f"takes {ref} in {ref.namespace} back to its previous revision", (ref,), look),), note=plan_.note)


def _delete(words: _Words) -> Plan:
    bulk = re.search(
        r"\b(?:pods?|jobs?)\b.*\b"
        r"(not running|not ready|failed|failing|evicted|crash\w*|completed|succeeded|pending|error\w*|unhealthy|broken)\b"
        r"|\b(failed|failing|evicted|crash\w*|completed|succeeded|pending|unhealthy|broken)\s+(?:pods?|jobs?)\b",
        words.text,
        re.I,
    )
    if bulk:
        return _delete_by_state(words, (bulk.group(1) or bulk.group(2)).lower())
    kind = mentioned_kind(words.text)
    kinds = [kind] if kind else list(KIND_OF.values())[:10]
    ref, plan_ = _one(words, kinds, kind.singular if kind else "object")
    if ref is None:
        return plan_
    if ref.kind == "Pod":
        return _delete_pods(words, [ref], "deletes", plan_.note)
    resource = KIND_OF[ref.kind]
    where = f" -n {ref.namespace}" if resource.namespaced else ""
    command = f"kubectl delete {resource.singular} {ref.name}{where}"
    look = _gone(resource.resource, ref)
    return Plan((Order(command, f"deletes {ref}" + (f" in {ref.namespace}" if ref.namespace else ""), (ref,), look),), note=plan_.note)


def _gone(resource: str, ref: ObjectRef, uid: str = "") -> Look:
    def look(source: ClusterSource) -> tuple[bool, str]:
        try:
            now = Obj(source.get(resource, ref.namespace, ref.name))
        except NotFound:
            return True, f"{ref} is gone"
        if uid and now.uid != uid:
            return True, f"{ref} is gone; a new one of the same name took its place"
        return False, f"{ref} is still there" + (" (terminating)" if now.deleting_since else "")

    return look


def _delete_pods(words: _Words, refs: Sequence[ObjectRef], verb: str, note: str) -> Plan:
    orders = []
    for namespace in dict.fromkeys(ref.namespace for ref in refs):
        here = [ref for ref in refs if ref.namespace == namespace]
        pods = [Obj(words.source.get("pods", namespace, ref.name)) for ref in here]
        owned = all(pod.controller for pod in pods)
        looks = [_gone("pods", ref, pod.uid) for ref, pod in zip(here, pods, strict=True)]

        def look(source: ClusterSource, looks: list[Look] = looks) -> tuple[bool, str]:
            seen = [one(source) for one in looks]
            return all(settled for settled, _ in seen), "; ".join(said for _, said in seen[:5])

        names = " ".join(ref.name for ref in here)
        after = "; the controller makes new ones" if owned else "; nothing re-creates pods without a controller"
        what = f"{len(here)} pods" if len(here) > 1 else str(here[0])
        orders.append(Order(f"kubectl delete pod {names} -n {namespace}", f"{verb} {what} in {namespace}{after}", tuple(here), look))
    return Plan(tuple(orders), note=note)


def _delete_by_state(words: _Words, state: str) -> Plan:
    jobs = bool(re.search(r"\bjobs?\b", words.text, re.I)) and not re.search(r"\bpods?\b", words.text, re.I)
    if jobs:
        return _delete_jobs(words, state)
    rows = [pod_row(raw, now=words.source.now()) for raw in words.source.list("pods", words.namespace or None, cancel=words.cancel)]
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
    if len(hit) > 50:
        return Plan(problem=f"{len(hit)} pods in {where} are {state}; that is more than one approval can show. Name a namespace.")
    return _delete_pods(words, hit, "deletes", f"By their status, not their phase: {len(hit)} pods in {where} are {state}.")


def _delete_jobs(words: _Words, state: str) -> Plan:
    wanted = "Complete" if state.startswith(("complet", "succeed")) else "Failed"
    jobs = [Obj(raw) for raw in words.source.list("jobs.batch", words.namespace or None, cancel=words.cancel)]
    hit = [job for job in jobs if job.condition(wanted).get("status") == "True"]
    if not hit:
        return Plan(problem=f"Nothing to delete: no job there is {state}.")
    orders = []
    for namespace in dict.fromkeys(job.namespace for job in hit):
        here = [job for job in hit if job.namespace == namespace]
        looks = [_gone("jobs.batch", job.ref, job.uid) for job in here]

        def look(source: ClusterSource, looks: list[Look] = looks) -> tuple[bool, str]:
            seen = [one(source) for one in looks]
            return all(settled for settled, _ in seen), "; ".join(said for _, said in seen[:5])

        command = f"kubectl delete job {' '.join(job.name for job in here)} -n {namespace}"
        orders.append(
            Order(command, f"deletes {len(here)} {wanted.lower()} jobs in {namespace}, with their pods", tuple(j.ref for j in here), look)
        )
    return Plan(tuple(orders))


def _node_order(words: _Words, verb: str, effect: str, unschedulable: bool) -> Plan:
    ref, plan_ = _one(words, (KINDS["node"],), "node")
    if ref is None:
        return plan_
    flags = " --ignore-daemonsets" if verb == "drain" else ""

    def look(source: ClusterSource) -> tuple[bool, str]:
        node = Obj(source.get("nodes", "", ref.name))
        now = node.flag("spec", "unschedulable")
        return now == unschedulable, f"{ref} {'takes no new pods' if now else 'takes new pods'}"

    return Plan((Order(f"kubectl {verb} {ref.name}{flags}", f"{effect} {ref}", (ref,), look),))


def _set_image(words: _Words) -> Plan:
    image = re.search(r"\b(?:to|=)\s*([\w.-]+(?::\d+)?(?:/[\w.-]+)*(?::[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64}))(?=[\s,;]|$)", words.text)
    ref, plan_ = _one(words, _ROLLBACKABLE, "workload")
    if ref is None:
        return plan_
    if image is None:
        return Plan(problem=f"To which image? With its tag, as in “set image of {ref.name} to nginx:1.27”.")
    resource = KIND_OF[ref.kind]
    raw = Obj(words.source.get(resource.resource, ref.namespace, ref.name))
    containers = [str(c.get("name")) for c in raw.maps("spec", "template", "spec", "containers")]
    named = [name for name in containers if re.search(rf"\bcontainer\s+{re.escape(name)}\b", words.text)]
    if len(containers) > 1 and not named:
        return Plan(problem=f"{ref} has several containers ({', '.join(containers)}): say “container NAME”.")
    container = (named or containers)[0]
    old = next((str(c.get("image")) for c in raw.maps("spec", "template", "spec", "containers") if c.get("name") == container), "")
    generation = raw.number("metadata", "generation")
    argument = resource.singular
    command = f"kubectl set image {argument}/{ref.name} {container}={image.group(1)} -n {ref.namespace}"

    def look(source: ClusterSource) -> tuple[bool, str]:
        now = Obj(source.get(resource.resource, ref.namespace, ref.name))
        return _rolled_out(now, now.number("metadata", "generation") > generation, ref)

    return Plan((Order(command, f"changes the image of {ref} from {old} to {image.group(1)}", (ref,), look),), note=plan_.note)


def _suspend(words: _Words, value: bool) -> Plan:
    ref, plan_ = _one(words, (KINDS["cronjob"],), "cron job")
    if ref is None:
        return plan_
    patch = '{"spec":{"suspend":%s}}' % ("true" if value else "false")
    command = f"kubectl patch cronjob {ref.name} --type=merge -p '{patch}' -n {ref.namespace}"

    def look(source: ClusterSource) -> tuple[bool, str]:
        now = Obj(source.get("cronjobs.batch", ref.namespace, ref.name)).flag("spec", "suspend")
        return now == value, f"{ref} is {'suspended' if now else 'scheduled again'}"

    return Plan((Order(command, f"{'suspends' if value else 'resumes'} {ref} in {ref.namespace}", (ref,), look),), note=plan_.note)


def _label(words: _Words, verb: str) -> Plan:
    pair = re.search(r"\b([A-Za-z0-9][\w./-]*)=([\w.-]*)", words.text)
    kind = mentioned_kind(words.text)
    kinds = [kind] if kind else list(KIND_OF.values())[:10]
    ref, plan_ = _one(words, kinds, kind.singular if kind else "object")
    if ref is None:
        return plan_
    if pair is None:
        return Plan(problem=f"Which {verb}? As in “{verb} {ref.name} key=value”.")
    resource = KIND_OF[ref.kind]
    where = f" -n {ref.namespace}" if resource.namespaced else ""
    field = "labels" if verb == "label" else "annotations"

    def look(source: ClusterSource) -> tuple[bool, str]:
        now = Obj(source.get(resource.resource, ref.namespace, ref.name)).text("metadata", field, pair.group(1))
        return now == pair.group(2), f"{ref} has {pair.group(1)}={now}"

    command = f"kubectl {verb} {resource.singular} {ref.name} {pair.group(0)}{where}"
    return Plan((Order(command, f"sets {pair.group(0)} on {ref}", (ref,), look),), note=plan_.note)


def _create_namespace(words: _Words) -> Plan:
    named = re.search(r"\b(?:namespace|ns)\s+(?:called |named )?[\"'`]?([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)", words.text, re.I)
    if not named:
        return Plan(problem="What can be created from plain words is a namespace: “create namespace NAME”. For the rest, write a manifest.")
    ref = ObjectRef("Namespace", "", named.group(1))

    def look(source: ClusterSource) -> tuple[bool, str]:
        try:
            source.get("namespaces", "", ref.name)
        except ClusterError as error:
            return False, str(error)
        return True, f"{ref} exists"

    return Plan((Order(f"kubectl create namespace {ref.name}", f"creates {ref}", (ref,), look),))


_VERBS: tuple[tuple[str, Callable[[_Words], Plan]], ...] = (
    (r"\b(?:set|change|update|switch|replace)\b.*\bimage\b", _set_image),
    (r"\buncordon\b", lambda w: _node_order(w, "uncordon", "lets new pods onto", False)),
    (r"\bcordon\b", lambda w: _node_order(w, "cordon", "keeps new pods off", True)),
    (r"\bdrain\b|\bevict\b.*\bnode\b", lambda w: _node_order(w, "drain", "evicts the pods of", True)),
    (r"\b(?:roll ?back|rollout undo|undo)\b", _rollback),
    (r"\b(?:unsuspend|resume|enable)\b.*\bcron ?job|\bcron ?job\b.*\b(?:unsuspend|resume|enable)\b", lambda w: _suspend(w, False)),
    (r"\b(?:suspend|pause|disable|stop)\b.*\bcron ?job|\bcron ?job\b.*\b(?:suspend|pause|disable)\b", lambda w: _suspend(w, True)),
    (r"\b(?:delete|remove|kill|terminate|get rid of)\b", _delete),
    (r"\b(?:restart|bounce|recycle|redeploy|re-?roll)\b", _restart),
    (r"\b(?:create|add|make)\b.*\b(?:namespace|ns)\b", _create_namespace),
    (r"\blabel\b", lambda w: _label(w, "label")),
    (r"\bannotate\b", lambda w: _label(w, "annotate")),
    (r"\bscale\b|\breplicas?\b|\binstances?\b|\b(?:increase|decrease|raise|lower|bump|resize)\b", _scale),
)
