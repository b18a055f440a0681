"""From a log's story to the cause: the value's ConfigMap, the callee's Service, the mount behind a path."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from engine.analyzers import cite
from engine.analyzers.callees import Address, Callee, Callees, addresses
from engine.analyzers.confidence import RELATION
from engine.analyzers.containers import Container
from engine.analyzers.logs import Story, unstamped
from engine.analyzers.settings import Setting, keys_of, mount_of, mounted_objects, mounts, settings
from engine.analyzers.view import ClusterView
from engine.cluster.objects import Obj, maps_at, text_at
from engine.facts import Evidence, ObjectRef, Remedy

CONNECTION_CODES = frozenset(
    {
        "ConnectionRefused",
        "ConnectionTimeout",
        "ConnectionReset",
        "NoRoute",
        "NameNotResolved",
        "DnsFailing",
        "BrokerUnavailable",
        "UpstreamError",
        "Waiting",
    }
)
"""Codes of log lines that speak of another object: they may be explained by what is wrong there."""


_REFERENCE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


@dataclass(slots=True)
class Cause:
    """Why a container fails: a clause for the summary, the object to mend, evidence with its weights, remedies."""

    code: str
    says: str
    object: ObjectRef
    evidence: list[Evidence] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    remedies: list[Remedy] = field(default_factory=list)
    docs: tuple[str, ...] = ()
    speciality: str = "workload"


def waits_on_others(code: str) -> bool:
    """Whether findings of a code may be explained by what is wrong with another object that is called."""
    return code in CONNECTION_CODES or code == "InitContainerHangs"


def from_story(view: ClusterView, container: Container, owner: ObjectRef, story: Story, *, previous: bool) -> Cause:
    """The cause that a log's story tells, refined by the objects it speaks of."""
    line = Evidence(
        source=f"log of {container.pod.ref} container {container.name}{' (previous)' if previous else ''}",
        excerpt=story.excerpt[:700],
        at=story.entry.last_stamp or story.entry.stamp,
        object=container.pod.ref,
    )
    cause = Cause(story.code, story.says, owner, [line], [story.weight], docs=story.pattern.docs if story.pattern else ())
    refine = _REFINE.get(story.code)
    if refine is not None:
        refine(view, container, story, cause)
    _unexpanded(view, container, story, cause)
    if story.pattern is not None and story.message not in cause.says and story.groups.get("error", story.message) not in cause.says:
        cause.says += f" (log: “{story.message}”)"
    return cause


