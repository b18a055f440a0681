"""The rows of the cluster pane: what each object says in how many cells, and what gives way first. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.core.types import Finding, ObjectRef
from tui.panes.row_filter import RowFilter
from tui.style.text import age, bar, cores, count, cut, memory, one_line, plain
from tui.widgets.columns import Column
from tui.widgets.row_list import Cell, Part, Row

if TYPE_CHECKING:
    from engine.cluster.live.freshness import WatchStatus
    from engine.cluster.rows.build import EventRow, NodeRow, PodRow, WorkloadRow

TABS = ("workloads", "nodes", "events", "findings")
GLYPHS: dict[str, Part] = {"broken": ("✗", "$bad"), "waiting": ("…", "$wait"), "ok": ("●", "$good")}
SEVERITY_GLYPHS: dict[str, Part] = {"critical": ("✗", "$bad"), "warning": ("!", "$wait"), "info": ("i", "$quiet")}
LOOKS = {"broken": "$bad", "waiting": "$wait", "ok": ""}
MILD = frozenset({"Running", "Pending", "Incomplete", "Not ready", "Progressing", "Scheduled", ""})
"""States that say less than the reason beside them."""
COLUMNS: tuple[tuple[Column, ...], ...] = (
    (Column(rank=1), Column(least=16), Column(rank=2), Column(rank=5), Column(rank=4), Column(rank=3)),
    (Column(least=12), Column(rank=2), Column(rank=1), Column(rank=5), Column(rank=4), Column(rank=3)),
    (Column(rank=2), Column(rank=1)),
    (Column(rank=1),),
)
"""Of each tab; the columns' order is that of the cells below."""


@dataclass(frozen=True, slots=True)
class ClusterRows:
    """What one pull of the cluster brought; `watching` says how current each kind is (empty for a recording)."""

    namespace: str
    workloads: Sequence[WorkloadRow]
    nodes: Sequence[NodeRow]
    events: Sequence[EventRow]
    findings: Sequence[Finding]
    watching: Sequence[WatchStatus] = ()


@dataclass(frozen=True, slots=True)
class Spot:
    """What a row represents; `owner` is the workload above a pod, `pod` the one of a workload that is in most trouble."""

    ref: ObjectRef
    owner: ObjectRef | None = None
    pod: ObjectRef | None = None
    finding: Finding | None = None


def rows_of(tab: int, rows: ClusterRows, row_filter: RowFilter, folds: Mapping[str, bool]) -> list[Row]:
    """The rows of a tab that the filter keeps; `folds` says which workloads a person folded (True) or unfolded."""
    wide = not rows.namespace
    match tab:
        case 0:
            return [row for workload in rows.workloads for row in _group(workload, wide, row_filter, folds)]
        case 1:
            return [_node(node) for node in rows.nodes if row_filter.keeps(_node_text(node), node.labels)]
        case 2:
            return [_event(event, number, wide) for number, event in enumerate(rows.events) if row_filter.keeps(_event_text(event))]
        case _:
            return [_finding(finding, wide) for finding in rows.findings if row_filter.keeps(_finding_text(finding))]


def key_of(ref: ObjectRef) -> str:
    """The key of an object's row."""
    return f"{ref.kind}/{ref.namespace}/{ref.name}"


def ref_of(workload: WorkloadRow) -> ObjectRef:
    return ObjectRef(workload.kind, workload.namespace, workload.name)


def is_bare(workload: WorkloadRow) -> bool:
    """Whether a workload is nothing but its one pod."""
    return workload.kind == "Pod" and len(workload.pods) == 1


def folded(workload: WorkloadRow, folds: Mapping[str, bool]) -> bool:
    """What is in trouble lies open unless somebody folded it."""
    return is_bare(workload) or folds.get(key_of(ref_of(workload)), workload.trouble == "ok")


def _group(workload: WorkloadRow, wide: bool, row_filter: RowFilter, folds: Mapping[str, bool]) -> Iterable[Row]:
    head = not row_filter or row_filter.keeps(_workload_text(workload), workload.labels)
    pods = list(workload.pods) if not is_bare(workload) else []
    kept = [pod for pod in pods if row_filter.keeps(_pod_text(pod), pod.labels)] if row_filter else pods
    if not head and (row_filter.inverse or not kept):
        return
    key = key_of(ref_of(workload))
    shown = kept
    if head:
        shown = [] if folded(workload, folds) else kept if row_filter.by_label or row_filter.inverse else pods
        if key not in folds and workload.trouble != "ok":
            shown = [pod for pod in shown if pod.trouble != "ok"] or shown
    yield _workload(workload, wide)
    for number, pod in enumerate(shown, 1):
        yield _pod(pod, workload, last=number == len(shown) and (len(shown) == len(pods) or bool(row_filter)))
    if shown and len(shown) < len(pods) and not row_filter:
        yield Row(f"{key}/more", ((" └ ", "$quiet"), (f"and {count(len(pods) - len(shown), 'pod')} healthy", "$quiet")), selectable=False)


