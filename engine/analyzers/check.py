"""`check`: one pass over the analyzers, whose findings are correlated and sorted."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from engine.analyzers.common.view import ClusterView
from engine.analyzers.diagnosis.beyond import pods_behind
from engine.analyzers.diagnosis.correlate import correlate
from engine.analyzers.registry import Analyzer, load
from engine.cluster.source import Unauthenticated, Unreachable
from engine.core.cancel import Cancelled
from engine.core.types import Evidence, Finding, ObjectRef, Remedy


@dataclass(frozen=True, slots=True)
class Report:
    """What one pass found: root causes before their symptoms, critical first; `errors` are the gaps, in words."""

    findings: tuple[Finding, ...] = ()
    scanned: dict[str, int] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    nothing_seen: str = ""
    """Why not a single object could be looked at; "" where some were, or where there are none."""


def check(view: ClusterView, *, only: Collection[str] = ()) -> Report:
    """Run the analyzers (`only` these names or specialities), correlate and sort what they say.

    An analyzer that raises becomes an entry of `errors` and the others go on. Raises Unreachable when the cluster is
    gone, and Unauthenticated when it refuses the credentials.
    """
    wanted = [a for a in load() if not only or a.name in only or a.speciality in only]
    findings, errors = _look(view, wanted)
    further = {} if only else _further(view, findings, wanted, errors)
    needed = list(dict.fromkeys(r for entry in wanted for r in entry.needs))
    blind = [resource for resource in needed if not view.can_see(resource) and resource in view.unseen.keys() - view.absent]
    errors += _half_recorded(view, needed)
    errors += _not_recorded(view, [resource for resource in blind if resource in view.unrecorded])
    errors += [f"cannot see {r}: {view.unseen[r]}" for r in blind if r not in view.unrecorded and r not in view.denied]
    gaps = list(cannot_see(view, [r for r in blind if r in view.denied]))
    findings |= {gap.id: gap for gap in gaps}
    errors += [f"{gap.summary} ({_refusal(gap)})" for gap in gaps]
    errors += view.unread_logs
    told = correlate(view, [*findings.values(), *further.values()])
    if further:
        told = _that_explain(told, further)
    refused = gaps and not any(view.scanned.values()) and all(r in blind for r in needed if r in _FIRST)
    return Report(order(told), view.scanned, tuple(errors), "; ".join(errors[-len(gaps) :]) if refused else "")


def _look(view: ClusterView, wanted: Iterable[Analyzer]) -> tuple[dict[str, Finding], list[str]]:
    findings: dict[str, Finding] = {}
    errors: list[str] = []
    for entry in wanted:
        try:
            for finding in entry.look(view):
                kept = findings.get(finding.id)
                if kept is None or finding.confidence > kept.confidence:
                    findings[finding.id] = finding
        except (Unreachable, Unauthenticated, Cancelled):
            raise
        except Exception as error:  # noqa: BLE001 - one analyzer's fault must not hide what the others see
            errors.append(f"analyzer {entry.name} failed: {type(error).__name__}: {error}")
    return findings, errors


_HOPS = 3


_BEYOND = ("workload", "scheduling", "storage", "network", "registry", "observability", "certificates")


"""What is looked at in other namespaces; good practice there is nobody's concern here."""


def _further(view: ClusterView, findings: dict[str, Finding], wanted: list[Analyzer], errors: list[str]) -> dict[str, Finding]:
    """What is wrong with the pods that the findings lead to in other namespaces, some hops far; over all namespaces only their logs."""
    looks = [a for a in wanted if a.speciality in _BEYOND] if view.namespace is not None else [a for a in wanted if a.name == "log-errors"]
    found: dict[str, Finding] = {}
    seen: set[tuple[str, str]] = set()
    for _ in range(_HOPS):
        places = pods_behind(view, [*findings.values(), *found.values()])
        fresh = {namespace: {n for n in names if (namespace, n) not in seen} for namespace, names in places.items()}
        if not any(fresh.values()):
            break
        for namespace, names in fresh.items():
            if names:
                seen |= {(namespace, name) for name in names}
                there, failed = _look(view.scoped(namespace, names), looks)
                errors += [error for error in failed if error not in errors]
                found |= {id: f for id, f in there.items() if id not in findings}
    return found