def _unexpanded(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    """A reference `$(NAME)` that the kubelet left as it is, since no variable of that name stands before it."""
    for name in _REFERENCE.findall(" ".join([story.entry.text, *story.entry.lines[:4]])):
        holder = next((s for s in _all(view, container) if f"$({name})" in s.value), None)
        if holder is not None:
            later = any(s.name == name for s in _all(view, container))
            why = "is defined only after it" if later else "is not defined"
            cause.says = f"{holder.place} holds $({name}), which is not expanded because variable {name} {why}: {cause.says}"
            cause.evidence.append(_cite(view, holder, container))
            cause.weights.append(RELATION)
            return


def _all(view: ClusterView, container: Container) -> list[Setting]:
    return list(settings(view, container.pod.namespace, container.pod.map("spec"), container.spec))


def _cite(view: ClusterView, setting: Setting, container: Container) -> Evidence:
    if setting.source is not None:
        source = view.find_ref(setting.source)
        if source is not None and setting.source.kind == "ConfigMap" and setting.how == "variable":
            return cite.field(source, "data", setting.key)
        if source is not None and setting.source.kind == "ConfigMap":
            return Evidence(f"{setting.source} data.{setting.key}", setting.value[:700], object=setting.source)
    return Evidence(
        f"{container.pod.ref} {container.spec_where} {setting.how} {setting.name}", setting.value[:700], object=container.pod.ref
    )


def _edit(ref: ObjectRef) -> str:
    return f"kubectl edit {ref.kind.lower()}/{ref.name} -n {ref.namespace}"


def _missing_variable(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    name = story.groups.get("name", "")
    if not name:
        return
    namespace = container.pod.namespace
    declared = {text_at(v, "name"): v for v in maps_at(container.spec, "env")}
    given = [s for s in _all(view, container) if s.how == "variable"]
    same = [s for s in given if s.name == name]
    if same and same[-1].source is not None and same[-1].source.kind == "Secret":
        cause.says += f" (it comes from key {same[-1].key} of {same[-1].source}, whose value seems to be empty)"
        cause.object = same[-1].source
    elif same:
        cause.says += f"; {same[-1].place} is set to an empty or unusable value"
    else:
        wanted = declared.get(name, {})
        close = cite.nearest(name, [s.name for s in given])
        named = {k: text_at(wanted, "valueFrom", f, "name") for k, f in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef"))}
        ref = next((f"{kind} {holder}" for kind, holder in named.items() if holder), "")
        if ref:
            cause.says += f": it is taken from {ref}, which has no such key (optional reference)"
        else:
            cause.says += f": container {container.name} of {cause.object} does not define it" + (f" (it defines {close})" if close else "")
            cause.weights.append(RELATION)
    holders = [
        ref
        for resource, kind in (("secrets", "Secret"), ("configmaps", "ConfigMap"))
        for o in view.within(resource, namespace)
        for ref in [ObjectRef(kind, namespace, o.name)]
        if name in keys_of(view, ref)
    ]
    target = f"{cause.object.kind.lower()}/{cause.object.name}" if cause.object.kind not in ("Secret", "ConfigMap") else ""
    if target and holders:
        holder = f"{holders[0].kind.lower()}/{holders[0].name}"
        text = f"take {name} from {holders[0]}, which holds it"
        cause.remedies.append(Remedy(text, f"kubectl set env {target} -n {namespace} --from={holder} --keys={name}", "mutate"))
    elif target:
        cause.remedies.append(
            Remedy(f"give {name} a value", f"kubectl set env {target} -n {namespace} -c {container.name} {name}=VALUE", "mutate")
        )


def _bad_value(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    value, name = story.groups.get("value", ""), story.groups.get("name", "")
    found: Setting | None = None
    for setting in _all(view, container):
        exact = (value and setting.value == value) or (
            name and setting.name.replace("_", "").lower() == name.replace("_", "").replace(".", "").lower()
        )
        inside = value and len(value) >= 2 and setting.how != "variable" and value in setting.value
        if exact or (inside and found is None):
            found = setting
            if exact:
                break
    if found is None:
        if value and len(value) >= 4:
            found = next((s for s in _all(view, container) if value in s.value), None)
        if found is None:
            return
    shown = f"{found.name}={found.value!r}" if found.how == "variable" else found.place
    where = f" in {found.source}" if found.source else f" of container {container.name}"
    cause.says = f"{shown}{where} is rejected: {cause.says}"
    if found.source is not None:
        cause.object = found.source
    cause.evidence.append(_cite(view, found, container))
    cause.weights.append(RELATION)
    cause.remedies.append(Remedy(f"correct {found.name}, then restart the workload", _edit(cause.object), "mutate"))


def _bad_file(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    text = " ".join(story.entry.lines)
    for setting in _all(view, container):
        if setting.how == "file" and setting.source is not None and (setting.name in text or posixpath.basename(setting.name) in text):
            cause.object = setting.source
            cause.says += f"; the file is key {setting.key} of {setting.source}"
            cause.weights.append(RELATION)
            cause.remedies.append(Remedy(f"correct key {setting.key}, then restart the workload", _edit(setting.source), "mutate"))
            return
    files = [s for s in _all(view, container) if s.how == "file" and s.source is not None]
    sources = {s.source for s in files}
    if len(sources) == 1 and files[0].source is not None:
        cause.object = files[0].source
        cause.says += f"; the container's configuration comes from {files[0].source}"


def _missing_file(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    path = story.groups.get("path", "").rstrip(".")
    if not path.startswith("/"):
        path = posixpath.join(text_at(container.spec, "workingDir") or "/", path) if path else path
    mount = mount_of(container.pod.map("spec"), container.spec, path) if path else None
    if mount is None:
        if path.startswith("/var/run/secrets/kubernetes.io/serviceaccount"):
            cause.says += "; the pod gets no ServiceAccount token (automountServiceAccountToken: false)"
        elif path:
            cause.says += f"; no volume is mounted there, so the image or a mount at {posixpath.dirname(path)} has to bring it"
        return
    name = posixpath.relpath(path, mount.path)
    for kind, holder, items in mounted_objects(mount.volume):
        ref = ObjectRef(kind, container.pod.namespace, holder)
        keys = [text_at(i, "path") for i in items] or keys_of(view, ref)
        if not view.can_see("configmaps" if kind == "ConfigMap" else "secrets"):
            continue
        close = cite.nearest(name, keys)
        listed = f"its keys are {cite.listed(keys)}" if keys else "it has no keys"
        hint = f", {close} is close" if close else ""
        cause.says += f": {ref}, mounted at {mount.path}, has no key {name} ({listed}{hint})"
        source = view.find_ref(ref)
        if source is not None and kind == "ConfigMap":
            cause.evidence.append(Evidence(f"{ref} data", "\n".join(f"{k}:" for k in keys)[:300], object=ref))
        cause.weights.append(RELATION)
        cause.remedies.append(Remedy(f"add the key {name} to {ref}" + (f" (or rename {close})" if close else ""), _edit(ref), "mutate"))
        return
    cause.says += f"; the {mount.kind or 'volume'} {text_at(mount.volume, 'name')} mounted at {mount.path} does not hold it"


def _file_access(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    path = story.groups.get("path", "").rstrip(".")
    mount = mount_of(container.pod.map("spec"), container.spec, path) if path else None
    context = f"{container.spec_where}.securityContext"
    read_only = container.spec.get("securityContext", {}) if isinstance(container.spec.get("securityContext"), dict) else {}
    pod_context = container.pod.map("spec", "securityContext")
    user = read_only.get("runAsUser", pod_context.get("runAsUser"))
    if story.code == "ReadOnlyFileSystem":
        if mount is not None and mount.read_only:
            cause.says += f"; the volume at {mount.path} is mounted with readOnly: true"
            cause.weights.append(RELATION)
        elif mount is not None and mount.kind in ("configMap", "secret", "projected", "downwardAPI"):
            cause.says += f"; {mount.path} is a {mount.kind} volume, which is always read-only"
            cause.weights.append(RELATION)
        elif read_only.get("readOnlyRootFilesystem") is True:
            folder = posixpath.dirname(path) if path else "the path it writes to"
            cause.says += f": readOnlyRootFilesystem is true and no writable volume is mounted at {folder}"
            cause.evidence.append(Evidence(f"{container.pod.ref} {context}", "readOnlyRootFilesystem: true", object=container.pod.ref))
            cause.weights.append(RELATION)
            cause.remedies.append(Remedy(f"mount an emptyDir at {folder}", _edit(cause.object), "mutate"))
    elif story.code in ("PermissionDenied", "PrivilegedPort"):
        if story.code == "PrivilegedPort":
            cause.says = f"it may not listen on port {story.groups.get('port', '')}, which is below 1024, as its user"
        if user is not None:
            cause.says += f" (it runs as user {user})"
            cause.weights.append(RELATION)
        if mount is not None:
            group = pod_context.get("fsGroup")
            told = f"fsGroup is {group}" if group is not None else "no fsGroup is set"
            cause.says += f"; {mount.path} is a {mount.kind} volume and {told}"
            cause.remedies.append(
                Remedy(
                    "set spec.securityContext.fsGroup so that the volume belongs to the container's group", _edit(cause.object), "mutate"
                )
            )


def _disk(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    path = story.groups.get("path", "")
    mount = mount_of(container.pod.map("spec"), container.spec, path) if path else None
    if mount is None and not path:
        writable = ("persistentVolumeClaim", "emptyDir")
        written = [m for m in mounts(container.pod.map("spec"), container.spec) if m.kind in writable and not m.read_only]
        mount = written[0] if len(written) == 1 else None
    if mount is None:
        return
    claim = text_at(mount.volume, "persistentVolumeClaim", "claimName")
    if claim:
        cause.object = ObjectRef("PersistentVolumeClaim", container.pod.namespace, claim)
        cause.says += f"; {mount.path} is the claim {claim}"
        found = view.find("persistentvolumeclaims", container.pod.namespace, claim)
        if found is not None:
            size = found.text("status", "capacity", "storage")
            cause.says += f" of {size}" if size else ""
            cause.evidence.append(cite.field(found, "status", "capacity"))
        cause.speciality = "storage"
    elif mount.kind == "emptyDir":
        limit = text_at(mount.volume, "emptyDir", "sizeLimit")
        cause.says += f"; {mount.path} is an emptyDir" + (f" with sizeLimit {limit}" if limit else "")


def _callee(view: ClusterView, container: Container, story: Story) -> tuple[Callee | None, Setting | None]:
    """The Service the story speaks of, and the setting that names it."""
    callees = Callees(view)
    home = container.pod.namespace
    named = callees.in_text(" ".join([story.entry.text, *story.entry.lines[:6]]), home)
    pointed = list(callees.in_settings(home, container.pod.map("spec")))
    host = story.groups.get("host", "").lower().rstrip(".")
    if host and story.code in ("NameNotResolved", "DnsFailing", "Waiting") and not any(c.address.host == host for c in named):
        extra = callees.of(Address(host), home)
        named = [extra, *named] if extra else named
    own = [c for c in named if not (c.service is not None and _is_dns(c.service))]
    if own:
        same = next((p for p in pointed if (p.namespace, p.name) == (own[0].namespace, own[0].name)), None)
        return own[0], same.setting if same else None
    told = [a for a in addresses(story.entry.text) if not a.host.startswith("127.")]
    if not told and len(pointed) == 1:
        return pointed[0], pointed[0].setting
    if not told:
        wanted = story.entry.text.lower()
        by_name = [
            p for p in pointed if any(w in wanted for w in p.name.split("-") if len(w) > 3) or (p.setting and _kin(p.setting.name, wanted))
        ]
        if by_name:
            return by_name[0], by_name[0].setting
    return None, None


def _kin(variable: str, text: str) -> bool:
    return any(word in text for word in variable.lower().split("_") if len(word) > 3 and word not in ("host", "port", "addr", "url"))


def _is_dns(service: Obj) -> bool:
    return service.namespace == "kube-system" and service.name in ("kube-dns", "coredns")


def _setting_naming(view: ClusterView, container: Container, needle: str) -> Setting | None:
    return next((s for s in _all(view, container) if needle and needle in s.value.lower()), None)


def _name(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    host = story.groups.get("host", "").rstrip(".").lower()
    setting = _setting_naming(view, container, host)
    if setting is not None:
        where = f"{setting.name}={setting.value}" if setting.how == "variable" and len(setting.value) < 200 else setting.place
        cause.says = f"{where}{f' (from {setting.source})' if setting.source else ''} names a host that does not resolve: {cause.says}"
        cause.evidence.append(_cite(view, setting, container))
        cause.weights.append(RELATION)
        if setting.source is not None and setting.how != "argument":
            cause.object = setting.source
    callee, _ = _callee(view, container, story)
    if callee is not None and callee.service is None and callee.name:
        callees = Callees(view)
        cause.says += f"; {callees.meant(callee)}"
        cause.weights.append(RELATION)
    cause.remedies.append(Remedy(f"correct the host name {host}", _edit(cause.object), "mutate"))
    cause.speciality = "network"


def _connection(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    callee, setting = _callee(view, container, story)
    cause.speciality = "network"
    if callee is None:
        told = addresses(story.entry.text)
        if told:
            cause.says = {
                "ConnectionRefused": f"its connection to {told[0]} is refused",
                "ConnectionTimeout": f"its connection to {told[0]} times out",
                "NoRoute": f"there is no route to {told[0]}",
                "ConnectionReset": f"its connection to {told[0]} is cut",
            }.get(story.code, cause.says)
        return
    verb = {
        "ConnectionRefused": "is refused",
        "ConnectionTimeout": "times out",
        "ConnectionReset": "is cut by the peer",
        "NoRoute": "finds no route",
    }.get(story.code, "fails")
    if setting is not None:
        cause.evidence.append(_cite(view, setting, container))
    if callee.service is None:
        cause.says = f"its connection to {callee.address} {verb}: {Callees(view).meant(callee)}"
        cause.weights.append(RELATION)
        if setting is not None and setting.source is not None:
            cause.object = setting.source
        return
    ports = {p for p in (s.get("port") for s in maps_at(callee.service.raw, "spec", "ports")) if isinstance(p, int)}
    port = callee.address.port or 0
    cause.says = f"its connection to Service {callee.name}{f':{port}' if port else ''} {verb}"
    headless = callee.service.text("spec", "clusterIP") == "None"
    if port and ports and port not in ports and not headless and callee.service.text("spec", "type") != "ExternalName":
        named = f"{setting.name} says {callee.address}" if setting is not None else f"it calls port {port}"
        cause.code = "WrongServicePort"
        cause.says += f": {named}, but Service {callee.name} has no port {port} (it has {cite.listed(str(p) for p in sorted(ports))})"
        cause.evidence.append(cite.field(callee.service, "spec", "ports"))
        cause.weights.append(RELATION)
        if setting is not None and setting.source is not None:
            cause.object = setting.source


def _credentials(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    callee, setting = _callee(view, container, story)
    if callee is not None:
        cause.says = f"{callee.name} refuses its login: {story.message}"
    pointed = setting or next(
        (c.setting for c in Callees(view).in_settings(container.pod.namespace, container.pod.map("spec")) if c.setting), None
    )
    if pointed is not None and pointed.how == "variable" and "://" in pointed.value:
        with_password = "@" in pointed.value.partition("://")[2]
        if not with_password:
            cause.says += f"; {pointed.name} carries no password"
            cause.weights.append(RELATION)
        cause.evidence.append(_cite(view, pointed, container))
    words = {w for name in ([callee.name] if callee else []) for w in name.split("-")} | set(container.pod.namespace.split("-"))
    holders = [
        s
        for s in view.within("secrets", container.pod.namespace)
        if words & set(s.name.split("-")) and not s.text("type").startswith("kubernetes.io/")
    ]
    if holders:
        named = [f"{h.name} (keys {cite.listed(keys_of(view, h.ref))})" for h in holders[:2]]
        cause.says += f"; Secret {cite.listed(named)} may hold it"
    cause.remedies.append(Remedy("give the client the right credentials, from a Secret", _edit(cause.object), "mutate"))
    cause.speciality = "security"


def _port_in_use(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    port = story.groups.get("port", "")
    others = []
    for other in [*container.pod.maps("spec", "containers"), *container.pod.maps("spec", "initContainers")]:
        name = text_at(other, "name")
        if name == container.name:
            continue
        if port and any(str(p.get("containerPort")) == port for p in maps_at(other, "ports")):
            others.append(name)
    if others:
        cause.says += f": container {others[0]} of the same pod listens on {port}, and containers of a pod share their ports"
        cause.weights.append(RELATION)
    elif container.pod.flag("spec", "hostNetwork"):
        cause.says += ": the pod uses the node's network (hostNetwork), where another process has the port"
        cause.weights.append(RELATION)
    elif len(container.pod.maps("spec", "containers")) > 1:
        cause.says += ": containers of a pod share their ports, so another container of this pod has it"


def _heap(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    limit = text_at(container.spec, "resources", "limits", "memory")
    options = next(
        (
            s
            for s in _all(view, container)
            if any(o in s.value for o in ("-Xmx", "MaxRAMPercentage", "max-old-space-size", "max_old_space_size"))
        ),
        None,
    )
    if options is not None:
        cause.says += (
            f"; its heap is limited by {options.name}={options.value[:120]}"
            if options.how == "variable"
            else f"; its heap is limited by {options.value[:120]}"
        )
        cause.evidence.append(_cite(view, options, container))
        cause.weights.append(RELATION)
        if options.source is not None:
            cause.object = options.source
    if limit:
        cause.says += f"; the container's memory limit is {limit}"
        cause.evidence.append(container.declared("resources", "limits"))
    cause.remedies.append(Remedy("raise the heap (and the memory limit above it), or find the growth", _edit(cause.object), "mutate"))


def _exec_format(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    node = view.find("nodes", "", container.pod.text("spec", "nodeName"))
    arch = node.text("status", "nodeInfo", "architecture") if node else ""
    cause.says = (
        f"image {container.image} is built for another CPU architecture than the "
        f"node's{f' ({arch})' if arch else ''}: {story.groups.get('error', 'exec format error')}"
    )
    cause.evidence.append(container.declared("image"))
    if node is not None and arch:
        cause.evidence.append(cite.field(node, "status", "nodeInfo", "architecture"))
        cause.weights.append(RELATION)
    cause.remedies.append(
        Remedy(f"use an image built for {arch or 'the architecture of the nodes'}, or a multi-arch one", _edit(cause.object), "mutate")
    )
    cause.speciality = "registry"


_Refine = Callable[[ClusterView, Container, Story, Cause], None]


def _rows(refine: _Refine, codes: Iterable[str]) -> dict[str, _Refine]:
    return dict.fromkeys(codes, refine)


_REFINE: dict[str, _Refine] = {
    **_rows(_missing_variable, ["MissingEnvironment"]),
    **_rows(_bad_value, ["InvalidConfigurationValue", "UnknownOption"]),
    **_rows(_bad_file, ["InvalidConfigurationFile"]),
    **_rows(_missing_file, ["MissingFile"]),
    **_rows(_file_access, ["ReadOnlyFileSystem", "PermissionDenied", "PrivilegedPort"]),
    **_rows(_disk, ["DiskFull"]),
    **_rows(_name, ["NameNotResolved"]),
    **_rows(_connection, CONNECTION_CODES - {"NameNotResolved", "DnsFailing", "Waiting"}),
    **_rows(_credentials, ["AuthenticationFailed"]),
    **_rows(_port_in_use, ["PortInUse"]),
    **_rows(_heap, ["HeapExhausted"]),
    **_rows(_exec_format, ["ExecFormat"]),
}


def log_lines(view: ClusterView, container: Container, *, previous: bool) -> list[str]:
    """A container's log lines, without what a server says when it has none."""
    lines = view.logs(container.pod.namespace, container.pod.name, container.name, previous=previous)
    if len(lines) == 1 and unstamped(lines[0])[1].startswith("unable to retrieve container logs"):
        return []
    return lines
