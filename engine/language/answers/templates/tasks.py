"""kubectl and Python by task: the task whose words a request has, with the names of the request filled in."""

from __future__ import annotations

import re
import shlex
import string
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from engine.cluster.kinds import KIND_OF
from engine.core.types import ObjectRef

_HERE = Path(__file__).parent
_ROLLS = ("Deployment", "StatefulSet", "DaemonSet")


@dataclass(frozen=True, slots=True)
class Task:
    """A task with the patterns that a request must have, a sentence on it, and the text that does it (with `$names` to fill)."""

    needs: tuple[re.Pattern[str], ...]
    text: str
    body: str


@dataclass(frozen=True, slots=True)
class Written:
    """What was written for a task."""

    text: str
    body: str


def kubectl(words: str, ref: ObjectRef | None = None, namespace: str = "") -> Written | None:
    """The kubectl command for a task in lower-case words, about an object where one is named; None where no task fits."""
    task = _best("kubectl_tasks.toml", words)
    return Written(task.text, kubectl_of(task, ref, namespace)) if task is not None else None


def kubectl_of(task: Task, ref: ObjectRef | None, namespace: str) -> str:
    """The command of a task, filled in for an object or with capitals where nothing is named."""
    space = (ref.namespace if ref else "") or namespace
    name = ref.name if ref else "NAME"
    word = KIND_OF[ref.kind].singular if ref and ref.kind in KIND_OF else "pod"
    rolls = ref is not None and ref.kind in _ROLLS
    values = {
        "pod": name if ref and ref.kind == "Pod" else f"{name}-POD" if rolls else "POD",
        "workload": f"{word}/{name}" if rolls else f"deployment/{name if ref and ref.kind not in ('Pod', 'Node') else 'NAME'}",
        "target": name if word == "pod" and ref else f"{word}/{name}" if ref and ref.kind != "Node" else "POD",
        "kindname": f"{word}/{name}" if ref else "KIND/NAME",
        "kind": word,
        "name": name,
        "node": name if ref and ref.kind == "Node" else "NODE",
        "namespace": space or "NAMESPACE",
        "ns": f"-n {space or 'NAMESPACE'}" if ref is None or ref.namespace else "",
        "scope": f"-n {space}" if space else "-A",
    }
    return re.sub(r" {2,}", " ", string.Template(task.body).safe_substitute(values)).strip()


def python(words: str, ref: ObjectRef | None = None, namespace: str = "", number: int | None = None) -> Written | None:
    """The Python script for a task in lower-case words; None where no task fits."""
    task = _best("python_tasks.toml", words)
    if task is None:
        return None
    space = (ref.namespace if ref else "") or namespace
    quoted = repr(space) if space else "'default'"
    listing = {
        "pods": f"core.list_namespaced_pod({quoted})" if space else "core.list_pod_for_all_namespaces()",
        "podlist": f"core.list_namespaced_pod, {quoted}" if space else "core.list_pod_for_all_namespaces",
        "deployments": f"apps.list_namespaced_deployment({quoted})" if space else "apps.list_deployment_for_all_namespaces()",
        "events": f"core.list_namespaced_event({quoted})" if space else "core.list_event_for_all_namespaces()",
        "claims": f"core.list_namespaced_persistent_volume_claim({quoted})"
        if space
        else "core.list_persistent_volume_claim_for_all_namespaces()",
        "services": f"core.list_namespaced_service({quoted})" if space else "core.list_service_for_all_namespaces()",
    }
    counted = number if number is not None else 5 if "restart" in words else 7 if re.search(r"\bdays?\b|\bold", words) else 3
    values = {**listing, "namespace": quoted, "name": repr(ref.name) if ref else "'NAME'", "number": str(counted)}
    body = string.Template(task.body).safe_substitute(values).strip()
    imports = [line for line in body.splitlines() if re.match(r"(?:from|import) ", line)]
    rest = "\n".join(line for line in body.splitlines() if line not in imports).strip()
    clients = [f"{var} = client.{api}()" for var, api in (("core", "CoreV1Api"), ("apps", "AppsV1Api")) if re.search(rf"\b{var}\.", rest)]
    own = [line for line in imports if not line.startswith("from kubernetes")]
    head = [*own, *([""] if own else []), f"from kubernetes import client, config{', watch' if 'watch.' in rest else ''}", ""]
    setup = ["config.load_kube_config()  # inside a pod: config.load_incluster_config()", *clients, ""]
    return Written(string.Template(task.text).safe_substitute(values), "\n".join([*head, *setup, rest]) + "\n")


def is_runnable(command: str) -> bool:
    """Whether every part of a command was known, so that it can run as it stands (no NAME or CONTAINER left to fill in)."""
    return not re.search(
        r"\b(?:NAME(?:SPACE)?|POD|NODE|CONTAINER|KIND|KEY|IMAGE|PATH|FILE|REGISTRY|USER|PASSWORD|VERB|INIT_CONTAINER|TAG)\b", command
    ) and bool(shlex.split(command))


@cache
def tasks(file: str) -> tuple[Task, ...]:
    """The tasks of a file, in their order."""
    data = tomllib.loads((_HERE / file).read_text(encoding="utf-8"))
    return tuple(
        Task(
            tuple(re.compile(rf"(?<![\w-])(?:{need})(?![\w-])") for need in entry["needs"]),
            entry["text"],
            entry.get("command") or entry["code"],
        )
        for entry in data["task"]
    )


def _best(file: str, words: str) -> Task | None:
    """The task all of whose needs are found, with the most of them; of equals the one whose words cover most of the request."""
    fitting = []
    for task in tasks(file):
        found = [need.search(words) for need in task.needs]
        if all(found):
            fitting.append((len(task.needs), sum(len(hit.group()) for hit in found if hit), task))
    return max(fitting, key=lambda item: item[:2])[2] if fitting else None
