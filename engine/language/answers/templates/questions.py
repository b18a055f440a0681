"""From a Request to what is written: a manifest, a Python script or a kubectl command; nothing of it is run."""

from __future__ import annotations

import re

from engine.cluster.kinds import KIND_OF
from engine.cluster.objects import text_at
from engine.commands.policy.policy import Policy
from engine.core.types import ObjectRef
from engine.language.answers.glossary.fields import has_schema, problems
from engine.language.answers.interface import Reply, Scene
from engine.language.answers.templates import tasks
from engine.language.answers.templates.manifests.build import BUILDERS, as_yaml, kind_in
from engine.language.answers.templates.manifests.facts import Facts
from engine.language.request import Request

_PYTHON = re.compile(r"\bpython\b|\bpy(?:thon)? script\b|\bkubernetes client\b", re.I)
_MANIFEST = re.compile(r"\b(?:yaml|manifest|yml)\b|\bnetwork ?policy\b|\brole ?binding\b", re.I)
_ADVICE = re.compile(
    r"\b(?:what happens|what would happen|should|shall|is it (?:safe|ok|possible)|why|how does|how do .{0,20} work|best practice|difference)\b",
    re.I,
)
_COMMAND = re.compile(
    r"^\W*(?:please\s+)?(?:exec\w*|ssh|shell|port-?forward|log ?in|attach|copy|open|get)\b|\bkubectl\b|\bcommand\b|\bone[- ]?liner\b|\bjsonpath\b|\bhow\b",
    re.I,
)
_MORE_THAN = re.compile(r"\b(?:more than|over|above|at least|older than|to)\s+(\d{1,5})\b|>\s*(\d{1,5})", re.I)
NEEDS_A_MODEL = (
    "No template covers this, and writing that needs a model. Start one with `ollama pull llama3.1:8b` and `ollama serve` (K8sAgent finds it by itself; "
    "`k8sagent health` says whether it does), or name another server under [llm] in the settings."
)


def write(request: Request, scene: Scene) -> Reply | None:
    """What a request asks to be written; None where no template covers it."""
    words = _words(request)
    if _PYTHON.search(request.text):
        return _python(request, scene, words)
    kind = kind_in(words)
    if kind and (_MANIFEST.search(request.text) or not _COMMAND.search(request.text)):
        return _manifest(request, scene, kind)
    return how_to(request, scene) or (_manifest(request, scene, kind) if kind else None)


def how_to(request: Request, scene: Scene) -> Reply | None:
    """The kubectl command for a task; None where no task fits, so that the documentation is asked."""
    if _PYTHON.search(request.text):
        return _python(request, scene, _words(request))
    if not _COMMAND.search(request.text) or _ADVICE.search(request.text):
        return None
    ref = _about(request)
    found = tasks.kubectl(_words(request), ref, _place(request, scene))
    if found is None:
        return None
    ready = tasks.is_runnable(found.body)
    verdict = Policy().judge(found.body).verdict
    note = "" if ready else "\nThe parts in capitals are to be filled in."
    note += f"\nRun it in a shell of your own: K8sAgent does not run it itself. {verdict.reason}" if verdict.risk == "forbidden" else ""
    return Reply(answer=f"{found.text}{note}", code=found.body, code_language="sh", objects=(ref,) if ref else ())


def _python(request: Request, scene: Scene, words: str) -> Reply | None:
    number = _MORE_THAN.search(request.text)
    found = tasks.python(words, _about(request), _place(request, scene), int(next(g for g in number.groups() if g)) if number else None)
    if found is None:
        return None
    return Reply(
        answer=f"{found.text} It needs `pip install kubernetes` and uses the current context. Nothing of it was run.",
        code=found.body,
        code_language="python",
    )


def _manifest(request: Request, scene: Scene, kind: str) -> Reply | None:
    facts = Facts(request.text, scene.view_of(""), _named(request, kind), _place(request, scene))
    objects = BUILDERS[kind](facts)
    wrong = [f"{text_at(obj, 'kind')}: {problem}" for obj in objects for problem in problems(scene.source, obj)]
    if wrong:
        return Reply(
            answer=f"What the template made is not valid for this cluster ({'; '.join(wrong[:3])}), so it is not shown. {NEEDS_A_MODEL}"
        )
    checked = all(has_schema(scene.source, text_at(obj, "kind"), text_at(obj, "apiVersion")) for obj in objects)
    names = " and ".join(f"{text_at(obj, 'kind')} {text_at(obj, 'metadata', 'name')}" for obj in objects)
    assumed = f"\nAssumed: {'; '.join(dict.fromkeys(facts.assumed))}." if facts.assumed else ""
    there = [
        obj
        for obj in objects
        if (word := KIND_OF.get(text_at(obj, "kind")))
        and facts.view.find(word.resource, text_at(obj, "metadata", "namespace"), text_at(obj, "metadata", "name"))
    ]
    taken = "".join(
        f"\nThere is a {text_at(obj, 'kind')} {text_at(obj, 'metadata', 'name')} already: applying this changes it." for obj in there
    )
    valid = (
        "its fields were checked against the API's schema"
        if checked
        else "its fields could not be checked, since no schema of that kind is known here"
    )
    lead = f"{names}{f' in namespace {facts.place}' if any(text_at(o, 'metadata', 'namespace') for o in objects) else ''}; {valid}. Nothing was applied: try it with kubectl apply --dry-run=server -f FILE."
    return Reply(answer=lead + assumed + taken, code=as_yaml(objects), code_language="yaml", objects=facts.refs[:2])


def _named(request: Request, kind: str) -> tuple[ObjectRef, ...]:
    """The objects that a manifest is about: those that are named outright, and none where a new workload is to be made."""
    if kind in ("Deployment", "StatefulSet", "CronJob", "Job"):
        return ()
    sure = [linked.ref for linked in request.objects if linked.how not in ("image", "part", "label") and linked.ref.kind != "Namespace"]
    return tuple(dict.fromkeys(sure))


def _about(request: Request) -> ObjectRef | None:
    return next((ref for ref in request.refs if ref.kind != "Namespace"), None)


def _place(request: Request, scene: Scene) -> str:
    return request.namespace or scene.namespace


def _words(request: Request) -> str:
    return request.masked or request.text.lower()
