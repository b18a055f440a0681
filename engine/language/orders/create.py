"""Orders that make something: namespaces, config maps from literals, jobs from cron jobs, services, autoscalers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

from engine.cluster.kinds import KIND_OF, KINDS
from engine.cluster.objects import Obj
from engine.cluster.source import ClusterError, ClusterSource, NotFound
from engine.core.redaction.redactor import is_placeholder
from engine.core.types import ObjectRef
from engine.language.names import mentioned_kind
from engine.language.orders.plan import SCALABLE, Look, Order, Plan, Words, one, there

DEFAULT = "default"
"""Where an object is made when no namespace is said and none is worked in, as kubectl does."""
NAME = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_PAIR = re.compile(r"(?<![\w./-])([A-Za-z_][\w.-]*)=(\"[^\"]*\"|'[^']*'|[^\s,;]+)")


def pairs_in(text: str) -> list[tuple[str, str]]:
    """The KEY=VALUE pairs of a text, quotes taken off."""
    return [(key, value.strip("\"'")) for key, value in _PAIR.findall(text)]


def create(words: Words) -> Plan:
    """The one of the makers that the order names."""
    if re.search(r"\bfrom\b.*\bcron ?job\b|\bjob from\b", words.text, re.I):
        return job_from_cron(words)
    kind = re.search(
        r"\b(?:create|add|make|run|new|as)\s+(?:(?:a|an|the|new|empty)\s+)*(config ?maps?|cm|service ?accounts?|sa|deployments?|jobs?|namespaces?|ns|[a-z]+(?: ?[a-z]+)?)\b",
        words.text,
        re.I,
    )
    wanted = kind.group(1).lower() if kind else ""
    for pattern, make in _MAKERS:
        if re.match(pattern, wanted) or (not wanted and re.search(pattern, words.text, re.I)):
            return make(words)
    if re.search(r"\bas (?:a |an )?deployment\b", words.text, re.I):
        return deployment(words)
    what = mentioned_kind(words.text)
    said = f"A {what.kind}" if what is not None and what.kind != "Namespace" else "This"
    return Plan(
        problem=f"{said} is not created from plain words. Created so are a namespace, a config map with its values, a deployment of an image, "
        "a service account and a job from a cron job. For the rest, ask for a manifest (“write a …”) and apply it."
    )


def namespace(words: Words) -> Plan:
    named = re.search(rf"\b(?:namespace|ns)\s+(?:called |named )?[\"'`]?({NAME})", words.text, re.I)
    if not named:
        return Plan(problem="A namespace needs a name, as in “create namespace qa”.")
    ref = ObjectRef("Namespace", "", named.group(1))
    if _exists(words.source, "namespaces", ref):
        return Plan(problem=f"{ref} exists already.")
    return Plan((Order(f"kubectl create namespace {ref.name}", f"creates {ref}", (ref,), there("namespaces", ref)),))


def config_map(words: Words) -> Plan:
    named = re.search(rf"\b(?:config ?map|cm)\s+(?:called |named )?[\"'`]?({NAME})(?=[\s\"'`]|$)", words.text, re.I)
    pairs = pairs_in(words.text)
    if not named or not pairs:
        return Plan(problem="A config map needs a name and values, as in “create configmap web-settings with MODE=blue”.")
    if any(is_placeholder(value) for _, value in pairs):
        return Plan(problem="One of the values looks like a secret, which does not belong into a config map; nothing was made.")
    if not words.namespace:
        return Plan(problem=f"In which namespace? As in “create configmap {named.group(1)} … in namespace NAME”.")
    ref = ObjectRef("ConfigMap", words.namespace, named.group(1))
    if _exists(words.source, "configmaps", ref):
        return Plan(problem=f"{ref} exists already in {ref.namespace}.")
    literals = " ".join(f"--from-literal={shlex.quote(f'{key}={value}')}" for key, value in pairs)
    order = Order(
        f"kubectl create configmap {ref.name} {literals} -n {ref.namespace}",
        f"creates {ref} in {ref.namespace} with {', '.join(key for key, _ in pairs)}",
        (ref,),
        there("configmaps", ref),
    )
    return Plan((order,))


_IMAGE = r"(?<![\w=/.-])([\w.-]+(?::\d+)?(?:/[\w.-]+)*(?::[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64}))(?=[\s,;]|$)"


def deployment(words: Words) -> Plan:
    """A Deployment of an image: "create a deployment hello with image nginx:1.27", "run nginx:1.27 as a deployment web with 2 replicas"."""
    named = re.search(rf"\bdeployment\s+(?:called |named )?[\"'`]?({NAME})(?=[\s\"'`,]|$)", words.text, re.I)
    image = re.search(_IMAGE, words.text) or re.search(r"\bimage\s+(\S+)", words.text)
    count = re.search(r"\b(\d+|one|two|three|four|five)\s+(?:replicas?|instances?|copies|pods)\b", words.text, re.I)
    port = re.search(r"\bport\s+(\d{1,5})\b", words.text, re.I)
    if not named or not image:
        return Plan(problem="A deployment needs a name and an image, as in “create deployment web with image nginx:1.27”.")
    ref = ObjectRef("Deployment", words.namespace or DEFAULT, named.group(1))
    if _exists(words.source, "deployments.apps", ref):
        return Plan(problem=f"{ref} exists already in {ref.namespace}.")
    spelt = {"one": "1", "two": "2", "three": "3", "four": "4", "five": "5"}
    replicas = f" --replicas={spelt.get(count.group(1).lower(), count.group(1))}" if count else ""
    ports = f" --port={port.group(1)}" if port else ""
    command = f"kubectl create deployment {ref.name} --image={shlex.quote(image.group(1))}{replicas}{ports} -n {ref.namespace}"
    said = f"creates {ref} in {ref.namespace} from {image.group(1)}"
    note = "" if words.namespace else f"No namespace was said, so it is made in {DEFAULT}."
    return Plan((Order(command, said, (ref,), there("deployments.apps", ref)),), note=note, used=count.group(0) if count else "")


def service_account(words: Words) -> Plan:
    """A ServiceAccount."""
    named = re.search(rf"\b(?:service ?account|sa)\s+(?:called |named )?[\"'`]?({NAME})(?=[\s\"'`,]|$)", words.text, re.I)
    if not named:
        return Plan(problem="A service account needs a name, as in “create service account deployer in namespace shop”.")
    ref = ObjectRef("ServiceAccount", words.namespace or DEFAULT, named.group(1))
    if _exists(words.source, "serviceaccounts", ref):
        return Plan(problem=f"{ref} exists already in {ref.namespace}.")
    command = f"kubectl create serviceaccount {ref.name} -n {ref.namespace}"
    return Plan((Order(command, f"creates {ref} in {ref.namespace}", (ref,), there("serviceaccounts", ref)),))


def job_from_cron(words: Words) -> Plan:
    ref, plan = one(words, (KINDS["cronjob"],), "cron job")
    if ref is None:
        return plan
    taken = {Obj(raw).name for raw in words.source.list("jobs.batch", ref.namespace, cancel=words.cancel)}
    name = next(name for n in range(1, len(taken) + 2) if (name := f"{ref.name[:44]}-manual-{n}") not in taken)
    job = ObjectRef("Job", ref.namespace, name)

    def look(source: ClusterSource) -> tuple[bool, str]:
        now = Obj(source.get("jobs.batch", job.namespace, job.name))
        if now.number("status", "failed"):
            return True, f"{job} was started and has failed: ask “why does {job.name} fail?”"
        done, active = now.number("status", "succeeded"), now.number("status", "active")
        return bool(done or active), f"{job} has {'succeeded' if done else 'started' if active else 'not started yet'}"

    command = f"kubectl create job {name} --from=cronjob/{ref.name} -n {ref.namespace}"
    return Plan((Order(command, f"starts {ref} in {ref.namespace} once, now, as {job}", (ref,), look),), note=plan.note)


def expose(words: Words) -> Plan:
    port = re.search(r"\bport\s+(\d{1,5})\b|(?:\bon|\bat|:)\s*(\d{1,5})\b", words.text, re.I)
    target = re.search(r"\b(?:target|container|pod)[ -]?port\s+(\d{1,5})|\bto\s+(?:port\s+)?(\d{1,5})\b", words.text, re.I)
    ref, plan = one(words, SCALABLE[:1], "deployment")
    if ref is None:
        return plan
    if port is None:
        return Plan(problem=f"On which port? As in “expose deployment {ref.name} on port 80 to 8080”.")
    service = ObjectRef("Service", ref.namespace, ref.name)
    if _exists(words.source, "services", service):
        return Plan(problem=f"{service} exists already in {ref.namespace}.")
    to = f" --target-port={target.group(1) or target.group(2)}" if target else ""
    number = port.group(1) or port.group(2)
    command = f"kubectl expose deployment {ref.name} --port={number}{to} -n {ref.namespace}"
    return Plan((Order(command, f"makes {service} on port {number} for {ref}", (ref,), there("services", service)),), note=plan.note)


def autoscale(words: Words) -> Plan:
    bounds = re.search(r"\b(?:between|from)\s+(\d+)\s+(?:and|to)\s+(\d+)\b|\bmin\w*\s+(\d+)\D+max\w*\s+(\d+)", words.text, re.I)
    cpu = re.search(r"\b(\d{1,3})\s*(?:%|percent)", words.text)
    ref, plan = one(words, SCALABLE[:2], "deployment or stateful set")
    if ref is None:
        return plan
    low, high = next(((a, b) for a, b in _pairs(bounds)), ("", ""))
    if not low or int(low) < 1 or int(low) > int(high):
        return Plan(problem=f"Between how many replicas? As in “autoscale {ref.name} between 2 and 5 at 80% cpu”.")
    scaler = ObjectRef("HorizontalPodAutoscaler", ref.namespace, ref.name)
    if _exists(words.source, "horizontalpodautoscalers.autoscaling", scaler):
        return Plan(problem=f"{scaler} exists already in {ref.namespace}.")
    at = f" --cpu-percent={cpu.group(1)}" if cpu else ""
    command = f"kubectl autoscale {KIND_OF[ref.kind].singular} {ref.name} --min={low} --max={high}{at} -n {ref.namespace}"
    words_ = f"lets {ref} be scaled between {low} and {high} replicas" + (f" at {cpu.group(1)}% cpu" if cpu else "")
    return Plan((Order(command, words_, (ref,), _scaler(scaler)),), note=plan.note)


def _pairs(found: re.Match[str] | None) -> list[tuple[str, str]]:
    groups = found.groups() if found else ()
    return [(a, b) for a, b in zip(groups[::2], groups[1::2], strict=True) if a and b]


def _scaler(ref: ObjectRef) -> Look:
    return there("horizontalpodautoscalers.autoscaling", ref)


def _exists(source: ClusterSource, resource: str, ref: ObjectRef) -> bool:
    try:
        source.get(resource, ref.namespace, ref.name)
    except NotFound:
        return False
    except ClusterError:
        return False  # whether it is there cannot be seen; the server has the last word
    return True


_MAKERS: tuple[tuple[str, Callable[[Words], Plan]], ...] = (
    (r"\bconfig ?maps?\b|\bcm\b", config_map),
    (r"\bservice ?accounts?\b|\bsa\b", service_account),
    (r"\bdeployments?\b", deployment),
    (r"\bjobs?\b|\bcron ?jobs?\b", job_from_cron),
    (r"\bnamespaces?\b|\bns\b", namespace),
)
