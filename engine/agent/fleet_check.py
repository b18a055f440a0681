"""The same check of several clusters at once, live ones and recordings, and what differs between them."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.agent.json_documents import ChecksReport, ClusterCheck, SharedFault
from engine.analyzers.check import order
from engine.cluster.source import ClusterError, ContextInfo
from engine.core.cancel import Cancelled, CancelToken
from engine.core.redaction.events import clean
from engine.core.types import Finding, ObjectRef
from engine.session.connection import Opening, connect, recording_title

if TYPE_CHECKING:
    from engine.analyzers.common.view import ClusterView

PARALLEL_CLUSTERS = 4
"""Clusters that are checked at the same time."""


@dataclass(frozen=True, slots=True)
class Target:
    """One cluster to check: a context of the kubeconfig, or a recording. `name` tells it apart from the others."""

    name: str
    opening: Opening
    context: str = ""


@dataclass(frozen=True, slots=True)
class CheckScope:
    """What is checked in each: a namespace ("" = all; None = the context's own, or all of a recording), which analyzers, and one object
    by its kind and name."""

    namespace: str | None = None
    only: tuple[str, ...] = ()
    about: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CheckedCluster:
    """A cluster's row, and whether an object that has no finding there is known to be well."""

    row: ClusterCheck
    could_see: Callable[[ObjectRef], bool] = lambda ref: True


class NoSuchContext(ValueError):
    """A name or pattern that no context fits; the message lists those that there are."""


def select_contexts(patterns: Sequence[str], contexts: Iterable[ContextInfo]) -> list[Target]:
    """The contexts that fit names or patterns (`prod-*`), each once, in the order of the patterns. Raises NoSuchContext."""
    known = [context.name for context in contexts]
    found: dict[str, None] = {}
    for pattern in patterns:
        fitting = [name for name in known if name == pattern] or [name for name in known if fnmatch.fnmatchcase(name, pattern)]
        if not fitting:
            raise NoSuchContext(f"no context is called {pattern!r} or fits it; there are {', '.join(known) or 'none'}")
        found |= dict.fromkeys(fitting)
    return [Target(name, Opening(), name) for name in found]


def recordings(openings: Sequence[Opening]) -> list[Target]:
    """Targets of recordings, named after their files, or by their whole paths where two files have the same name."""
    titles = [recording_title(opening) for opening in openings]
    return [
        Target(str(opening.snapshot) if titles.count(title) > 1 and opening.snapshot else title, opening)
        for opening, title in zip(openings, titles, strict=True)
    ]


def check_all(
    targets: Sequence[Target],
    scope: CheckScope,
    *,
    kubeconfig: str = "",
    timeout: float = 15.0,
    redact: Callable[[str], str],
    cancel: CancelToken | None = None,
    on_cluster: Callable[[ClusterCheck], None] | None = None,
) -> ChecksReport:
    """Check every target, a few at a time; one that cannot be read has the error in its row.

    `on_cluster` is called for each finished cluster, on a worker thread. Raises Cancelled.
    """
    token = cancel or CancelToken()

    def one(target: Target) -> CheckedCluster:
        found = _checked(target, scope, kubeconfig, timeout, token)
        cleaned: ClusterCheck = clean(found.row, redact)
        if on_cluster is not None:
            on_cluster(cleaned)
        return CheckedCluster(cleaned, found.could_see)

    with ThreadPoolExecutor(min(PARALLEL_CLUSTERS, len(targets)) or 1, thread_name_prefix="check") as threads:
        found = list(threads.map(one, targets))
    everywhere, differences = compare(found)
    return ChecksReport("k8sagent.checks/1", tuple(each.row for each in found), everywhere, differences)


def _checked(target: Target, scope: CheckScope, kubeconfig: str, timeout: float, cancel: CancelToken) -> CheckedCluster:
    from engine.analyzers.check import check
    from engine.analyzers.common.view import ClusterView
    from engine.analyzers.diagnosis.about import NoSuchObject, about

    version = namespace = ""
    try:
        cancel.check()
        connection = connect(target.opening, context=target.context, kubeconfig=kubeconfig, timeout=timeout)
        try:
            source = connection.source
            version = source.server_version()
            own = "" if connection.recorded else source.context.namespace or "default"
            namespace = own if scope.namespace is None else scope.namespace
            view = ClusterView.of(source, namespace or None, cancel=cancel)
            report = check(view, only=scope.only)
            if scope.about is not None:
                report = about(view, report, *scope.about)
            if report.nothing_seen:
                raise ClusterError(f"nothing could be looked at: {report.nothing_seen}")
            row = ClusterCheck(target.name, True, version, namespace, "", report.scanned, report.findings, report.errors)
            return CheckedCluster(row, _visibility(view))
        finally:
            connection.close()
    except Cancelled:
        raise
    except ClusterError as error:
        return CheckedCluster(ClusterCheck(target.name, False, version, namespace, str(error), {}, (), ()))
    except NoSuchObject as error:
        return CheckedCluster(ClusterCheck(target.name, True, version, namespace, str(error), {}, (), ()))
    except Exception as error:  # noqa: BLE001 - a credential plugin or a broken file must not end the check of the other clusters
        text = f"the cluster could not be checked: {type(error).__name__}: {error}"
        return CheckedCluster(ClusterCheck(target.name, False, version, namespace, text, {}, (), ()))


def _visibility(view: ClusterView) -> Callable[[ObjectRef], bool]:
    """Whether a view can tell that an object is well: its kind and namespace were looked at."""
    from engine.cluster.kinds import RESOURCE_OF_KIND

    def could_see(ref: ObjectRef) -> bool:
        if view.namespace and ref.namespace not in ("", view.namespace):
            return False
        resource = RESOURCE_OF_KIND.get(ref.kind)
        return resource is None or view.can_see(resource, ref.namespace)

    return could_see


def compare(checked: Sequence[CheckedCluster]) -> tuple[tuple[SharedFault, ...], tuple[SharedFault, ...]]:
    """The faults that all clusters have, and those that only some have, each in the order of importance.

    Only clusters that could be checked count; a single one is compared with nothing. A fault is the same in two clusters when its code and
    the workload that it is of are: names of pods differ everywhere.
    """
    answered = [each for each in checked if not each.row.error]
    if len(answered) < 2:
        return (), ()
    held: dict[tuple[str, ObjectRef, str], dict[str, list[Finding]]] = {}
    for each in answered:
        for finding in each.row.findings:
            key = (finding.code, finding.owner or finding.object, finding.detail)
            held.setdefault(key, {}).setdefault(each.row.name, []).append(finding)
    faults = []
    for (code, ref, _), places in held.items():
        worst = order(finding for found in places.values() for finding in found)[0]
        unknown = [e.row.name for e in answered if e.row.name not in places and not (e.could_see(ref) and e.could_see(worst.object))]
        ids = {name: tuple(finding.id for finding in found) for name, found in places.items()}
        faults.append((worst, SharedFault(code, worst.severity, ref, worst.summary, tuple(places), tuple(unknown), ids)))
    rank = {"critical": 0, "warning": 1, "info": 2}
    faults.sort(key=lambda pair: (rank[pair[0].severity], -pair[0].confidence, pair[0].id))
    return (
        tuple(fault for _, fault in faults if len(fault.clusters) == len(answered)),
        tuple(fault for _, fault in faults if len(fault.clusters) < len(answered)),
    )
