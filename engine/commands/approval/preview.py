"""Which reads tell what a change would do: the objects it touches, its dry run, and what undoes it. Pure: argv in, argv and words out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.commands.kubectl import touched_objects
from engine.commands.kubectl.call import Call, accepted_flags, flag_table, read_call, verb_row
from engine.commands.parsing.flags import Parsed
from engine.commands.parsing.lexer import Refused
from engine.core.types import Verdict

_WHOLE = frozenset(
    [
        "label",
        "annotate",
        "set image",
        "set env",
        "set resources",
        "set selector",
        "set serviceaccount",
        "patch",
        "apply",
        "taint",
        "rollout undo",
    ]
)
"""Verbs whose dry run prints the object as it would become."""
_CREATES = ("create", "expose", "run", "autoscale")
_SINGULAR = {"ingresses": "Ingress", "networkpolicies": "NetworkPolicy", "storageclasses": "StorageClass", "endpoints": "Endpoints"}


@dataclass(frozen=True, slots=True)
class Preview:
    """`live`: argv that reads the touched objects as JSON (empty: nothing exists yet, or it cannot be read so). `dry_run`: argv of the
    same change without effect. `result`: argv that prints the object as it would become. `how`: where the result comes from.
    """

    live: tuple[str, ...] = ()
    dry_run: tuple[str, ...] = ()
    result: tuple[str, ...] = ()
    how: str = "server dry run"
    secret: bool = False
    creates: str = ""
    bulk: bool = False


def preview(call: Call, judge: Callable[[Sequence[str]], Verdict], in_files: Sequence[Mapping[str, Any]] | None = None) -> Preview:
    """The reads for one kubectl (or oc) call that changes something; `in_files` are the objects that its files hold.

    Each is built from the parsed call, printed, read again and judged by `judge`; what does not come out as a read is left out.
    """
    operands = named(call)
    kinds = (*operands, *touched_objects.of_manifests(in_files or ()))
    secret = any(touched_objects.is_secret(kind) for kind, _ in kinds)
    bulk = (
        call.parsed.has("selector", "field-selector", "all", "all-namespaces", "filename")
        or len(operands) > 1
        or not any(name for _, name in operands)
    )
    dry_run = _dry_run(call, judge)
    result: tuple[str, ...] = ()
    how = "server dry run"
    equal = equivalent_patch(call)
    if equal and len(operands) == 1:
        body = json.dumps(equal, separators=(",", ":"))
        patch = Call("patch", Parsed((("type", "merge"), ("patch", body), *_place(call)), _word(call)), call.program[:1])
        if not dry_run:
            dry_run, how = _dry_run(patch, judge), "server dry run of the equal patch, since this verb has none"
        else:
            how = "server dry run; the difference is that of the equal patch"
        result = _dry_run(patch.with_flags(("output", "json")), judge)
    elif dry_run and call.verb in _WHOLE and not call.parsed.has("output", "template") and not secret:
        result = _dry_run(call.with_flags(("output", "json")), judge)
    creates = "" if call.verb.split()[0] not in _CREATES or call.parsed.has("filename") else _created(call)
    live = () if creates and call.verb != "expose" else _read(_live(call, operands, secret), judge)
    return Preview(live, dry_run, result, how, secret, creates, bulk)


def _read(call: Call | None, judge: Callable[[Sequence[str]], Verdict]) -> tuple[str, ...]:
    """The argv of a call that is a read; empty for every other one."""
    if call is None:
        return ()
    try:
        argv = call.argv()
    except Refused:
        return ()
    return argv if judge(argv).risk == "read" else ()


def _dry_run(call: Call, judge: Callable[[Sequence[str]], Verdict]) -> tuple[str, ...]:
    """The argv of the same call as a dry run on the server; empty where there is none."""
    if "--dry-run" not in flag_table(call.verb) or verb_row(call.verb) is None or "dry-run" not in accepted_flags(call.verb):
        return ()
    meant = call.with_flags(("dry-run", "server"), without="dry-run")
    argv = _read(meant, judge)
    return argv if argv and read_call(argv).parsed.all("dry-run") == ("server",) else ()


def _place(call: Call) -> tuple[tuple[str, str | None], ...]:
    """The flags of a call that say where: namespace and context."""
    return tuple((name, value) for name in ("namespace", "context") if (value := call.last(name)))


def _word(call: Call) -> tuple[str, ...]:
    """The operands that name the object of a call, as they were written: `deployments.apps/web`, `deploy web`."""
    return ("node", *call.operands[:1]) if call.verb in ("cordon", "uncordon", "drain") else call.operands


def named(call: Call) -> touched_objects.Objects:
    """The objects that a call names."""
    if call.verb in ("exec", "debug"):
        target = call.operands[0] if call.operands else ""
        kind, slash, name = target.partition("/")
        return ((touched_objects.kind_of(kind), name),) if slash else (("pods", target),)
    if call.verb == "set serviceaccount":
        return touched_objects.objects(call.verb, call.operands[:-1], "objects")
    row = verb_row(call.verb) or {}
    return touched_objects.objects(call.verb, call.operands, str(row.get("operands", "")))


def _live(call: Call, operands: touched_objects.Objects, secret: bool) -> Call | None:
    """The call that reads the touched objects; None where nothing is named."""
    flags: list[tuple[str, str | None]] = [("output", "name" if secret else "json"), *_place(call)]
    if call.parsed.on("all-namespaces"):
        flags.append(("all-namespaces", None))
    flags += [(name, value) for name in ("selector", "field-selector") if (value := call.last(name))]
    files = [("filename", value) for value in call.parsed.all("filename")]
    if files:
        return Call("get", Parsed((*files, *flags, ("ignore-not-found", None)), ()), call.program[:1])
    if not operands:
        return None
    if any(name for _, name in operands):
        # The kind as it was written, since its group says which of several kinds of one name is meant.
        written = [word for word in call.operands if "/" in word and "=" not in word]
        names = written if len(written) == len(operands) else [f"{kind}/{name}" for kind, name in operands if name]
        return Call("get", Parsed((*flags, ("ignore-not-found", None)), tuple(names)), call.program[:1])
    return Call("get", Parsed(tuple(flags), (",".join(kind for kind, _ in operands),)), call.program[:1])


def equivalent_patch(call: Call) -> dict[str, Any]:
    """The patch that does what this verb does to one object, or {} where there is none."""
    if call.verb == "scale":
        return {"spec": {"replicas": int(call.last("replicas") or "0")}}
    if call.verb == "rollout restart":
        return {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}
    if call.verb == "rollout pause":
        return {"spec": {"paused": True}}
    if call.verb == "rollout resume":
        return {"spec": {"paused": None}}
    if call.verb == "cordon":
        return {"spec": {"unschedulable": True}}
    if call.verb == "uncordon":
        return {"spec": {"unschedulable": None}}
    return {}


def _created(call: Call) -> str:
    kind = (
        call.verb.split()[1]
        if " " in call.verb
        else {"run": "pod", "autoscale": "horizontalpodautoscaler", "expose": "service"}.get(call.verb, call.verb)
    )
    name = call.last("name") or (call.operands[-1] if call.operands else "")
    return f"{kind}/{name.rsplit('/', 1)[-1]}"


def undo_sentence(call: Call, objects: Sequence[Mapping[str, Any]], secret: bool) -> str:
    """How to take the change back, with the command where one is known from the objects as they are now."""
    verb = call.verb
    namespace = call.last("namespace")
    place = f"--namespace {namespace}" if namespace else ""
    first = objects[0] if len(objects) == 1 else {}
    name = f"{str(first.get('kind', '')).lower()}/{first.get('metadata', {}).get('name', '')}" if first else ""
    where = f" {place}" if place else ""
    if secret:
        return "There is no undo for a Secret: its values are not kept here."
    if verb == "scale" and first:
        return f"Scale back: kubectl scale {name}{where} --replicas={first.get('spec', {}).get('replicas', 1)}"
    if verb in ("rollout restart", "rollout undo", "set image", "set env", "set resources") and name:
        return f"Go back to the earlier revision: kubectl rollout undo {name}{where}"
    if verb == "rollout pause" and name:
        return f"Resume: kubectl rollout resume {name}{where}"
    if verb == "rollout resume" and name:
        return f"Pause again: kubectl rollout pause {name}{where}"
    if verb in ("cordon", "uncordon") and call.operands:
        return f"kubectl {'uncordon' if verb == 'cordon' else 'cordon'} {call.operands[0]}"
    if verb == "drain" and call.operands:
        return f"kubectl uncordon {call.operands[0]} lets pods in again; evicted pods do not come back to it by themselves."
    if verb == "delete":
        owners = first.get("metadata", {}).get("ownerReferences") if first else None
        if owners:
            owner = f"{owners[0].get('kind', 'Its controller')} {owners[0].get('name', '')}"
            return f"{owner} makes another one; the deleted one does not come back."
        return "The objects are saved before, without what the server filled in; /undo creates them again. Data of volumes is not saved."
    if verb.split()[0] in _CREATES:
        return f"Delete it again: kubectl delete {_created(call)}{where}"
    if verb in ("exec", "debug"):
        return "What a process does in a container cannot be taken back."
    return "The objects are saved before; /undo puts them back as they are now."
