"""Images that do not come: what the registry or the runtime answered, in the field's words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from engine.analyzers.common import citations
from engine.analyzers.common.confidence import EVENT, RELATION, STATE, confidence
from engine.analyzers.common.containers import Container, containers, is_settled, pod_template
from engine.analyzers.common.view import ClusterView
from engine.analyzers.registry import analyzer
from engine.cluster.objects import Obj, maps_at, text_at
from engine.core.types import Evidence, Finding, ObjectRef, Remedy

REASONS = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
)
# ruff: noqa: E501 - an answer and its meaning stand on one line
_ANSWERS = (
    (
        r"couldn't parse image|invalid reference format|must be lowercase|InvalidImageName",
        "InvalidImageName",
        "is not a valid image reference (InvalidImageName): {why}",
    ),
    (
        r"no match for platform|no matching manifest|does not match the specified platform|image operating system|wrong architecture",
        "ImagePlatform",
        "has no variant for the node's platform{arch}",
    ),
    (
        r"toomanyrequests|too many requests|rate limit|\b429\b",
        "ImageRateLimit",
        "cannot be pulled: the registry {registry} answers 429 Too Many Requests, its pull rate limit is exhausted",
    ),
    (
        r"x509|certificate|tls:|server gave HTTP response to HTTPS client",
        "RegistryTls",
        "cannot be pulled: TLS with the registry {registry} fails ({why})",
    ),
    (
        r"no such host|name resolution|server misbehaving|lookup ",
        "RegistryUnreachable",
        "cannot be pulled: the registry host {registry} does not resolve in DNS",
    ),
    (
        r"connection refused|i/o timeout|deadline exceeded|no route to host|network is unreachable|connection reset|TLS handshake timeout|EOF",
        "RegistryUnreachable",
        "cannot be pulled: the registry {registry} cannot be reached ({why})",
    ),
    (r"no space left on device|disk quota", "ImageDiskFull", "cannot be unpacked: the node's disk is full ({why})"),
    (
        r"\b401\b|unauthorized|authentication required|no basic auth|authorization failed|insufficient_scope|failed to authorize|failed to fetch (?:oauth|anonymous) token|pull access denied|denied|\b403\b|forbidden",
        "ImagePullAuth",
        "is refused by the registry {registry}: {why}; {secrets}",
    ),
    (
        r"not found|manifest unknown|name unknown|\b404\b|does not exist|NAME_UNKNOWN|MANIFEST_UNKNOWN|repository .* not found",
        "ImageNotFound",
        "does not exist in the registry {registry} (not found){near}",
    ),
    (
        r"manifest (?:invalid|schema)|unsupported (?:media|manifest)|mediaType|schema ?1|failed to (?:extract|unpack) layer|unexpected EOF",
        "ImageManifest",
        "has a manifest or a layer that the runtime cannot use ({why})",
    ),
    (r"short-name|unqualified", "ImageShortName", "names no registry, and the node's runtime does not resolve short names ({why})"),
    (
        r"\b5\d\d\b|internal server error|bad gateway|service unavailable",
        "RegistryUnavailable",
        "cannot be pulled: the registry {registry} fails ({why})",
    ),
    (r"signature|policy", "ImageSignature", "is refused by a signature policy ({why})"),
)


@analyzer("images", speciality="registry", needs=("pods", "events", "secrets", "serviceaccounts"))
def images(view: ClusterView) -> Iterable[Finding]:
    """One finding a container whose image cannot be had."""
    for pod in view.all("pods"):
        if pod.deleting_since is not None or is_settled(pod):
            continue
        owner = view.workload_of(pod)
        for container in containers(pod):
            if container.waiting_reason in REASONS:
                yield _finding(view, container, owner)
        yield from _missing_pull_secret(view, pod.namespace, pod, owner)


def _finding(view: ClusterView, container: Container, owner: ObjectRef) -> Finding:
    answer, events = answer_of(view, container)
    code, says = classify(view, container, answer)
    evidence = [container.wait(), *events[:2], container.declared("image")]
    weights = [STATE, *([EVENT] if events else [])]
    if container.waiting_reason == "ErrImageNeverPull":
        evidence.append(container.declared("imagePullPolicy"))
        code, says = "ErrImageNeverPull", "is not on the node, and imagePullPolicy Never forbids to pull it"
    elif container.waiting_reason == "InvalidImageName":
        code = "InvalidImageName"
    return Finding(
        code=code,
        severity="critical",
        object=owner,
        summary=f"{container.label} of {owner} cannot start ({container.waiting_reason}): image {container.image} {says}",
        evidence=tuple(evidence),
        owner=owner,
        remedies=_remedies(view, container, owner, code),
        confidence=confidence(weights),
        docs=("ImagePullBackOff", code),
        speciality="registry",
        detail=container.name,
    )


def answer_of(view: ClusterView, container: Container) -> tuple[str, list[Evidence]]:
    """What the registry or the runtime said, from the waiting message and, where that only says "back-off", the events."""
    message = text_at(container.waiting, "message")
    told = []
    for event in reversed(view.events_of(container.pod)):
        path = event.text("involvedObject", "fieldPath")
        if event.text("reason") in ("Failed", "InspectFailed", "ErrImageNeverPull") and (f"{{{container.name}}}" in path or not path):
            if event.text("message").startswith("Error: "):
                continue
            told.append(event)
            break
    if "ErrImagePull: " in message:
        message = message.split("ErrImagePull: ", 1)[1]
    elif message.startswith("Back-off") and told:
        message = told[0].text("message")
    return message, [citations.event(e) for e in told]


def classify(view: ClusterView, container: Container, answer: str) -> tuple[str, str]:
    """(code, clause) for what the registry answered."""
    image = container.image
    registry = registry_of(image)
    bare = answer.replace(image, "IMAGE")
    why = _last(bare).replace("IMAGE", image)
    for pattern, code, say in _ANSWERS:
        if re.search(pattern, bare, re.IGNORECASE):
            near = _near(view, container) if "{near}" in say else ""
            arch = _arch(view, container) if "{arch}" in say else ""
            secrets = _secrets(view, container) if "{secrets}" in say else ""
            if code == "ImagePullAuth":
                why = _status(bare) or why
            return code, say.format(registry=registry, why=why, near=near, arch=arch, secrets=secrets)
    return "ImagePullBackOff", f"cannot be pulled: {why or 'the kubelet gives no reason yet'}"


def _status(answer: str) -> str:
    found = re.search(
        r"(401 Unauthorized|403 Forbidden|unauthorized[^,;]*|pull access denied[^,;]*|(?:requested )?access to the resource is denied|authorization failed|denied[^,;]*|no basic auth credentials|authentication required)",
        answer,
        re.IGNORECASE,
    )
    return found[1].strip() if found else ""


def _last(answer: str) -> str:
    """The innermost part of a wrapped message: what stands after the last repetition of the outer layers."""
    parts = [p.strip() for p in answer.split(": ") if p.strip()]
    kept = parts[-2:] if len(parts) >= 2 and len(parts[-1]) < 60 else parts[-1:]
    return ": ".join(kept)[:220]


def registry_of(image: str) -> str:
    """The registry host that an image reference names, docker.io where it names none."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"


