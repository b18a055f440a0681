"""Orders that change how many pods a workload has, which revision and image it runs, and where: one maker each."""

from __future__ import annotations

import re
import shlex

from engine.cluster.kinds import KIND_OF, KINDS
from engine.cluster.objects import Obj
from engine.cluster.source import ClusterError, ClusterSource
from engine.core.types import ObjectRef
from engine.language.names import mentioned_kind
from engine.language.orders.configure import containers_of, which_container
from engine.language.orders.deletion import delete_pods, objects_of
from engine.language.orders.plan import (
    RESTARTABLE,
    ROLLED,
    SCALABLE,
    Order,
    Plan,
    Words,
    changed_and_rolled_out,
    one,
    rolled_out,
)
from engine.language.orders.replicas import count_in


def scale(words: Words) -> Plan:
    ref, plan_ = one(words, SCALABLE, "deployment or stateful set")
    if ref is None:
        return plan_
    resource = KIND_OF[ref.kind]
    before = words.get(ref).number("spec", "replicas", default=1)
    count = count_in(words.bare, before, ref.name)
    if count.problem:
        return Plan(problem=count.problem)
    if count.number is None:
        return Plan(problem=f"To how many replicas? As in “scale {ref.name} to 3”.")
    number = count.number
    if number == before:
        return Plan(problem=f"{ref} in {ref.namespace} has {before} replica{'' if before == 1 else 's'} already; nothing is to be changed.")
    command = f"kubectl scale {resource.singular} {ref.name} --replicas={number} -n {ref.namespace}"

    def look(source: ClusterSource) -> tuple[bool, str]:
        now = Obj(source.get(resource.resource, ref.namespace, ref.name))
        wanted, ready = now.number("spec", "replicas"), now.number("status", "readyReplicas")
        settled = wanted == number and (ready == number) and now.number("status", "replicas") == number
        return settled, f"{ref} now asks for {wanted} replicas, {ready} of them ready (before: {before})"

    how = f" ({count.words})" if count.words else ""
    said = f"scales {ref} in {ref.namespace} from {before} to {number} replicas{how}"
    scaler = _autoscaler(words, ref)
    note = f"HorizontalPodAutoscaler {scaler} scales {ref.name}, too, and will set its own number." if scaler else ""
    used = words.bare if count.words else "one two three four five six seven eight nine ten zero no"
    return Plan((Order(command, said, (ref,), look),), note=" ".join(part for part in (plan_.note, note) if part), used=used)


def _autoscaler(words: Words, ref: ObjectRef) -> str:
    try:
        scalers = [Obj(raw) for raw in words.source.list("horizontalpodautoscalers.autoscaling", ref.namespace, cancel=words.cancel)]
    except ClusterError:
        return ""
    return next((s.name for s in scalers if s.text("spec", "scaleTargetRef", "name") == ref.name), "")


def restart(words: Words) -> Plan:
    ref, plan_ = one(words, RESTARTABLE, "workload")
    if ref is None:
        return plan_
    if ref.kind == "Pod":
        return delete_pods(words, [ref], "restarts", plan_.note)
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


def rollback(words: Words) -> Plan:
    ref, plan_ = one(words, ROLLED, "workload")
    if ref is None:
        return plan_
    resource = KIND_OF[ref.kind]
    earlier = _earlier_revisions(words, ref)
    wanted = re.search(r"\brevision\s+(\d+)", words.bare, re.I)
    if earlier is not None and not earlier:
        return Plan(problem=f"{ref} in {ref.namespace} has no earlier revision to go back to: its history holds only the current one.")
    if wanted and earlier is not None and int(wanted.group(1)) not in earlier:
        return Plan(problem=f"{ref} has no revision {wanted.group(1)}; there are {', '.join(map(str, sorted(earlier)))}.")
    to = f" --to-revision={wanted.group(1)}" if wanted else ""
    command = f"kubectl rollout undo {resource.singular} {ref.name}{to} -n {ref.namespace}"
    words_ = f"takes {ref} in {ref.namespace} back to {'revision ' + wanted.group(1) if wanted else 'its previous revision'}"
    return Plan((Order(command, words_, (ref,), changed_and_rolled_out(words, ref)),), note=plan_.note)


def _earlier_revisions(words: Words, ref: ObjectRef) -> set[int] | None:
    """The revisions of a workload before the current one; None where they cannot be seen."""
    resource = "replicasets.apps" if ref.kind == "Deployment" else "controllerrevisions.apps"
    try:
        owned = [Obj(raw) for raw in words.source.list(resource, ref.namespace, cancel=words.cancel)]
    except ClusterError:
        return None
    owned = [obj for obj in owned if obj.controller is not None and (obj.controller.kind, obj.controller.name) == (ref.kind, ref.name)]
    if not owned:
        return None
    key = "deployment.kubernetes.io/revision"
    numbers = {int(obj.annotations.get(key) or obj.number("revision") or 0) for obj in owned}
    return numbers - {max(numbers)}


