"""The most of something: restarts, usage, age, size, replicas; descending, zeros left out, and said where nobody measures."""

from __future__ import annotations

from typing import Literal

from engine.analyzers.common.selectors import pod_requests, readable
from engine.analyzers.common.view import ClusterView
from engine.cluster.kinds import KIND_OF
from engine.cluster.objects import Obj, parse_time, text_at
from engine.cluster.rows.build import pod_row
from engine.cluster.source import ClusterError, ClusterSource
from engine.cluster.usage import quantity
from engine.core.text import age
from engine.core.types import ObjectRef
from engine.language.answers.interface import Reply, counted, listed

Order = Literal["", "ascending", "descending"]
_MOST = 10


def by_restarts(view: ClusterView, *, limit: int | None = None, by_workload: bool = False) -> Reply:
    """Pods (or workloads) that restarted, the most often first; never those that did not."""
    counts: dict[ObjectRef, int] = {}
    last: dict[ObjectRef, str] = {}
    for pod in view.all("pods"):
        ref = view.workload_of(pod) if by_workload else pod.ref
        row = pod_row(pod.raw, view.now)
        counts[ref] = counts.get(ref, 0) + row.restarts
        ended = [
            when
            for status in pod.maps("status", "containerStatuses")
            if (when := parse_time(text_at(status, "lastState", "terminated", "finishedAt")))
        ]
        if ended and row.restarts:
            last[ref] = f"{age((view.now - max(ended)).total_seconds())} ago"
    order = sorted(((ref, count) for ref, count in counts.items() if count), key=lambda pair: (-pair[1], pair[0].namespace, pair[0].name))
    what = "workload" if by_workload else "pod"
    if not order:
        return Reply(answer=f"No {what} in {_place(view)} has restarted ({len(counts)} looked at).")
    shown = order[: limit or _MOST]
    rows = [("NAMESPACE", "NAME", "RESTARTS", "LAST")]
    rows += [(ref.namespace, ref.name, str(count), last.get(ref, "")) for ref, count in shown]
    said = listed([f"{ref.name} {count}×" for ref, count in shown], limit or 5)
    return Reply(
        answer=f"Most restarts in {_place(view)}: {said}. {counted(len(order), what)} of {len(counts)} restarted at all.",
        table=tuple(rows),
        objects=(shown[0][0],),
    )


def by_usage(
    view: ClusterView, source: ClusterSource, what: str, *, nodes: bool = False, limit: int | None = None, only: tuple[ObjectRef, ...] = ()
) -> Reply:
    """Who uses most CPU or memory; requests instead where there are no metrics, and said so."""
    try:
        used = source.top("nodes" if nodes else "pods", None if nodes else view.namespace)
    except ClusterError as error:
        return _by_request(view, what, nodes, str(error), limit, only)
    sums: dict[ObjectRef, float] = {}
    for usage in used:
        ref = ObjectRef("Node" if nodes else "Pod", "" if nodes else usage.namespace, usage.name)
        sums[ref] = sums.get(ref, 0.0) + (usage.cpu if what == "cpu" else usage.memory)
    if only:
        sums = {
            ref: amount
            for ref, amount in sums.items()
            if ref in only or ((pod := view.find_ref(ref)) is not None and view.workload_of(pod) in only)
        }
    return (
        _ranked(view, sums, what, "in use", limit)
        if sums
        else Reply(answer=f"No usage was reported{f' for {listed([str(r) for r in only])}' if only else ''}.")
    )


def by_age(view: ClusterView, kind: str, *, newest: bool = False, limit: int | None = None) -> Reply:
    """The oldest or newest of a kind."""
    word = KIND_OF[kind]
    dated = sorted(
        (obj for obj in (view.all(word.resource) if word.namespaced else view.within(word.resource, None)) if obj.created),
        key=lambda o: (str(o.created), o.name),
        reverse=newest,
    )
    if not dated:
        return Reply(answer=f"There are no {word.argument} in {_place(view)}.")
    shown = dated[: limit or 1]
    rows = [
        ("NAMESPACE", "NAME", "AGE", "CREATED"),
        *((o.namespace, o.name, _age(view, o), text_at(o.raw, "metadata", "creationTimestamp")) for o in dated[: max(limit or _MOST, 1)]),
    ]
    many = (
        f"The {len(shown)} {'newest' if newest else 'oldest'} {word.argument}"
        if len(shown) > 1
        else f"The {'newest' if newest else 'oldest'} {word.singular}"
    )
    said = listed(
        [f"{o.name}{f' ({o.namespace})' if o.namespace and not view.namespace else ''}, created {_age(view, o)} ago" for o in shown], _MOST
    )
    return Reply(answer=f"{many} in {_place(view)}: {said}.", table=tuple(rows), objects=tuple(o.ref for o in shown[:1]))


