"""Orders that delete: one object by its name, or pods and jobs by their state or label."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.cluster.kinds import KIND_OF
from engine.cluster.objects import Obj
from engine.cluster.rows.build import pod_row
from engine.cluster.source import ClusterSource
from engine.core.types import ObjectRef
from engine.language.names import mentioned_kind, named
from engine.language.orders.plan import (
    Look,
    Order,
    Plan,
    Words,
    gone,
    one,
)

MOST = 50
"""Objects that one approval can show."""


def delete(words: Words) -> Plan:
    bulk = re.search(rf"\b(?:pods?|jobs?)\b.*\b({_STATES})\b|\b({_STATES})\s+(?:pods?|jobs?)\b", words.bare, re.I)
    if bulk:
        return _delete_by_state(words, (bulk.group(1) or bulk.group(2)).lower())
    labelled = re.search(r"\bpods?\b.*?(?:\blabel\w*\s+|-l\s+|\bselector\s+)([\w./-]+)=([\w.-]+)", words.text, re.I)
    if labelled:
        return _delete_by_label(words, labelled.group(1), labelled.group(2))
    space = re.search(
        r"\b(?:delete|remove|kill|terminate|destroy|wipe|nuke|get rid of)\s+(?:the\s+)?(?:whole\s+)?(?:namespace|ns)\s+(?:called\s+|named\s+)?[\"'`]?([\w-]+)",
        words.text,
        re.I,
    )
    named_space = next((one_ref for one_ref in words.refs("Namespace") if space and one_ref.name == space.group(1).lower()), None)
    if named_space is not None:
        said = f"deletes {named_space} with everything in it"
        return Plan((Order(f"kubectl delete namespace {named_space.name}", said, (named_space,), gone("namespaces", named_space)),))
    kind = mentioned_kind(words.text)
    kinds = [kind] if kind else list(KIND_OF.values())[:10]
    ref, plan_ = one(words, kinds, kind.singular if kind else "object")
    if ref is None:
        return plan_
    if ref.kind == "Pod":
        return delete_pods(words, [ref], "deletes", plan_.note)
    resource = KIND_OF[ref.kind]
    where = f" -n {ref.namespace}" if resource.namespaced else ""
    command = f"kubectl delete {resource.singular} {ref.name}{where}"
    look = gone(resource.resource, ref)
    return Plan((Order(command, f"deletes {ref}" + (f" in {ref.namespace}" if ref.namespace else ""), (ref,), look),), note=plan_.note)


def delete_pods(words: Words, refs: Sequence[ObjectRef], verb: str, note: str) -> Plan:
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


def objects_of(words: Words, resource: str) -> list[Obj]:
    """The objects of a resource that a command can name."""
    return named(Obj(raw) for raw in words.source.list(resource, words.namespace or None, cancel=words.cancel))


_STATES = r"not running|not ready|failed|failing|evicted|crash\w*|completed|succeeded|pending|error\w*|unknown|unhealthy|broken|terminating|oom\w*|imagepull\w*|containercreating"


def _in_state(status: str, state: str) -> bool:
    """Whether a pod's status, as kubectl prints it, is what a person calls a state."""
    match state:
        case "completed" | "succeeded":
            return status in ("Completed", "Succeeded")
        case "failed":
            return status in ("Error", "Failed", "Evicted", "OOMKilled", "ContainerStatusUnknown")
        case "unknown":
            return status in ("Unknown", "ContainerStatusUnknown", "NodeLost")
        case "not running" | "not ready" | "failing" | "unhealthy" | "broken":
            return status not in ("Running", "Completed", "Succeeded")
    if state.startswith("crash"):
        return "CrashLoop" in status or status == "Error"
    if state.startswith("error"):
        return "Error" in status or "CrashLoop" in status
    return status.lower().startswith(state[:8])


def _delete_by_state(words: Words, state: str) -> Plan:
    jobs = bool(re.search(r"\bjobs?\b", words.text, re.I)) and not re.search(r"\bpods?\b", words.text, re.I)
    if jobs:
        return _delete_jobs(words, state)
    rows = [pod_row(pod.raw, now=words.source.now()) for pod in objects_of(words, "pods")]
    states = re.findall(rf"\b(?:{_STATES})", words.text, re.I) or [state]

    def test(status: str) -> bool:
        return any(_in_state(status, one_state.lower()) for one_state in states)

    hit = [ObjectRef("Pod", row.namespace, row.name) for row in rows if test(row.status)]
    state = " or ".join(dict.fromkeys(one_state.lower() for one_state in states))
    where = f"namespace {words.namespace}" if words.namespace else "any namespace"
    if not hit:
        return Plan(problem=f"Nothing to delete: no pod in {where} is {state}.")
    if len(hit) > MOST:
        return Plan(problem=f"{len(hit)} pods in {where} are {state}; that is more than one approval can show. Name a namespace.")
    return delete_pods(words, hit, "deletes", f"By their status, not their phase: {len(hit)} pods in {where} are {state}.")


def _delete_by_label(words: Words, key: str, value: str) -> Plan:
    pods = objects_of(words, "pods")
    hit = [pod.ref for pod in pods if pod.labels.get(key) == value]
    where = f"namespace {words.namespace}" if words.namespace else "any namespace"
    if not hit:
        return Plan(problem=f"Nothing to delete: no pod in {where} has the label {key}={value}.")
    if len(hit) > MOST:
        return Plan(problem=f"{len(hit)} pods in {where} have the label {key}={value}; that is more than one approval can show.")
    return delete_pods(words, hit, "deletes", f"{len(hit)} pods in {where} have the label {key}={value}.")


def _delete_jobs(words: Words, state: str) -> Plan:
    wanted = "Complete" if state.startswith(("complet", "succeed")) else "Failed"
    jobs = objects_of(words, "jobs.batch")
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
