"""What is missing or risky in how workloads are set up: limits, requests, probes, privileges, moving tags; Services without endpoints; certificates; room left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from engine.analyzers.common.citations import field as quoted
from engine.analyzers.common.containers import is_finished, pod_template
from engine.analyzers.common.selectors import pod_requests, readable
from engine.analyzers.common.view import ClusterView
from engine.analyzers.control_plane.certificates import validities
from engine.analyzers.network.service_facts import slices_of
from engine.cluster.kinds import WORKLOADS
from engine.cluster.objects import Obj, at, bool_at, labels_at, map_at, maps_at, text_at, texts_at
from engine.cluster.usage import quantity
from engine.core.types import ObjectRef
from engine.language.answers.interface import Reply, counted, listed

_MOST_ROWS = 40


@dataclass(frozen=True, slots=True)
class Gap:
    """A container (or a pod specification, then `container` is "") that lacks something, with what exactly."""

    workload: Obj
    container: str
    what: str


Look = Callable[[Obj, Obj], str]
"""(container, pod specification) -> what is missing, "" where nothing is."""


def without(view: ClusterView, what: str) -> Reply:
    """The workloads with a container that lacks `limits`, `requests`, `probes`, `liveness` or `readiness`; `memory limits` only that one."""
    look = _missing_resource(what) if "limit" in what or "request" in what else _missing_probe(what)
    return _audit(view, look, f"lack {what}", f"Every container has {what}", jobs="limit" in what or "request" in what)


def privileged(view: ClusterView) -> Reply:
    """The workloads with a privileged container."""
    return _audit(
        view,
        lambda c, _: "securityContext.privileged: true" if bool_at(c.raw, "securityContext", "privileged") else "",
        "have a privileged container",
        "No running pod or workload has a privileged container",
    )


def as_root(view: ClusterView) -> Reply:
    """The workloads with a container that may run as root: user 0, or nothing that forbids it."""

    def look(container: Obj, spec: Obj) -> str:
        user = container.at("securityContext", "runAsUser")
        user = user if user is not None else spec.at("securityContext", "runAsUser")
        if user == 0:
            return "runAsUser: 0"
        forbidden = container.flag("securityContext", "runAsNonRoot") or spec.flag("securityContext", "runAsNonRoot")
        return "" if user is not None or forbidden else "neither runAsNonRoot nor runAsUser is set, so the image decides"

    return _audit(view, look, "may run as root", "No container may run as root")


def host_access(view: ClusterView) -> Reply:
    """The workloads that use the node's network, processes or file system."""

    def look(container: Obj, spec: Obj) -> str:
        found = [key for key in ("hostNetwork", "hostPID", "hostIPC") if spec.flag(key)]
        found += [f"hostPath {text_at(v, 'hostPath', 'path')}" for v in spec.maps("volumes") if "hostPath" in v]
        return ", ".join(found)

    return _audit(
        view, look, "use the node's network, processes or files", "No workload uses the node's network, processes or files", whole=True
    )


def moving_tags(view: ClusterView) -> Reply:
    """The workloads whose image has the tag latest, or none."""

    def look(container: Obj, _: Obj) -> str:
        image = container.text("image")
        tag = image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[2]
        return image if "@" not in image and tag in ("", "latest") else ""

    return _audit(
        view,
        look,
        "have an image with the tag latest, or without a tag",
        "No workload runs an image with the tag latest or without a tag: 0 found",
    )