def by_size(view: ClusterView, kind: str = "PersistentVolumeClaim", *, smallest: bool = False, limit: int | None = None) -> Reply:
    """The largest claims, volumes, ConfigMaps, Secrets or images."""
    sizes: dict[ObjectRef, float] = {}
    if kind == "Image":
        for node in view.within("nodes", None):
            for image in node.maps("status", "images"):
                names = [name for name in (image.get("names") or ()) if isinstance(name, str) and "@" not in name] or [
                    str(n) for n in (image.get("names") or ())[:1]
                ]
                size = image.get("sizeBytes")
                if names and isinstance(size, int):
                    sizes[ObjectRef("Image", "", names[0])] = float(size)
    else:
        for obj in view.all(KIND_OF[kind].resource):
            if kind in ("PersistentVolumeClaim", "PersistentVolume"):
                amount = quantity(
                    obj.at("status", "capacity", "storage")
                    or obj.at("spec", "capacity", "storage")
                    or obj.at("spec", "resources", "requests", "storage")
                )
            else:
                amount = float(
                    sum(len(str(key)) + len(str(value)) for part in ("data", "binaryData") for key, value in obj.map(part).items())
                )
            if amount:
                sizes[obj.ref] = amount
    if not sizes:
        return Reply(answer=f"No sizes of {kind} objects can be seen in {_place(view)}.")
    return _ranked(
        view,
        sizes,
        "storage",
        "size" if kind != "PersistentVolumeClaim" else "size (what is filled is not measured here)",
        limit,
        ascending=smallest,
    )


def _by_request(view: ClusterView, what: str, nodes: bool, why: str, limit: int | None, only: tuple[ObjectRef, ...]) -> Reply:
    sums: dict[ObjectRef, float] = {}
    for pod in view.all("pods"):
        if pod.text("status", "phase") not in ("Running", "Pending"):
            continue
        if only and pod.ref not in only and view.workload_of(pod) not in only:
            continue
        ref = ObjectRef("Node", "", pod.text("spec", "nodeName")) if nodes else pod.ref
        amount = pod_requests(pod.map("spec")).get(what, 0.0)
        if ref.name and amount:
            sums[ref] = sums.get(ref, 0.0) + amount
    lead = f"No metrics here ({' '.join(why.split()).rstrip('.')}), so what is really used cannot be said."
    if not sums:
        return Reply(answer=f"{lead} {'They request' if only else 'No pod requests'} no {what}.")
    ranked = _ranked(view, sums, what, "requested", limit)
    return Reply(answer=f"{lead} By requests: {ranked.answer}", table=ranked.table, objects=ranked.objects)


def _ranked(
    view: ClusterView, amounts: dict[ObjectRef, float], what: str, how: str, limit: int | None, *, ascending: bool = False
) -> Reply:
    order = sorted(
        ((ref, amount) for ref, amount in amounts.items() if amount > 0),
        key=lambda pair: (pair[1] if ascending else -pair[1], pair[0].name),
    )
    shown = order[: limit or _MOST]
    unit = "memory" if what == "memory" else what
    rows: list[tuple[str, ...]] = [("NAMESPACE", "NAME", what.upper() if how.startswith(("in use", "requested")) else "SIZE")]
    rows += [(ref.namespace, ref.name, readable(unit, amount)) for ref, amount in shown]
    if not any(row[0] for row in rows[1:]):
        rows = [row[1:] for row in rows]
    said = listed([f"{ref.name} {readable(unit, amount)}" for ref, amount in shown], limit or 5)
    return Reply(
        answer=f"{'Least' if ascending else 'Most'} {what} {how} in {_place(view)}: {said}.",
        table=tuple(rows),
        objects=(shown[0][0],) if shown else (),
    )


def _age(view: ClusterView, obj: Obj) -> str:
    return age((view.now - obj.created).total_seconds()) if obj.created else "unknown"


def _place(view: ClusterView) -> str:
    return f"namespace {view.namespace}" if view.namespace else "all namespaces"
