"""Orders that set one field of an object by a patch: probes, selectors, claims, quotas, config map values, tolerations, taints."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from typing import Any

from engine.cluster.kinds import KIND_OF, KINDS
from engine.cluster.objects import Obj, text_at
from engine.cluster.source import ClusterSource
from engine.core.types import ObjectRef
from engine.language.names import mentioned_kind
from engine.language.orders.configure import containers_of, which_container
from engine.language.orders.plan import ROLLED, Look, Order, Plan, Words, changed_and_rolled_out, one
from engine.language.questions.question import quantity_of


def probe(words: Words) -> Plan:
    """Sets a probe's port, path or a time of it."""
    kind = re.search(r"\b(liveness|readiness|startup)\b", words.text, re.I)
    ref, plan = one(words, ROLLED, "workload")
    if ref is None:
        return plan
    found, container = containers_of(words, ref)
    if container is None:
        return which_container(ref, found)
    there = [name for name in ("liveness", "readiness", "startup") if container.map(f"{name}Probe")]
    which = kind.group(1).lower() if kind else there[0] if len(there) == 1 else ""
    if not which:
        return Plan(problem=f"Which probe of {ref}? It has {' and '.join(there) or 'none'}.")
    now = container.map(f"{which}Probe")
    if not now:
        return Plan(problem=f"Container {container.text('name')} of {ref} has no {which} probe.")
    change: dict[str, Any] = {}
    port = re.search(
        r"\bport\s+(?:to\s+|should be\s+|is\s+)?(\d{1,5}|[a-z][a-z0-9-]*)\b(?<!to)(?<!should)|"
        r"\bto\s+(\d{2,5})\b(?!\s*s(?:ec\w*)?\b)(?<!\btimeout to \d\d)|:(\d{2,5})\b",
        words.bare,
        re.I,
    )
    path = re.search(r"(?<![\w.])(/[\w./-]*)", words.bare)
    handler = next((name for name in ("httpGet", "tcpSocket", "grpc") if now.get(name)), "httpGet")
    if path:
        change["httpGet"] = {"path": path.group(1)}
    if port:
        value = next(group for group in port.groups() if group)
        change.setdefault(handler, {})["port"] = int(value) if value.isdigit() else value
    for pattern, field in (
        (r"\binitial delay\D{0,20}(\d+)", "initialDelaySeconds"),
        (r"\bperiod\D{0,20}(\d+)|\bevery (\d+)", "periodSeconds"),
        (r"\btime-?out\D{0,20}(\d+)", "timeoutSeconds"),
        (r"\bfailure threshold\D{0,20}(\d+)", "failureThreshold"),
    ):
        seconds = re.search(pattern, words.bare, re.I)
        if seconds:
            change[field] = int(next(group for group in seconds.groups() if group))
            if not re.search(r"\bport\b", words.bare, re.I):  # the number is the time, not the port
                change.pop(handler if not path else "", None)
    if not change:
        return Plan(problem=f"What of the {which} probe of {ref}? As in “set the {which} probe of {ref.name} to port 8080”.")
    body = {"spec": {"template": {"spec": {"containers": [{"name": container.text("name"), f"{which}Probe": change}]}}}}
    said = ", ".join(f"{key} {value}" for key, value in _flat(change))
    return _patched(words, ref, body, f"sets the {which} probe of {ref} in {ref.namespace} to {said}", plan, "strategic")


def _flat(change: dict[str, Any]) -> list[tuple[str, Any]]:
    out: list[tuple[str, Any]] = []
    for key, value in change.items():
        out += list(value.items()) if isinstance(value, dict) else [(key, value)]
    return out


