"""How the cluster, its DNS or a node is, in a few lines."""

from __future__ import annotations

from collections import Counter

from engine.analyzers.check import Report, check
from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.rank import hygiene
from engine.cluster.rows.build import node_rows, pod_row
from engine.core.types import Finding, Remedy
from engine.language.answers.interface import Reply, counted, listed

_FOUNDATIONS = (
    "Node",
    "PersistentVolume",
    "StorageClass",
    "Namespace",
    "APIService",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
)
"""Kinds that many others stand on: their faults come before those of a single workload."""


def cluster(view: ClusterView) -> Reply:
    """Nodes, pods, workloads and the worst findings of the view's scope."""
    nodes = node_rows((node.raw for node in view.within("nodes", None)), view.now)
    pods = [pod_row(pod.raw, view.now) for pod in view.all("pods")]
    bad_nodes = [row for row in nodes if row.trouble != "ok"]
    bad = [row for row in pods if row.trouble != "ok"]
    report = check(view)
    ranked = _ranked(report)
    critical = [pair for pair in ranked if pair[0].severity == "critical"]
    state = "not healthy" if critical or bad_nodes else "mostly healthy" if ranked or bad else "healthy"
    lines = [
        f"{'The cluster' if view.namespace is None else f'Namespace {view.namespace}'} is {state}: {counted(len(critical), 'critical problem')}, {counted(len(ranked) - len(critical), 'warning')}."
    ]
    if nodes:
        lines.append(
            f"Nodes: {len(nodes) - len(bad_nodes)} of {len(nodes)} ready"
            + (f"; {listed([f'{row.name} {row.status}' for row in bad_nodes], 4)}" if bad_nodes else "")
            + "."
        )
    states = Counter("Running but not ready" if row.status == "Running" else row.status for row in bad)
    lines.append(
        f"Pods: {len(pods) - len(bad)} of {len(pods)} fine"
        + (f"; {listed([f'{count} {name}' for name, count in states.most_common()], 6)}" if bad else "")
        + "."
    )
    lines += [f"{number}. {finding.summary.rstrip('.')}{_where(finding)}." for number, (finding, _) in enumerate(ranked[:5], 1)]
    if len(ranked) > 5:
        lines.append(f"and {len(ranked) - 5} more (`/findings` lists them all)")
    lines += [f"Not seen: {error}" for error in report.errors[:2]]
    return Reply(answer="\n".join(lines), evidence=tuple(piece for finding, _ in ranked[:3] for piece in finding.evidence[:1]))


def dns(view: ClusterView) -> Reply:
    """Whether the cluster's DNS servers run, are reached through their Service, and whether anybody complains."""
    services = [
        s for s in view.within("services", "kube-system") if s.name in ("kube-dns", "coredns") or s.labels.get("k8s-app") == "kube-dns"
    ]
    pods = [p for p in view.within("pods", "kube-system") if p.labels.get("k8s-app") == "kube-dns" or p.name.startswith("coredns-")]
    ready = [p for p in pods if p.condition("Ready").get("status") == "True"]
    report = check(view)
    own = {service.ref for service in services} | {view.workload_of(pod) for pod in pods} | {pod.ref for pod in pods}
    faults = [f for f in report.findings if ("Dns" in f.code or {f.object, f.owner} & own) and f.severity != "info"]
    names = [f for f in report.findings if f.code == "NameNotResolved"]
    if not services and not pods:
        return Reply(
            answer="No DNS server of the cluster can be seen: kube-system has no Service kube-dns and no CoreDNS pod that can be read here."
        )
    lead = "DNS looks fine" if ready and not faults else "DNS has trouble"
    lines = [
        f"{lead}: {len(ready)} of {counted(len(pods), 'CoreDNS pod')} ready"
        + (f", Service {services[0].name} at {services[0].text('spec', 'clusterIP')}" if services else ", no Service kube-dns")
        + "."
    ]
    lines += [f"{number}. {finding.summary.rstrip('.')}{_where(finding)}." for number, finding in enumerate(faults[:4], 1)]
    if names:
        lines.append(
            "These names do not resolve, since nothing in the cluster has them: "
            + "; ".join(f.summary.rstrip(".") for f in names[:3])
            + "."
        )
    elif not faults:
        lines.append("No log or event that can be read speaks of names that do not resolve. No name was looked up from a pod.")
    return Reply(
        answer="\n".join(lines),
        evidence=tuple(piece for f in faults[:2] for piece in f.evidence[:1]),
        objects=tuple(s.ref for s in services[:1]),
    )


