"""What a kubectl command touches: kinds and names out of its operands, files, and what the change does to them."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from engine.commands.kubectl import patches
from engine.commands.kubectl.call import Call
from engine.commands.parsing.verdicts import at_least, refusal, table
from engine.core.types import Risk

Objects = tuple[tuple[str, str], ...]
"""(kind as the tables spell it, name or "") pairs."""

_KIND = re.compile(r"^[A-Za-z][A-Za-z0-9.-]*$")
_MANIFEST = re.compile(r"\.(?:ya?ml|json)$", re.IGNORECASE)
_POSITIVE = re.compile(r"^\d+$")


_WORKLOADS = ("deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "replicationcontrollers")


def kind_of(word: str) -> str:
    """The plural of a kind as the tables spell it: short names resolved, group and version cut off, case folded."""
    base = word.lower().split(".", 1)[0]
    if not _KIND.match(word):
        raise refusal("kubectl.kind", f"{word!r} is not the name of a kind.")
    aliases: Mapping[str, str] = table("kubectl_rules")["kinds"]
    return aliases.get(base) or next((plural for plural in (f"{base}s", f"{base}es") if plural in _plurals()), base)


@functools.cache
def _plurals() -> frozenset[str]:
    rules = table("kubectl_rules")
    return frozenset(" ".join(rules[name] for name in ("secret_kinds", "rbac_kinds", "cluster_wide_kinds", "cluster_scoped")).split())


def is_secret(kind: str) -> bool:
    """Whether objects of this kind hold credentials."""
    return kind in table("kubectl_rules")["secret_kinds"].split()


def is_cluster_scoped(kind: str) -> bool:
    """Whether objects of this kind live in no namespace; kinds that no table knows are taken as namespaced."""
    return kind in table("kubectl_rules")["cluster_scoped"].split()


def objects(verb: str, operands: Sequence[str], form: str) -> Objects:
    """The objects named by the operands; raises `Refused` where kubectl would not take them either."""
    if form == "names" or verb == "drain":
        return tuple(("nodes", name) for name in operands)
    if form == "assignments":
        operands = [word for word in operands if "=" not in word and not word.endswith("-")]
    elif form != "objects":
        return ()
    if not operands:
        return ()
    if any("/" in word for word in operands):
        found = []
        for word in operands:
            kinds, _, name = word.partition("/")
            if not name or not kinds:
                raise refusal("kubectl.operand", f"{word!r} cannot be mixed with KIND/NAME; name every object as KIND/NAME.")
            found += [(kind_of(kind), name) for kind in kinds.split(",")]
        return tuple(found)
    kinds_found = [kind_of(kind) for kind in operands[0].split(",")]
    names = list(operands[1:]) or [""]
    return tuple((kind, name) for kind in kinds_found for name in names)


def of_manifests(documents: Sequence[Mapping[str, Any]]) -> Objects:
    """The objects of manifests; kinds as the tables spell them."""
    found = []
    for document in documents:
        meta = document.get("metadata")
        found.append((kind_of(str(document["kind"])), str(meta.get("name", "")) if isinstance(meta, dict) else ""))
    return tuple(found)


def judge_files(call: Call, use: str, workspace: str) -> tuple[Risk, str]:
    """The class that `-f` gives a call, and why; raises `Refused` for files that must not be read."""
    files = [file for value in call.parsed.all("filename") for file in value.split(",")]
    if use == "copies" and any(not _is_copy(file, workspace) for file in files):
        raise refusal("kubectl.flag.filename", "Files are read only by apply, create, replace, delete and diff; name the objects instead.")
    if not files:
        if use == "write" or use == "read":
            raise refusal("kubectl.file", f"`kubectl {call.verb}` needs a file: -f FILE.yaml.")
        return "read", ""
    dry_run = call.last("dry-run") in ("client", "server") or use in ("read", "copies")
    for file in files:
        _check_file(file, workspace, dry_run)
    if use == "delete":
        return "destructive", "it deletes everything that the file names"
    many = (
        len(files) > 1
        or call.parsed.on("recursive")
        or not all(_MANIFEST.search(file) for file in files)
        or any(c in file for file in files for c in "*?[")
    )
    if use in ("read", "copies"):
        return "read", ""
    return ("destructive", "the files can name many objects") if many else ("mutate", "")


def _check_file(file: str, workspace: str, dry_run: bool) -> None:
    rules = table("kubectl_rules")
    if file == "-":
        raise refusal("kubectl.file", "A manifest is not read from standard input; save it as a file and give its name with -f.")
    if "://" in file:
        raise refusal("kubectl.file", "Manifests are not fetched from the network; save it as a file, read it, and give its name with -f.")
    if _is_copy(file, workspace):
        return
    if any(part.startswith(".") and part != "." for part in file.split("/")):
        raise refusal("kubectl.file", "The path leaves its folder or names a hidden file; give a plain path to a manifest.")
    if file.startswith("/") and (dry_run or not _MANIFEST.search(file) or file.startswith(tuple(rules["manifest_forbidden_roots"]))):
        raise refusal("kubectl.file", f"{file!r} is outside of the session's folder; copy the manifest beside you and name it there.")


def _is_copy(file: str, workspace: str) -> bool:
    """Whether a file is one of the session's private copies of manifests."""
    return bool(workspace) and ".." not in file.split("/") and file.startswith(workspace.rstrip("/") + "/")