def services_without_endpoints(view: ClusterView) -> Reply:
    """The Services with a selector and no ready endpoint, and why."""
    rows = [("SERVICE", "NAMESPACE", "SELECTOR", "WHY")]
    refs: list[ObjectRef] = []
    for service in view.all("services"):
        selector = labels_at(service.raw, "spec", "selector")
        if not selector:
            continue
        pods = [
            p
            for p in view.within("pods", service.namespace)
            if not is_finished(p) and all(p.labels.get(k) == v for k, v in selector.items())
        ]
        slices = slices_of(view, service)
        ready = [e for s in slices for e in s.maps("endpoints") if at(e, "conditions", "ready") is not False and e.get("addresses")]
        if ready or (not slices and any(p.condition("Ready").get("status") == "True" for p in pods)):
            continue
        why = f"{counted(len(pods), 'pod')} selected, none ready" if pods else "the selector matches no pod"
        rows.append((service.name, service.namespace, ",".join(f"{k}={v}" for k, v in selector.items()), why))
        refs.append(service.ref)
    if not refs:
        return Reply(answer=f"Every Service with a selector in {_place(view)} has a ready endpoint.")
    return Reply(
        answer=f"{counted(len(refs), 'Service')} in {_place(view)} {'has' if len(refs) == 1 else 'have'} no ready endpoint: {listed([f'{row[0]} ({row[3]})' for row in rows[1:]], 12)}.",
        table=tuple(rows),
        objects=tuple(refs[:1]),
    )


def certificates(view: ClusterView) -> Reply:
    """Every certificate that can be read, the one that expires first on top."""
    found: list[tuple[datetime, Obj, str]] = []
    blind = 0
    for secret in view.all("secrets"):
        if secret.text("type") == "kubernetes.io/tls" or "tls.crt" in secret.map("data"):
            value = text_at(secret.raw, "data", "tls.crt")
            dates = validities(_decoded(value)) if value else []
            blind += not dates
            found += [(dates[0].not_after, secret, "tls.crt")] if dates else []
    for resource in ("validatingwebhookconfigurations", "mutatingwebhookconfigurations"):
        for hook in view.within(f"{resource}.admissionregistration.k8s.io", None):
            for webhook in hook.maps("webhooks"):
                dates = validities(_decoded(text_at(webhook, "clientConfig", "caBundle")))
                found += [(dates[0].not_after, hook, f"caBundle of {text_at(webhook, 'name')}")] if dates else []
    for certificate in view.all("certificates.cert-manager.io") if "certificates.cert-manager.io" not in view.unseen else []:
        until = certificate.time("status", "notAfter")
        found += [(until, certificate, "status.notAfter")] if until else []
    hidden = (
        f" {counted(blind, 'TLS Secret')} cannot be judged, since {'its' if blind == 1 else 'their'} certificate is not readable here."
        if blind
        else ""
    )
    if not found:
        return Reply(
            answer=f"No certificate can be read in {_place(view)}.{hidden} For the control plane: kubeadm certs check-expiration on a control plane node."
        )
    found.sort(key=lambda item: item[0])
    rows = [("EXPIRES", "IN", "OBJECT", "NAMESPACE", "WHERE")]
    for until, holder, where in found[:_MOST_ROWS]:
        days = (until - view.now).days
        rows.append(
            (
                f"{until:%Y-%m-%d %H:%M}",
                f"{days} days" if days >= 0 else f"expired {-days} days ago",
                str(holder.ref),
                holder.namespace,
                where,
            )
        )
    soon = [item for item in found if (item[0] - view.now).days < 30]
    lead = (
        f"{counted(len(soon), 'certificate')} of {len(found)} {'expires' if len(soon) == 1 else 'expire'} within 30 days or {'has' if len(soon) == 1 else 'have'} expired"
        if soon
        else f"None of {counted(len(found), 'certificate')} expires within 30 days"
    )
    first = found[0]
    return Reply(answer=f"{lead}; the first is that of {first[1].ref} on {first[0]:%Y-%m-%d}.{hidden}", table=tuple(rows))