def node(view: ClusterView, name: str) -> Reply:
    """A node's conditions, taints and pods, and what was found about it."""
    found = view.find("nodes", "", name)
    if found is None:
        return Reply(answer=f"There is no node {name}.")
    row = node_rows((found.raw,), view.now)[0]
    pods = [pod_row(p.raw, view.now) for p in view.within("pods", None) if p.text("spec", "nodeName") == name]
    bad = [p for p in pods if p.trouble != "ok"]
    faults = [f for f in check(view).findings if f.object == found.ref and f.severity != "info"]
    conditions = [
        f"{c.get('type')} ({c.get('reason')})" for c in found.conditions() if (c.get("status") == "True") != (c.get("type") == "Ready")
    ]
    taints = [f"{t.get('key')}:{t.get('effect')}" for t in found.maps("spec", "taints")]
    lines = [
        f"Node {name} is {row.status}{f', {row.note}' if row.note else ''}, kubelet {row.version}: {len(pods) - len(bad)} of {counted(len(pods), 'pod')} there fine{'' if row.trouble == 'ok' else ' (as last reported)'}."
    ]
    lines += [f"Conditions: {listed(conditions)}."] if conditions else []
    lines += [f"Taints: {listed(taints)}."] if taints else []
    lines += [f"Pods in trouble: {listed([f'{p.name} {p.status}' for p in bad], 5)}."] if bad else []
    lines += [f"{number}. {finding.summary.rstrip('.')}." for number, finding in enumerate(faults[:3], 1)]
    return Reply(
        answer="\n".join(lines),
        evidence=tuple(piece for f in faults[:2] for piece in f.evidence[:1]),
        fix=tuple(r for f in faults[:1] for r in _first_fix(f)),
        objects=(found.ref,),
    )


def running_on(view: ClusterView, name: str) -> Reply:
    """The pods of a node, those in trouble first."""
    rows = [pod_row(p.raw, view.now) for p in view.all("pods") if p.text("spec", "nodeName") == name]
    rows.sort(key=lambda row: (row.trouble == "ok", row.namespace, row.name))
    bad = sum(row.trouble != "ok" for row in rows)
    table = (
        ("NAMESPACE", "POD", "READY", "STATUS", "RESTARTS"),
        *((r.namespace, r.name, r.ready, r.status, str(r.restarts)) for r in rows[:60]),
    )
    more = " The first 60 are shown." if len(rows) > 60 else ""
    return Reply(
        answer=f"{counted(len(rows), 'pod')} on node {name}, {bad} of them in trouble: {listed([row.name for row in rows])}.{more}",
        table=table if rows else (),
    )


def _ranked(report: Report) -> list[tuple[Finding, tuple[Finding, ...]]]:
    """The findings that nothing else explains, each with what it explains, most pressing first."""
    by_id = {finding.id: finding for finding in report.findings}
    effects: dict[str, list[Finding]] = {}
    for finding in report.findings:
        for root in _roots(finding, by_id, set()):
            if root.id != finding.id:
                effects.setdefault(root.id, []).append(finding)
    roots = [f for f in report.findings if not any(cause in by_id for cause in f.causes) and f.severity != "info" and f.code != "CannotSee"]

    def weight(finding: Finding) -> tuple[bool, bool, bool, int, float]:
        caused = effects.get(finding.id, [])
        worst = finding.severity == "critical" or any(e.severity == "critical" for e in caused)
        return (
            not worst,
            hygiene(finding),
            finding.object.kind not in _FOUNDATIONS,
            -len({e.owner or e.object for e in caused}),
            -finding.confidence,
        )

    return [(finding, tuple(effects.get(finding.id, ()))) for finding in sorted(roots, key=weight)]


def _roots(finding: Finding, by_id: dict[str, Finding], seen: set[str]) -> list[Finding]:
    causes = [by_id[cause] for cause in finding.causes if cause in by_id and cause not in seen]
    if not causes:
        return [finding]
    return [root for cause in causes for root in _roots(cause, by_id, seen | {finding.id})]


def _where(finding: Finding) -> str:
    space = finding.object.namespace
    return f" (namespace {space})" if space and space not in finding.summary else ""


def _first_fix(finding: Finding) -> tuple[Remedy, ...]:
    changing = [remedy for remedy in finding.remedies if remedy.command and remedy.risk in ("mutate", "destructive")]
    return tuple(changing[:1] or finding.remedies[:1])


def _place(view: ClusterView) -> str:
    return f"namespace {view.namespace}" if view.namespace else "the cluster"