def judge_change(call: Call, objects: Objects, row: Mapping[str, Any]) -> tuple[Risk | None, list[str]]:
    """The class of a change by what it touches, and why it is no lower; None when it turns out to be a read."""
    if call.verb in ("label", "annotate", "set env") and call.parsed.on("list") and not _assignments(call):
        if call.verb != "label" and (not objects or any(is_secret(kind) for kind, _ in objects)):
            raise refusal("kubectl.secret", "The variables and annotations of Secrets hold their values, which are never shown.")
        return None, []
    risk: Risk = "mutate"
    reasons: list[str] = []
    rules = table("kubectl_rules")
    named = [name for _, name in objects if name]
    if len(objects) > 1:
        risk, reasons = "destructive", ["it touches several objects at once"]
    if row.get("needs_name") and not named:
        risk, reasons = "destructive", [*reasons, "without a name it touches every object of the kind"]
    kinds = {kind for kind, _ in objects}
    if kinds & set(rules["rbac_kinds"].split()) and call.verb not in ("label", "annotate", "delete"):
        raise refusal("kubectl.rbac", "Rights are not changed from here; let an administrator do this.")
    wide = kinds & set(rules["cluster_wide_kinds"].split())
    if (wide and call.verb == "patch") or (call.verb in ("label", "annotate") and any("pod-security" in word for word in call.operands)):
        risk, reasons = "destructive", [*reasons, "it changes an object that the whole cluster depends on"]
    checks = {
        "delete": _delete,
        "scale": _scale,
        "patch": _patch,
        "taint": _taint,
        "annotate": _annotate,
        "label": _label,
        "create ingress": _annotate,
        "create role": _role,
        "create clusterrole": _role,
        "create rolebinding": _binding,
        "debug": _debug,
        "run": _annotated_run,
        "cordon": _nodes,
        "uncordon": _nodes,
        "set env": _set_env,
    }
    check = checks.get(call.verb)
    if check is not None:
        own, why = check(call, objects)
        risk = at_least(risk, own)
        reasons += [why] if why else []
    return risk, reasons


def _assignments(call: Call) -> list[str]:
    return [word for word in call.operands if "=" in word or (word.endswith("-") and len(word) > 1)]


def _delete(call: Call, objects: Objects) -> tuple[Risk, str]:
    recreated = table("kubectl_rules")["recreated_kinds"].split()
    grace = call.last("grace-period") or "30"
    if call.parsed.on("force") or call.parsed.on("now") or (grace != "-1" and (not grace.isdigit() or int(grace) < 2)):
        return "destructive", "it does not let the object end in order"
    if len(objects) == 1 and objects[0][0] in recreated and objects[0][1]:
        return "mutate", "the pod's controller, if it has one, starts another one"
    return "destructive", "the cluster keeps no copy of what is deleted"