def room(view: ClusterView, pods: int = 0, cpu: str = "", memory: str = "") -> Reply:
    """What the nodes have left by requests, and how many pods of a size still fit; nodes that take no pods do not count."""
    used: dict[str, dict[str, float]] = {}
    counts: dict[str, int] = {}
    for pod in view.within("pods", None):
        place = pod.text("spec", "nodeName")
        if place and not is_finished(pod):
            counts[place] = counts.get(place, 0) + 1
            total = used.setdefault(place, {})
            for name, requested in pod_requests(pod.map("spec")).items():
                total[name] = total.get(name, 0.0) + requested
    rows: list[tuple[str, ...]] = [("NODE", "CPU FREE", "MEMORY FREE", "PODS FREE", "FIT" if cpu or memory else "STATE")]
    fit = 0
    wanted = {name: amount for name, text in (("cpu", cpu), ("memory", memory)) if text and (amount := quantity(text))}
    for node in view.within("nodes", None):
        free = {
            name: (quantity(node.at("status", "allocatable", name)) or 0.0) - used.get(node.name, {}).get(name, 0.0)
            for name in ("cpu", "memory")
        }
        slots = int(quantity(node.at("status", "allocatable", "pods")) or 0) - counts.get(node.name, 0)
        closed = _closed(node)
        more = 0 if closed else max(0, min([slots, *(int(free[name] / amount + 1e-9) for name, amount in wanted.items())]))
        fit += more
        shown = [readable(name, max(0.0, free[name])) for name in ("cpu", "memory")]
        rows.append((node.name, *shown, str(max(0, slots)), closed or (str(more) if wanted else "takes pods")))
    if not wanted and not pods:
        open_ = [row for row in rows[1:] if row[4] == "takes pods"]
        return Reply(
            answer=f"{counted(len(open_), 'node')} of {len(rows) - 1} take pods; what is left there by requests stands below (usage may be lower or higher).",
            table=tuple(rows),
        )
    size = ", ".join(f"{readable(name, amount)} {name}" for name, amount in wanted.items()) or "any size"
    verdict = "" if not pods else f"Yes, {pods} fit" if fit >= pods else f"No, {pods} do not fit"
    lead = f"{verdict}: r" if verdict else "R"
    return Reply(
        answer=f"{lead}oom for {counted(fit, 'more pod')} of {size} each is left by requests (allocatable minus what running pods request, of nodes that take pods without a toleration); quotas of namespaces come on top.",
        table=tuple(rows),
    )


def backups(view: ClusterView) -> Reply:
    """What looks like a backup: CronJobs and Velero schedules that say so, volume snapshots; and when they last succeeded."""
    rows = [("OBJECT", "NAMESPACE", "SCHEDULE", "LAST SUCCESS")]
    for job in view.all("cronjobs.batch"):
        text = f"{job.name} {' '.join(text_at(c, 'image') + ' ' + ' '.join(texts_at(c, 'args') + texts_at(c, 'command')) for c in maps_at(pod_template(job), 'spec', 'containers'))}".lower()
        if any(word in text for word in ("backup", "dump", "snapshot", "velero", "restic", "wal-g", "barman", "pgbackrest")):
            last = job.text("status", "lastSuccessfulTime") or "never"
            rows.append(
                (str(job.ref), job.namespace, job.text("spec", "schedule") + (" (suspended)" if job.flag("spec", "suspend") else ""), last)
            )
    for resource in ("schedules.velero.io", "volumesnapshots.snapshot.storage.k8s.io", "scheduledbackups.postgresql.cnpg.io"):
        for obj in view.all(resource):
            rows.append(
                (
                    str(obj.ref),
                    obj.namespace,
                    obj.text("spec", "schedule"),
                    obj.text("status", "lastBackup") or obj.text("status", "creationTime") or "unknown",
                )
            )
    databases = [str(s.ref) for s in view.all("statefulsets.apps")]
    if len(rows) == 1:
        return Reply(
            answer=f"No backup can be seen in {_place(view)}: no CronJob, Velero schedule or VolumeSnapshot looks like one (StatefulSets: {listed(databases) or 'none'}). Backups that run outside the cluster are not seen."
        )
    return Reply(
        answer=f"{counted(len(rows) - 1, 'object')} in {_place(view)} look{'s' if len(rows) == 2 else ''} like a backup: {listed([row[0] for row in rows[1:]])}. Whether it can be restored only a restore shows.",
        table=tuple(rows),
    )


