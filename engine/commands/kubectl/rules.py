"""Judges kubectl commands: verb first, then each flag by the accepted list of that verb, then what is named.

Flags are read with the table that generate.py takes from kubectl's own help; which of them are accepted, and what they do to
the class, is tables/kubectl_rules.json.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from engine.commands.kubectl import container, manifests, templates, touched_objects
from engine.commands.kubectl.call import Call, accepted_flags, leaves, read_call, shown
from engine.commands.parsing.flags import Parsed
from engine.commands.parsing.verdicts import at_least, refusal, table
from engine.core.types import Risk, Verdict

_PLAIN_OUTPUTS = ("name", "wide", "json", "yaml", "kyaml")
_SECRET_OUTPUTS = ("", "name", "wide")
_CONFIG_SECRETS = re.compile(r"user|token|password|key-?data|exec|secret|auth-?provider|\.\.|\*\*|\$", re.IGNORECASE)
_CONFIG_NAMES = re.compile(r"\.users\[[^\]]*\]\.name\b|\.context\.user\b|\{\.\.namespace\}")
_SECRET_ORDER = re.compile(
    r"^\{?\.?(?:type|metadata\.(?:name|namespace|creationTimestamp|uid|resourceVersion|generation|labels\.[A-Za-z0-9_-]+))\}?$"
)
_DURATION = re.compile(r"^\d+(?:\.\d+)?(?:ms|s|m|h)?$")


def judge(argv: Sequence[str], *, contexts: Sequence[str] = (), workspace: str = "", allowed_flags: Sequence[str] = ()) -> Verdict:
    """The verdict on one kubectl argv; raises `Refused` for what is forbidden."""
    rules = table("kubectl_rules")
    call = read_call(argv)
    verb = call.verb
    row = rules["verbs"].get(verb)
    rule = f"kubectl.{verb.replace(' ', '-')}"
    _check_names(call, contexts)
    if verb in rules["forbidden_verbs"]:
        raise refusal(rule, f"`kubectl {verb}` is never run here: {rules['forbidden_verbs'][verb]}.")
    if row is None:
        raise refusal("kubectl.verb", f"`kubectl {verb}` is in no table, so it is not run.")
    _check_flags(call, verb, allowed_flags)
    if verb not in leaves() and verb in table("kubectl")["commands"] and (call.operands or call.parsed.tail):
        # kubectl would look for a second word of the verb among these.
        raise refusal("kubectl.verb", f"`kubectl {verb}` has no command {shown((*call.operands, *(call.parsed.tail or ()))[0])} here.")
    if call.parsed.on("help"):
        return Verdict("read", f"{rule}.help", "It prints help and does nothing else.")
    _check_outputs(call, row)
    risk, reasons = _class(call, row, workspace)
    dry_run = call.last("dry-run")
    if dry_run in ("client", "server"):
        return Verdict("read", f"{rule}.dry-run", f"It is a dry run ({dry_run}): nothing is changed.")
    return Verdict(risk, rule, _sentence(verb, risk, reasons))


def _sentence(verb: str, risk: Risk, reasons: Sequence[str]) -> str:
    if risk == "read":
        return f"`kubectl {verb}` only reads."
    start = f"`kubectl {verb}` changes the cluster"
    why = "; ".join(dict.fromkeys(reasons))
    if risk == "destructive":
        return f"{start} in a way that is hard to take back: {why}." if why else f"{start} in a way that is hard to take back."
    return f"{start}{': ' + why if why else ' in a way that a normal command undoes'}."


def _check_names(call: Call, contexts: Sequence[str]) -> None:
    context = call.last("context")
    if context and contexts and context not in contexts:
        raise refusal("kubectl.context", f"The kubeconfig has no context {shown(context)}.")


def _check_flags(call: Call, verb: str, allowed: Sequence[str]) -> None:
    rules = table("kubectl_rules")
    known_safe = accepted_flags(verb)
    for name, value in call.parsed.flags:
        if name not in known_safe and (f"--{name}" not in allowed or name in rules["refused"]):
            why = rules["refused"].get(name, "it is not among the flags that are known to be safe for this command")
            raise refusal(f"kubectl.flag.{name}", f"--{name} is not accepted on `kubectl {verb}`: {why}.")
        if name == "v" and not (value or "").isdigit():
            raise refusal("kubectl.flag.v", "-v takes a number from 0 to 6.")
        if name == "v" and int(value or "0") > 6:
            raise refusal("kubectl.flag.v", "A log level above 6 prints request headers and bodies; use -v=6 at most.")
        if name == "subresource" and verb == "get" and value not in ("status", "scale", "resize"):
            raise refusal("kubectl.flag.subresource", "Only the subresources status, scale and resize are read.")
        if name == "timeout" and value and not _DURATION.match(value):
            raise refusal("kubectl.flag.timeout", "--timeout takes a duration such as 60s.")


def _check_outputs(call: Call, row: Mapping[str, Any]) -> None:
    outputs = [value for name, value in call.parsed.flags if name == "output"]
    extra = tuple(str(row.get("outputs", "")).split())
    for output in outputs:
        form, equals, body = (output or "").partition("=")
        if form in (*_PLAIN_OUTPUTS, *extra, "") and not equals:
            continue
        if form in templates.FORMS and (equals or call.parsed.has("template")):
            if call.verb == "config view" and _CONFIG_SECRETS.search(_CONFIG_NAMES.sub("", body)):
                raise refusal(
                    "kubectl.config", "The template reaches for credentials of the kubeconfig; use `kubectl config view --minify` instead."
                )
            continue
        raise refusal(
            "kubectl.output",
            f"-o {shown(form)} is not accepted: use name, wide, json, yaml, jsonpath=…, custom-columns=… or go-template=….",
        )
    for template in call.parsed.all("template"):
        if "{" not in template:
            raise refusal("kubectl.template", "--template takes the template itself, not the name of a file.")
        if call.verb == "config view":
            raise refusal("kubectl.config", "Use `kubectl config view --minify` without a template.")
    if call.verb != "config view":
        templates.check(call)


def _secret_output(call: Call) -> bool:
    """Whether anything but names, types and sizes would be printed."""
    output = (call.last("output") or "").partition("=")[0]
    ordered = any(not _SECRET_ORDER.match(order) for order in call.parsed.all("sort-by"))
    return output not in _SECRET_OUTPUTS or ordered or call.parsed.has("template", "output-watch-events")


def _class(call: Call, row: Mapping[str, Any], workspace: str) -> tuple[Risk, list[str]]:
    """The class of an accepted call, before a dry run is taken into account, and why it is no lower."""
    rules = table("kubectl_rules")
    verb = call.verb
    risk: Risk = row["risk"]
    reasons: list[str] = [row["why"]] if "why" in row else []
    if verb == "get" and call.parsed.has("raw"):
        _check_raw(call)
        return "read", reasons
    tail = call.parsed.tail
    if tail is not None and row.get("operands") != "command":
        if any(word.startswith("-") for word in tail):
            raise refusal("kubectl.operand", "Names that begin with a hyphen are not accepted.")
        call = Call(verb, Parsed(call.parsed.flags, (*call.operands, *tail)), call.program)
    objects = touched_objects.objects(call.verb, call.operands, str(row.get("operands", "")))
    in_files = manifests.named_in_files(call, workspace)
    if in_files is not None:
        objects = (*objects, *touched_objects.of_manifests(in_files))
    elif call.parsed.has("filename") and _secret_output(call):
        raise refusal("kubectl.output", "The file was not read, so only -o name is printed of what it holds.")
    secret = any(touched_objects.is_secret(kind) for kind, _ in objects)
    if secret and row.get("secrets") == "describe":
        raise refusal("kubectl.secret", "Describing a Secret can print a token; `kubectl get secret` shows names, types and sizes.")
    if secret and row.get("secrets") == "wait" and any("jsonpath" in value for value in call.parsed.all("for")):
        raise refusal("kubectl.secret", "Waiting on a Secret's content would tell its value.")
    if secret and _secret_output(call):
        raise refusal(
            "kubectl.secret", "Values of Secrets are never shown; ask without -o, or with -o name or -o wide, for names, types and sizes."
        )
    if call.verb == "apply view-last-applied" and (secret or not objects):
        raise refusal("kubectl.secret", "The last applied manifest of a Secret holds its values.")
    for flag, why in row.get("raise", {}).items():
        if call.parsed.has(flag):
            risk, reasons = "destructive", [*reasons, why]
    if row.get("operands") == "command":
        inside, why = container.judge_call(call)
        risk = at_least(risk, inside)
        reasons += [why] if why else []
    if row.get("files"):
        files, why = touched_objects.judge_files(call, str(row["files"]), workspace)
        risk = at_least(risk, files)
        reasons += [why] if why else []
    if risk == "read":
        return risk, reasons
    bulk = [flag for flag in rules["bulk"] if call.parsed.has(flag)] if verb not in rules["own_selector"] else []
    if bulk:
        risk, reasons = "destructive", [*reasons, f"--{bulk[0]} reaches many objects at once"]
    if in_files is not None and len(in_files) > 1:
        risk, reasons = "destructive", [*reasons, f"the files hold {len(in_files)} objects"]
    named = touched_objects.objects(call.verb, call.operands, str(row.get("operands", "")))
    changed, more = touched_objects.judge_change(call, named, row)
    if changed is None:
        return "read", []
    if verb == "delete" and changed == "mutate" and not bulk and risk == "destructive" and not call.parsed.has("filename"):
        return "mutate", more
    return at_least(risk, changed), reasons + more


def _check_raw(call: Call) -> None:
    path = call.parsed.last("raw") or ""
    rules = table("kubectl_rules")
    if call.operands or not any(re.fullmatch(pattern, path) for pattern in rules["raw_paths"]):
        raise refusal("kubectl.raw", f"{shown(path)} is not among the paths that may be read with --raw; use `kubectl get KIND` instead.")
