"""Who calls whom: host names and addresses in settings and log lines, matched to Services, pods and the workloads behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from engine.analyzers.common.citations import nearest
from engine.analyzers.common.containers import pod_template
from engine.analyzers.common.host_names import can_be_host
from engine.analyzers.common.settings import Setting, settings
from engine.analyzers.common.view import ClusterView
from engine.cluster.objects import Obj, labels_at, maps_at
from engine.core.types import ObjectRef

_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_URL = re.compile(rf"\b[a-z][a-z0-9+.-]*://(?:[^\s/@'\"]*@)?({_LABEL}(?:\.{_LABEL})*)(?::(\d{{1,5}}))?", re.IGNORECASE)
_HOSTPORT = re.compile(rf"(?<![\w/.:@-])({_LABEL}(?:\.{_LABEL})*):(\d{{2,5}})(?![\w.:])", re.IGNORECASE)
_QUALIFIED = re.compile(rf"(?<![\w.-])({_LABEL}(?:\.{_LABEL})*\.svc(?:\.{_LABEL})*)\b", re.IGNORECASE)
_COMMAND = re.compile(
    rf"(?:\b(?:nc|ncat|netcat|telnet|wait-for-it(?:\.sh)?|wait-for(?:\.sh)?)\s+(?:-\S+\s+(?:\d+\s+)?)*|/dev/tcp/|(?:\s-h[ =]?|--host[= ])|"
    rf"\b(?:nslookup|getent\s+(?:ahosts|hosts)|dig|ping(?:\s+-\S+(?:\s+\d+)?)*|resolve)\s+(?:-\S+\s+|\+\S+\s+)*)"
    rf"({_LABEL}(?:\.{_LABEL})*)(?:[ :/](?:-p[ =]?)?(\d{{2,5}}))?",
    re.IGNORECASE,
)
_BARE = re.compile(rf"^({_LABEL}(?:\.{_LABEL}){{0,4}})$")
WORKLOADS = ("deployments.apps", "statefulsets.apps", "daemonsets.apps")


@dataclass(frozen=True, slots=True)
class Address:
    """A host name or IP address, with a port (0: not told)."""

    host: str
    port: int = 0

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host


@dataclass(frozen=True, slots=True)
class Callee:
    """What an address stands for: a Service that is there, or the Service name and namespace that it must mean."""

    address: Address
    service: Obj | None
    name: str = ""
    namespace: str = ""
    setting: Setting | None = None

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("Service", self.namespace, self.name)


def addresses(text: str) -> list[Address]:
    """Addresses in a text, those with a port first, each once."""
    found: dict[str, int] = {}
    for shape in (_URL, _HOSTPORT, _QUALIFIED):
        for hit in shape.finditer(text[:4000]):
            if shape is _HOSTPORT and not can_be_host(hit[1]) and hit[1].lower() != "localhost":
                continue
            host = hit[1].rstrip(".").lower()
            port = int(hit[2]) if shape is not _QUALIFIED and hit[2] else 0
            if host.replace(".", "").isdigit() and host.count(".") != 3:
                continue
            if port > 65535 or (port and not found.get(host)) or host not in found:
                found[host] = port if port <= 65535 else 0
    return [Address(host, port) for host, port in sorted(found.items(), key=lambda pair: pair[1] == 0)]


class Callees:
    """Lookups over the Services that a view can see; `home` is the namespace that bare names are resolved in."""

    def __init__(self, view: ClusterView) -> None:
        self.view = view
        self.services = {(s.namespace, s.name): s for s in view.within("services", None)}
        self.by_ip = {ip: s for s in self.services.values() for ip in [s.text("spec", "clusterIP"), *s.texts("spec", "clusterIPs")] if ip}
        self.namespaces = {n.name for n in view.within("namespaces", None)} or {ns for ns, _ in self.services}

    def of(self, address: Address, home: str, setting: Setting | None = None) -> Callee | None:
        """The Service that an address means, or None where it is no address inside the cluster."""
        host = address.host
        if host in self.by_ip:
            found = self.by_ip[host]
            return Callee(address, found, found.name, found.namespace, setting)
        if host[:1].isdigit() and host.count(".") == 3:
            return self._pod(address, home, setting)
        name, namespace = split(host, home, self.namespaces)
        if not name:
            return None
        service = self.services.get((namespace, name))
        if service is None and "." not in host and not self._looks_local(host, setting):
            return None
        return Callee(address, service, name, namespace, setting)

    def _looks_local(self, host: str, setting: Setting | None) -> bool:
        """A bare name means a Service only where nothing else is likely (localhost and words in prose are not)."""
        return host not in ("localhost", "host", "http", "https") and setting is None

    def _pod(self, address: Address, home: str, setting: Setting | None) -> Callee | None:
        for pod in self.view.within("pods", self.view.namespace):
            if pod.text("status", "podIP") == address.host and not pod.flag("spec", "hostNetwork"):
                for service in self.services.values():
                    selector = labels_at(service.raw, "spec", "selector")
                    if service.namespace == pod.namespace and selector and all(pod.labels.get(k) == v for k, v in selector.items()):
                        return Callee(address, service, service.name, service.namespace, setting)
        return None

    def in_text(self, text: str, home: str) -> list[Callee]:
        """What a log message calls, each Service once; the message's own addresses come before those of proxies around it."""
        upstream = re.search(r"upstream:? \"?(\S+)", text)
        found: dict[tuple[str, str], Callee] = {}
        for address in [*(addresses(upstream[1]) if upstream else []), *addresses(text)]:
            callee = self.of(address, home)
            if callee is not None:
                found.setdefault((callee.namespace, callee.name), callee)
        return list(found.values())

    def in_command(self, text: str, home: str) -> list[Callee]:
        """What a command line waits for or calls (`nc -z db 5432`, `nslookup db`), also where no such Service exists."""
        told = [Address(hit[1].lower(), int(hit[2] or 0)) for hit in _COMMAND.finditer(text[:4000]) if any(c.isalpha() for c in hit[1])]
        found = [self.of(address, home) for address in [*told, *addresses(text)]]
        return [callee for callee in found if callee is not None]

    def in_settings(self, namespace: str, pod_spec: object) -> Iterator[Callee]:
        """What the settings of all containers of a pod specification point at."""
        seen: set[tuple[str, str, int]] = set()
        for field in ("containers", "initContainers"):
            for container in maps_at(pod_spec, field):
                for setting in settings(self.view, namespace, pod_spec, container):
                    commanded = self.in_command(setting.value, namespace) if setting.how == "argument" else []
                    for address in [*(c.address for c in commanded), *self._addresses(setting)]:
                        callee = self.of(address, namespace, setting)
                        if callee is not None and (callee.namespace, callee.name, address.port) not in seen:
                            seen.add((callee.namespace, callee.name, address.port))
                            yield callee

    def _addresses(self, setting: Setting) -> list[Address]:
        found = addresses(setting.value) if len(setting.value) < 100_000 else []
        bare = _BARE.match(setting.value.strip().lower())
        if bare and not found and setting.how == "variable" and any(c.isalpha() for c in bare[1]):
            found = [Address(bare[1])]
        return found

    def behind(self, service: Obj) -> list[Obj]:
        """The workloads whose pod template the Service's selector matches."""
        selector = labels_at(service.raw, "spec", "selector")
        if not selector:
            return []
        found = []
        for resource in WORKLOADS:
            for workload in self.view.within(resource, service.namespace):
                labels = labels_at(pod_template(workload), "metadata", "labels")
                if all(labels.get(k) == v for k, v in selector.items()):
                    found.append(workload)
        return found

    def meant(self, callee: Callee) -> str:
        """A sentence on what a name that has no Service may have meant, or ""."""
        if callee.namespace not in self.namespaces:
            close = nearest(callee.namespace, self.namespaces)
            with_name = [ns for ns, name in self.services if name == callee.name]
            likely = close if close in with_name else (with_name[0] if len(with_name) == 1 else close)
            if likely:
                return (
                    f"there is no namespace {callee.namespace}; Service {callee.name} is in namespace {likely}"
                    if likely in with_name
                    else (f"there is no namespace {callee.namespace} (did you mean {likely}?)")
                )
            return f"there is no namespace {callee.namespace}"
        here = [name for ns, name in self.services if ns == callee.namespace]
        elsewhere = [ns for ns, name in self.services if name == callee.name]
        if elsewhere:
            return f"namespace {callee.namespace} has no Service {callee.name}; there is one in namespace {elsewhere[0]}"
        close = nearest(callee.name, here)
        return f"namespace {callee.namespace} has no Service {callee.name}" + (f" (did you mean {close}?)" if close else "")


def split(host: str, home: str, namespaces: set[str]) -> tuple[str, str]:
    """(Service, namespace) that a host name means inside the cluster, or ("", "") for a name outside it."""
    parts = host.rstrip(".").split(".")
    if "svc" in parts[2:]:
        at = parts.index("svc", 2)
        return parts[at - 2], parts[at - 1]
    if len(parts) == 1:
        return (parts[0], home) if any(c.isalpha() for c in parts[0]) else ("", "")
    if len(parts) == 2 and parts[1] in namespaces:
        return parts[0], parts[1]
    if len(parts) == 3 and parts[2] in namespaces:
        return parts[1], parts[2]
    return "", ""