def repository_of(image: str) -> str:
    """The reference without tag and digest."""
    base = image.partition("@")[0]
    head, slash, tail = base.rpartition("/")
    return f"{head}{slash}{tail.partition(':')[0]}"


def _near(view: ClusterView, container: Container) -> str:
    """Which other tag of the same repository runs in the namespace."""
    repository = repository_of(container.image)
    others = sorted(
        {
            c.image
            for pod in view.within("pods", container.pod.namespace)
            for c in containers(pod)
            if c.image != container.image and repository_of(c.image) == repository and (c.ready or c.terminated)
        }
    )
    return f"; {others[0]} runs here" if others else ""


def _arch(view: ClusterView, container: Container) -> str:
    node = view.find("nodes", "", container.pod.text("spec", "nodeName"))
    if node is None:
        return ""
    return f" ({node.text('status', 'nodeInfo', 'operatingSystem')}/{node.text('status', 'nodeInfo', 'architecture')})"


def pull_secrets(view: ClusterView, namespace: str, spec: object) -> list[str]:
    """The names of the image pull secrets of a pod specification and of its ServiceAccount."""
    names = [text_at(s, "name") for s in maps_at(spec, "imagePullSecrets")]
    account = view.find("serviceaccounts", namespace, text_at(spec, "serviceAccountName") or "default")
    if account is not None:
        names += [text_at(s, "name") for s in account.maps("imagePullSecrets")]
    return list(dict.fromkeys(n for n in names if n))


def _secrets(view: ClusterView, container: Container) -> str:
    names = pull_secrets(view, container.pod.namespace, container.pod.map("spec"))
    if not names:
        return "the pod has no imagePullSecrets and its ServiceAccount neither, so the pull is anonymous (no credentials)"
    missing = [
        n for n in names if view.can_see("secrets", container.pod.namespace) and view.find("secrets", container.pod.namespace, n) is None
    ]
    if missing:
        return f"its imagePullSecret {missing[0]} does not exist in namespace {container.pod.namespace}"
    return f"the credentials in its imagePullSecrets ({citations.listed(names)}) do not allow it (authorization)"