def _audit(view: ClusterView, look: Look, lacking: str, fine: str, *, jobs: bool = True, whole: bool = False) -> Reply:
    gaps = list(_gaps(view, look, jobs, whole))
    looked = sum(1 for _ in _workloads(view, jobs))
    if not gaps:
        return Reply(answer=f"{fine} in {_place(view)} ({counted(looked, 'workload')} looked at).")
    holders = list({(gap.workload.kind, gap.workload.namespace, gap.workload.name): gap.workload for gap in gaps}.values())
    pods = _pods_of(view, holders)
    rows = [("WORKLOAD", "NAMESPACE", "CONTAINER", "WHAT")]
    rows += [(f"{g.workload.kind}/{g.workload.name}", g.workload.namespace, g.container, g.what) for g in gaps[:_MOST_ROWS]]
    names = listed([h.name + (f" ({h.namespace})" if view.namespace is None else "") for h in holders], 10)
    said = f"{len(holders)} of {counted(looked, 'workload')} in {_place(view)} ({counted(pods, 'pod')} now) {lacking}: {names}."
    more = f" The first {_MOST_ROWS} containers are shown." if len(gaps) > _MOST_ROWS else ""
    evidence = tuple(
        quoted(h, "spec", "template", "spec", "containers", 0, "resources")
        for h in holders[:1]
        if at(h.raw, "spec", "template", "spec", "containers", 0, "resources") is not None
    )
    return Reply(answer=said + more, table=tuple(rows), evidence=evidence, objects=tuple(h.ref for h in holders[:1]))


def _gaps(view: ClusterView, look: Look, jobs: bool, whole: bool) -> Iterator[Gap]:
    for workload in _workloads(view, jobs):
        spec = Obj(map_at(pod_template(workload), "spec"))
        found = spec.maps("containers")
        for container in found[:1] if whole else found:
            what = look(Obj(container), spec)
            if what:
                yield Gap(workload, "" if whole else text_at(container, "name"), what)


def _workloads(view: ClusterView, jobs: bool) -> Iterator[Obj]:
    for word in WORKLOADS:
        if not jobs and word.kind in ("Job", "CronJob"):
            continue
        for obj in view.all(word.resource):
            if obj.controller is None and not (obj.kind == "Pod" and is_finished(obj)):
                yield obj


def _pods_of(view: ClusterView, holders: list[Obj]) -> int:
    wanted = {holder.ref for holder in holders}
    return sum(1 for pod in view.all("pods") if not is_finished(pod) and view.workload_of(pod) in wanted)


def _missing_resource(what: str) -> Look:
    part = "limits" if "limit" in what else "requests"
    only = tuple(name for name in ("memory", "cpu") if name in what.lower()) or ("cpu", "memory")

    def look(container: Obj, _: Obj) -> str:
        amounts = container.map("resources", part)
        limits = container.map("resources", "limits") if part == "requests" else {}  # a limit alone is its own request
        missing = [name for name in only if name not in amounts and name not in limits]
        return f"no {' and no '.join(missing)} {part.removesuffix('s')}" if missing else ""

    return look


def _missing_probe(what: str) -> Look:
    wanted = [f"{name}Probe" for name in ("liveness", "readiness", "startup") if name in what.lower()] or [
        "livenessProbe",
        "readinessProbe",
    ]

    def look(container: Obj, _: Obj) -> str:
        missing = [probe for probe in wanted if not container.map(probe)]
        return f"no {' and no '.join(missing)}" if missing else ""

    return look


def _closed(node: Obj) -> str:
    """Why a node takes no ordinary pods, or ""."""
    if node.condition("Ready").get("status") != "True":
        return "not ready"
    if node.flag("spec", "unschedulable"):
        return "cordoned"
    taints = [text_at(t, "key") for t in node.maps("spec", "taints") if text_at(t, "effect") in ("NoSchedule", "NoExecute")]
    return f"taint {taints[0]}" if taints else ""


def _decoded(value: str) -> str:
    import base64
    import binascii

    try:
        return base64.b64decode(value, validate=True).decode("ascii", "replace")
    except (ValueError, binascii.Error):
        return ""


def _place(view: ClusterView) -> str:
    return f"namespace {view.namespace}" if view.namespace else "all namespaces"