def claim_size(words: Words) -> Plan:
    """Grows a persistent volume claim; one that would shrink is refused, since Kubernetes cannot do that."""
    ref, plan = one(words, (KINDS["pvc"],), "persistent volume claim")
    if ref is None:
        return plan
    size = re.search(r"\b(by\s+)?(\d+(?:\.\d+)?\s?(?:[KMGTP]i?))\b", words.bare)
    before = words.get(ref).text("spec", "resources", "requests", "storage")
    if size is None:
        return Plan(problem=f"To what size? As in “resize {ref.name} to 20Gi” ({before} now).")
    amount = size.group(2).replace(" ", "")
    if size.group(1):
        total = quantity_of(amount, "memory") + quantity_of(before, "memory")
        amount = f"{total // 2**30}Gi"
    if quantity_of(amount, "memory") < quantity_of(before, "memory"):
        return Plan(
            problem=f"{ref} has {before}; a claim can only grow, it cannot be made smaller than it is. Make a new one and copy the data."
        )
    if quantity_of(amount, "memory") == quantity_of(before, "memory"):
        return Plan(problem=f"{ref} asks for {before} already.")
    storage_class = words.get(ref).text("spec", "storageClassName")
    grows = _may_grow(words.source, storage_class)
    note = "" if grows is not False else f"StorageClass {storage_class} does not allow volume expansion, so the server will refuse it."
    body = {"spec": {"resources": {"requests": {"storage": amount}}}}
    made = _patched(words, ref, body, f"grows {ref} in {ref.namespace} from {before} to {amount}", plan, "merge")
    return Plan(made.orders, note=" ".join(part for part in (made.note, note) if part))


def _may_grow(source: ClusterSource, name: str) -> bool | None:
    found = [Obj(raw) for raw in source.list("storageclasses.storage.k8s.io")] if name else []
    return next((obj.flag("allowVolumeExpansion") for obj in found if obj.name == name), None)


def selector(words: Words) -> Plan:
    """Sets the selector of a Service."""
    pairs = re.findall(r"\b([A-Za-z][\w./-]*)=([\w.-]+)", words.text)
    ref, plan = one(words, (KINDS["service"],), "service")
    if ref is None:
        return plan
    if not pairs:
        return Plan(problem=f"To which labels? As in “set the selector of service {ref.name} to app=web”.")
    wanted: dict[str, str | None] = dict(pairs)
    for key in words.get(ref).map("spec", "selector"):
        wanted.setdefault(str(key), None)  # "to" replaces the whole selector
    said = ",".join(f"{key}={value}" for key, value in pairs)
    return _patched(words, ref, {"spec": {"selector": wanted}}, f"sets the selector of {ref} in {ref.namespace} to {said}", plan, "merge")


def config_value(words: Words) -> Plan:
    """Sets a value of a ConfigMap."""
    ref, plan = one(words, (KINDS["configmap"],), "config map")
    if ref is None:
        return plan
    pair = re.search(r"(?<![\w.-])([A-Za-z_][\w.-]*)\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s,;]+)", words.bare) or re.search(
        r"\b(?:set|change|put|update|make)\s+(?:the\s+)?(?:key\s+|value\s+(?:of\s+)?)?([A-Za-z_][\w.-]*)\s+(?:to|as|=)\s+(\"[^\"]*\"|'[^']*'|\S+)",
        words.bare,
        re.I,
    )
    if pair is None:
        return Plan(problem=f"Which value? As in “set MODE to blue in configmap {ref.name}”.")
    key, value = pair.group(1), pair.group(2).strip("\"'")
    known = words.get(ref).map("data")
    note = (
        ""
        if key in known
        else f"{key} is not among the keys of {ref.name} now ({', '.join(sorted(map(str, known))) or 'it has none'}), so it is added."
    )
    made = _patched(
        words,
        ref,
        {"data": {key: value}},
        f"sets {key} of {ref} in {ref.namespace} to {value} (pods read it at their next start)",
        plan,
        "merge",
    )
    return Plan(made.orders, note=" ".join(part for part in (made.note, note) if part))


