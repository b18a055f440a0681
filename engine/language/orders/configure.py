"""Orders that change how a workload runs: its resources, its environment, its rollout."""

from __future__ import annotations

import re
import shlex

from engine.cluster.kinds import KIND_OF
from engine.cluster.objects import Obj
from engine.cluster.source import ClusterSource
from engine.core.redaction.redactor import is_placeholder
from engine.core.types import ObjectRef
from engine.language.orders.create import pairs_in
from engine.language.orders.plan import ROLLED, Look, Order, Plan, Words, changed_and_rolled_out, one

_QUANTITY = r"(\d+(?:\.\d+)?(?:m|Ki|Mi|Gi|Ti|K|M|G)?)\b"


def containers_of(words: Words, ref: ObjectRef) -> tuple[list[Obj], Obj | None]:
    """A workload's containers, and the one that is meant: the only one, or the one that is named; None where that is open."""
    found = [Obj(raw) for raw in words.get(ref).maps("spec", "template", "spec", "containers")]
    named = [c for c in found if re.search(rf"\bcontainer\s+{re.escape(str(c.raw.get('name')))}(?![\w-])", words.text)]
    return found, named[0] if named else found[0] if len(found) == 1 else None


def which_container(ref: ObjectRef, found: list[Obj]) -> Plan:
    """The plan that says that a container has to be named."""
    return Plan(problem=f"{ref} has several containers ({', '.join(str(c.raw.get('name')) for c in found)}): say “container NAME”.")


def resources(words: Words) -> Plan:
    """Sets a cpu or memory request or limit: "set memory limit of web to 256Mi", "give web 512Mi memory"."""
    what = "cpu" if re.search(r"\bcpus?\b", words.text, re.I) else "memory"
    amount = re.search(rf"(?:\bto\s+|=\s*|\bgive\b.*?\s){_QUANTITY}", words.text)
    ref, plan = one(words, ROLLED, "workload")
    if ref is None:
        return plan
    if amount is None:
        return Plan(problem=f"To how much? As in “set memory limit of {ref.name} to 256Mi”.")
    if what == "memory" and not re.search(r"[A-Za-z]", amount.group(1)):
        return Plan(problem=f"{amount.group(1)} bytes of memory? Say the unit, as in {amount.group(1)}Mi.")
    found, container = containers_of(words, ref)
    if container is None:
        return which_container(ref, found)
    sides = [side for side in ("request", "limit") if re.search(rf"\b{side}s?\b", words.text, re.I)] or ["limit"]
    flags = " ".join(f"--{side}s={what}={amount.group(1)}" for side in sides)
    before = ", ".join(f"{side} {container.text('resources', f'{side}s', what, default='none')}" for side in sides)
    resource, name = KIND_OF[ref.kind], shlex.quote(container.text("name"))
    command = f"kubectl set resources {resource.singular} {ref.name} -c {name} {flags} -n {ref.namespace}"
    said = f"sets the {what} {' and '.join(sides)} of {ref} in {ref.namespace} to {amount.group(1)} (before: {before})"
    return Plan((Order(command, said, (ref,), changed_and_rolled_out(words, ref)),), note=plan.note)


def environment(words: Words) -> Plan:
    """Sets or removes variables: "set env LOG_LEVEL=debug on web", "unset LOG_LEVEL of web"."""
    pairs = pairs_in(words.text)
    removed = re.findall(r"\b(?:unset|remove|delete)\s+(?:the\s+)?(?:env(?:ironment)?\s+)?(?:variable\s+)?([A-Z_][A-Z0-9_]+)\b", words.text)
    bare = Words(_without(words.text, pairs, removed), words.source, words.namespace, words.cancel, words.chosen)
    ref, plan = one(bare, ROLLED, "workload")
    if ref is None:
        return plan
    if not pairs and not removed:
        return Plan(problem=f"Which variable? As in “set env LOG_LEVEL=debug on {ref.name}”.")
    if any(is_placeholder(value) for _, value in pairs):
        return Plan(
            problem="The value looks like a secret, and secrets are not taken from the chat. Put it into a Secret and say "
            f"“kubectl set env {KIND_OF[ref.kind].singular}/{ref.name} --from=secret/NAME -n {ref.namespace}”."
        )
    found, container = containers_of(words, ref)
    if container is None:
        return which_container(ref, found)
    told = " ".join([*(shlex.quote(f"{key}={value}") for key, value in pairs), *(f"{key}-" for key in removed)])
    resource = KIND_OF[ref.kind]
    command = f"kubectl set env {resource.singular}/{ref.name} -c {shlex.quote(container.text('name'))} {told} -n {ref.namespace}"
    names = ", ".join([*(f"sets {key}" for key, _ in pairs), *(f"removes {key}" for key in removed)])
    said = f"{names} in {ref} in {ref.namespace}; its pods are made anew"
    return Plan((Order(command, said, (ref,), changed_and_rolled_out(words, ref)),), note=plan.note)


def _without(text: str, pairs: list[tuple[str, str]], removed: list[str]) -> str:
    """The text without its pairs, whose words are no names of objects."""
    for key, value in pairs:
        text = re.sub(rf"{re.escape(key)}=[\"']?{re.escape(value)}[\"']?", " ", text)
    for key in removed:
        text = text.replace(key, " ")
    return text


def pause(words: Words, value: bool) -> Plan:
    """Pauses or resumes a Deployment's rollout."""
    ref, plan = one(words, ROLLED[:1], "deployment")
    if ref is None:
        return plan
    verb = "pause" if value else "resume"
    if words.get(ref).flag("spec", "paused") == value:
        return Plan(problem=f"The rollout of {ref} in {ref.namespace} is {'paused' if value else 'not paused'} already.")
    command = f"kubectl rollout {verb} deployment {ref.name} -n {ref.namespace}"
    return Plan((Order(command, f"{verb}s the rollout of {ref} in {ref.namespace}", (ref,), _paused(ref, value)),), note=plan.note)


def _paused(ref: ObjectRef, value: bool) -> Look:
    def look(source: ClusterSource) -> tuple[bool, str]:
        now = Obj(source.get("deployments.apps", ref.namespace, ref.name)).flag("spec", "paused")
        return now == value, f"the rollout of {ref} is {'paused' if now else 'going on'}"

    return look