def _scale(call: Call, objects: Objects) -> tuple[Risk, str]:
    replicas = call.last("replicas") or ""
    if not _POSITIVE.match(replicas):
        raise refusal("kubectl.scale", "--replicas takes a number.")
    return ("destructive", "no pod is left") if int(replicas) == 0 else ("mutate", "")


def _patch(call: Call, objects: Objects) -> tuple[Risk, str]:
    patch = call.last("patch")
    if not patch:
        raise refusal("kubectl.patch", "A patch is given with -p, so that it can be shown.")
    if call.last("subresource") not in (None, "status", "scale", "resize"):
        raise refusal("kubectl.flag.subresource", "Only the subresources status, scale and resize are patched.")
    return patches.judge(patch, secret=any(is_secret(kind) for kind, _ in objects))


def _taint(call: Call, objects: Objects) -> tuple[Risk, str]:
    return ("destructive", "NoExecute evicts pods") if any(word.endswith(":NoExecute") for word in _assignments(call)) else ("mutate", "")


def _label(call: Call, objects: Objects) -> tuple[Risk, str]:
    if any("rbac.authorization.k8s.io/aggregate-to-" in word for word in _assignments(call)):
        raise refusal("kubectl.rbac", "The label adds the role's rights to a built-in role; let an administrator do this.")
    return "mutate", ""


def _annotate(call: Call, objects: Objects) -> tuple[Risk, str]:
    refused = table("kubectl_rules")["annotation_refused"]
    for word in (*_assignments(call), *call.parsed.all("annotation"), *call.parsed.all("annotations")):
        if any(name in word.split("=", 1)[0] for name in refused):
            raise refusal(
                "kubectl.privilege",
                "This annotation runs code, gives an identity, or hides what was applied; let an administrator do this.",
            )
    return "mutate", ""


def _role(call: Call, objects: Objects) -> tuple[Risk, str]:
    rules = table("kubectl_rules")
    verbs = [verb for value in call.parsed.all("verb") for verb in value.split(",")]
    resources = [_resource(resource) for value in call.parsed.all("resource") for resource in value.split(",")]
    if any(verb not in rules["role_verbs"].split() for verb in verbs) or any(
        r in rules["role_resources_refused"].split() for r in resources
    ):
        raise refusal("kubectl.rbac", "The role would give far-reaching rights; let an administrator do this.")
    return "mutate", ""


def _resource(word: str) -> str:
    """A resource of a role as the tables spell it, with its subresource: `po/exec` and `pods.v1./exec` are `pods/exec`."""
    kind, slash, sub = word.partition("/")
    return ("*" if "*" in kind else kind_of(kind)) + slash + sub.lower()


def _binding(call: Call, objects: Objects) -> tuple[Risk, str]:
    refused = table("kubectl_rules")["cluster_roles_refused"].split()
    if any(value in refused or value.startswith("system:") for flag in ("clusterrole", "role", "group") for value in call.parsed.all(flag)):
        raise refusal("kubectl.rbac", "The binding would give far-reaching rights; let an administrator do this.")
    return "mutate", ""


def _debug(call: Call, objects: Objects) -> tuple[Risk, str]:
    if any("/" in word and kind_of(word.split("/", 1)[0]) not in ("pods", *_WORKLOADS) for word in call.operands):
        raise refusal("kubectl.debug", "A debug pod on a node reaches all of the node's files; log in on the node instead.")
    profile = call.last("profile")
    if profile is not None and profile not in ("general", "baseline", "restricted", "legacy", "auto"):
        raise refusal("kubectl.debug", f"The debug profile {profile!r} raises privileges; use general, baseline or restricted.")
    return "mutate", "it adds a container, which stays in the pod's spec" if not call.parsed.has(
        "copy-to"
    ) else "it starts a copy of the pod"


def _annotated_run(call: Call, objects: Objects) -> tuple[Risk, str]:
    _annotate(call, objects)
    return "mutate", "it starts a pod"


def _nodes(call: Call, objects: Objects) -> tuple[Risk, str]:
    return "mutate", ""


def _set_env(call: Call, objects: Objects) -> tuple[Risk, str]:
    if "-" in call.operands:
        raise refusal("kubectl.env", "Variables are not read from standard input.")
    return "mutate", ""