def autoscaler_bounds(words: Words) -> Plan:
    """Sets the fewest or the most replicas of a HorizontalPodAutoscaler; bounds that would cross are refused."""
    ref, plan = one(words, (KINDS["hpa"],), "autoscaler")
    if ref is None:
        return plan
    change: dict[str, int] = {}
    for side in ("min", "max"):
        found = re.search(
            rf"\b{side}(?:imum)?(?:replicas)?\b(?:(?!\b(?:min|max)\w*)\D){{0,50}}?(?<![\d.-])(\d+)(?![\d.%])", words.bare, re.I
        )
        if found:
            change[f"{side}Replicas"] = int(found.group(1))
    if not change:
        return Plan(problem=f"To what number? As in “set the max replicas of hpa {ref.name} to 10”.")
    spec = words.get(ref).map("spec")
    now = {"minReplicas": int(spec.get("minReplicas", 1)), "maxReplicas": int(spec.get("maxReplicas", 0))}
    wanted = now | change
    if wanted["minReplicas"] < 1 or wanted["minReplicas"] > wanted["maxReplicas"]:
        return Plan(
            problem=f"{ref} would have minReplicas {wanted['minReplicas']} and maxReplicas {wanted['maxReplicas']}; that cannot be."
        )
    if wanted == now:
        return Plan(problem=f"{ref} has {' and '.join(f'{key} {value}' for key, value in change.items())} already.")
    said = " and ".join(f"{key} from {now[key]} to {value}" for key, value in change.items())
    return _patched(words, ref, {"spec": change}, f"sets {said} of {ref} in {ref.namespace}", plan, "merge")


def finalizers(words: Words) -> Plan:
    """Removes the finalizers of an object, which is never the deletion of the object itself."""
    kind = mentioned_kind(words.text)
    ref, plan = one(words, [kind] if kind else list(KIND_OF.values())[:10], kind.singular if kind else "object")
    if ref is None:
        return plan
    raw = words.get(ref).raw.get("metadata", {}).get("finalizers") or []
    if not raw:
        return Plan(problem=f"{ref} has no finalizers in its metadata.")
    if not re.search(r"\b(?:remove|delete|drop|clear|strip)\b", words.text, re.I):
        return Plan(problem=f"{ref} has the finalizers {', '.join(map(str, raw))}; only removing all of them is done from plain words.")
    if len(raw) > 1 and not re.search(r"\bfinalizers\b", words.text, re.I):
        return Plan(problem=f"{ref} has several finalizers ({', '.join(map(str, raw))}); say “the finalizers” to remove all of them.")
    body = {"metadata": {"finalizers": None}}
    said = f"removes {', '.join(map(str, raw))} from {ref}; what it would have cleaned up is left behind"
    return _patched(words, ref, body, said, plan, "merge")


def quota(words: Words) -> Plan:
    """Sets a hard limit of a ResourceQuota."""
    ref, plan = one(words, (KINDS["quota"],), "resource quota")
    if ref is None:
        return plan
    hard = words.get(ref).map("spec", "hard")
    amount = re.search(r"\bto\s+(\d+(?:\.\d+)?(?:m|[KMGT]i?)?)\b", words.bare)
    named = next(
        (key for key in sorted(hard, key=len, reverse=True) if re.search(rf"(?<![\w.]){re.escape(str(key))}(?![\w.])", words.text)), ""
    )
    if not named or amount is None:
        return Plan(problem=f"Which limit of {ref} to what? It sets {', '.join(f'{key} {value}' for key, value in hard.items())}.")
    said = f"sets {named} of {ref} in {ref.namespace} from {hard[named]} to {amount.group(1)}"
    return _patched(words, ref, {"spec": {"hard": {named: amount.group(1)}}}, said, plan, "merge")


def toleration(words: Words) -> Plan:
    """Adds a toleration to a workload's pods."""
    taint = _taint_in(words.text)
    ref, plan = one(words, ROLLED, "workload")
    if ref is None:
        return plan
    if taint is None:
        return Plan(problem=f"Of which taint? As in “add a toleration for dedicated=gpu:NoSchedule to {ref.name}”.")
    key, value, effect = taint
    new = {
        "key": key,
        "operator": "Equal" if value else "Exists",
        **({"value": value} if value else {}),
        **({"effect": effect} if effect else {}),
    }
    now = [dict(t) for t in words.get(ref).maps("spec", "template", "spec", "tolerations")]
    if new in now:
        return Plan(problem=f"{ref} has this toleration already.")
    body = {"spec": {"template": {"spec": {"tolerations": [*now, new]}}}}
    return _patched(words, ref, body, f"lets the pods of {ref} in {ref.namespace} tolerate {_spelt(taint)}", plan, "strategic")


