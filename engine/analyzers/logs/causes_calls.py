"""Refinements of a story about others: which Service is called, by which setting, and what is wrong with the address."""

from __future__ import annotations

import re

from engine.analyzers.common import citations
from engine.analyzers.common.callees import Address, Callee, Callees, addresses
from engine.analyzers.common.confidence import RELATION
from engine.analyzers.common.containers import Container, pod_template
from engine.analyzers.common.settings import Setting, keys_of, keys_shown, settings
from engine.analyzers.common.view import ClusterView
from engine.analyzers.logs.cause import Cause, all_settings, cite_setting, edit_command, without_login
from engine.analyzers.logs.reader import Story
from engine.cluster.objects import Obj, maps_at, text_at
from engine.core.types import Evidence, Remedy

_PASSWORD = re.compile(r"(?:PASS(?:WORD|WD)?|PWD|_PW)$", re.IGNORECASE)


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
    return service.namespace in ("kube-system", "openshift-dns") and service.name in ("kube-dns", "coredns", "dns-default")


def _setting_naming(view: ClusterView, container: Container, needle: str) -> Setting | None:
    return next((s for s in all_settings(view, container) if needle and needle in s.value.lower()), None)


def name_not_resolved(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    """Find the setting that holds the host name, and what it may have meant."""
    host = story.groups.get("host", "").rstrip(".").lower()
    setting = _setting_naming(view, container, host)
    if setting is not None:
        short = setting.how == "variable" and len(setting.value) < 200
        where = f"{setting.name}={without_login(setting.value)}" if short else setting.place
        cause.says = f"{where}{f' (from {setting.source})' if setting.source else ''} names a host that does not resolve: {cause.says}"
        cause.evidence.append(cite_setting(view, setting, container))
        cause.weights.append(RELATION)
        if setting.source is not None and setting.how != "argument":
            cause.object = setting.source
    callee, _ = _callee(view, container, story)
    if callee is not None and callee.service is None and callee.name:
        callees = Callees(view)
        cause.says += f"; {callees.meant(callee)}"
        cause.weights.append(RELATION)
    elif callee is not None and callee.service is not None and callee.service.text("spec", "clusterIP") == "None":
        cause.says += f"; Service {callee.name} is headless, and its name resolves only while it has ready pods"
    cause.remedies.append(Remedy(f"correct the host name {host}", edit_command(cause.object), "mutate"))
    cause.speciality = "network"


def connection(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    """Find the Service that does not answer, and whether its port is right."""
    callee, setting = _callee(view, container, story)
    cause.speciality = "network"
    if callee is None:
        told = addresses(story.entry.text)
        if told:
            cause.says = {
                "ConnectionRefused": f"its connection to {told[0]} is refused",
                "ConnectionTimeout": f"its connection to {told[0]} times out",
                "NoRoute": f"there is no route to {told[0]}",
                "ConnectionReset": f"its connection to {told[0]} is reset",
            }.get(story.code, cause.says)
        return
    verb = {
        "ConnectionRefused": "is refused",
        "ConnectionTimeout": "times out",
        "ConnectionReset": "is reset by the peer",
        "NoRoute": "finds no route",
    }.get(story.code, "fails")
    if setting is not None:
        cause.evidence.append(cite_setting(view, setting, container))
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
        cause.says += f": {named}, but Service {callee.name} has no port {port} (it has {citations.listed(str(p) for p in sorted(ports))})"
        cause.evidence.append(citations.field(callee.service, "spec", "ports"))
        cause.weights.append(RELATION)
        if setting is not None and setting.source is not None:
            cause.object = setting.source


def advertised_listener(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    """Find the broker whose own settings advertise an address that clients cannot reach."""
    host = story.groups.get("host", "")
    cause.speciality = "network"
    for resource in ("statefulsets.apps", "deployments.apps"):
        for workload in view.within(resource, container.pod.namespace):
            spec = pod_template(workload).get("spec")
            for each in maps_at(spec, "containers"):
                for setting in settings(view, workload.namespace, spec, each):
                    if "ADVERTISED" in setting.name.upper() and host in setting.value:
                        cause.object = setting.source or workload.ref
                        cause.says += (
                            f"; {setting.name} of {workload.ref} is {setting.value}, and clients in other pods need its Service's name"
                        )
                        cause.evidence.append(
                            Evidence(f"{workload.ref} {setting.how} {setting.name}", setting.value[:300], object=workload.ref)
                        )
                        cause.weights.append(RELATION)
                        cause.remedies.append(Remedy("advertise the name of the broker's Service", edit_command(cause.object), "mutate"))
                        return


def credentials(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    """Find the server that refuses the login, and whether the client sends a password at all."""
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
        cause.evidence.append(cite_setting(view, pointed, container))
    _compare(view, container, callee, cause)
    words = {w for name in ([callee.name] if callee else []) for w in name.split("-")} | set(container.pod.namespace.split("-"))
    holders = [
        s
        for s in view.within("secrets", container.pod.namespace)
        if words & set(s.name.split("-")) and not s.text("type").startswith("kubernetes.io/")
    ]
    if holders:
        named = [h.name + (f" (keys {citations.listed(keys_of(view, h.ref))})" if keys_shown(view, h.ref) else "") for h in holders[:2]]
        cause.says += f"; Secret {citations.listed(named)} may hold it"
    cause.remedies.append(Remedy("give the client the right credentials, from a Secret", edit_command(cause.object), "mutate"))
    cause.speciality = "security"


def _compare(view: ClusterView, container: Container, callee: Callee | None, cause: Cause) -> None:
    """Set the client's login beside the one that the server's own settings make: by Secret and key, or whether two plain values differ."""
    if callee is None or callee.service is None:
        return
    server = next((s for w in Callees(view).behind(callee.service) for s in _login(view, w.namespace, pod_template(w).get("spec"))), None)
    client = next(iter(_login(view, container.pod.namespace, container.pod.map("spec"), container.name)), None)
    if server is None or client is None:
        return
    if client.source is None and server.source is None and "://" not in client.value:
        if client.value and server.value and client.value != server.value:
            cause.says += f"; the value of {client.name} here differs from {server.name} of {callee.name}"
            cause.weights.append(RELATION)
        return
    mine, theirs = ((f"key {s.key} of {s.source}" if s.source else "a plain value") for s in (client, server))
    if mine != theirs:
        cause.says += f"; it takes {client.name} from {mine}, while {callee.name} takes {server.name} from {theirs}"


def _login(view: ClusterView, namespace: str, pod_spec: object, only: str = "") -> list[Setting]:
    """The password variables of a pod specification's containers."""
    found = []
    for container in maps_at(pod_spec, "containers"):
        if only and text_at(container, "name") != only:
            continue
        found += [s for s in settings(view, namespace, pod_spec, container) if s.how == "variable" and _PASSWORD.search(s.name)]
    return found


def port_in_use(view: ClusterView, container: Container, story: Story, cause: Cause) -> None:
    """Find who else in the pod or on the node listens on the port."""
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