def _that_explain(told: Iterable[Finding], further: Collection[str]) -> list[Finding]:
    """Without the findings from further away that explain nothing of what is looked at."""
    by_id = {f.id: f for f in told}
    kept = {id for id in by_id if id not in further}
    waiting = list(kept)
    while waiting:
        for cause in by_id[waiting.pop()].causes:
            if cause in by_id and cause not in kept:
                kept.add(cause)
                waiting.append(cause)
    return [
        dataclasses.replace(f, causes=tuple(c for c in f.causes if c in kept or c not in by_id)) for id, f in by_id.items() if id in kept
    ]


def _half_recorded(view: ClusterView, resources: list[str]) -> list[str]:
    """One sentence for all the resources that were recorded of the same namespaces alone, when the view reaches further."""
    alike: dict[frozenset[str], list[str]] = {}
    for resource in resources:
        if held := view.half_seen(resource):
            alike.setdefault(held, []).append(resource)
    return [
        f"not recorded: {', '.join(sorted(names))} of namespaces other than {_some(held)}, so nothing can be said about those"
        for held, names in alike.items()
    ]


def _some(names: frozenset[str], most: int = 8) -> str:
    listed = sorted(names)
    return ", ".join(listed) if len(listed) <= most else f"{', '.join(listed[:most])} and {len(listed) - most} more"


def _not_recorded(view: ClusterView, resources: list[str]) -> list[str]:
    """One sentence for all the resources that the recording says the same about."""
    alike: dict[tuple[str, str], list[str]] = {}
    for resource in resources:
        before, _, after = view.unseen[resource].partition(resource)
        alike.setdefault((before, after), []).append(resource)
    return [f"not recorded: {before}{', '.join(sorted(names))}{after}" for (before, after), names in alike.items()]


_FIRST = (
    *("pods", "events", "deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "services", "nodes"),
    *("persistentvolumeclaims", "configmaps", "ingresses.networking.k8s.io", "namespaces", "replicasets.apps"),
)
"""The kinds that matter most where they cannot be seen, in this order."""
_NAMED = 6


def cannot_see(view: ClusterView, resources: Collection[str]) -> Iterator[Finding]:
    """The findings that say which permissions are missing for the check itself: one for the kinds of namespaces, one for the others."""
    ranked = sorted(resources, key=lambda r: (_FIRST.index(r) if r in _FIRST else len(_FIRST), r))
    for namespaced in (True, False):
        names = [name for name in ranked if view.is_namespaced(name) is namespaced]
        if not names:
            continue
        inside = namespaced and view.namespace
        where = f" in namespace {view.namespace}" if inside else " in all namespaces" if namespaced else ""
        kinds = "kinds" if namespaced else "cluster-scoped kinds"
        if len(names) == 1:
            summary = f"cannot see {names[0]}: needs get and list on {names[0]}{where}"
        else:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            summary = f"cannot see {len(names)} {kinds}{where}: {', '.join(names[:_NAMED])}{more}"
        flag = "" if not namespaced else f" -n {view.namespace}" if inside else " -A"
        yield Finding(
            code="CannotSee",
            severity="warning" if any(name in ("pods", "events", "deployments.apps", "nodes") for name in names) else "info",
            object=ObjectRef("Namespace", "", view.namespace) if inside and view.namespace else ObjectRef("Cluster"),
            summary=summary,
            evidence=tuple(Evidence(source=f"list {name}", excerpt=view.unseen.get(name, "")) for name in names),
            remedies=(Remedy("ask what the current user may do", f"kubectl auth can-i list {names[0]}{flag}", "read"),),
            confidence=1.0,
            docs=("rbac", "read-only ClusterRole"),
            speciality="security",
            detail="namespaced" if namespaced else "cluster-scoped",
        )


def _refusal(gap: Finding) -> str:
    """Who may not, in the server's words; the rest of them is in the finding's evidence."""
    user = re.search(r'User "([^"]+)"', gap.evidence[0].excerpt)
    return f"user {user[1]} may not list them" if user else gap.evidence[0].excerpt[:200]


_SEVERITY = {"critical": 0, "warning": 1, "info": 2}


def order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Critical first, root causes before what they explain, then the surer ones, then by name."""
    found = list(findings)
    ids = {f.id for f in found}
    explained = {f.id: any(cause in ids for cause in f.causes) for f in found}
    return tuple(
        sorted(found, key=lambda f: (_SEVERITY[f.severity] if not explained[f.id] else _SEVERITY[f.severity] + 0.5, -f.confidence, f.id))
    )
