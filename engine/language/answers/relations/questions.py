"""From a Request to the functions of this package: who and what is meant, at which place."""

from __future__ import annotations

import re

from engine.cluster.kinds import KIND_OF, KINDS
from engine.core.types import ObjectRef
from engine.language.answers.interface import Reply, Scene
from engine.language.answers.relations.access import Act, Subject, may, rights_of, subject_of, who_may
from engine.language.answers.relations.reach import reach
from engine.language.answers.relations.uses import image_users, used_by
from engine.language.request import Request

_VERBS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"exec(?:ute)?(?: into| in)?|(?:get|open) a shell", ("create",)),
    (r"port-?forward", ("create",)),
    (r"read|see|view|look at|access", ("get", "list")),
    (r"(?:write|modify|edit|change|update)(?: to)?", ("update",)),
    (r"deletecollection", ("deletecollection",)),
    (r"delete|remove|kill|destroy", ("delete",)),
    (r"create|make|add|deploy|run|start", ("create",)),
    (r"scale", ("update",)),
    (r"list|enumerate", ("list",)),
    (r"get|fetch", ("get",)),
    (r"watch", ("watch",)),
    (r"patch", ("patch",)),
    (r"impersonate", ("impersonate",)),
    (r"escalate", ("escalate",)),
    (r"bind", ("bind",)),
    (r"do (?:anything|everything)|administer|admin", ("*",)),
)
_SUBRESOURCES = (
    (r"\bexec|\bshell\b", "pods/exec"),
    (r"\blogs?\b", "pods/log"),
    (r"\bport-?forward", "pods/portforward"),
    (r"\bevict", "pods/eviction"),
)
_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Pod")
_PORT = re.compile(r"\bport\s+(\d{1,5})\b|(?<=[a-z0-9]):(\d{2,5})\b|\b(\d{2,5})/(?:tcp|udp)\b", re.I)


def access(request: Request, scene: Scene) -> Reply | None:
    """Who may do something, whether somebody may, or all that somebody may do."""
    view = scene.view_of("")
    words = request.masked
    subject = _subject(request, scene)
    place = request.namespace or ""
    if subject is not None and place == subject.name != subject.namespace:
        place = ""  # the word was the account's name
    act = _act(request, scene, place, subject)
    if re.search(r"\b(?:can|may|could|am) (?:i|we)\b|\bmy (?:rights|permissions)\b", words):
        return Reply(
            commands=(act.question if act else f"kubectl auth can-i --list {f'-n {scene.namespace}' if scene.namespace else '-n default'}",)
        )
    if re.search(r"\bcluster-?admin\b", words) and subject is None:
        return who_may(view, Act(("*",), "*", "*"))
    if (
        re.match(r"^\W*(?:(?:and|so|tell me|show me|list)\s+)*(?:who|which|what)\b", words)
        and act is not None
        and not (subject and "who" not in words)
    ):
        return who_may(view, act)
    if subject is None:
        anybody = re.search(r"\b(?:who|anyone|anybody|someone|somebody|everyone|everybody|which|what|list)\b", words)
        if anybody is None:
            return Reply(missing="Whose right? Name the ServiceAccount (and its namespace), the user or the group.")
        return who_may(view, act) if act is not None else None
    if act is None:
        return rights_of(view, subject)
    if not place and subject.namespace and _is_namespaced(act):
        own = Act(act.verbs, act.resource, act.group, subject.namespace, act.name)
        everywhere = may(view, subject, act)
        return everywhere if everywhere.answer.startswith("Yes") else may(view, subject, own)
    return may(view, subject, act)


def users(request: Request, scene: Scene) -> Reply | None:
    """Who uses an object, or an image."""
    image = next((linked.word for linked in request.objects if linked.how == "image"), "")
    if not image and re.search(r"\bimages?\b", request.masked):
        named = re.search(r"\bimages?\s+(?:called\s+|named\s+|of\s+)?[\"'`]?([\w./:@-]+)", request.text, re.I) or re.search(
            r"([\w./:@-]+)\s+images?\b", request.text, re.I
        )
        image = named[1] if named else ""
    if image and image.lower() not in ("an", "the", "which", "what", "this"):
        return image_users(scene.view, image)
    ref = _used(request, scene)
    return used_by(scene.view_of("" if not ref.namespace else scene.namespace), ref) if ref is not None else None


def connection(request: Request, scene: Scene) -> Reply | None:
    """Whether the first object reaches the second; with one object, whether any pod does."""
    ends = [refs[0] for _, refs in request.candidates() if refs and refs[0].kind in (*_WORKLOADS, "Service")]
    if not ends:
        return None
    found = _PORT.search(request.text)
    port = int(next(part for part in found.groups() if part)) if found else None
    view = scene.view_of("")
    if len(ends) == 1:
        return reach(view, None, ends[0], port)
    client, server = ends[:2]
    if (
        not re.search(r"\b(?:block|stop|prevent|keep|den)\w*\b", request.masked)
        and re.search(r"\bfrom\s+(?:the\s+)?(?:\w+\s+)?xname\W*$", request.masked)
        and not re.search(r"\bfrom\b.{0,60}\bto\b", request.masked)
    ):
        client, server = server, client
    return reach(view, client, server, port)