def taint(words: Words) -> Plan:
    """Adds or removes a node's taint."""
    named = _taint_in(words.text)
    ref, plan = one(words, (KINDS["node"],), "node")
    if ref is None:
        return plan
    removes = re.search(r"\b(?:untaint|remove|delete|drop|take)\b", words.text, re.I) is not None
    now = [(text_at(t, "key"), text_at(t, "value"), text_at(t, "effect")) for t in words.get(ref).maps("spec", "taints")]
    if named is None and removes and len(now) == 1:
        named = now[0]
    if named is None:
        there = f" It has {', '.join(map(_spelt, now))}." if now else ""
        return Plan(problem=f"Which taint? As in “taint {ref.name} with maintenance=true:NoSchedule”.{there}")
    key, value, effect = named
    if removes and not any(t[0] == key for t in now):
        return Plan(problem=f"{ref} has no taint {key}.")
    if not removes and not effect:
        return Plan(
            problem=f"With which effect? NoSchedule, PreferNoSchedule or NoExecute, as in “{key}{'=' + value if value else ''}:NoSchedule”."
        )
    change = f"{key}{':' + effect if effect else ''}-" if removes else _spelt(named)

    def look(source: ClusterSource) -> tuple[bool, str]:
        held = [text_at(t, "key") for t in Obj(source.get("nodes", "", ref.name)).maps("spec", "taints")]
        return (key in held) != removes, f"{ref} {'has' if key in held else 'has no'} taint {key}"

    said = f"{'removes the taint' if removes else 'puts the taint'} {_spelt(named)} {'from' if removes else 'on'} {ref}"
    return Plan((Order(f"kubectl taint nodes {ref.name} {shlex.quote(change)}", said, (ref,), look),), note=plan.note)


def default_class(words: Words) -> Plan:
    """Makes a StorageClass the default one."""
    ref, plan = one(words, (KINDS["storageclass"],), "storage class")
    if ref is None:
        return plan
    key = "storageclass.kubernetes.io/is-default-class"
    others = [Obj(raw).name for raw in words.source.list("storageclasses.storage.k8s.io") if Obj(raw).annotations.get(key) == "true"]
    if others == [ref.name]:
        return Plan(problem=f"{ref} is the default already.")
    note = f"{', '.join(name for name in others if name != ref.name)} is a default, too; take its annotation away." if others else ""
    body = {"metadata": {"annotations": {key: "true"}}}
    made = _patched(words, ref, body, f"makes {ref} the default storage class", plan, "merge")
    return Plan(made.orders, note=" ".join(part for part in (made.note, note) if part))


def _taint_in(text: str) -> tuple[str, str, str] | None:
    found = re.search(r"(?<![\w=])([A-Za-z][\w./-]*)(?:=([\w.-]*))?:(NoSchedule|PreferNoSchedule|NoExecute)\b", text) or re.search(
        r"(?<![\w=])([A-Za-z][\w./-]*)=([\w.-]+)(?:\s+(?:with effect\s+)?(NoSchedule|PreferNoSchedule|NoExecute))?\b", text
    )
    return (found.group(1), found.group(2) or "", found.group(3) or "") if found else None


def _spelt(named: tuple[str, str, str]) -> str:
    key, value, effect = named
    return key + (f"={value}" if value else "") + (f":{effect}" if effect else "")


def _patched(words: Words, ref: ObjectRef, body: dict[str, Any], said: str, plan: Plan, kind: str) -> Plan:
    resource = KIND_OF[ref.kind]
    where = f" -n {ref.namespace}" if resource.namespaced else ""
    text = json.dumps(body, separators=(",", ":"))
    command = f"kubectl patch {resource.singular} {ref.name} --type={kind} -p {shlex.quote(text)}{where}"
    look = changed_and_rolled_out(words, ref) if ref.kind in {rolled.kind for rolled in ROLLED} else _holds(resource.resource, ref, body)
    return Plan((Order(command, said, (ref,), look),), note=plan.note)


def _holds(resource: str, ref: ObjectRef, body: dict[str, Any]) -> Look:
    def look(source: ClusterSource) -> tuple[bool, str]:
        now = source.get(resource, ref.namespace, ref.name)
        return _within(body, now), f"{ref} is changed" if _within(body, now) else f"{ref} was not changed"

    return look


def _within(part: Any, whole: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(_within(value, whole.get(key)) for key, value in part.items())
    return bool(part == whole)


Maker = Callable[[Words], Plan]
