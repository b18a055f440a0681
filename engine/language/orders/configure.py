"""Orders that change how a workload runs: its resources, its environment, its rollout."""

from __future__ import annotations

import dataclasses
import re
import shlex

from engine.cluster.kinds import KIND_OF
from engine.cluster.objects import Obj
from engine.cluster.source import ClusterSource
from engine.core.redaction.redactor import is_placeholder
from engine.core.types import ObjectRef
from engine.language.orders.create import pairs_in
from engine.language.orders.plan import ROLLED, Look, Order, Plan, Words, changed_and_rolled_out, one
from engine.language.questions.question import quantity_of


def containers_of(words: Words, ref: ObjectRef) -> tuple[list[Obj], Obj | None]:
    """A workload's containers, and the one that is meant: the only one, or the one that is named; None where that is open."""
    found = [Obj(raw) for raw in words.get(ref).maps("spec", "template", "spec", "containers")]
    named = [c for c in found if re.search(rf"\bcontainer\s+{re.escape(str(c.raw.get('name')))}(?![\w-])", words.text)]
    return found, named[0] if named else found[0] if len(found) == 1 else None


def which_container(ref: ObjectRef, found: list[Obj]) -> Plan:
    """The plan that says that a container has to be named."""
    return Plan(problem=f"{ref} has several containers ({', '.join(str(c.raw.get('name')) for c in found)}): say “container NAME”.")


_AMOUNT = r"(\d+(?:\.\d+)?\s?(?:m|Ki|Mi|Gi|Ti|K|M|G|cores?)?)"


def resources(words: Words) -> Plan:
    """Sets cpu or memory requests or limits: "set memory limit of web to 256Mi", "limit web to 200m cpu and 256Mi memory"."""
    text = words.bare
    whats = [
        what
        for what in ("cpu", "memory")
        if re.search(r"\bcpus?\b|\bcores?\b" if what == "cpu" else r"\bmemory\b|\bmem\b|\bram\b", text, re.I)
    ]
    ref, plan = one(words, ROLLED, "workload")
    if ref is None:
        return plan
    amounts: dict[str, str] = {}
    for what in whats:
        word = r"(?:cpus?|cores?)" if what == "cpu" else r"(?:memory|mem|ram)"
        beside = (
            re.search(rf"(?<![\w.]){_AMOUNT}\s+(?:of\s+)?{word}\b", text, re.I)
            if len(whats) > 1 or not re.search(r"\bto\s+\d", text)
            else None
        )
        behind = re.search(rf"\b{word}\b(?:(?!\b(?:cpu|memory)\b).)*?(?:\bto\s+|=\s*|:\s*|\s){_AMOUNT}(?![\w.%])", text, re.I)
        last = re.search(rf"(?:\bto\s+|=\s*|\bgive\b.*?\s|^\W*(?:request|reserve|limit)\s+){_AMOUNT}(?![\w.%])", text, re.I)
        found = beside or behind or last
        if found:
            amounts[what] = re.sub(r"\s*cores?$", "", found.group(1)).replace(" ", "")
    if not amounts:
        return Plan(problem=f"To how much? As in “set memory limit of {ref.name} to 256Mi”.")
    if "memory" in amounts and not re.search(r"[A-Za-z]", amounts["memory"]):
        return Plan(problem=f"{amounts['memory']} bytes of memory? Say the unit, as in {amounts['memory']}Mi.")
    found_containers, container = containers_of(words, ref)
    if container is None:
        return which_container(ref, found_containers)
    sides = [side for side in ("request", "limit") if re.search(rf"\b{side}(?:s|ed)?\b", text, re.I)] or ["limit"]
    for what, amount in amounts.items():
        other = container.text("resources", "limits" if sides == ["request"] else "requests", what)
        if len(sides) == 1 and other and sides == ["limit"] and quantity_of(amount, what) < quantity_of(other, what):
            return Plan(problem=f"A {what} limit of {amount} is below the request of {other} that {ref} has; say both, or another number.")
        if len(sides) == 1 and other and sides == ["request"] and quantity_of(amount, what) > quantity_of(other, what):
            return Plan(problem=f"A {what} request of {amount} is above the limit of {other} that {ref} has; say both, or another number.")
    values = ",".join(f"{what}={amount}" for what, amount in amounts.items())
    flags = " ".join(f"--{side}s={values}" for side in sides)
    before = ", ".join(
        f"{what} {side} {container.text('resources', f'{side}s', what, default='none')}" for what in amounts for side in sides
    )
    resource, name = KIND_OF[ref.kind], shlex.quote(container.text("name"))
    command = f"kubectl set resources {resource.singular} {ref.name} -c {name} {flags} -n {ref.namespace}"
    listed = " and ".join(f"{what} {' and '.join(sides)} to {amount}" for what, amount in amounts.items())
    said = f"sets the {listed} of {ref} in {ref.namespace} (before: {before})"
    return Plan((Order(command, said, (ref,), changed_and_rolled_out(words, ref)),), note=plan.note)


def environment(words: Words) -> Plan:
    """Sets or removes variables: "set env LOG_LEVEL=debug on web", "unset LOG_LEVEL of web"."""
    pairs = pairs_in(words.text)
    removed = re.findall(
        r"\b(?:unset|remove|delete|drop)\s+(?:the\s+)?(?:env(?:ironment)?\s+)?(?:variable\s+|var\s+)?([A-Z_][A-Z0-9_]+)\b", words.text
    )
    spelt = re.search(r"\b([A-Z_][A-Z0-9_]{1,})\s+(?:to|as)\s+(\S+)", words.text) if not pairs and not removed else None
    if spelt:
        pairs = [(spelt.group(1), spelt.group(2).strip("\"'"))]
    bare = dataclasses.replace(words, text=_without(words.text, pairs, removed))
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
