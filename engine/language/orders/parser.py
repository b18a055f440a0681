"""An order in plain words to exact commands: a verb, objects that exist, and how to see afterwards that it worked.

Every slot is looked up in the cluster; nothing is guessed. What cannot be parsed is told, with what would be understood.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

from engine.cluster.source import ClusterSource
from engine.core.cancel import CancelToken
from engine.core.types import ObjectRef
from engine.language.linking.inventory import Inventory
from engine.language.linking.linker import link
from engine.language.names import mentioned_kind
from engine.language.orders.accounting import left_out, strange_words
from engine.language.orders.configure import environment, pause, resources
from engine.language.orders.create import autoscale, create, expose, job_from_cron
from engine.language.orders.deletion import MOST, delete, objects_of
from engine.language.orders.fields import (
    autoscaler_bounds,
    claim_size,
    config_value,
    default_class,
    finalizers,
    probe,
    quota,
    selector,
    taint,
    toleration,
)
from engine.language.orders.plan import (
    EXAMPLES,
    ROLLED,
    SCALABLE,
    Order,
    Plan,
    Words,
)
from engine.language.orders.workloads import cordon, drain, mark, rename, restart, rollback, scale, set_image, suspend, uncordon
from engine.language.pronouns import spelt_out
from engine.language.request import Linked

_VERB_AT = re.compile(
    r"^\W*(?:(?:please|first|then|and|now|also|finally)[, ]+)*(?P<verb>scale|restart|bounce|redeploy|delete|remove|cordon|uncordon|drain|roll ?back|undo|set|change|update|label|annotate|"
    r"taint|untaint|create|make|add|expose|autoscale|pause|resume|suspend|unsuspend|run|trigger|double|triple|halve|kill|patch|raise|increase|lower|reduce|limit(?!s?\s+(?:of|to)\b)|give|put|mark|resize|start|stop)\b",
    re.I,
)
_JOINT = re.compile(
    r"(?:\s*[,;.]\s*|\s+)(?:and\s+then|then|and\s+also|and|after that|afterwards)\s+|\s*[;,]\s+(?=(?:please\s+)?(?:scale|restart|delete|cordon|drain)\b)",
    re.I,
)
_INSIDE = re.compile(r"^\s*(?:in (?:it|there|that namespace)|inside it|there)\s+", re.I)


def plan(query: str, source: ClusterSource, namespace: str, *, cancel: CancelToken | None = None, chosen: ObjectRef | None = None) -> Plan:
    """The commands of an order, of several joined by "and" or "then" one after another; raises ClusterError for a cluster that is gone.

    `chosen` is the object that a person picked where several fit. One part that cannot be understood leaves the whole undone: its
    problem is said, and what was understood is in `understood`.
    """
    text = " ".join(query.split())
    literal = re.search(r"\bkubectl\s+\S.*", text)
    if literal:
        command = literal.group(0).strip("`'\" ")
        return Plan((Order(command, "runs the command as typed", (), lambda _: (True, "")),))
    inventory = Inventory(source, namespace, cancel)
    parts = _steps(text)
    orders: list[Order] = []
    notes: list[str] = []
    failed: Plan | None = None
    place = namespace
    for number, part in enumerate(parts, 1):
        said, _ = spelt_out(part, [ref for order in reversed(orders) for ref in order.objects][:1])
        inside = _INSIDE.match(said)
        made_before = [ref for order in orders for ref in order.objects]
        spaces = [ref for ref in made_before if ref.kind == "Namespace"]
        if inside and spaces:
            said, place = said[inside.end() :], spaces[-1].name
        if not _VERB_AT.match(said) and number > 1:
            verb = _VERB_AT.match(parts[0])
            said = f"{verb.group('verb')} {said}" if verb else said
        made = _accounted(said, _plan_one(said, inventory, place, cancel, chosen, tuple(made_before)), inventory, place)
        if not made.orders:
            problem = f"Step {number} (“{part}”): {made.problem}" if len(parts) > 1 else made.problem
            failed = failed or dataclasses.replace(made, problem=problem)
            continue
        orders += made.orders
        notes += [made.note] if made.note else []
    if failed is not None:
        return dataclasses.replace(failed, understood=tuple(orders))
    return Plan(tuple(orders), note=" ".join(dict.fromkeys(notes)))


def _steps(text: str) -> list[str]:
    """The steps of an order: at "and" and "then" where another verb, a name with its own number, or a place begins."""
    parts, at = [], 0
    for found in _JOINT.finditer(text):
        rest = text[found.end() :]
        own_number = re.match(r"(?:the\s+)?[a-z0-9][\w.-]*\s+(?:up\s+|down\s+)?(?:to|by)\s+\S", rest, re.I)
        bare_then = re.search(r"\bthen\b", found.group(), re.I) is not None
        if _VERB_AT.match(rest) or _INSIDE.match(rest) or own_number or bare_then:
            parts.append(text[at : found.start()])
            at = found.end()
    return [re.sub(r"^\W*(?:please\s+)?first[, ]+", "", part, flags=re.I).strip() for part in [*parts, text[at:]] if part.strip()]


def _plan_one(
    text: str, inventory: Inventory, namespace: str, cancel: CancelToken | None, chosen: ObjectRef | None, planned: tuple[ObjectRef, ...]
) -> Plan:
    links = link(text, inventory)
    place = links.namespace if links.namespace is not None else namespace
    words = Words(text, inventory.source, place, cancel, chosen, links, planned)
    for pattern, make in _VERBS:
        if re.search(pattern, links.masked, re.I):
            return _for_each(words, make)
    return Plan(problem="I cannot tell what to do from these words. " + _understood())


def _for_each(words: Words, make: Callable[[Words], Plan]) -> Plan:
    """One plan for each object that is named, or for all of a kind where the order says so."""
    refs = _all_of(words, make)
    if isinstance(refs, Plan):
        return refs
    if refs is None:
        groups = list(dict.fromkeys(linked.word for linked in words.links.objects if linked.ref.kind != "Namespace"))
        if len(groups) < 2 or make not in _ONE_BY_ONE or words.chosen is not None:
            return make(words)
        shares = [[linked for linked in words.links.objects if linked.word == word] for word in groups]
    else:
        shares = [[Linked(ref, ref.name)] for ref in refs]
    orders: list[Order] = []
    notes: list[str] = []
    used: list[str] = []
    for share in shares:
        links = dataclasses.replace(words.links, objects=share)
        made = make(dataclasses.replace(words, links=links))
        if not made.orders:
            return dataclasses.replace(made, understood=tuple(orders))
        orders += made.orders
        notes += [made.note] if made.note else []
        used.append(made.used)
    return Plan(tuple(orders), note=" ".join(dict.fromkeys(notes)), used=" ".join(used))


def _all_of(words: Words, make: Callable[[Words], Plan]) -> list[ObjectRef] | Plan | None:
    """The workloads that "everything", "all deployments" or "every deployment" means; None where the order does not say so."""
    if make not in (restart, scale) or any(linked.ref.kind != "Namespace" for linked in words.links.objects):
        return None
    if not re.search(r"\b(?:everything|all|every|each)\b", words.text, re.I):
        return None
    if not words.namespace:
        return Plan(problem="In which namespace? “All” of the whole cluster is not something to change at once.")
    kind = mentioned_kind(words.text)
    kinds = [kind] if kind in ROLLED and kind is not None else SCALABLE[:2] if make is scale else ROLLED
    found = [obj.ref for one_kind in kinds for obj in objects_of(words, one_kind.resource)]
    if not found:
        return Plan(problem=f"There is no such workload in namespace {words.namespace}.")
    if len(found) > MOST:
        return Plan(problem=f"{len(found)} workloads are in {words.namespace}; that is more than one plan can show. Name them.")
    return found


def _accounted(text: str, made: Plan, inventory: Inventory, namespace: str) -> Plan:
    """The plan, unless a name or a number of the order is in none of its commands; strange words are said beside it."""
    if not made.orders:
        return made
    links = link(text, inventory)
    left = left_out(text, links, made.orders, made.used)
    if left:
        listed = ", ".join(f"“{word}”" for word in left)
        commands = "; ".join(order.command for order in made.orders)
        problem = f"{listed} in your order {'is' if len(left) == 1 else 'are'} not part of what I understood ({commands}), so nothing is proposed. Say it in other words."
        return Plan(problem=problem)
    strange = strange_words(text, links, made.orders, made.used)
    note = f"Not taken into account: {', '.join(strange)}." if strange else ""
    return dataclasses.replace(made, note=" ".join(part for part in (made.note, note) if part))


def _hold(words: Words, value: bool) -> Plan:
    """Pauses or resumes what is named: a CronJob's schedule, or a Deployment's rollout."""
    cron = words.refs("CronJob") and not words.refs("Deployment") and not re.search(r"\brollout\b", words.text, re.I)
    return suspend(words, value) if cron else pause(words, value)


def _understood() -> str:
    return "Understood are orders such as: " + "; ".join(f"“{example}”" for example in EXAMPLES) + "."


_NODE = r"xnode|\bnodes?\b"
_VERBS: tuple[tuple[str, Callable[[Words], Plan]], ...] = (
    (r"\brename\b", rename),
    (r"\btolerat\w*", toleration),
    (r"\b(?:un)?taint\w*|:no(?:schedule|execute)\b", taint),
    (r"\bprobes?\b|\b(?:liveness|readiness|startup)\b", probe),
    (r"\bfinali[sz]ers?\b", finalizers),
    (
        r"^(?!.*\b(?:create|add|autoscale|make)\b).*\b(?:(?:max|min)(?:imum)? ?replicas\b|(?:max|min)(?:imum)?\b.*\b(?:hpa|autoscaler)\b|(?:hpa|autoscaler)\b.*\b(?:max|min)(?:imum)?\b)",
        autoscaler_bounds,
    ),
    (r"\bdefault (?:storage ?class|sc)\b|\bstorage ?class\b.*\bdefault\b", default_class),
    (
        r"\b(?:resize|grow|shrink|extend|expand|enlarge|increase|raise)\b.*\b(?:pvc|claim|volume|disk|storage)\b|\b(?:resize|grow|shrink|extend|expand|enlarge)\b.*\d\s?[kmgt]i?\b|\b(?:pvc|claim|volume)\b.*\bto \d+\s?[kmgt]i\b",
        claim_size,
    ),
    (r"\bquota\b|\b(?:requests|limits)\.(?:cpu|memory)\b", quota),
    (r"\bselector\b", selector),
    (
        r"\b(?:create|add|make)\b(?!.*\b(?:label|annotation|env|variable)\b).*\b(?:namespace|ns|config ?map|cm|job|deployment|service ?account|sa)\b|\bcreate\b|\brun\b.*\bas (?:a |an )?\w+",
        create,
    ),
    (r"\b(?:set|change|update|put|add)\b.*\b(?:config ?map|cm)\b", config_value),
    (r"\bimages?\b|\btag\b|(?<![\w=])[\w.-]+/[\w./-]+:[\w.-]+|\b(?:to|use|version) v?\d+\.\d+", set_image),
    (r"\bautoscale\b|\bautoscal\w+", autoscale),
    (r"\b(?:memory|cpu|ram)\b", resources),
    (
        r"\b(?:set|unset|change|update|add|remove|delete|drop)\b.*\b(?:env|environment|variables?)\b|\bunset\b|\bset\s+[a-z_][a-z0-9_]*=",
        environment,
    ),
    (r"\bexpose\b", expose),
    (
        rf"\buncordon\b|\bmake\b.*\bschedulable\b|\b(?:enable|allow)\b.*\bscheduling\b|\bunmark\b|\ballow\b.*\bpods\b.*xnode|\b(?:put|bring)\b.*(?:{_NODE}).*\bback\b",
        uncordon,
    ),
    (
        rf"\bcordon\b|\bunschedulable\b|\b(?:disable|stop|no)\b.*\bscheduling\b|(?:{_NODE}).*\b(?:must|should|may) (?:not|no longer) (?:get|take|receive|accept)\b|\bno (?:new|more) pods\b|\bmaintenance\b|xnode out of\b",
        cordon,
    ),
    (rf"\bdrain\b|\bevacuate\b|\b(?:evict|empty|clear)\b.*(?:{_NODE})", drain),
    (
        r"\b(?:roll(?:ed)? ?back|rollout undo|undo|revert)\b|\b(?:previous|earlier|last) (?:revision|version|release)\b|\bto revision \d+",
        rollback,
    ),
    (r"\b(?:unsuspend|resume|enable)\b.*\bcron ?job|\bcron ?job\b.*\b(?:unsuspend|resume|enable)\b", lambda w: suspend(w, False)),
    (r"\b(?:suspend|pause|disable|stop)\b.*\bcron ?job|\bcron ?job\b.*\b(?:suspend|pause|disable)\b", lambda w: suspend(w, True)),
    (r"\bunsuspend\b", lambda w: suspend(w, False)),
    (r"\bsuspend\b", lambda w: suspend(w, True)),
    (
        r"\b(?:run|trigger|start|rerun|re-run|kick off|execute)\b.*\bcron ?job\b|\b(?:run|trigger|rerun|kick off|execute)\b.*xname",
        job_from_cron,
    ),
    (r"\bpause\b", lambda w: _hold(w, True)),
    (r"\b(?:resume|unpause)\b", lambda w: _hold(w, False)),
    (r"\bannotat\w*", lambda w: mark(w, "annotate")),
    (
        r"^(?!.*\b(?:pods?|jobs?)\b.*\b(?:with|having|labell?ed|that have)\b).*\blabels?\b|^\W*(?:please )?label\b",
        lambda w: mark(w, "label"),
    ),
    (r"\b(?:remove|take|drop)\s+(?:\d+|an?|one|two|three|four|five)\s+(?:replicas?|instances?|pods?)\s+(?:away|off|from)\b", scale),
    (r"\b(?:delete|remove|kill|terminate|get rid of|destroy|wipe|nuke|clean up)\b", delete),
    (r"\b(?:restart|bounce|recycle|redeploy|re-?roll|reboot)\w*\b", restart),
    (
        r"\bscale\b|\breplicas?\b|\binstances?\b|\b(?:increase|decrease|raise|lower|bump|resize|reduce|double|triple|quadruple|halve|half|shrink|cut)\b|^\W*(?:please )?stop (?:the )?(?:deployment |stateful ?set )?xname(?: completely| entirely)?\W*$|\b(?:shut down|turn (?:on|off)|spin up)\b|\bpods\b.*\bto\b|\b(?:\d+|one|two|three|four|five|six)\s+(?:more\s+|fewer\s+)?pods?\b",
        scale,
    ),
)
_ONE_BY_ONE = (restart, scale, delete, cordon, uncordon, drain, rollback)
"""What is done to each object that an order names."""