def _subject(request: Request, scene: Scene) -> Subject | None:
    named = re.search(r"\b(?P<kind>user|group)\s+[\"'`]?(?P<name>[\w.:@-]+)", request.text, re.I)
    if named and named["name"].lower() not in ("can", "may", "is", "has", "that", "who"):
        return Subject(named["kind"].capitalize(), named["name"])
    system = re.search(r"\bsystem:serviceaccount:([\w.-]+):([\w.-]+)", request.text)
    if system:
        return Subject("ServiceAccount", system[2], system[1])
    accounts = request.of_kind("ServiceAccount")
    for ref in accounts or request.refs:
        subject = subject_of(scene.view_of(""), ref)
        if subject is not None:
            return subject
    spoken = re.search(r"\b(?:service ?account|sa)\s+[\"'`]?(?P<a>[\w.-]+)|\b(?P<b>[\w.-]+)\s+service ?account\b", request.text, re.I)
    if spoken:
        place = (
            request.namespace
            if request.namespace not in (None, "", "default")
            else next(iter(re.findall(r"\bin\s+(?:the\s+)?(?:namespace\s+)?([a-z0-9-]+)", request.text)), "") or scene.namespace
        )
        for name in (spoken["a"], spoken["b"]):
            if name and place and scene.view_of("").find("serviceaccounts", place, name.lower()) is not None:
                return Subject("ServiceAccount", name.lower(), place)
    words = [request.namespace, *(linked.word.lower() for linked in request.objects)]
    for name in dict.fromkeys(word for word in words if word):  # an account that is called as its namespace or its workload
        known = [account for account in scene.view_of("").within("serviceaccounts", None) if account.name == name]
        inside = [account for account in known if account.namespace == request.namespace] or known
        if len(inside) == 1:
            return Subject("ServiceAccount", name, inside[0].namespace)
    return None


def _act(request: Request, scene: Scene, namespace: str, subject: Subject | None) -> Act | None:
    words = request.masked
    modal = re.search(r"\b(?:can|may|could|able to|allowed to|permitted to|rights? to|permissions? to|to)\b", words)
    skipped = modal.end() if modal else 0
    hits = [
        (found.start(), found.end(), verbs)
        for pattern, verbs in _VERBS
        for found in re.finditer(rf"\b(?:{pattern})\b", words)
        if found.start() >= skipped
    ]
    hits = [hit for hit in hits if not re.match(r"^\s*(?:a\s+)?(?:access|right|permission)", words[hit[0] :]) or "access to" in words]
    if not hits:
        return None
    _, end, verbs = min(hits)
    sub = next((resource for pattern, resource in _SUBRESOURCES if re.search(pattern, words)), "")
    name = next((ref.name for ref in request.refs if ref.kind in ("Secret", "ConfigMap")), "")
    if sub:
        return Act(verbs if sub != "pods/log" else ("get",), sub, "", namespace)
    for word in re.findall(r"[a-z][a-z0-9.-]*", words[end:]):
        kind = KINDS.get(word)
        if kind is not None:
            return Act(verbs, kind.argument, kind.resource.partition(".")[2], "" if not kind.namespaced else namespace, name)
        for resource in scene.source.resources():
            if word in (resource.plural, resource.kind.lower(), *resource.short_names):
                return Act(verbs, resource.plural, resource.group, namespace if resource.namespaced else "", name)
    if verbs == ("*",):
        return Act(verbs, "*", "*", namespace)
    named = next((ref for ref in request.refs if ref.kind in KIND_OF and (subject is None or ref.name != subject.name)), None)
    if named is not None:
        kind = KIND_OF[named.kind]
        return Act(verbs, kind.argument, kind.resource.partition(".")[2], named.namespace, named.name)
    return None


def _is_namespaced(act: Act) -> bool:
    kind = KINDS.get(act.resource.partition("/")[0])
    return kind is None or kind.namespaced


def _used(request: Request, scene: Scene) -> ObjectRef | None:
    """The object whose users are asked for: of the kind that is named, where several objects carry the name."""
    for word, refs in request.candidates():
        if request.kind and all(ref.kind != request.kind for ref in refs):
            for obj in scene.view_of("").within(KIND_OF[request.kind].resource, None) if request.kind in KIND_OF else []:
                if obj.name == word.lower() and (not request.namespace or obj.namespace in ("", request.namespace)):
                    return obj.ref
        return next((ref for ref in refs if ref.kind == request.kind), refs[0])
    return None