def _workload(workload: WorkloadRow, wide: bool) -> Row:
    ref = ref_of(workload)
    name = f"{workload.namespace}/{workload.name}" if wide and workload.namespace else workload.name
    left = (GLYPHS[workload.trouble], (" ", ""), (plain(name), "$strong" if workload.trouble != "ok" else ""))
    worst = ObjectRef("Pod", workload.pods[0].namespace, workload.pods[0].name) if workload.pods else None
    right: tuple[Cell, ...] = (
        (plain(workload.ready), "", ">"),
        _what(workload.status, workload.note, workload.trouble),
        *_numbers(workload.restarts, workload.cpu, None, workload.memory, None),
        (age(workload.age), "$quiet", ">"),
    )
    return Row(key_of(ref), left, right, 2, data=Spot(ref, pod=worst))


def _pod(pod: PodRow, workload: WorkloadRow, *, last: bool) -> Row:
    ref = ObjectRef("Pod", pod.namespace, pod.name)
    said = bool(pod.note) and pod.status in (workload.status, workload.note)
    what = _what("" if said else pod.status, pod.note, pod.trouble)
    right: tuple[Cell, ...] = (
        (plain(pod.ready), "$quiet", ">"),
        what,
        *_numbers(pod.restarts, pod.cpu, pod.cpu_limit, pod.memory, pod.memory_limit),
        (age(pod.age), "$quiet", ">"),
    )
    left = ((" └ " if last else " ├ ", "$quiet"), (plain(pod.name), "$quiet"))
    return Row(key_of(ref), left, right, 1, data=Spot(ref, owner=ref_of(workload)))


def _what(status: str, note: str, trouble: str) -> Cell:
    """State and reason; where there is room for one, the one that says more."""
    status, note = one_line(status), one_line(note)
    first, second = (note, status) if status in MILD and note else (status, note)
    if first and second and not (second == "Running" and trouble == "broken"):
        return f"{first} · {second}", LOOKS[trouble], "", first
    return first or second, LOOKS[trouble]


def _numbers(restarts: int, cpu: float | None, cpu_limit: float | None, used: float | None, limit: float | None) -> tuple[Cell, ...]:
    return ((f"↻{restarts}" if restarts else "", "$wait", ">"), _usage(cpu, cpu_limit, cores), _usage(used, limit, memory))


def _usage(value: float | None, limit: float | None, words: Callable[[float], str]) -> Cell:
    """What is used, with a small bar where a limit is known; near the limit it is highlighted."""
    if value is None:
        return "", "$quiet", ">"
    if not limit:
        return words(value), "$quiet", ">"
    share = value / limit
    return f"{''.join(bar(share, 4))} {words(value)}", "$bad" if share >= 0.95 else "$wait" if share >= 0.8 else "$quiet", ">"


def _node(node: NodeRow) -> Row:
    ref = ObjectRef("Node", "", node.name)
    left = (GLYPHS[node.trouble], (" ", ""), (plain(node.name), "$strong" if node.trouble != "ok" else ""))
    _, cpu, used = _numbers(0, node.cpu, node.cpu_limit, node.memory, node.memory_limit)
    right: tuple[Cell, ...] = (
        _what(node.status, node.note, node.trouble),
        cpu,
        used,
        (cut(one_line(node.roles), 16), "$quiet"),
        (plain(node.version), "$quiet"),
        (age(node.age), "$quiet", ">"),
    )
    return Row(key_of(ref), left, right, 2, data=Spot(ref))


def _event(event: EventRow, number: int, wide: bool) -> Row:
    warning = event.type == "Warning"
    kind, _, name = event.object.partition("/")
    about = f"{plain(event.namespace)}/" if wide and event.namespace else ""
    left: tuple[Part, ...] = (
        ("!", "$wait") if warning else ("·", "$quiet"),
        (" ", ""),
        (plain(event.reason), "$wait" if warning else ""),
        (f" {about}{plain(name or kind)} ", ""),
        (one_line(event.message), "$quiet"),
    )
    right = ((f"×{event.count}" if event.count > 1 else "", "$quiet", ">"), (age(event.age), "$quiet", ">"))
    ref = ObjectRef(kind, event.namespace, name)
    return Row(f"event/{number}/{event.object}/{event.reason}", left, right, 3, data=Spot(ref))


def _finding(finding: Finding, wide: bool) -> Row:
    about = finding.object
    name = f"{about.namespace}/{about.name}" if wide and about.namespace else about.name
    left = (SEVERITY_GLYPHS[finding.severity], (" ", ""), (f"{plain(name)} ", "$strong"), (one_line(finding.summary), "$quiet"))
    return Row(finding.id, left, ((plain(finding.code)[:22], "$wait"),), 2, data=Spot(about, owner=finding.owner, finding=finding))


def _workload_text(row: WorkloadRow) -> str:
    return f"{row.kind} {row.namespace} {row.name} {row.status} {row.note}"


def _pod_text(row: PodRow) -> str:
    return f"pod {row.namespace} {row.name} {row.status} {row.node} {row.note}"


def _node_text(row: NodeRow) -> str:
    return f"{row.name} {row.status} {row.roles} {row.version} {row.note}"


def _event_text(row: EventRow) -> str:
    return f"{row.namespace} {row.type} {row.reason} {row.object} {row.message}"


def _finding_text(finding: Finding) -> str:
    return f"{finding.code} {finding.object} {finding.object.namespace} {finding.summary}"