def _remedies(view: ClusterView, container: Container, owner: ObjectRef, code: str) -> tuple[Remedy, ...]:
    what, ns = f"{owner.kind.lower()}/{owner.name}", owner.namespace
    if code in ("ImagePullAuth", "ImageRateLimit"):
        make = f"kubectl create secret docker-registry registry-login -n {ns} --docker-server={registry_of(container.image)} --docker-username=USER --docker-password=TOKEN"
        return (
            Remedy("create a pull secret for the registry and name it in imagePullSecrets", make, "mutate"),
            Remedy("or use a registry mirror", "", "")
            if code == "ImageRateLimit"
            else Remedy("check that the account may read the repository", "", ""),
        )
    if code in ("ImageNotFound", "InvalidImageName", "ImagePlatform", "ImageShortName", "ErrImageNeverPull"):
        near = _near(view, container).removeprefix("; ").removesuffix(" runs here")
        good = near or (container.image.lower() if code == "InvalidImageName" else f"{repository_of(container.image)}:TAG")
        undo = (
            (Remedy("or go back to the revision before", f"kubectl rollout undo {what} -n {ns}", "mutate"),)
            if owner.kind in ("Deployment", "StatefulSet", "DaemonSet")
            else ()
        )
        return (Remedy("name an image that exists", f"kubectl set image {what} -n {ns} {container.name}={good}", "mutate"), *undo)
    return (Remedy("see whether the node reaches the registry", f"kubectl describe pod {container.pod.name} -n {ns}", "read"),)


def _missing_pull_secret(view: ClusterView, namespace: str, pod: Obj, owner: ObjectRef) -> Iterator[Finding]:
    """Pull secrets that do not exist, named by a pod that waits for its image."""
    if not view.can_see("secrets", namespace):
        return
    if not any(c.waiting_reason in ("ErrImagePull", "ImagePullBackOff") for c in containers(pod)):
        return
    for secret in maps_at(pod.raw, "spec", "imagePullSecrets"):
        name = text_at(secret, "name")
        found = view.find("secrets", namespace, name) if name else None
        if found is not None and found.text("type") not in ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"):
            yield _wrong_type(found, owner)
        if not name or found is not None:
            continue
        close = citations.nearest(name, [s.name for s in view.within("secrets", namespace)])
        images_of = sorted({text_at(c, "image") for c in maps_at(pod_template(pod), "spec", "containers")})
        event = citations.latest_event(view, pod, "FailedToRetrieveImagePullSecret")
        yield Finding(
            code="MissingPullSecret",
            severity="critical",
            object=ObjectRef("Secret", namespace, name),
            summary=f"imagePullSecret {name} of {owner} does not exist in namespace {namespace}{f' (did you mean {close}?)' if close else ''}, so {citations.listed(images_of)} is pulled without credentials",
            evidence=(citations.field(pod, "spec", "imagePullSecrets"), *([citations.event(event)] if event else [])),
            owner=owner,
            remedies=(
                Remedy(
                    "create the pull secret",
                    f"kubectl create secret docker-registry {name} -n {namespace} --docker-server={registry_of(images_of[0]) if images_of else 'REGISTRY'} --docker-username=USER --docker-password=TOKEN",
                    "mutate",
                ),
            ),
            confidence=confidence([STATE, RELATION, *([EVENT] if event else [])]),
            docs=("imagePullSecrets",),
            speciality="registry",
            detail=owner.name,
        )


def _wrong_type(secret: Obj, owner: ObjectRef) -> Finding:
    """A pull secret that the kubelet passes over, since it is of another type."""
    return Finding(
        code="WrongPullSecretType",
        severity="critical",
        object=secret.ref,
        summary=f"imagePullSecret {secret.name} of {owner} is of type {secret.text('type') or 'Opaque'}, not kubernetes.io/dockerconfigjson, so the kubelet ignores it and pulls without credentials",
        evidence=(citations.field(secret, "type"),),
        owner=owner,
        remedies=(
            Remedy(
                "create it again as a registry secret (the type cannot be changed)",
                f"kubectl delete secret/{secret.name} -n {secret.namespace}",
                "destructive",
            ),
            Remedy(
                "then",
                f"kubectl create secret docker-registry {secret.name} -n {secret.namespace} --docker-server=REGISTRY --docker-username=USER --docker-password=TOKEN",
                "mutate",
            ),
        ),
        confidence=confidence([STATE, RELATION]),
        docs=("imagePullSecrets",),
        speciality="registry",
        detail=owner.name,
    )