def node_order(words: Words, verb: str, effect: str, unschedulable: bool) -> Plan:
    ref, plan_ = one(words, (KINDS["node"],), "node")
    if ref is None and verb == "uncordon" and re.search(r"\b(?:cordoned|unschedulable|disabled)\b", words.text, re.I):
        nodes = [obj for obj in objects_of(words, "nodes") if obj.flag("spec", "unschedulable")]
        if len(nodes) != 1:
            listed = ", ".join(node.name for node in nodes)
            return Plan(problem=f"Which node? {listed} are cordoned." if nodes else "No node is cordoned.")
        ref = nodes[0].ref
    if ref is None:
        return plan_
    if verb != "drain" and words.get(ref).flag("spec", "unschedulable") == unschedulable:
        return Plan(problem=f"{ref} is {'cordoned' if unschedulable else 'not cordoned'} already.")
    flags = " --ignore-daemonsets" if verb == "drain" else ""

    def look(source: ClusterSource) -> tuple[bool, str]:
        node = Obj(source.get("nodes", "", ref.name))
        now = node.flag("spec", "unschedulable")
        return now == unschedulable, f"{ref} {'takes no new pods' if now else 'takes new pods'}"

    return Plan((Order(f"kubectl {verb} {ref.name}{flags}", f"{effect} {ref}", (ref,), look),))


_IMAGE = r"[\w.-]+(?::\d+)?(?:/[\w.-]+)*(?::[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64})"


def set_image(words: Words) -> Plan:
    ref, plan_ = one(words, ROLLED, "workload")
    if ref is None:
        return plan_
    found, container = containers_of(words, ref)
    wanted = re.search(rf"(?<![\w=/.-]){_IMAGE}(?=[\s,;]|$)", words.text)
    tag = re.search(r"\b(?:tag|version|release)\s+(?:to\s+)?v?([\w][\w.-]*\d[\w.-]*)", words.text, re.I)
    if container is None and wanted:  # the container that runs this image's repository now
        same = [c for c in found if c.text("image").partition("@")[0].rpartition(":")[0] == wanted.group(0).rpartition(":")[0]]
        container = same[0] if len(same) == 1 else None
    if container is None:
        return which_container(ref, found)
    name, old = container.text("name"), container.text("image")
    if wanted:
        image = wanted.group(0)
    elif tag:
        version = re.search(r"\b(?:tag|version|release)\s+(?:to\s+)?(v?[\w][\w.-]*\d[\w.-]*)", words.text, re.I)
        image = f"{old.partition('@')[0].rpartition(':')[0] or old}:{version.group(1) if version else tag.group(1)}"
    else:
        return Plan(problem=f"To which image? With its tag, as in “set image of {ref.name} to nginx:1.27”.")
    if image == old:
        return Plan(problem=f"Container {name} of {ref} runs {old} already; nothing is to be changed.")
    resource = KIND_OF[ref.kind]
    command = f"kubectl set image {resource.singular}/{ref.name} {shlex.quote(name)}={shlex.quote(image)} -n {ref.namespace}"
    said = f"changes the image of {ref} from {old} to {image}"
    return Plan((Order(command, said, (ref,), changed_and_rolled_out(words, ref)),), note=plan_.note)


def suspend(words: Words, value: bool) -> Plan:
    ref, plan_ = one(words, (KINDS["cronjob"],), "cron job")
    if ref is None:
        return plan_
    patch = '{"spec":{"suspend":%s}}' % ("true" if value else "false")
    command = f"kubectl patch cronjob {ref.name} --type=merge -p '{patch}' -n {ref.namespace}"

    def look(source: ClusterSource) -> tuple[bool, str]:
        now = Obj(source.get("cronjobs.batch", ref.namespace, ref.name)).flag("spec", "suspend")
        return now == value, f"{ref} is {'suspended' if now else 'scheduled again'}"

    return Plan((Order(command, f"{'suspends' if value else 'resumes'} {ref} in {ref.namespace}", (ref,), look),), note=plan_.note)


def mark(words: Words, verb: str) -> Plan:
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


def cordon(words: Words) -> Plan:
    return node_order(words, "cordon", "keeps new pods off", True)


def uncordon(words: Words) -> Plan:
    return node_order(words, "uncordon", "lets new pods onto", False)


def drain(words: Words) -> Plan:
    return node_order(words, "drain", "evicts the pods of", True)


def rename(words: Words) -> Plan:
    return Plan(
        problem="Objects cannot be renamed: a name is fixed once the object exists. Create a new object of the new name, then delete the old one."
    )
